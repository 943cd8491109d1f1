# frozen_string_literal: true

require "tasker_core"

# The step of the parcel that is in Ruby: its label.
module Parcel
  extend TaskerCore::StepHandler::Functional

  LANDS = { "PL" => "POLSKA", "DE" => "DEUTSCHLAND", "IE" => "ÉIRE" }.freeze

  step_handler "label_parcel", depends_on: { weight: "weigh" }, inputs: [:address] do |weight:, address:, context:|
    land = LANDS[address["country"]]
    unless land
      raise TaskerCore::Errors::PermanentError.new("no parcels go to #{address['country']}", error_code: "country_unknown")
    end
    # At the first attempt the printer is asleep.
    raise TaskerCore::Errors::RetryableError, "the printer wakes up" unless context.retry?

    { lines: [address["name"], land], priority: :standard, customer_number: weight["customer_number"] }
  end
end

TaskerCore::Worker::Bootstrap.run(namespace: "four_languages")
