import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { PermanentError, type StepContext, Tasker, TaskerClient, VERSION } from "@tasker-systems/tasker";
import { databases } from "../databases.js";
import { sourceOf } from "../source.js";

const TRACE = { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "rojo=1" };
const namespace = "node_client";

function template(name: string, ...steps: string[]): string {
  const lines = steps.map((step) => `  - {${step}}\n`).join("");
  return `name: ${name}\nnamespace: ${namespace}\nversion: 1.0.0\nsteps:\n${lines}`;
}

test("the client has the calls that every client has, and so have its types", () => {
  const calls = Object.keys(JSON.parse(readFileSync(sourceOf("../tasker-worker/tests/client_calls.json"), "utf8")));
  assert.ok(calls.length >= 25);
  const types = readFileSync(sourceOf("types/client.d.ts"), "utf8");
  for (const call of calls) {
    const name = call.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    assert.equal(typeof TaskerClient.prototype[name as keyof TaskerClient], "function", name);
    assert.match(types, new RegExp(`^    ${name}[(<]`, "m"));
  }
});

test("a closed client keeps nothing open, whether it is collected or not", {
  skip: !existsSync("/proc/self/fd"),
}, async () => {
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const clients: TaskerClient[] = [];
  const openAndClose = async () => {
    const client = new TaskerClient({ url: "sqlite::memory:", log: "warn" });
    clients.push(client);
    await client.getStats();
    await client.close();
  };
  await openAndClose();
  const before = descriptors();
  for (let count = 0; count < 10; count += 1) await openAndClose();
  assert.ok(descriptors() <= before + 2, `${before} before, and ${descriptors()} for ${clients.length} clients`);
});

test("a client that is collected ends by that", { skip: !existsSync("/proc/self/task") }, async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const threads = () => readdirSync("/proc/self/task").length;
  const before = threads();
  await (async () => {
    for (let count = 0; count < 5; count += 1)
      await new TaskerClient({ url: "sqlite::memory:", log: "warn" }).getStats();
  })();
  // Ends by the time limit of all tests if it does not.
  while (threads() > before + 2) {
    collect();
    await new Promise(setImmediate);
  }
});

for (const { name: database, url } of databases()) {
  test(`operators repair a task, on ${database}`, async (t) => {
    let isBroken = true;
    const handlers = {
      it: () => {
        if (isBroken) throw new PermanentError("not yet", { errorCode: "broken" });
        return "mended";
      },
    };
    const templates = template("repaired", "name: it, handler: {callable: it}");
    const tasker = await Tasker.start(url, { handlers, templates, log: "warn", signals: false });
    t.after(() => tasker.stop(0));
    const request = { namespace, name: "repaired" };
    const failed = await tasker.runTask(request);
    assert.deepEqual([failed.status, failed.error?.code], ["error", "broken"]);
    assert.equal((await tasker.explainTask(failed.task_uuid)).task_uuid, failed.task_uuid);
    const other = await tasker.runTask(request);
    const resolved = await tasker.resolveTask(other.task_uuid, { step: "it", result: { by: "hand" }, by: "ann" });
    assert.deepEqual(resolved.steps?.[0]?.results, { by: "hand" });
    isBroken = false;
    await tasker.retryTask(failed.task_uuid, { step: "it", by: "ann", reason: "mended" });
    assert.equal((await tasker.waitForTask(failed.task_uuid)).steps?.[0]?.results, "mended");
    const [created, refused] = await tasker.createTasks([request, { namespace, name: "absent" }]);
    assert.equal(refused?.error?.code, "template_not_found");
    await tasker.waitForTask(created?.task_uuid ?? "");
    const again = await tasker.rerunTask(failed.task_uuid);
    assert.equal((await tasker.waitForTask(again.task_uuid)).status, "complete");
    const acted = await tasker.actOnTasks({ action: { type: "rerun" }, ids: [again.task_uuid] });
    assert.deepEqual([acted.matched, acted.refused], [1, 0]);
    const audit = (await tasker.getStepAuditHistory(failed.task_uuid, "it")).map(({ type }) => type);
    assert.equal(audit.at(-1), "step.completed");
    assert.ok((await tasker.listWorkers()).length > 0);
    assert.ok(await tasker.getStats());
    const { healthy, version } = await tasker.healthCheck();
    assert.deepEqual([healthy, version], [true, VERSION]);
  });

  test(`a task is run again from a step on, and found by what was said of it, on ${database}`, async (t) => {
    const handlers = {
      first: (context: StepContext) => context.getInput("n"),
      second: (context: StepContext) => [context.getDependencyResult("first"), context.getInput("n")],
    };
    const steps = [
      "name: first, handler: {callable: first}",
      "name: second, handler: {callable: second}, dependencies: [first]",
    ];
    const tasker = await Tasker.start(url, {
      handlers,
      templates: template("two", ...steps),
      log: "warn",
      signals: false,
    });
    t.after(() => tasker.stop(0));
    const createdFrom = new Date();
    const request = { namespace, name: "two", context: { n: 1 }, sourceSystem: "shop", tags: ["urgent"] };
    const { task_uuid } = await tasker.runTask(request);
    const { items } = await tasker.listTasks({ namespace, tag: "urgent", sourceSystem: "shop", createdFrom });
    assert.deepEqual(
      items.map((task) => task.task_uuid),
      [task_uuid],
    );
    const options = { from: "second", context: { n: 2 }, results: { first: 5 }, by: "ann" };
    const again = await tasker.waitForTask((await tasker.rerunTask(task_uuid, options)).task_uuid);
    assert.deepEqual(
      again.steps?.map((step) => step.results),
      [5, [5, 2]],
    );
  });

  test(`signals reach the steps that wait for them, on ${database}`, async (t) => {
    const templates = template("waits", "name: approval, type: wait, wait: {signal: approved}");
    const client = await Tasker.start(url, { handlers: { it: () => null }, templates, log: "warn", signals: false });
    t.after(() => client.stop(0));
    const { task_uuid } = await client.createTask({ namespace, name: "waits" });
    await assert.rejects(client.signalTask(task_uuid, "other"), { code: "signal_unknown" });
    await client.signalTask(task_uuid, "approved", { by: "ann" }, { by: "ann" });
    const task = await client.waitForTask(task_uuid, { timeoutMs: 60_000 });
    const approval = task.steps?.[0]?.results as { payload?: unknown } | undefined;
    assert.deepEqual(approval?.payload, { by: "ann" });
  });

  test(`the trace of a task reaches every handler, on ${database}`, async (t) => {
    const handlers = { it: (context: StepContext) => context.traceContext };
    const templates = [
      template("traced_child", "name: inner, handler: {callable: it}"),
      template(
        "traced",
        "name: outer, handler: {callable: it}",
        "name: sub, type: workflow, workflow: {name: traced_child}, dependencies: [outer]",
      ),
    ];
    const tasker = await Tasker.start(url, { handlers, templates, log: "warn", signals: false });
    t.after(() => tasker.stop(0));
    const task = await tasker.runTask({ namespace, name: "traced", ...TRACE });
    assert.deepEqual(
      task.steps?.map(({ results }) => results),
      [TRACE, TRACE],
    );
    assert.deepEqual([task.traceparent, task.tracestate], [TRACE.traceparent, TRACE.tracestate]);
    const without = await tasker.runTask({ namespace, name: "traced_child" });
    assert.deepEqual(without.steps?.[0]?.results, {});
    const broken = tasker.createTask({ namespace, name: "traced_child", traceparent: "nonsense" });
    await assert.rejects(broken, { code: "field_invalid" });
  });
}
