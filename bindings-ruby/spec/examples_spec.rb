# frozen_string_literal: true

require "preparation"
require "yaml"

# Every case of every example, run with the handlers in Ruby: it must end as cases.yaml says, as it does in Rust. The README
# of the examples describes the format.
RSpec.describe "examples" do
  folder = File.join(ROOT, "examples")
  examples = Dir.glob("#{folder}/*/cases.yaml").map { |path| File.dirname(path) }.sort

  # Those of all examples: one may run another.
  templates = examples.flat_map { |example| Dir.glob("#{example}/{template,*.template}.yaml") }

  # Each is loaded once; its handlers are registered anew for each example of this file.
  loaded = {}
  define_method(:load_example) do |example|
    registry = TaskerCore::Registry::HandlerRegistry.instance
    loaded[example] ||= begin
      require File.join(example, "handlers")
      registry.registered_handlers.to_h { |name| [name, registry.resolve_handler(name).class] }
    end
    loaded[example].each { |name, handler| registry.register_handler(name, handler) }
  end

  # Where a task ended otherwise than expected.
  def differences(expected, task)
    found = {}
    compare(found, "state", expected["state"], task.status)
    compare(found, "error_code", expected["error_code"], task[:error]&.fetch("code"))
    (expected["steps"] || {}).each { |name, step| step_differences(found, name, step, task.step(name)) }
    (expected["in_order"] || []).each_cons(2) do |earlier, later|
      ended = task.step(earlier)&.[](:completed_at)
      began = task.step(later)&.[](:started_at)
      found["#{earlier}, #{later}"] = [ended, began] unless ended && began && ended <= began
    end
    found
  end

  def step_differences(found, name, expected, step)
    return found[name] = "the template has no such step" if step.nil?

    compare(found, "#{name}.state", expected["state"], step.current_state)
    compare(found, "#{name}.attempts", expected["attempts"], step.attempts) if expected.key?("attempts")
    failed = step.current_state == "error" ? step[:error] : nil
    compare(found, "#{name}.error_code", expected["error_code"], failed&.fetch("code"))
    within(found, "#{name}.result", expected["result"], step.results) if expected.key?("result")
  end

  # Every key that is expected must be there and be equal; keys that are not expected may be there.
  def within(found, place, expected, got)
    return compare(found, place, expected, got) unless expected.is_a?(Hash) && got.is_a?(Hash)

    expected.each { |key, value| within(found, "#{place}.#{key}", value, got[key.to_s]) }
  end

  def compare(found, place, expected, got)
    found[place] = { expected: expected, got: got } if expected != got
  end

  # +${tmp}+ stands for an empty directory that all cases of one run share.
  def input_in(value, directory)
    case value
    when String then value.gsub("${tmp}", directory)
    when Array then value.map { |item| input_in(item, directory) }
    when Hash then value.to_h { |key, item| [key.to_s, input_in(item, directory)] }
    else value
    end
  end

  def ended(tasker, template, example_case)
    input = input_in(example_case["input"], @folder)
    task = tasker.create_task(template["name"], namespace: template["namespace"], context: input)
    refused = example_case.dig("expect", "refused")
    return { refused: { expected: refused, got: nil } } if refused

    signals = (example_case["signals"] || []).map { |signal| [signal["refused"], refusal(tasker, task, signal)] }
    resolve_when_blocked(tasker, task, example_case["when_blocked"]) if example_case.key?("when_blocked")
    found = differences(example_case["expect"], tasker.wait_for_task(task.task_uuid, timeout: Programs::PATIENCE))
    signals.all? { |expected, got| expected == got } ? found : { **found, signals: signals }
  rescue TaskerCore::Errors::ClientError => e
    e.code == example_case.dig("expect", "refused") ? {} : { refused: { expected: refused, got: e.code } }
  end

  # What an operator does for a task that waits for one.
  def resolve_when_blocked(tasker, task, resolve)
    Timeout.timeout(Programs::PATIENCE) do
      until tasker.get_task(task.task_uuid).status == "blocked_by_failures"
        expect { tasker.wait_for_task(task.task_uuid, timeout: 0.02) }.to raise_error(TaskerCore::Errors::ClientError)
      end
    end
    tasker.resolve_task(task.task_uuid, step: resolve["resolve"], result: resolve["result"])
  end

  # The code that a signal is refused with; nil if it is taken.
  def refusal(tasker, task, signal)
    tasker.signal_task(task.task_uuid, signal["signal"], payload: signal["payload"], by: signal["by"])
    nil
  rescue TaskerCore::Errors::ClientError => e
    e.code
  end

  it "are at least five" do
    expect(examples.size).to be >= 5
  end

  Databases::KINDS.each do |kind|
    examples.each do |example|
      it "#{File.basename(example)} ends as its cases say, on #{kind}" do
        examples.each { |other| load_example(other) }
        cases = YAML.safe_load_file(File.join(example, "cases.yaml"), aliases: true)
        template = YAML.safe_load_file(File.join(example, "template.yaml"), aliases: true)
        found = cases.group_by { |one| one.fetch("environment", "test") }.flat_map do |environment, of_environment|
          TaskerCore.open(database_url(kind), environment: environment, templates: templates) do |tasker|
            tasker.start_worker
            of_environment.filter_map do |one|
              different = ended(tasker, template, one)
              [one["name"], different] unless different.empty?
            end
          end
        end
        expect(found).to eq([])
      end
    end
  end
end
