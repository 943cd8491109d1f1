# frozen_string_literal: true

require "preparation"
require "securerandom"

# Events come until they are done, whatever breaks off.
RSpec.describe "TaskerCore::Calls#subscribe" do
  include TaskerCore::StepHandler::Functional

  let(:namespace) { "events_#{SecureRandom.hex(4)}" }

  def pay(client, *amounts)
    amounts.each { |amount| client.run_task("paid", namespace: namespace, context: { amount: amount }) }
  end

  Databases::KINDS.each do |kind|
    context "on #{kind}" do
      it "gives an event again until the block has returned" do
        client = open_tasker(database_url(kind))
        step_handler("pay", inputs: [:amount]) { |amount:, **| { amount: amount } }
        client.register_template(<<~YAML)
          name: paid
          namespace: #{namespace}
          version: 1.0.0
          steps:
            - {name: pay, handler: {callable: pay}, publishes_events: [{name: order.paid, condition: success}]}
        YAML
        client.start_worker
        pay(client, 1, 2, 3)
        seen = []
        name = SecureRandom.hex(4)
        follow = lambda do |&leave|
          client.subscribe(name, types: "order.paid", namespace: namespace, after: "start") do |event|
            seen << event.dig("details", "payload", "amount")
            leave.call
          end
        end
        expect { follow.call { raise "left" if seen.size == 2 } }.to raise_error("left")
        catch(:all) { follow.call { throw :all if seen.last == 3 } }
        expect(seen).to eq([1, 2, 2, 3])
      end
    end
  end

  it "goes on after what passes by itself, and raises all else" do
    calls = Class.new do
      attr_reader :asked

      def initialize(answers)
        @answers = answers
        @asked = []
      end

      def next_events(query)
        @asked << query
        answer = @answers.shift
        answer.is_a?(Exception) ? raise(answer) : answer
      end
    end
    away = TaskerCore::Errors::ClientError.new("away", code: "server_unreachable", is_transient: true)
    refused = TaskerCore::Errors::ClientError.new("no", code: "field_invalid")
    page = { "items" => [{ "cursor" => "1", "event" => { "type" => "task.created" } }], "cursor" => "2" }
    told = calls.new([away, page, refused])
    subscription = TaskerCore::Subscription.new(told, { subscription: "it" })
    seen = []
    expect { subscription.each { |event| seen << event["type"] } }.to raise_error(TaskerCore::Errors::ClientError)
    expect(seen).to eq(["task.created"])
    expect(told.asked.map { |query| query[:done] }).to eq([nil, nil, "2", "2"])
  end

  it "needs a block" do
    expect { TaskerCore::Client.new("sqlite::memory:").subscribe }.to raise_error(ArgumentError)
  end
end
