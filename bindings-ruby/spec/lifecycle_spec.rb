# frozen_string_literal: true

require "preparation"

# How programs end and divide, each in a process of its own: never a hang, never an abort, and no step lost.
RSpec.describe "life cycle" do
  # Opens the database of ARGV[0] with a template of one step, whose handler is `work`.
  def preamble
    <<~'RUBY'
      require "tasker_core"
      $stdout.sync = true
      include TaskerCore::StepHandler::Functional
      URL = ARGV.fetch(0)
      TEMPLATE = <<~YAML
        name: one
        namespace: shop
        version: 1.0.0
        steps: [{name: it, handler: {callable: work}, retry: {max_attempts: 2, backoff_base_ms: 1}}]
      YAML
      def start(**options)
        tasker = TaskerCore.open(URL)
        tasker.register_template(TEMPLATE)
        tasker.start_worker(**options)
        tasker
      end
    RUBY
  end

  let(:url) { database_url }

  def run(code, &block)
    run_program(preamble + code, url, &block)
  end

  # The tasks that a program left behind.
  def tasks
    TaskerCore.open(url) { |tasker| tasker.list_tasks.map { |task| tasker.get_task(task.task_uuid) } }
  end

  # A handler that works until the program is released.
  working = <<~'RUBY'
    step_handler("work") do |_context|
      puts "working"
      $stdin.read
      "ended"
    end
  RUBY

  %w[INT TERM].each do |signal|
    it "ends what is under way on #{signal} in a program that is a worker" do
      code = <<~RUBY
        #{working}
        TaskerCore.open(URL) do |tasker|
          tasker.register_template(TEMPLATE)
          tasker.create_task("one", namespace: "shop")
        end
        TaskerCore::Worker::Bootstrap.run(url: URL)
        puts "after"
      RUBY
      ended = run(code) { |program| program.await("working").signal(signal).release }
      expect([ended.status.exitstatus, ended.out.lines.last]).to eq([0, "after\n"])
      expect(tasks.map { |task| [task.status, task.result("it")] }).to eq([%w[complete ended]])
    end

    it "ends what is under way on #{signal} in any program" do
      code = "#{working}\ntasker = start\ntasker.create_task('one', namespace: 'shop')\nsleep\n"
      ended = run(code) { |program| program.await("working").signal(signal).release }
      expect(ended.status.termsig).to eq(Signal.list[signal])
      expect(tasks.map(&:status)).to eq(["complete"])
    end
  end

  it "raises Ctrl-C in a thread that waits for a task" do
    code = <<~'RUBY'
      step_handler("work") { |context| Thread.pass until context.cancelled? }
      tasker = start
      task = tasker.create_task("one", namespace: "shop")
      begin
        puts "waiting"
        tasker.wait_for_task(task.task_uuid)
      rescue Interrupt
        puts "interrupted"
        tasker.cancel_task(task.task_uuid)
      end
    RUBY
    ended = run(code) { |program| program.await("waiting").signal("INT") }
    expect([ended.status.exitstatus, ended.out]).to eq([0, "waiting\ninterrupted\n"])
  end

  it "exits while handlers work and threads wait" do
    code = <<~'RUBY'
      began = Queue.new
      step_handler("work") do |_context|
        began << true
        $stdin.read
      end
      tasker = start(slots: 8)
      # The first that is registered is the last that is called.
      at_exit { puts "exiting" }
      8.times { tasker.create_task("one", namespace: "shop") }
      began.pop
      exit 3
    RUBY
    ended = run(code) { |program| program.await("exiting").release }
    expect(ended.status.exitstatus).to eq(3)
    expect(tasks.map(&:status) - %w[complete in_progress pending]).to eq([])
  end

  it "exits with `exit!`, and its steps run again elsewhere" do
    ended = run("step_handler('work') { |_| exit!(4) }\ntasker = start\n" \
                "tasker.create_task('one', namespace: 'shop')\nsleep\n")
    expect(ended.status.exitstatus).to eq(4)
    expect(tasks.map(&:status)).to eq(["in_progress"])
  end

  it "ends when a handler calls `exit`" do
    ended = run("step_handler('work') { |_| exit(5) }\ntasker = start\n" \
                "tasker.create_task('one', namespace: 'shop')\nsleep\n")
    expect(ended.status.exitstatus).to eq(5)
    expect(ended.err).not_to include("panicked")
  end

  it "survives `throw`, `Thread#kill`, and exceptions that are no StandardError" do
    code = <<~'RUBY'
      WAYS = [-> { throw :nobody }, -> { Thread.current.kill }, -> { raise NoMemoryError }, -> { raise "text" },
              -> { raise Class.new(Exception) }].freeze
      seen = Hash.new(0)
      step_handler("work") do |context|
        way = WAYS[context.get_input("way")]
        (seen[context.task_uuid] += 1) == 1 ? way.call : "again"
      end
      tasker = start
      ids = WAYS.each_index.map { |way| tasker.create_task("one", namespace: "shop", context: { way: way }).task_uuid }
      puts ids.map { |id| tasker.wait_for_task(id).status }.tally
    RUBY
    ended = run(code)
    expect([ended.status.exitstatus, ended.out]).to eq([0, "{\"complete\"=>5}\n"])
  end

  it "may be loaded before a fork, and used in every child (as clusters of Puma do)" do
    code = <<~'RUBY'
      step_handler("work") { |_context| Process.pid }
      TaskerCore.open(URL) { |tasker| tasker.register_template(TEMPLATE) }
      children = Array.new(2) do
        fork do
          tasker = start
          task = tasker.run_task("one", namespace: "shop")
          exit(task.complete? ? 0 : 1)
        end
      end
      puts children.map { |pid| Process.wait2(pid).last.exitstatus }.inspect
    RUBY
    ended = run(code)
    expect([ended.status.exitstatus, ended.out]).to eq([0, "[0, 0]\n"])
  end

  Databases::KINDS.each do |kind|
    context "on #{kind}" do
      let(:url) { database_url(kind) }

      # SQLite's locks do not survive a fork, so a child cannot even open such a database anew; see tasker_worker::host.
      anew = { sqlite: "forked", postgres: "complete" }.fetch(kind)

      it "says so in a child that was forked after the start, which then ends in peace" do
        code = <<~'RUBY'
          def code
            yield
          rescue TaskerCore::Errors::ClientError => e
            e.code
          end

          step_handler("work") { |_context| 1 }
          tasker = start
          before = TaskerCore::Worker::Bootstrap.start!(url: URL)
          child = fork do
            puts code { tasker.create_task("one", namespace: "shop") }
            tasker.close
            puts before.running?
            GC.start
            puts(code { TaskerCore::Worker::Bootstrap.start!(url: URL).tasker.run_task("one", namespace: "shop").status })
          end
          puts Process.wait2(child).last.exitstatus
          puts tasker.run_task("one", namespace: "shop").status
        RUBY
        ended = run(code)
        expect([ended.status.exitstatus, ended.out]).to eq([0, "forked\nfalse\n#{anew}\n0\ncomplete\n"])
      end
    end
  end

  it "goes on from the checkpoint of a worker that was killed" do
    code = <<~'RUBY'
      step_handler("work") do |context|
        unless context.has_checkpoint?
          context.checkpoint(cursor: 7, accumulated_results: { sum: 21 }, items_processed: 7)
          Process.kill("KILL", Process.pid)
          sleep
        end
        [context.checkpoint_cursor, context.accumulated_results, context.items_processed]
      end
      TaskerCore.open(URL, lease: 1) do |tasker|
        tasker.register_template(TEMPLATE)
        tasker.create_task("one", namespace: "shop") if tasker.list_tasks.empty?
        tasker.start_worker
        puts tasker.wait_for_task(tasker.list_tasks.first.task_uuid).result("it").inspect
      end
    RUBY
    expect(run(code).status.termsig).to eq(Signal.list["KILL"])
    ended = run(code)
    expect([ended.status.exitstatus, ended.out]).to eq([0, "[7, {\"sum\"=>21}, 7]\n"])
  end

  it "lets a fork of a handler end without answering for its parent" do
    code = <<~'RUBY'
      step_handler("work") do |_context|
        Process.wait(fork { exit!(0) })
        Process.wait(fork { exit(0) })
        "parent"
      end
      tasker = start
      puts tasker.run_task("one", namespace: "shop").result("it")
    RUBY
    ended = run(code)
    expect([ended.status.exitstatus, ended.out]).to eq([0, "parent\n"])
  end

  it "is collected as garbage while it works" do
    code = <<~'RUBY'
      step_handler("work") { |context| context.get_input("n") }
      GC.stress = false
      tasker = start
      ids = Array.new(50) { |n| tasker.create_task("one", namespace: "shop", context: { n: n, pad: ["x"] * 100 }).task_uuid }
      20.times { GC.start }
      GC.compact if GC.respond_to?(:compact)
      puts ids.map { |id| tasker.wait_for_task(id).result("it") }.sum
      tasker = nil
    RUBY
    ended = run(code)
    expect([ended.status.exitstatus, ended.out]).to eq([0, "1225\n"])
  end
end
