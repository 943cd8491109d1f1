# frozen_string_literal: true

require "json"
require "tasker_core"

# The stock of a warehouse, counted shelf by shelf.
module StockCount
  extend TaskerCore::StepHandler::Functional

  Errors = TaskerCore::Errors
  WAREHOUSES = JSON.parse(File.read(File.join(__dir__, "warehouses.json"))).freeze

  batch_analyzer "list_shelves", inputs: %i[warehouse on_failure] do |warehouse:, on_failure:|
    shelves = WAREHOUSES.fetch(warehouse) do
      raise Errors::PermanentError.new("there is no warehouse `#{warehouse}`", error_code: "warehouse_not_found")
    end
    TaskerCore::BatchConfig.items(shelves, failure_strategy: on_failure, metadata: { shelves: shelves.size })
  end

  # Counts box by box; what was counted before a failure is not counted again.
  batch_worker "count_shelf" do |batch_context:, context:|
    name, boxes, fails_at = batch_context.item.values_at("shelf", "boxes", "scanner_fails_at")
    if batch_context.item["is_locked"]
      raise Errors::PermanentError.new("shelf #{name} is locked", error_code: "shelf_locked")
    end

    resumed_at = context.checkpoint_cursor || 0
    items = context.accumulated_results || 0
    (resumed_at...boxes.size).each do |number|
      if number == fails_at && !context.is_retry?
        raise Errors::RetryableError.new("the scanner does not answer", error_code: "scanner_lost")
      end

      items += boxes[number]
      context.checkpoint(cursor: number + 1, accumulated_results: items, items_processed: number + 1)
    end
    { shelf: name, items: items, resumed_at: resumed_at }
  end

  step_handler "report_stock", depends_on: { shelves: "count_shelf" } do |shelves:|
    counted = shelves.compact
    { shelves: shelves.size, items: counted.sum { |shelf| shelf["items"] }, not_counted: shelves.size - counted.size }
  end
end
