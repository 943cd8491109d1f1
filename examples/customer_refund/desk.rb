# frozen_string_literal: true

require "json"
require "tasker_core"

# The help desk: its tickets, its refund policies, and who may approve how much.
module Desk
  DATA = JSON.parse(File.read(File.join(__dir__, "desk.json"))).freeze

  module_function

  def ticket(ticket_id)
    DATA["tickets"].find { |ticket| ticket["ticket_id"] == ticket_id } ||
      refuse("ticket_not_found", "there is no ticket `#{ticket_id}`")
  end

  # By the customer's tier: days after the payment in which refunds are given; and what is kept back.
  def policy(reason)
    DATA["policies"][reason] || refuse("reason_not_covered", "no policy covers the reason `#{reason}`")
  end

  # Whether somebody of that role may approve an amount alone.
  def may_approve?(person, amount_cents)
    !person.nil? && DATA["approval_limits_cents"].fetch(person[:role], 0) >= amount_cents
  end

  def refuse(code, message, **context)
    raise TaskerCore::Errors::BusinessLogicError.new(message, error_code: code, context: context)
  end
end
