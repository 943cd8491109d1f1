# frozen_string_literal: true

require "tasker_core"

require_relative "../src/money"
require_relative "../src/reference"
require_relative "payments"

# Giving a payment back: may it be, should it be, do it, write it down, say so.
module PaymentRefund
  extend TaskerCore::StepHandler::Functional

  # What speaks against a claim, and how much, from 0 to 100 in all.
  SIGNALS = {
    many_refunds_before: [40, ->(payment, _, _) { payment.refunds >= 3 }],
    large_amount: [25, ->(_, claim, _) { claim.amount_cents >= 50_000 }],
    claimed_within_a_day: [20, ->(_, _, eligibility) { eligibility.age_days <= 1 }],
    payment_denied_by_holder: [30, ->(_, claim, _) { claim.reason == "unauthorized" }]
  }.freeze

  ELIGIBILITY = ["validate_eligibility", Payment::Eligibility].freeze
  REFUND = ["process_refund", Payment::Refund].freeze

  step_handler "validate_refund_eligibility", inputs: Payment::Claim do |inputs:, context:|
    Payment.find(inputs.payment_id).eligibility(inputs, context.get_config("refund_window_days"))
  end

  # Adds up what speaks against the claim; from +score_max+ of the configuration on it is refused.
  step_handler "check_refund_fraud", depends_on: { eligibility: ELIGIBILITY },
                                     inputs: Payment::Claim do |eligibility:, inputs:, context:|
    payment = Payment.find(inputs.payment_id)
    raised = SIGNALS.select { |_, (_, applies)| applies.call(payment, inputs, eligibility) }
    assessment = { score: [raised.values.sum(&:first), 100].min, signals: raised.keys }
    if assessment[:score] >= context.get_config("score_max")
      raise TaskerCore::Errors::BusinessLogicError.new(
        "the score is #{assessment[:score]}, the limit #{context.get_config('score_max')}: #{raised.keys.join(', ')}",
        error_code: "fraud_suspected", context: assessment
      )
    end
    assessment
  end

  step_handler "process_gateway_refund", inputs: Payment::Claim do |inputs:, context:|
    Payment.find(inputs.payment_id).refund(inputs, context.retry_count)
  end

  # Double entry: what is debited equals what is credited. The gateway keeps a fee, which is ours to bear.
  step_handler "record_refund_in_ledger", depends_on: { refund: REFUND } do |refund:, context:|
    fee = Money.share(refund.amount_cents, context.get_config("fee_basis_points"))
    lines = [["refunds", refund.amount_cents, 0], ["gateway_fees", fee, 0],
             ["gateway_balance", 0, refund.amount_cents + fee]]
    { entry_id: Reference.reference("led", refund.refund_id), currency: refund.currency,
      lines: lines.map { |line| %i[account debit_cents credit_cents].zip(line).to_h } }
  end

  step_handler "notify_refunded_customer", depends_on: { refund: REFUND,
                                                         eligibility: ELIGIBILITY } do |refund:, eligibility:|
    payment = Payment.find(refund.payment_id)
    sum = Money.amount(refund.amount_cents, refund.currency)
    what = eligibility.full_refund ? "in full" : "in part"
    { message_id: Reference.reference("msg", payment.email, refund.refund_id), to: payment.email,
      subject: "#{sum} are on their way back to you",
      body: "Dear #{payment.customer},\n\nwe have refunded your payment #{payment.payment_id} #{what}: #{sum}, to your " \
            "#{refund.card}.\nYour bank may need up to five days.\n" }
  end
end
