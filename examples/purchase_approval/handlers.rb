# frozen_string_literal: true

require "json"
require "tasker_core"

require_relative "../src/money"
require_relative "../src/reference"

# A purchase: is there money for it, who has to agree, then the order, and word to whoever asked for it.
module PurchaseApproval
  extend TaskerCore::StepHandler::Functional

  CURRENCY = "EUR"
  COST_CENTERS = JSON.parse(File.read(File.join(__dir__, "cost_centers.json"))).freeze

  # What is to be bought, by whom, and who pays.
  Purchase = Struct.new(:requester, :item, :supplier, :amount_cents, :cost_center, keyword_init: true)
  # What somebody decided: the result of a step that waited for it. +by+ is who sent it; nil if that is not known.
  Decision = Struct.new(:signal, :payload, :by, :received_at, keyword_init: true)

  DECISIONS = { manager: ["manager_decision", Decision], deputy: ["deputy_decision", Decision] }.freeze

  module_function

  def cost_center(name)
    COST_CENTERS.fetch(name) do
      refuse("cost_center_unknown", "there is no cost center `#{name}`")
    end
  end

  def refuse(code, message, **context)
    raise TaskerCore::Errors::PermanentError.new(message, error_code: code, context: context)
  end

  def try_later(code, message)
    raise TaskerCore::Errors::RetryableError.new(message, error_code: code)
  end

  # What came of it, and how that is told.
  def outcome(item, order, code, decision)
    return ["ordered", "#{item} is ordered (#{order['order_id']})."] if order
    return ["unanswered", "nobody has decided in time on #{item}. Please ask again."] if code == "wait_timed_out"
    return ["failed", "#{item} could not be ordered (#{code})."] if code

    ["declined", "#{decision&.by || 'somebody'} has not approved #{item}."]
  end

  step_handler "check_budget", inputs: Purchase do |inputs:, context:|
    name = inputs.cost_center
    center = PurchaseApproval.cost_center(name)
    if context.retry_count < center.fetch("ledger_closed_tries", 0)
      PurchaseApproval.try_later("ledger_closed", "the ledger of `#{name}` is being closed")
    end
    left_cents = center["remaining_cents"] - inputs.amount_cents
    if left_cents.negative?
      PurchaseApproval.refuse("over_budget", "`#{name}` has #{Money.amount(center['remaining_cents'], CURRENCY)} left",
                              missing_cents: -left_cents)
    end
    { left_cents: left_cents, needs_approval: inputs.amount_cents >= center["approval_from_cents"] }
  end

  # Writes to whom the configuration names: the manager or the deputy.
  step_handler "ask_approver", inputs: Purchase do |inputs:, context:|
    who = context.get_config("who")
    approver = PurchaseApproval.cost_center(inputs.cost_center)[who]
    name, email = inputs.requester.values_at(:name, :email)
    sum = Money.amount(inputs.amount_cents, CURRENCY)
    { message_id: Reference.reference("msg", approver["email"], email, inputs.item), to: approver["email"],
      subject: "May #{name} buy #{inputs.item} for #{sum}?",
      body: "Dear #{approver['name']},\n\n#{name} asks for #{inputs.item} at #{sum}, to be paid by " \
            "`#{inputs.cost_center}`.\nAnswer with the signal `#{who}_decided`.\n" }
  end

  step_handler "place_order", depends_on: DECISIONS, inputs: Purchase do |manager:, deputy:, inputs:, context:|
    supplier = inputs.supplier || "house supplier"
    PurchaseApproval.refuse("supplier_gone", "the supplier does not trade any more") if supplier == "gone"
    if supplier == "busy" && !context.is_retry?
      PurchaseApproval.try_later("supplier_busy", "the supplier's shop does not answer")
    end
    id = Reference.reference("po", inputs.requester[:email], inputs.item, inputs.amount_cents, inputs.cost_center)
    { order_id: id, supplier: supplier, amount_cents: inputs.amount_cents, approved_by: (manager || deputy)&.by }
  end

  step_handler "tell_requester", depends_on: { order: "place_order", **DECISIONS },
                                 inputs: Purchase do |order:, manager:, deputy:, inputs:, context:|
    decision = manager || deputy
    name, email = inputs.requester.values_at(:name, :email)
    code = context.ending&.error&.fetch("code")
    outcome, text = PurchaseApproval.outcome(inputs.item, order, code, decision)
    note = decision && decision.payload[:note]
    { message_id: Reference.reference("msg", email, inputs.item, outcome), to: email, outcome: outcome,
      body: "Dear #{name},\n\n#{text}\n#{"\"#{note}\"\n" if note}" }
  end
end
