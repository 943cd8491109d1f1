# frozen_string_literal: true

require "preparation"

# The whole way: templates, tasks, threads and results, in this process.
RSpec.describe TaskerCore::Tasker do
  include TaskerCore::StepHandler::Functional

  let(:template) { <<~YAML }
    name: order
    namespace: shop
    version: 1.0.0
    input_schema: {type: object, required: [n]}
    steps:
      - {name: first, handler: {callable: double, initialization: {by: 2}}}
      - {name: second, handler: {callable: sum}, dependencies: [first], retry: {max_attempts: 2, backoff_base_ms: 1}}
  YAML

  def one_step(callable, extra = "")
    "name: one\nnamespace: shop\nversion: 1.0.0\nsteps:\n  - {name: it, handler: {callable: #{callable}}#{extra}}\n"
  end

  Databases::KINDS.each do |kind|
    context "on #{kind}" do
      let(:tasker) { open_tasker(database_url(kind)) }

      before do
        step_handler("double", inputs: [:n]) { |n:, context:| { n: n * context.get_config("by") } }
        step_handler("sum", depends_on: { first: "first" }, inputs: [:n]) { |first:, n:| first["n"] + n }
      end

      it "runs a task to its result" do
        tasker.register_template(template)
        tasker.start_worker
        task = tasker.run_task("order", namespace: "shop", context: { n: 4 })
        expect(task).to be_complete
        expect([task.result("first"), task.result(:second)]).to eq([{ "n" => 8 }, 12])
        expect(task.steps.map(&:name)).to eq(%w[first second])
        expect(tasker.get_task(task.task_uuid).status).to eq("complete")
        expect(tasker.list_task_steps(task.task_uuid).map { |step| step[:attempts] }).to eq([1, 1])
        step = task.step("second")
        expect(tasker.get_step(task.task_uuid, step.step_uuid).results).to eq(12)
        expect(tasker.list_tasks(namespace: "shop").map(&:task_uuid)).to eq([task.task_uuid])
        expect(tasker.get_task_history(task.task_uuid).size).to be >= 5
        expect(tasker.list_templates(namespace: "shop").size).to eq(1)
      end

      it "runs many tasks, in several threads at once" do
        tasker.register_template(one_step("meet"))
        met = Queue.new
        # Nobody goes on before all four are here.
        step_handler("meet") do |_context|
          met << Thread.current
          Thread.pass until met.size >= 4
          true
        end
        tasker.start_worker(slots: 4)
        ids = tasker.create_tasks(Array.new(4) { { name: "one", namespace: "shop" } })
        expect(ids.map { |id| tasker.wait_for_task(id).status }).to eq(["complete"] * 4)
      end
    end
  end

  it "gives errors their codes, and what to mend" do
    tasker = open_tasker
    code = lambda do |&call|
      call.call
    rescue TaskerCore::Errors::ClientError => e
      e.code
    end
    tasker.register_template(template)
    expect(code.call { tasker.create_task("unknown", namespace: "shop") }).to eq("template_not_found")
    expect(code.call { tasker.create_task("order", namespace: "shop", context: {}) }).to eq("input_invalid")
    expect(code.call { tasker.register_template("name: [") }).to eq("template_invalid")
    expect(code.call { tasker.get_task("0197f3c0-5a5e-7b1c-8d4e-2f6a9c1b0006") }).to eq("task_not_found")
    expect(code.call { tasker.call("task.unknown") }).to eq("method_unknown")
    expect(code.call { tasker.start_worker }).to eq("no_handlers")
    expect(code.call { TaskerCore.open("nonsense://x") }).to eq("database_url_invalid")
    expect { tasker.create_task("order", namespace: "shop", context: { n: Float::NAN }) }
      .to raise_error(TaskerCore::Errors::ConversionError) { |error| expect(error.path).to eq("context.n") }
    tasker.close
    expect(code.call { tasker.list_tasks }).to eq("closed")
  end

  it "fails a step whose result has no form in JSON, and says where" do
    tasker = open_tasker
    tasker.register_template(one_step("odd"))
    step_handler("odd") { |_context| { items: [{ price: Float::INFINITY }] } }
    tasker.start_worker
    task = tasker.run_task("one", namespace: "shop")
    error = task.step("it")[:error]
    expect([task.status, error["code"], error.dig("context", "path")]).to eq(%w[error result_not_json items[0].price])
  end

  it "keeps class, code and backtrace of an exception" do
    tasker = open_tasker
    tasker.register_template(one_step("fail", ", retry: {max_attempts: 1}"))
    step_handler("fail") { |_context| raise ArgumentError, "no such thing" }
    tasker.start_worker
    error = tasker.run_task("one", namespace: "shop").step("it")[:error]
    expect(error.values_at("code", "error_type")).to eq(%w[handler_error ArgumentError])
    expect(error["backtrace"]).to include(File.basename(__FILE__))
  end

  it "tells a handler that its task was cancelled" do
    tasker = open_tasker
    tasker.register_template(one_step("long"))
    began = Queue.new
    ended = Queue.new
    step_handler("long") do |context|
      began << context.task_uuid
      Thread.pass until context.cancelled? || !context.heartbeat({ percent: 50 })
      ended << true
      context.check_cancellation!
    end
    tasker.start_worker
    task = tasker.create_task("one", namespace: "shop")
    began.pop
    expect(tasker.cancel_task(task.task_uuid, by: "ann", reason: "a test").status).to eq("cancelled")
    expect(ended.pop).to be(true)
  end

  it "puts another thread in the place of one that a handler ended" do
    tasker = open_tasker
    tasker.register_template(one_step("die"))
    step_handler("die") { |context| context.attempt == 1 ? Thread.current.kill : context.attempt }
    tasker.start_worker(slots: 1)
    task = tasker.run_task("one", namespace: "shop")
    expect([task.status, task.result("it")]).to eq(["complete", 2])
  end

  it "fails a step whose result does not let itself be looked at" do
    tasker = open_tasker
    tasker.register_template(one_step("it", ", retry: {max_attempts: 1}"))
    odd = Object.new
    odd.define_singleton_method(:to_h) { raise KeyError, "no fields" }
    step_handler("it") { |_context| { rows: [odd] } }
    tasker.start_worker
    error = tasker.run_task("one", namespace: "shop").steps[0].error
    expect(error.values_at("kind", "code", "error_type")).to eq(%w[retryable handler_error KeyError])
  end

  it "runs attempts as Rails runs jobs, where there is Rails" do
    wrapped = 0
    reloader = Object.new
    reloader.define_singleton_method(:wrap) { |&attempt| (wrapped += 1) && attempt.call }
    stub_const("Rails", double(application: double(reloader: reloader)))
    tasker = open_tasker
    tasker.register_template(one_step("it"))
    step_handler("it") { |_context| 5 }
    tasker.start_worker
    expect([tasker.run_task("one", namespace: "shop").result("it"), wrapped]).to eq([5, 1])
  end

  it "serves only the handlers that are named" do
    tasker = open_tasker
    tasker.register_template(template)
    step_handler("double") { |_context| { n: 1 } }
    step_handler("sum") { |_context| 2 }
    worker = tasker.start_worker(handlers: ["double"])
    task = tasker.create_task("order", namespace: "shop", context: { n: 1 })
    Thread.pass until tasker.get_task(task.task_uuid).step("first").complete?
    expect(tasker.get_task(task.task_uuid).step("second").current_state).to eq("enqueued")
    worker.stop(grace: 1)
    expect(worker).not_to be_running
  end

  it "takes a variable that is set to nothing for one that is not set" do
    step_handler("it") { |_context| 1 }
    allow(ENV).to receive(:fetch).and_call_original
    %w[TASKER_TEMPLATE_PATH TASKER_LOG].each { |name| allow(ENV).to receive(:fetch).with(name, any_args).and_return("") }
    TaskerCore::Worker::Bootstrap.start!(url: "sqlite::memory:")
    expect(TaskerCore::Worker::Bootstrap).to be_running
    TaskerCore::Worker::Bootstrap.shutdown!(grace: 1)
  end

  it "publishes through the client of the whole application" do
    step_handler("it") { |_context| 1 }
    bootstrap = TaskerCore::Worker::Bootstrap.start!(url: database_url, log: "off")
    expect(TaskerCore::Worker::Bootstrap.start!).to equal(bootstrap)
    TaskerCore::Client.register_template(one_step("it"))
    task = TaskerCore::Client.create_task(name: "one", namespace: "shop")
    expect(TaskerCore::Client.wait_for_task(task.task_uuid)).to be_complete
    expect(TaskerCore::Worker::Bootstrap.status).to include(running: true, handlers: ["it"])
    TaskerCore::Worker::Bootstrap.shutdown!(grace: 1)
    expect(TaskerCore::Worker::Bootstrap.status).to eq(running: false)
  end

  it "keeps the lease of a handler that computes" do
    tasker = open_tasker(lease: 2)
    tasker.register_template(one_step("compute"))
    step_handler("compute") do |context|
      ends = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 5
      nil while Process.clock_gettime(Process::CLOCK_MONOTONIC) < ends
      context.attempt
    end
    tasker.start_worker
    step = tasker.run_task("one", namespace: "shop").step("it")
    expect([step.results, step.attempts, step[:losses]]).to eq([1, 1, 0])
  end

  it "makes an error of a panic in Rust, and goes on" do
    tasker = open_tasker
    3.times do
      expect { tasker.call("test.panic") }
        .to raise_error(TaskerCore::Errors::ClientError) { |error| expect(error.code).to eq("internal_panic") }
    end
    tasker.register_template(one_step("still"))
    step_handler("still") { |_context| "here" }
    tasker.start_worker
    expect(tasker.run_task("one", namespace: "shop").result("it")).to eq("here")
  end
end
