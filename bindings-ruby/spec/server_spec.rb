# frozen_string_literal: true

require "json"
require "net/http"
require "open3"
require "preparation"

# Workers and clients of a server that asks for keys: the same code with its URL, and no way to the database.
RSpec.describe "a server" do
  include TaskerCore::StepHandler::Functional

  tasker_binary = ENV.fetch("TASKER_BIN", File.join(ROOT, "target/debug/tasker"))

  let(:store) { "sqlite:#{@folder}/tasker.db" }

  # The secret of a new key that allows this.
  define_method(:key) do |*allowed|
    out, status = Open3.capture2(tasker_binary, "key", "create", "test", "--allow", allowed.join(","), "--store", store,
                                 "-o", "json")
    raise out unless status.success?

    JSON.parse(out).fetch("secret")
  end

  around do |example|
    command = [tasker_binary, "server", "--listen", "127.0.0.1:0", "--store", store, "--auth", "keys", "--grace", "1s"]
    Open3.popen2e(*command) do |input, output, process|
      input.close
      line = output.each_line.find { |one| one[%r{http://127\.0\.0\.1:[1-9]\d*}] }
      @url = line && line[%r{http://127\.0\.0\.1:[1-9]\d*}]
      raise "the server said no address before it ended" if @url.nil?

      example.run
    ensure
      close_taskers
      Process.kill("TERM", process.pid)
    end
  end

  it "runs steps with a worker that has a key for that alone, and answers a client" do
    step_handler("price", inputs: [:n]) do |n:, context:|
      context.checkpoint(cursor: { at: n }, items_processed: 1)
      raise "once" unless context.retry?

      { cents: n * 100, from: context.checkpoint_cursor["at"] }
    end
    step_handler("refuse") { |_context| raise TaskerCore::Errors::PermanentError.new("no", error_code: "refused_here") }
    client = open_tasker(@url, api_key: key("admin"))
    %w[price refuse].each do |name|
      client.register_template(<<~YAML)
        name: #{name}
        namespace: shop
        version: 1.0.0
        steps: [{name: it, handler: {callable: #{name}}, retry: {max_attempts: 2, backoff_base_ms: 1}}]
      YAML
    end
    open_tasker(@url, api_key: key("work")).start_worker(slots: 8)
    ids = Array.new(10) { |n| client.create_task("price", namespace: "shop", context: { n: n }).task_uuid }
    steps = ids.map { |id| client.wait_for_task(id).step("it") }
    expect(steps.map { |step| [step.results, step.attempts] })
      .to eq(Array.new(10) { |n| [{ "cents" => n * 100, "from" => n }, 2] })
    expect(client.run_task("refuse", namespace: "shop")[:error]["code"]).to eq("refused_here")
    expect(client.health_check["healthy"]).to be(true)
    expect(client.list_workers.size).to eq(1)
  end

  it "refuses whoever has no key, or one for something else" do
    code = lambda do |&call|
      call.call
    rescue TaskerCore::Errors::ClientError => e
      e.code
    end
    worker = key("work")
    expect(code.call { open_tasker(@url, api_key: "wrong").list_tasks }).to eq("key_invalid")
    expect(code.call { open_tasker(@url, api_key: worker).list_tasks }).to eq("permission_missing")
  end

  it "hands the trace of a request to handlers" do
    step_handler("it", &:trace_context)
    secret = key("admin")
    client = open_tasker(@url, api_key: secret)
    client.register_template("name: one\nnamespace: shop\nversion: 1.0.0\nsteps: [{name: it, handler: {callable: it}}]\n")
    client.start_worker
    trace = { "traceparent" => "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate" => "rojo=1" }
    headers = { "authorization" => "Bearer #{secret}", "content-type" => "application/json", **trace }
    answer = Net::HTTP.post(URI("#{@url}/v1/tasks"), JSON.generate(name: "one", namespace: "shop"), headers)
    task = client.wait_for_task(JSON.parse(answer.body).fetch("task_uuid"))
    expect(task.result("it")).to eq(trace)
  end

  it "that is not there is transient" do
    expect { open_tasker("http://127.0.0.1:9").list_tasks }
      .to raise_error(TaskerCore::Errors::ClientError) { |error| expect(error).to be_transient }
  end
end
