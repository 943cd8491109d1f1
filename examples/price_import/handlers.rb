# frozen_string_literal: true

require "json"
require "tasker_core"

require_relative "../src/reference"

# A supplier's price list: which way it goes, its rows checked in one go or in parts, what came of it, and a claim for
# each row that was refused.
module PriceImport
  extend TaskerCore::StepHandler::Functional

  LISTS = JSON.parse(File.read(File.join(__dir__, "price_lists.json"))).freeze

  module_function

  def rows_of(list_id)
    LISTS.fetch(list_id) do
      raise TaskerCore::Errors::PermanentError.new("there is no price list `#{list_id}`", error_code: "list_not_found")
    end
  end

  def price(list_id, numbers, context)
    priced = { rows: numbers.size, accepted: 0, change_cents: 0, rejected: [] }
    numbers.each do |number|
      row = rows_of(list_id)[number]
      reason = refusal(row, number, context)
      next priced[:rejected] << { row: number, sku: row["sku"], reason: reason } if reason

      priced[:accepted] += 1
      priced[:change_cents] += row["new_cents"] - row["old_cents"]
    end
    priced
  end

  # Why a row is refused; nil for one that is taken.
  def refusal(row, number, context)
    sku, old_cents, new_cents = row.values_at("sku", "old_cents", "new_cents")
    if sku.start_with?("BUSY") && !context.is_retry?
      raise TaskerCore::Errors::RetryableError.new("`#{sku}` is being changed by somebody else",
                                                   error_code: "catalog_busy")
    end
    if new_cents.nil?
      raise TaskerCore::Errors::PermanentError.new("row #{number} has no price that can be read",
                                                   error_code: "row_unreadable")
    end
    return "no_price" if new_cents.zero?

    "increase_too_high" if new_cents * 100 > old_cents * (100 + context.get_config("increase_percent_max"))
  end

  # A short list is not worth splitting, and an empty one is nothing to do.
  decision_handler "choose_way", inputs: [:list_id] do |list_id:, context:|
    rows = PriceImport.rows_of(list_id).size
    if rows.zero?
      TaskerCore::StepHandler::Functional::Decision.skip("the list has no rows")
    else
      way = rows <= context.get_config("rows_in_one_go_max") ? "price_list" : "split_list"
      TaskerCore::StepHandler::Functional::Decision.route([way])
    end
  end

  step_handler "price_list", inputs: [:list_id] do |list_id:, context:|
    PriceImport.price(list_id, 0...PriceImport.rows_of(list_id).size, context)
  end

  batch_analyzer "split_list", inputs: [:list_id] do |list_id:, context:|
    TaskerCore::StepHandler::Functional::BatchConfig.new(total_items: PriceImport.rows_of(list_id).size,
                                                         batch_size: context.get_config("rows_per_part"))
  end

  batch_worker "price_part", inputs: [:list_id] do |list_id:, batch_context:, context:|
    PriceImport.price(list_id, batch_context.start_cursor...batch_context.end_cursor, context)
  end

  # Adds up what was done, whichever way; a part that was given up is nil in the list.
  step_handler "report_prices", depends_on: { parts: "price_part", whole: "price_list" } do |parts:, whole:|
    parts ||= [whole]
    done = parts.compact
    total = ->(name) { done.sum { |part| part[name] } }
    { rows: total["rows"], accepted: total["accepted"], change_cents: total["change_cents"],
      rejected: done.flat_map { |part| part["rejected"] }, parts_lost: parts.size - done.size }
  end

  batch_worker "file_claim", inputs: [:list_id] do |list_id:, batch_context:|
    sku, reason = batch_context.item.values_at("sku", "reason")
    { claim_id: Reference.reference("clm", list_id, sku), sku: sku, reason: reason }
  end
end
