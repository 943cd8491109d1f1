# frozen_string_literal: true

require "tasker_core"
require "tmpdir"

require_relative "aggregate"
require_relative "clean"
require_relative "generate"
require_relative "insights"
require_relative "table"

# A nightly analysis: three exports are read, cleaned, brought together and summed up.
module DataPipeline
  extend TaskerCore::StepHandler::Functional

  # The input of the whole pipeline. +outages+ says by source how many tries fail before it answers, to see retries.
  Run = Struct.new(:data_dir, :order_rows, :seed, :currency, :outages, keyword_init: true) do
    def path(source)
      directory = data_dir || File.join(Dir.tmpdir, "tasker-data-pipeline")
      File.join(directory, Generate.file_name(source, order_rows || 20_000, seed || 1))
    end

    def outages_of(source)
      (outages || {}).fetch(source.to_sym, 0)
    end

    def write(source, out)
      Generate.write(source, order_rows || 20_000, seed || 1, out)
    end
  end

  # Finds the export of a source, makes it where it is missing, and checks that it is whole. What is passed on is where the
  # file is: results are small, files need not be.
  %w[orders customers inventory].each do |source|
    step_handler "extract_#{source}", inputs: Run do |inputs:, context:|
      if context.retry_count < inputs.outages_of(source)
        raise TaskerCore::Errors::RetryableError.new("the export of #{source} is not there yet",
                                                     error_code: "source_unavailable")
      end
      path = inputs.path(source)
      Table.write_whole(path) { |out| inputs.write(source, out) } unless File.exist?(path)
      DataPipeline.checked(path, Generate::COLUMNS[source])
    end
  end

  step_handler "transform_orders", depends_on: { table: ["extract_orders", Table] } do |table:, context:|
    Clean.orders(table, context.get_input_or("currency", "EUR"))
  end

  step_handler "transform_customers", depends_on: { table: ["extract_customers", Table] } do |table:|
    Clean.customers(table)
  end

  step_handler "transform_inventory", depends_on: { table: ["extract_inventory", Table] } do |table:, context:|
    Clean.inventory(table, context.get_input_or("currency", "EUR"))
  end

  step_handler "aggregate_sales", depends_on: {
    orders: ["transform_orders", Table], customers: ["transform_customers", Table],
    inventory: ["transform_inventory", Table]
  } do |orders:, customers:, inventory:, context:|
    aggregate = Aggregate.new(customers, inventory)
    orders.each_row { |order| aggregate.add(order) }
    aggregate.report(context.get_config("top", 5))
  end

  step_handler "generate_insights", depends_on: { report: "aggregate_sales" } do |report:, context:|
    Insights.of(report, context.get_input_or("currency", "EUR"))
  end

  # The table in a file, which has to have these columns.
  def self.checked(path, columns)
    found = File.open(path, &:gets).to_s.chomp.split(",")
    if found != columns
      message = "#{path} has the columns #{found}, #{columns} were expected; remove the file to have it made anew"
      raise TaskerCore::Errors::PermanentError.new(message, error_code: "unexpected_columns")
    end
    Table.new(path: path, rows: File.foreach(path).count - 1)
  end
end
