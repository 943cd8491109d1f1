# frozen_string_literal: true

require "tasker_core"

require_relative "../payment_refund/payments"
require_relative "../src/money"
require_relative "../src/reference"
require_relative "desk"

# A refund as customer service sees it: a ticket, a policy, an approval, and the payments team's code for the money.
module CustomerRefund
  extend TaskerCore::StepHandler::Functional

  Request = Struct.new(:ticket_id, :payment_id, :amount_cents, :reason, :requested_on, :agent, :approved_by,
                       keyword_init: true) do
    # What the payments team is asked for.
    def claim(cents)
      Payment::Claim.new(payment_id: payment_id, amount_cents: cents, reason: reason, requested_on: requested_on)
    end
  end
  # The ticket and the payment that a request is about.
  Case = Struct.new(:ticket_id, :customer, :email, :tier, :currency, keyword_init: true)
  # What the policy grants.
  Grant = Struct.new(:window_days, :restocking_fee_cents, :amount_cents, keyword_init: true)

  GRANT = ["check_policy", Grant].freeze
  REFUND = ["execute_refund", Payment::Refund].freeze

  # The ticket must be open and about this payment.
  step_handler "validate_refund_request", inputs: Request do |inputs:|
    ticket = Desk.ticket(inputs.ticket_id)
    Desk.refuse("ticket_closed", "`#{inputs.ticket_id}` is closed: reopen it first") if ticket["status"] == "closed"
    if ticket["payment_id"] != inputs.payment_id
      Desk.refuse("payment_mismatch", "`#{inputs.ticket_id}` is about the payment `#{ticket['payment_id']}`")
    end
    Case.new(currency: Payment.find(inputs.payment_id).currency,
             **ticket.slice("ticket_id", "customer", "email", "tier").transform_keys(&:to_sym))
  end

  # How long and how much the policy for this reason gives to a customer of this tier.
  step_handler "check_refund_policy", depends_on: { request_case: ["validate_request", Case] },
                                      inputs: Request do |request_case:, inputs:|
    policy = Desk.policy(inputs.reason)
    window_days = policy["window_days"].fetch(request_case.tier, 0)
    # The payment has the last word on its amount and its age; asking it here spares an approval that is worth nothing.
    Payment.find(inputs.payment_id).eligibility(inputs.claim(inputs.amount_cents), window_days)
    fee = Money.share(inputs.amount_cents, policy["restocking_basis_points"])
    Grant.new(window_days: window_days, restocking_fee_cents: fee, amount_cents: inputs.amount_cents - fee)
  end

  # Up to the agent's own limit the refund is approved at once; over it somebody with a higher one must have signed.
  step_handler "approve_refund", depends_on: { grant: GRANT }, inputs: Request do |grant:, inputs:|
    cents = grant.amount_cents
    signer = [inputs.agent, inputs.approved_by].find { |person| Desk.may_approve?(person, cents) }
    if signer.nil?
      Desk.refuse("approval_required", "#{cents} cents need somebody whose limit is higher", amount_cents: cents)
    end
    { approval_id: Reference.reference("apr", inputs.ticket_id, signer[:name], cents), approved_by: signer[:name],
      role: signer[:role], automatic: signer.equal?(inputs.agent) }
  end

  # Closes the ticket with a note for whoever reads it next.
  step_handler "update_ticket", depends_on: { grant: GRANT, approval: "approve_refund", refund: REFUND },
                                inputs: Request do |grant:, approval:, refund:, inputs:|
    note = "Refunded #{Money.amount(refund.amount_cents, refund.currency)} (#{inputs.reason}) to #{refund.card}, " \
           "approved by #{approval['approved_by']} (#{approval['role']})."
    fee = grant.restocking_fee_cents
    note += " Kept #{Money.amount(fee, refund.currency)} for restocking." if fee.positive?
    { ticket_id: inputs.ticket_id, status: "closed", note: note, refund_id: refund.refund_id }
  end

  step_handler "notify_requester", depends_on: { request_case: ["validate_request", Case], grant: GRANT,
                                                 refund: REFUND } do |request_case:, grant:, refund:|
    sum = Money.amount(refund.amount_cents, refund.currency)
    body = "Dear #{request_case.customer},\n\n#{sum} are on their way to your #{refund.card}.\n"
    fee = grant.restocking_fee_cents
    body += "We kept #{Money.amount(fee, refund.currency)} for restocking.\n" if fee.positive?
    body += "\nYour ticket #{request_case.ticket_id} is closed; answer this mail to open it again.\n"
    { message_id: Reference.reference("msg", request_case.email, request_case.ticket_id), to: request_case.email,
      subject: "Your refund of #{sum}", body: body }
  end
end
