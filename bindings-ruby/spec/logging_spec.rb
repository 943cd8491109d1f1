# frozen_string_literal: true

require "preparation"
require "stringio"

RSpec.describe TaskerCore::Logging do
  include TaskerCore::StepHandler::Functional

  let(:written) { StringIO.new }

  around do |example|
    before = TaskerCore.logger
    TaskerCore.logger = Logger.new(written, level: Logger::DEBUG)
    example.run
  ensure
    TaskerCore.logger = before
  end

  it "names task, step, attempt and correlation in what a handler logs" do
    tasker = open_tasker
    tasker.register_template(<<~YAML)
      name: one
      namespace: shop
      version: 1.0.0
      steps: [{name: it, handler: {callable: say}}]
    YAML
    step_handler("say") do |context|
      context.logger.info("hello")
      TaskerCore.logger.debug { "from a block" }
    end
    tasker.start_worker
    task = tasker.run_task("one", namespace: "shop", correlation_id: "abc")
    lines = written.string.lines.grep(/hello|from a block/)
    expect(lines.size).to eq(2)
    expect(lines).to all(include("task=#{task.task_uuid} step=it attempt=1 correlation_id=abc"))
  end

  it "passes on what the engine and the worker log" do
    step_handler("say") { |_context| 1 }
    tasker = open_tasker(database_url, log: "debug")
    tasker.start_worker
    tasker.close
    expect(written.string).to include("(tasker_worker::")
  end

  it "works with any logger that has a method `add`" do
    lines = []
    logger = Class.new do
      define_method(:add) { |_severity, message, _progname| lines << message }
    end
    TaskerCore.logger = logger.new
    TaskerCore.logger.warn("a")
    TaskerCore.logger.error { "b" }
    expect(lines).to eq(%w[a b])
  end
end
