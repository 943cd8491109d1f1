# frozen_string_literal: true

require "json"
require "socket"
require "preparation"

RSpec.describe TaskerCore::StepHandler::Api do
  # Answers each request with what the block makes of its first line and its body.
  def serve
    server = TCPServer.new("127.0.0.1", 0)
    thread = Thread.new do
      loop do
        client = server.accept
        head = client.gets("\r\n\r\n")
        body = client.read(head[/^content-length: (\d+)/i, 1].to_i)
        client.write(yield(head, body))
        client.close
      end
    rescue IOError
      # The example has ended.
    end
    @servers = [*@servers, [server, thread]]
    "http://127.0.0.1:#{server.addr[1]}/base"
  end

  after do
    (@servers || []).each do |server, thread|
      server.close
      thread.join
    end
  end

  def answer(status, body = "", headers = "")
    "HTTP/1.1 #{status} Reason\r\nContent-Length: #{body.bytesize}\r\nConnection: close\r\n#{headers}\r\n#{body}"
  end

  def error_of(url, **options)
    described_class.new(url, **options).get("/x")
  rescue TaskerCore::Errors::StepError => e
    e
  else
    raise "it was answered"
  end

  it "sends what it is given, and reads JSON" do
    seen = nil
    url = serve { |head, body| (seen = [head.lines.first.chomp, head[/^x-key: (\S+)/i, 1], body]) && answer(200, '{"a":1}') }
    api = described_class.new(url, headers: { "X-Key" => "k" })
    expect(api.get("things", params: { q: "a b" }).json).to eq("a" => 1)
    expect(seen).to eq(["GET /base/things?q=a+b HTTP/1.1", "k", ""])
    expect(api.post("/things", json: { at: Date.new(2025, 1, 2) }).status).to eq(200)
    expect(seen).to eq(["POST /base/things HTTP/1.1", "k", '{"at":"2025-01-02"}'])
  end

  it "tells by the code whether trying again may help" do
    statuses = JSON.parse(File.read(File.join(ROOT, "tasker-worker/tests/failures.json"))).fetch("statuses")
    statuses.each do |status, (kind, code)|
      error = error_of(serve { |_, _| answer(status, "why") })
      expect([error.retryable? ? "retryable" : "permanent", error.error_code]).to eq([kind, code]), status
      expect(error.context).to eq({ status: status.to_i, body: "why" })
    end
  end

  it "keeps how long to wait" do
    expect(error_of(serve { |_, _| answer(503, "", "Retry-After: 7\r\n") }).retry_after).to eq(7)
    date = (Time.now + 60).httpdate
    expect(error_of(serve { |_, _| answer(429, "", "Retry-After: #{date}\r\n") }).retry_after).to be_between(50, 60)
    expect(error_of(serve { |_, _| answer(429, "", "Retry-After: soon\r\n") }).retry_after).to be_nil
  end

  it "is retryable where there is no answer, and keeps secrets out of the message" do
    closed = TCPServer.new("127.0.0.1", 0)
    port = closed.addr[1]
    closed.close
    error = error_of("http://user:secret@127.0.0.1:#{port}")
    expect(error).to be_a(TaskerCore::Errors::NetworkError)
    expect(error.message).not_to include("secret")
    released = Queue.new
    url = serve { |_, _| released.pop }
    expect(error_of(url, timeout: 0.05)).to be_a(TaskerCore::Errors::TimeoutError)
    released << ""
  end

  it "is given to the blocks of api_handler" do
    url = serve { |head, _| answer(200, "[\"#{head[/^traceparent: (\S+)/i, 1]}\"]") }
    handler = TaskerCore::StepHandler::Functional.api_handler("fetch", base_url: url, inputs: [:id]) do |api:, id:|
      api.get("items/#{id}").json
    end
    traced = double(get_input: 5, trace_context: { "traceparent" => "00-ab-cd-01" })
    expect(handler.new.call(traced)).to eq(["00-ab-cd-01"])
    expect(handler.new.call(double(get_input: 5, trace_context: {}))).to eq([""])
  end
end
