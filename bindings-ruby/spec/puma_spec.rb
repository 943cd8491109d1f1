# frozen_string_literal: true

require "net/http"
require "preparation"

# A worker in each process of Puma, which loads the application before it forks.
RSpec.describe "a cluster of Puma" do
  let(:url) { database_url }

  # Each path is a task: +/quick+ is answered with its result, +/slow+ with the id of one that goes on.
  config = <<~'RUBY'
    require "tasker_core"
    $stdout.sync = true
    URL = ENV.fetch("TASKER_DATABASE")
    TaskerCore::StepHandler::Functional.step_handler("quick") { |_context| Process.pid }
    TaskerCore::StepHandler::Functional.step_handler("slow") do |_context|
      puts "begun"
      $stdin.read
    end
    TaskerCore.open(URL) do |tasker|
      %w[quick slow].each do |name|
        tasker.register_template("{name: #{name}, namespace: shop, version: 1.0.0, " \
                                 "steps: [{name: it, handler: {callable: #{name}}}]}")
      end
    end

    bind "tcp://127.0.0.1:0"
    workers 2
    threads 1, 2
    preload_app!
    # For a machine that is busy with something else.
    worker_timeout 120
    worker_shutdown_timeout 120
    on_worker_boot do
      $tasker = TaskerCore.open(URL)
      $tasker.start_worker
      puts "worker #{Process.pid}"
    end
    on_worker_shutdown { puts "exit #{Process.pid}" }
    app do |request|
      answer = if request["PATH_INFO"] == "/quick"
                 $tasker.run_task("quick", namespace: "shop").result("it").to_s
               else
                 $tasker.create_task("slow", namespace: "shop").task_uuid
               end
      [200, { "Content-Type" => "text/plain" }, [answer]]
    end
  RUBY

  # Words of Puma's own and of its processes, in any order.
  def hear(server, pattern, times)
    @heard ||= +""
    @heard << server.line until @heard.scan(pattern).size >= times
    @heard.scan(pattern).flatten
  end

  it "answers requests with what tasks bring, and is drained by a stop" do
    path = File.join(@folder, "puma.rb")
    File.write(path, config)
    command = [RbConfig.ruby, "-I", Programs::LIBRARY, "-S", "puma", "--config", path]
    server = Programs::Program.new({ "TASKER_DATABASE" => url }, command)
    workers = hear(server, /^worker (\d+)/, 2)
    port = hear(server, /Listening on http:..127\.0\.0\.1:(\d+)/, 1).first
    get = ->(name) { Net::HTTP.get("127.0.0.1", "/#{name}", port.to_i) }

    expect(workers).to include(*Array.new(10) { get.("quick") })
    slow = get.("slow")
    hear(server, /^(begun)/, 1)
    server.signal("TERM")
    expect(hear(server, /^exit (\d+)/, 2)).to match_array(workers)
    server.release
    server.ended
    TaskerCore.open(url) do |tasker|
      task = tasker.get_task(slow)
      expect([task.status, task.result("it")]).to eq(["complete", ""])
    end
  end
end
