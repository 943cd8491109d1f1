# frozen_string_literal: true

require "json"
require "preparation"

# What an application can ask: the same list of calls in every language, and each of them seen to work.
RSpec.describe TaskerCore::Client do
  include TaskerCore::StepHandler::Functional

  let(:trace) { { "traceparent" => "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate" => "rojo=1" } }

  def template(name, *steps)
    "name: #{name}\nnamespace: shop\nversion: 1.0.0\nsteps:\n#{steps.map { |step| "  - {#{step}}\n" }.join}"
  end

  it "has the calls that every client has" do
    calls = JSON.parse(File.read(File.join(ROOT, "tasker-worker/tests/client_calls.json"))).keys.map(&:to_sym)
    expect(calls.size).to be >= 25
    expect(calls - described_class.public_instance_methods).to eq([])
    # Those of the whole application; it has no one connection to close, and `call` is of an object.
    expect(calls - %i[call close] - described_class.singleton_methods).to eq([])
  end

  Databases::KINDS.each do |kind|
    context "on #{kind}" do
      let(:client) { open_tasker(database_url(kind)) }

      it "runs a task again from a step on" do
        step_handler("first") { |context| context.get_input("n") }
        step_handler("second") { |context| [context.get_dependency_result("first"), context.get_input("n")] }
        client.register_template(template("two", "name: first, handler: {callable: first}",
                                          "name: second, handler: {callable: second}, dependencies: [first]"))
        client.start_worker
        task = client.run_task("two", namespace: "shop", context: { n: 1 }, timeout: nil)
        again = client.rerun_task(task.task_uuid, from: "second", context: { n: 2 }, results: { first: 5 })
        expect(client.wait_for_task(again.task_uuid).steps.map(&:results)).to eq([5, [5, 2]])
      end

      it "lets operators repair a task" do
        broken = true
        step_handler("it") do |_context|
          broken ? raise(TaskerCore::Errors::PermanentError.new("no", error_code: "broken")) : 1
        end
        client.register_template(template("one", "name: it, handler: {callable: it}"))
        submit = -> { client.create_task("one", namespace: "shop").task_uuid }

        paused = submit.call
        expect(client.pause_task(paused, by: "ann").status).to eq("paused")
        worker = client.start_worker
        failed = client.wait_for_task(submit.call)
        expect([failed.status, failed[:error]["code"]]).to eq(%w[error broken])
        expect(client.explain_task(failed.task_uuid)).to include("task_uuid" => failed.task_uuid)
        expect(client.list_workers.map { |one| one["worker_id"] }).to include(worker.worker_id)
        expect(client.get_stats).to be_a(Hash)

        resolved = client.resolve_task(client.run_task("one", namespace: "shop").task_uuid, step: "it",
result: { by: "hand" })
        expect(resolved.result("it")).to eq({ "by" => "hand" })

        broken = false
        client.retry_task(failed.task_uuid, step: "it", by: "ann", reason: "mended")
        expect(client.wait_for_task(failed.task_uuid).result("it")).to eq(1)
        client.resume_task(paused)
        expect(client.wait_for_task(paused)).to be_complete
        again = client.rerun_task(paused, by: "ann")
        expect([again.task_uuid == paused, client.wait_for_task(again.task_uuid).status]).to eq([false, "complete"])
        acted = client.act_on_tasks({ action: { type: "rerun" }, ids: [paused, again.task_uuid] })
        expect(acted.values_at("matched", "refused")).to eq([2, 0])

        audit = client.get_step_audit_history(failed.task_uuid, "it").map { |event| event["type"] }
        expect(audit.last).to eq("step.completed")
        expect(audit).to all(start_with("step."))
        expect(client.health_check).to include("healthy" => true, "version" => TaskerCore::VERSION)
      end

      it "sends signals to steps that wait for them" do
        client.register_template(template("order", "name: approval, type: wait, wait: {signal: approved}"))
        step_handler("it") { |_context| nil }
        client.start_worker
        task = client.create_task("order", namespace: "shop")
        expect { client.signal_task(task.task_uuid, "other") }.to raise_error(TaskerCore::Errors::ClientError) { |error|
          expect(error.code).to eq("signal_unknown")
        }
        client.signal_task(task.task_uuid, "approved", payload: { by: "ann" }, by: "ann")
        ended = client.wait_for_task(task.task_uuid)
        expect([ended.status, ended.result("approval")["payload"]]).to eq(["complete", { "by" => "ann" }])
      end

      it "goes on from page to page" do
        client.register_template(template("one", "name: it, handler: {callable: it}"))
        ids = client.create_tasks(Array.new(3) { { name: "one", namespace: "shop" } })
        first = client.list_tasks(namespace: "shop", limit: 2, status: %w[pending in_progress])
        rest = client.list_tasks(namespace: "shop", limit: 2, after: first.next_page)
        expect([*first, *rest].map(&:task_uuid)).to eq(ids.reverse)
        expect(rest.next_page).to be_nil
      end

      it "hands the trace of a task to every handler, in sub-workflows too" do
        step_handler("it", &:trace_context)
        client.register_template(template("child", "name: inner, handler: {callable: it}"))
        client.register_template(template("parent", "name: outer, handler: {callable: it}",
                                          "name: sub, type: workflow, workflow: {name: child}, dependencies: [outer]"))
        client.start_worker
        task = client.run_task("parent", namespace: "shop", **trace.transform_keys(&:to_sym))
        expect([task.result("outer"), task.result("sub")]).to eq([trace, trace])
        expect(task.traceparent).to eq(trace["traceparent"])
        expect(client.run_task("child", namespace: "shop").result("inner")).to eq({})
        expect { client.create_task("child", namespace: "shop", traceparent: "nonsense") }
          .to raise_error(TaskerCore::Errors::ClientError) { |error| expect(error.code).to eq("field_invalid") }
      end
    end
  end
end
