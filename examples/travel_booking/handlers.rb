# frozen_string_literal: true

require "json"
require "tasker_core"

require_relative "../payment_gateway/gateway"
require_relative "../src/money"
require_relative "../src/reference"

# A journey: what is booked for it, how it is paid, and how all of that is given back when something fails.
module TravelBooking
  extend TaskerCore::StepHandler::Functional

  CURRENCY = "EUR"
  # By destination and kind.
  OFFERS = JSON.parse(File.read(File.join(__dir__, "offers.json"))).freeze
  # What can be booked, in the order in which it is told: the kind, by the step.
  BOOKINGS = { "book_flight" => "flight", "book_hotel" => "hotel", "rent_car" => "car" }.freeze

  Journey = Struct.new(:traveller, :destination, :departs_on, :returns_on, :car, :card, keyword_init: true)

  module_function

  def offer(destination, kind)
    OFFERS.dig(destination, kind) ||
      raise(TaskerCore::Errors::PermanentError.new("nobody has an offer of a #{kind} for `#{destination}`",
                                                   error_code: "destination_unknown"))
  end

  # Returns, or fails as the provider does.
  def answer(offer, context, prefix = "")
    if context.retry_count < offer.fetch("#{prefix}busy_tries", 0)
      raise TaskerCore::Errors::RetryableError.new("#{offer['provider']} does not answer", error_code: "provider_busy")
    end

    refusal = offer["#{prefix}refusal"]
    raise TaskerCore::Errors::PermanentError.new("#{offer['provider']} declined", error_code: refusal) if refusal
  end

  def book(kind, journey, context)
    offer = offer(journey.destination, kind)
    answer(offer, context)
    # The same journey gives the same booking, so that an attempt that is repeated books nothing twice.
    id = Reference.reference("bkg", kind, journey.traveller[:email], journey.destination, journey.departs_on,
                             journey.returns_on)
    { booking_id: id, kind: kind, provider: offer["provider"], cents: offer["cents"] }
  end

  # What was booked: a car only where one was asked for, and less when something failed.
  def bookings(context)
    BOOKINGS.keys.filter_map { |step| context.get_dependency_result(step) }
  end

  # Why the task ends as it does: the code of what failed, or how it ends.
  def why(ending)
    ending&.error ? ending.error["code"] : ending&.status
  end

  def payment(journey, context, cents, key)
    Gateway::Request.new(token: journey.card, amount_cents: cents, currency: CURRENCY, idempotency_key: key,
                         failed_tries: context.retry_count)
  end

  # What the traveller is told.
  def summary(journey, booked, because)
    lines = booked.map { |it| "- #{it['kind']}: #{it['provider']}, #{Money.amount(it['cents'], CURRENCY)}\n" }
    if because == "complete"
      total = Money.amount(booked.sum { |it| it["cents"] }, CURRENCY)
      return "you travel to #{journey.destination} from #{journey.departs_on} to #{journey.returns_on}:\n" \
             "#{lines.join}Total: #{total}\n"
    end

    lines.unshift("We have asked for this to be cancelled:\n") unless lines.empty?
    "your journey to #{journey.destination} could not be booked (#{because}).\n#{lines.join}"
  end

  BOOKINGS.each do |step, kind|
    step_handler step, inputs: Journey do |inputs:, context:|
      TravelBooking.book(kind, inputs, context)
    end
  end

  # Gives back what the step that is undone has booked.
  step_handler "cancel_booking", inputs: Journey do |inputs:, context:|
    booking = context.get_dependency_result(context.step_name)
    TravelBooking.answer(TravelBooking.offer(inputs.destination, booking["kind"]), context, "cancel_")
    { cancelled: booking["booking_id"], because: TravelBooking.why(context.ending) }
  end

  step_handler "charge_card", inputs: Journey do |inputs:, context:|
    cents = TravelBooking.bookings(context).sum { |booking| booking["cents"] }
    key = Reference.reference("trip", inputs.traveller[:email], inputs.destination, inputs.departs_on)
    Gateway.authorize(TravelBooking.payment(inputs, context, cents, key), declined: "payment_declined")
  end

  step_handler "refund_card", inputs: Journey do |inputs:, context:|
    charged = context.get_dependency_result(context.step_name)
    request = TravelBooking.payment(inputs, context, charged["amount_cents"], charged["id"])
    Gateway.refund(request, declined: "refund_declined")
  end

  step_handler "issue_tickets", inputs: Journey do |inputs:, context:|
    TravelBooking.answer(TravelBooking.offer(inputs.destination, "tickets"), context)
    { ticket_id: Reference.reference("tkt", context.get_dependency_field("book_flight", "booking_id")) }
  end

  # One mail, whatever came of it.
  step_handler "send_summary", inputs: Journey do |inputs:, context:|
    because = TravelBooking.why(context.ending)
    text = TravelBooking.summary(inputs, TravelBooking.bookings(context), because)
    name, email = inputs.traveller.values_at(:name, :email)
    { message_id: Reference.reference("msg", email, inputs.destination, inputs.departs_on, because), to: email,
      booked: because == "complete", body: "Dear #{name},\n\n#{text}" }
  end
end
