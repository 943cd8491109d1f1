# frozen_string_literal: true

require "preparation"

# What a handler returns or raises, and what becomes of it, with no engine around.
RSpec.describe TaskerCore::StepHandler::Outcome do
  let(:registry) { TaskerCore::Registry::HandlerRegistry.instance }

  # Has the methods of the native attempt.
  def attempt(input: {}, results: {}, about: {}, **parts)
    about = { "handler_name" => "it", "method" => nil, "task_uuid" => "t", "step_uuid" => "s", "step_name" => "step",
              "attempt" => 1, "namespace" => "n", "template_name" => "t", "template_version" => "1.0.0", "retry_count" => 0,
              "max_retries" => 3, "correlation_id" => nil, **about }
    parts = parts.transform_keys(&:to_s).merge("input" => input)
    double("attempt", about: about, results: results, cancelled?: false).tap do |attempt|
      allow(attempt).to receive(:part) { |name| parts[name] }
    end
  end

  def outcome(**fields)
    described_class.of_attempt(attempt(**fields), registry)
  end

  def error(**fields)
    outcome(**fields).last.fetch("failed").fetch("error")
  end

  def handler(name = "it", **options, &block)
    TaskerCore::StepHandler::Functional.step_handler(name, **options, &block)
  end

  it "takes any value as the result" do
    [nil, 1, "text", [1], { a: 1 }].each do |value|
      handler { |_context| value }
      expect(outcome).to eq([value, nil])
    end
  end

  it "gives a block the keywords that it names, and no others" do
    handler("it", depends_on: { cart: "validate" }, inputs: %i[a b]) { |cart:, a:, context:| [cart, a, context.step_name] }
    expect(outcome(input: { "a" => 1, "b" => 2 }, results: { "validate" => { "n" => 3 } }))
      .to eq([[{ "n" => 3 }, 1, "step"], nil])
    handler("it", inputs: %i[a b]) { |**all| all.except(:context) }
    expect(outcome(input: { "a" => 1 })).to eq([{ a: 1, b: nil }, nil])
  end

  it "makes objects of inputs and of results" do
    model = Struct.new(:total, keyword_init: true)
    handler("it", depends_on: { price: ["price", model] }, inputs: model) { |price:, inputs:| price.total + inputs.total }
    expect(outcome(input: { "total" => 1 }, results: { "price" => { "total" => 2 } })).to eq([3, nil])
    expect(error(input: [1], results: {})).to include("kind" => "permanent", "code" => "input_invalid")
    expect(error(input: { "total" => 1 }, results: { "price" => 7 })).to include("code" => "dependency_invalid")
  end

  it "fails as the errors say" do
    errors = TaskerCore::Errors
    {
      errors::RetryableError.new("a", retry_after: 1.5, error_code: "later", context: { n: 1 }) =>
        { "kind" => "retryable", "code" => "later", "retry_after_ms" => 1500, "context" => { n: 1 }, "message" => "a" },
      errors::PermanentError.new("b", error_code: :never) => { "kind" => "permanent", "code" => "never" },
      errors::NotFoundError.new("c") => { "kind" => "permanent", "code" => "not_found" },
      errors::RateLimitError.new("d") => { "kind" => "retryable", "code" => "rate_limited" },
      ArgumentError.new("e") => { "kind" => "retryable", "code" => "handler_error", "error_type" => "ArgumentError" },
      NotImplementedError.new("f") => { "kind" => "retryable", "code" => "handler_error" },
      SystemStackError.new("g") => { "kind" => "retryable", "code" => "handler_error" },
      NoMemoryError.new("h") => { "kind" => "retryable", "code" => "handler_error" }
    }.each do |exception, expected|
      handler { |_context| raise exception }
      expect(error).to include(expected)
      expect(error["backtrace"]).to include(__FILE__)
    end
  end

  it "keeps the cause in the backtrace, and broken texts readable" do
    handler do |_context|
      raise KeyError, "the root\xff"
    rescue KeyError
      raise "the end"
    end
    expect(error["backtrace"]).to include("the root", "the end")
    expect(error["backtrace"]).to be_valid_encoding
  end

  it "tells a failure whatever is wrong with it" do
    odd = Class.new(StandardError) { define_method(:message) { raise "not even this" } }
    later = TaskerCore::Errors::RetryableError
    {
      odd.new => { "kind" => "retryable", "code" => "handler_error" },
      TaskerCore::Errors::PermanentError.new("x", error_code: 404) => { "kind" => "permanent", "code" => "404" },
      TaskerCore::Errors::PermanentError.new("x", error_code: "") => { "kind" => "permanent", "code" => "handler_error" },
      TaskerCore::Errors::PermanentError.new(ArgumentError.new("no tea")) => { "kind" => "permanent", "message" => "no tea" }
    }.each do |exception, expected|
      handler { |_context| raise exception }
      expect(error).to include(expected)
    end
    ["5", -1, Float::NAN, Float::INFINITY].each do |wait|
      handler { |_context| raise later.new("x", retry_after: wait) }
      expect(error).to include("code" => "handler_error").and(satisfy { |told| !told.key?("retry_after_ms") })
    end
    handler { |_context| raise "m" * 5_000_000 }
    expect(error.values_at("message", "backtrace").sum(&:size)).to be < 100_000
    stub_const("Odd", Class.new(TaskerCore::StepHandler::Base) do
      def call(_context)
        failure(message: 5, error_type: :sold_out)
      end
    end)
    expect(error(about: { "handler_name" => "Odd" })).to include("message" => "5", "code" => "sold_out")
    %w[missing instance_variable_get success].each do |name|
      told = error(about: { "handler_name" => "Odd", "method" => name })
      expect(told).to include("kind" => "permanent", "code" => "handler_method_not_found")
    end
  end

  it "checks an event where it is published, and keeps it as it was" do
    lines = ["one"]
    handler do |context|
      context.publish("order.paid", { lines: lines })
      lines << "two"
      1
    end
    expect(outcome.last.dig("succeeded", "events", 0, "payload")).to eq("lines" => ["one"])
    [{ at: Object.new }, "x" * 1_100_000].each do |payload|
      handler { |context| context.publish("order.paid", payload) }
      expect(error).to include("kind" => "permanent", "code" => "event_invalid")
    end
  end

  it "has the errors and codes of every language" do
    failures = JSON.parse(File.read(File.join(ROOT, "tasker-worker/tests/failures.json")))
    failures["errors"].each do |name, (kind, code)|
      handler { |_context| raise TaskerCore::Errors.const_get(name), "x" }
      expect([name, error]).to match([name, include("kind" => kind, "code" => code)])
    end
  end

  it "does not lose a failure because of what was attached to it" do
    handler { |_context| raise TaskerCore::Errors::PermanentError.new("x", context: { bad: Object.new }) }
    expect(error["context"].keys).to eq(["left_out"])
  end

  it "lets pass what ends a thread or a process" do
    [Interrupt, SystemExit, SignalException.new("TERM")].each do |exception|
      handler { |_context| raise exception }
      expect { outcome }.to raise_error(exception.is_a?(Class) ? exception : exception.class)
    end
    handler { |_context| throw :out, 7 }
    expect(catch(:out) { outcome }).to eq(7)
  end

  it "calls classes, their other methods, and anything with a method `call`" do
    stub_const("Shop::Charge", Class.new(TaskerCore::StepHandler::Base) do
      def call(context)
        success(result: { n: context.get_input(:n) }, metadata: { quick: true })
      end

      def undo(_context)
        failure(message: "no", error_type: "Undo", error_code: "undo_failed", retryable: true, metadata: { a: 1 })
      end
    end)
    expect(outcome(about: { "handler_name" => "Shop::Charge" }, input: { "n" => 1 }))
      .to eq([{ n: 1 }, { "succeeded" => { "result" => nil, "metadata" => { quick: true } } }])
    undo = error(about: { "handler_name" => "Shop::Charge", "method" => "undo" })
    expect(undo).to eq("kind" => "retryable", "code" => "undo_failed", "message" => "no", "error_type" => "Undo",
                       "context" => { a: 1 })
    registry.register_handler("it", ->(context) { context.handler_name })
    expect(outcome).to eq(["it", nil])
    expect(error(about: { "handler_name" => "unknown" })).to include("kind" => "retryable", "code" => "handler_not_found")
  end

  it "refuses a block that can never be called where it is defined" do
    functional = TaskerCore::StepHandler::Functional
    expect { functional.step_handler("never") { |other:| other } }.to raise_error(ArgumentError)
    expect { functional.step_handler("never", depends_on: { order: "a" }) { |name:| name } }.to raise_error(ArgumentError)
    expect { functional.step_handler("never", depends_on: ["order"]) { |order:| order } }.to raise_error(ArgumentError)
    expect(registry.resolve_handler("never")).to be_nil
    functional.batch_worker("ever", inputs: [:a]) { |a:, context:, batch_context:, b: 1| [a, context, batch_context, b] }
  end

  it "says what decisions and batches say about the steps after them" do
    functional = TaskerCore::StepHandler::Functional
    functional.decision_handler("it") { |_context| TaskerCore::Decision.route(%i[a b], tier: "gold") }
    expect(outcome).to eq([{ route: %w[a b], tier: "gold" },
                           { "succeeded" => { "result" => nil, "next" => { route: { steps: %w[a b] } } } }])
    functional.decision_handler("it") { |_context| TaskerCore::Decision.skip("nothing to do") }
    expect(outcome.last.dig("succeeded", "next")).to eq(skip: { reason: "nothing to do" })
    functional.decision_handler("it") { |_context| ["a"] }
    expect(error).to include("kind" => "permanent", "code" => "decision_invalid")

    batches = lambda do |config|
      functional.batch_analyzer("it", worker_template: "work") { |_context| config }
      outcome.last.dig("succeeded", "next", :batches)
    end
    config = TaskerCore::BatchConfig
    expect(batches.(config.new(total_items: 250, batch_size: 100)))
      .to eq(worker: "work", batches: { split: { total_items: 250, batch_size: 100 } })
    expect(batches.(config.items(%w[x y], parallelism: 2)))
      .to eq(worker: "work", batches: { items: %w[x y] }, parallelism: 2)
    expect(batches.(config.ranges([0...3, 3..5, [6, 9]], failure_strategy: :fail_fast)))
      .to eq(worker: "work", failure_strategy: :fail_fast,
             batches: { ranges: [{ start: 0, end: 3 }, { start: 3, end: 6 }, { start: 6, end: 9 }] })
  end

  it "gives batch workers their part" do
    TaskerCore::StepHandler::Functional.batch_worker("it") do |batch_context:|
      [batch_context.start_cursor, batch_context.end_cursor, batch_context.dig(:cursor_config, :batch_size),
       batch_context[:item], batch_context.batch_id]
    end
    range = { "index" => 1, "of" => 3, "work" => { "range" => { "start" => 100, "end" => 200 } } }
    expect(outcome(batch: range).first).to eq([100, 200, 100, nil, "002"])
    item = { "index" => 0, "of" => 1, "work" => { "item" => { "sku" => "A" } } }
    expect(outcome(batch: item).first).to eq([nil, nil, nil, { "sku" => "A" }, "001"])
  end

  it "keeps the events that were published, also before a failure" do
    handler { |context| context.publish("order.priced", { cents: 5 }) || 7 }
    event = { "name" => "order.priced", "payload" => { "cents" => 5 } }
    expect(outcome).to eq([7, { "succeeded" => { "result" => nil, "events" => [event] } }])
    handler do |context|
      context.publish("order.priced", { cents: 5 })
      raise "no"
    end
    expect(outcome.last["failed"]["events"]).to eq([event])
  end

  it "shows the context as it is" do
    seen = nil
    registry.register_handler("it", ->(context) { seen = context })
    outcome(input: { "a" => 1, "none" => nil }, config: { "k" => "v" },
            about: { "retry_count" => 2, "correlation_id" => "c" },
            results: { "p" => { "q" => [{ "r" => 5 }] }, "part_1" => 1, "part_2" => 2 },
            checkpoint: { "cursor" => 4, "accumulated_results" => [1], "items_processed" => 9 })
    expect([seen.get_input("a"), seen.get_input(:none)]).to eq([1, nil])
    expect([seen.get_input_or("none", 3), seen.get_input_or(:b, 4)]).to eq([3, 4])
    expect([seen.get_config(:k), seen.get_config("x", 1), seen.step_config]).to eq(["v", 1, { "k" => "v" }])
    expect([seen.is_retry?, seen.is_last_retry?, seen.retry_count, seen.max_retries]).to eq([true, true, 2, 3])
    expect(seen.get_dependency_field("p", "q", 0, "r")).to eq(5)
    expect([seen.get_dependency_result(:none), seen.get_dependency_field("p", "x", "y")]).to eq([nil, nil])
    expect(seen.get_all_dependency_results("part_")).to eq([1, 2])
    expect(seen.dependency_results.keys).to eq(%w[p part_1 part_2])
    expect([seen.checkpoint_cursor, seen.accumulated_results, seen.items_processed]).to eq([4, [1], 9])
    expect(seen.task.context).to eq("a" => 1, "none" => nil)
    expect([seen.has_checkpoint?, seen.task.task_uuid, seen.workflow_step.name]).to eq([true, "t", "step"])
    expect(seen.step_definition.handler.initialization).to eq("k" => "v")
    expect([seen.namespace_name, seen.correlation_id]).to eq(%w[n c])
  end
end
