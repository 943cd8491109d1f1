# frozen_string_literal: true

require "date"
require "json"
require "tasker_core"

require_relative "../payment_gateway/gateway"
require_relative "../src/reference"

# The payments that were taken, and giving them back.
class Payment
  # What shall be given back.
  Claim = Struct.new(:payment_id, :amount_cents, :reason, :requested_on, keyword_init: true)
  # A claim that the payment allows; +remaining_cents+ is what is left of the payment after it.
  Eligibility = Struct.new(:payment_id, :currency, :age_days, :remaining_cents, :full_refund, keyword_init: true)
  # A refund that was paid out.
  Refund = Struct.new(:refund_id, :payment_id, :amount_cents, :currency, :card, keyword_init: true)

  DATA = JSON.parse(File.read(File.join(__dir__, "payments.json"))).freeze

  def self.find(payment_id)
    fields = DATA.find { |payment| payment["payment_id"] == payment_id }
    return new(fields) if fields

    raise TaskerCore::Errors::PermanentError.new("there is no payment `#{payment_id}`",
                                                 error_code: "payment_not_found")
  end

  def initialize(fields)
    @fields = fields
  end

  %w[payment_id customer email currency refunds].each do |name|
    define_method(name) { @fields[name] }
  end

  # Whether the claim can be met: the money was taken, enough of it is left, and not too many days have passed.
  def eligibility(claim, window_days)
    if @fields["status"] != "captured"
      refuse("payment_not_captured", "`#{payment_id}` is #{@fields['status']}: there is nothing to give back yet")
    end
    Eligibility.new(payment_id: payment_id, currency: currency, remaining_cents: remaining(claim),
                    age_days: age(claim, window_days), full_refund: claim.amount_cents == @fields["amount_cents"])
  end

  # Pays back through the gateway. The same claim has the same key there, so that a second attempt whose first one went
  # through after all pays nothing twice.
  def refund(claim, failed_tries)
    key = Reference.reference("claim", payment_id, claim.amount_cents, claim.reason)
    request = Gateway::Request.new(token: @fields["token"], amount_cents: claim.amount_cents, currency: currency,
                                   idempotency_key: key, failed_tries: failed_tries)
    receipt = Gateway.refund(request, declined: "refund_declined")
    Refund.new(refund_id: receipt.id, payment_id: payment_id, amount_cents: receipt.amount_cents,
               currency: receipt.currency, card: receipt.card)
  end

  private

  def remaining(claim)
    left = @fields["amount_cents"] - @fields["refunded_cents"]
    return left - claim.amount_cents if claim.amount_cents <= left

    refuse("amount_exceeds_payment", "#{claim.amount_cents} cents are claimed and #{left} are left",
           claimed_cents: claim.amount_cents, left_cents: left)
  end

  def age(claim, window_days)
    days = (Date.iso8601(claim.requested_on) - Date.iso8601(@fields["captured_on"])).to_i
    return days if days <= window_days

    refuse("refund_window_closed", "the payment is #{days} days old, refunds end after #{window_days}")
  end

  def refuse(code, message, **context)
    raise TaskerCore::Errors::PermanentError.new(message, error_code: code, context: context)
  end
end
