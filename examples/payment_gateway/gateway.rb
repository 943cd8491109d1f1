# frozen_string_literal: true

require "json"
require "tasker_core"

require_relative "../src/reference"

# A payment provider without money: what a card does is told by its token in cards.json.
class Gateway
  # What the provider answers with when it did what it was asked for.
  Receipt = Struct.new(:id, :card, :amount_cents, :currency, keyword_init: true)
  # An amount to move. +idempotency_key+ is the caller's own name of this request: the same key gives the same id. The
  # sandbox remembers nothing, so the caller says how many tries failed before this one.
  Request = Struct.new(:token, :amount_cents, :currency, :idempotency_key, :failed_tries, keyword_init: true)

  CARDS = JSON.parse(File.read(File.join(__dir__, "cards.json"))).freeze

  # Sets an amount aside on a card.
  def self.authorize(request, declined:)
    move("auth", "authorize", request, declined)
  end

  # Pays an amount back to a card.
  def self.refund(request, declined:)
    move("re", "refund", request, declined)
  end

  def self.move(prefix, action, request, declined)
    card = CARDS.fetch(request.token) do
      raise TaskerCore::Errors::PermanentError.new("no card has the token `#{request.token}`",
                                                   error_code: "unknown_payment_token")
    end
    behave(card.fetch(action, {}), request.failed_tries, declined)
    id = Reference.reference(prefix, request.token, request.amount_cents, request.currency, request.idempotency_key)
    Receipt.new(id: id, card: "#{card['brand']} ending in #{card['last4']}", amount_cents: request.amount_cents,
                currency: request.currency)
  end
  private_class_method :move

  # +declined+ is the code for a bank's no.
  def self.behave(behaviour, failed_tries, declined)
    if (reason = behaviour["decline"])
      raise TaskerCore::Errors::PermanentError.new("the card's bank declined: #{reason}",
                                                   error_code: declined, context: { reason: reason })
    end
    return if failed_tries >= behaviour.fetch("time_out", 0)

    raise TaskerCore::Errors::TimeoutError.new("the gateway did not answer (try #{failed_tries + 1})",
                                               error_code: "gateway_timeout")
  end
  private_class_method :behave
end
