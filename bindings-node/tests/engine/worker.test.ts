import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  type Handlers,
  type Logger,
  PermanentError,
  RetryableError,
  type StepContext,
  Tasker,
  TaskerClient,
  TaskerError,
  type TaskerOptions,
  WorkerServer,
} from "@tasker-systems/tasker";
import { databases } from "../databases.js";

/** A template of one step, `it`, that a handler of that name runs. */
function template(name: string, step = ""): string {
  return `
name: ${name}
namespace: node_worker
version: 1.0.0
steps:
  - name: it
    handler: {callable: ${name}}
    retry: {max_attempts: 3, backoff: none}
    ${step}
`;
}

async function start(t: TestContext, options: TaskerOptions & { handlers: Handlers }): Promise<Tasker> {
  const tasker = await Tasker.start("sqlite::memory:", { log: "warn", signals: false, ...options });
  t.after(() => tasker.stop(0));
  return tasker;
}

async function run(tasker: Tasker, name: string, context: unknown = {}) {
  const task = await tasker.runTask({ namespace: "node_worker", name, context }, { timeoutMs: 60_000 });
  const [step] = await tasker.listTaskSteps(task.task_uuid);
  return { task, step };
}

test("failures are retried as they say, and end as they say", async (t) => {
  const failing = (thrown: (context: StepContext) => unknown) => (context: StepContext) => {
    throw thrown(context);
  };
  const handlers = {
    thrice: failing(() => "a text"),
    once: failing(() => new PermanentError("no", { errorCode: "declined", context: { reason: "funds" } })),
    twice: (context: StepContext) => {
      if (!context.isRetry()) throw new RetryableError("not yet", { retryAfter: 0.001 });
      return { attempt: context.attempt, last: context.isLastRetry() };
    },
    rejected: () => Promise.reject(new Error("rejected")),
  };
  const tasker = await start(t, { handlers, templates: Object.keys(handlers).map((name) => template(name)) });
  const thrice = await run(tasker, "thrice");
  assert.deepEqual(
    [thrice.task.status, thrice.step?.attempts, thrice.step?.error?.code],
    ["error", 3, "handler_error"],
  );
  const once = await run(tasker, "once");
  assert.deepEqual([once.step?.attempts, once.step?.error?.code], [1, "declined"]);
  assert.deepEqual(once.step?.error?.context, { reason: "funds" });
  assert.deepEqual((await run(tasker, "twice")).step?.results, { attempt: 2, last: false });
  assert.match((await run(tasker, "rejected")).step?.error?.backtrace ?? "", /worker\.test\.js/);
});

test("a result that is no JSON, or too large, fails the step at once", async (t) => {
  const handlers = { odd: () => ({ list: [1, Number.NaN] }), large: () => "x".repeat(2 ** 20) };
  const tasker = await start(t, { handlers, templates: ["odd", "large"].map((name) => template(name)) });
  const odd = (await run(tasker, "odd")).step;
  assert.deepEqual(
    [odd?.attempts, odd?.error?.code, odd?.error?.context],
    [1, "result_not_json", { path: "list[1]", reason: "not_a_number" }],
  );
  const large = (await run(tasker, "large")).step;
  assert.deepEqual([large?.attempts, large?.error?.code], [1, "result_too_large"]);
});

test("integers of 64 bits go through the engine unharmed", async (t) => {
  const handlers = { echo: (context: StepContext) => ({ n: context.getInput("n"), is: typeof context.getInput("n") }) };
  const tasker = await start(t, { handlers, templates: template("echo") });
  const { step } = await run(tasker, "echo", { n: 9007199254740993n });
  assert.deepEqual(step?.results, { n: 9007199254740993n, is: "bigint" });
});

test("a handler is told when its outcome is no longer wanted", async (t) => {
  const seen: string[] = [];
  const waiting = new Set<() => void>();
  const wait = async (context: StepContext) => {
    for (const begun of waiting) begun();
    assert.equal(context.progress({ percent: 50 }), true);
    // A heartbeat is how a handler learns of it early.
    const beat = setInterval(() => context.progress({ percent: 50 }), 10);
    await once(context.signal, "abort");
    clearInterval(beat);
    seen.push(`${context.handlerName} ${context.isCancelled} ${context.progress({ percent: 51 })}`);
    context.throwIfCancelled();
  };
  const tasker = await start(t, {
    handlers: { cancelled: wait, timed_out: wait },
    templates: [template("cancelled"), template("timed_out", "timeout_seconds: 0.1")],
  });
  const begun = new Promise<void>((resolve) => waiting.add(resolve));
  const { task_uuid } = await tasker.createTask({ namespace: "node_worker", name: "cancelled" });
  await begun;
  assert.equal((await tasker.cancelTask(task_uuid, { by: "ada", reason: "a test" })).status, "cancelled");
  const { step } = await run(tasker, "timed_out");
  assert.deepEqual([step?.attempts, step?.error?.code], [3, "step_timeout"]);
  while (tasker.runningCount > 0) await new Promise(setImmediate);
  assert.deepEqual(seen.sort(), ["cancelled true false", ...Array(3).fill("timed_out true false")]);
});

test("the attempt after a failure goes on from the checkpoint", async (t) => {
  const handlers = {
    count: async (context: StepContext) => {
      const from = context.hasCheckpoint() ? (context.checkpointCursor as number) : 0;
      const sum = (context.accumulatedResults as { sum: number } | undefined)?.sum ?? 0;
      await context.checkpoint(from + 10, from + 10, { sum: sum + from });
      if (from < 20) throw new Error("on we go");
      return { from, sum, processed: context.itemsProcessed };
    },
  };
  const tasker = await start(t, { handlers, templates: template("count") });
  assert.deepEqual((await run(tasker, "count")).step?.results, { from: 20, sum: 10, processed: 20 });
});

test("lines of the log have the ids of the attempt; those of Rust go the same way", async (t) => {
  const lines: { message: string; fields: Record<string, unknown> | undefined }[] = [];
  const keep = (message: string, fields?: Record<string, unknown>) => void lines.push({ message, fields });
  const logger: Logger = { error: keep, warn: keep, info: keep, debug: keep };
  const handlers = { log: (context: StepContext) => context.logger.info("hello", { n: 1 }) };
  const tasker = await start(t, { handlers, templates: template("log"), logger, log: "info" });
  const request = { namespace: "node_worker", name: "log", correlationId: "order-77" };
  const task = await tasker.runTask(request);
  const hello = lines.find(({ message }) => message === "hello");
  const ids = { task_uuid: task.task_uuid, step: "it", attempt: 1, correlation_id: "order-77" };
  assert.deepEqual(hello?.fields, { ...ids, n: 1 });
  await tasker.stop();
  const targets = lines.map(({ fields }) => String(fields?.target));
  assert.ok(
    targets.some((target) => target.startsWith("tasker_")),
    targets.join(),
  );
});

test("as many handlers run at a time as there are slots, and no more", async (t) => {
  let running = 0;
  let most = 0;
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const handlers = {
    busy: async () => {
      running += 1;
      most = Math.max(most, running);
      if (running === 32) open();
      await gate;
      running -= 1;
    },
  };
  const tasker = await start(t, { handlers, templates: template("busy"), slots: 32 });
  const requests = Array.from({ length: 200 }, () => ({ namespace: "node_worker", name: "busy" }));
  const tasks = await Promise.all(requests.map((request) => tasker.runTask(request)));
  assert.ok(tasks.every((task) => task.status === "complete"));
  assert.equal(most, 32);
});

test("a worker serves handlers that are registered while it runs", async () => {
  const server = new WorkerServer({
    url: "sqlite::memory:",
    log: "warn",
    signals: false,
    handlers: {},
    templates: template("late"),
  });
  await server.start({ namespace: "node_worker" });
  server.getHandlerSystem().register("late", () => "better than never");
  const client = await server.client();
  assert.equal((await run(client, "late")).step?.results, "better than never");
  assert.deepEqual(await server.shutdown(), { abandoned: 0, undelivered: 0 });
  assert.deepEqual(await server.wait(), { abandoned: 0, undelivered: 0 });
});

for (const { name, url } of databases()) {
  test(`errors of calls have a code and a remedy on ${name}`, async () => {
    const client = new TaskerClient({ url, log: "warn" });
    const code = async (call: Promise<unknown>) => {
      const error = await call.then(
        () => assert.fail("it was accepted"),
        (error) => error,
      );
      assert.ok(error instanceof TaskerError && error.remedy.length > 0, String(error));
      return error;
    };
    assert.equal(
      (await code(client.createTask({ namespace: "node_worker", name: "absent" }))).code,
      "template_not_found",
    );
    const invalid = await code(client.registerTemplate("name: x\nstepz: []\n", "shop.yaml"));
    assert.equal(invalid.code, "template_invalid");
    assert.ok(
      invalid.details.some((fault) => fault.line === 2),
      JSON.stringify(invalid.details),
    );
    assert.equal((await code(client.createTask({ name: "x", context: { n: Number.NaN } }))).code, "value_not_json");
    assert.equal((await code(client.getTask("00000000-0000-0000-0000-000000000000"))).code, "task_not_found");
    assert.equal((await code(client.call("task.unknown"))).code, "method_unknown");
    await client.close();
    assert.equal((await code(client.listTasks())).code, "closed");
  });

  test(`a client submits, looks and waits on ${name}`, async () => {
    const handlers = { looked_at: (context: StepContext) => context.inputData };
    const tasker = await Tasker.start(url, { handlers, templates: template("looked_at"), log: "warn", signals: false });
    const request = {
      namespace: "node_worker",
      name: "looked_at",
      context: { n: 1 },
      idempotencyKey: "once",
      tags: ["a"],
    };
    const first = await tasker.createTask(request);
    const again = await tasker.createTask(request);
    assert.equal(again.task_uuid, first.task_uuid);
    assert.equal(again.is_new, false);
    const task = await tasker.waitForTask(first.task_uuid);
    assert.deepEqual(
      [task.status, task.context, task.tags, task.completion_percentage],
      ["complete", { n: 1 }, ["a"], 100],
    );
    assert.ok(
      (await tasker.listTasks({ namespace: "node_worker" })).items.some((one) => one.task_uuid === task.task_uuid),
    );
    assert.equal((await tasker.getTaskHistory(task.task_uuid))[0]?.type, "task.created");
    const step = await tasker.getStep(task.task_uuid, "it");
    assert.equal((await tasker.getStep(task.task_uuid, step.step_uuid)).name, "it");
    await assert.rejects(tasker.getStep(task.task_uuid, "absent"), { code: "step_not_found" });
    assert.ok((await tasker.getStepAuditHistory(task.task_uuid, "it")).every((event) => event.step === "it"));
    assert.equal((await tasker.healthCheck()).healthy, true);
    assert.equal((await tasker.getTemplate("node_worker", "looked_at")).version, "1.0.0");
    await tasker.stop();
  });
}

test("operators' verbs lead a failed task to its end", async (t) => {
  const isMended = { now: false };
  const handlers = {
    mended: () => {
      if (!isMended.now) throw new PermanentError("not yet");
      return "done";
    },
  };
  const tasker = await start(t, { handlers, templates: template("mended") });
  const { task } = await run(tasker, "mended");
  assert.equal(task.status, "error");
  isMended.now = true;
  await tasker.retryTask(task.task_uuid, { step: "it", by: "ada", reason: "mended" });
  const ended = await tasker.waitForTask(task.task_uuid, { timeoutMs: 60_000 });
  assert.deepEqual([ended.status, ended.steps?.[0]?.results], ["complete", "done"]);
  const again = await tasker.rerunTask(task.task_uuid);
  assert.notEqual(again.task_uuid, task.task_uuid);
  assert.equal((await tasker.waitForTask(again.task_uuid, { timeoutMs: 60_000 })).status, "complete");
});

test("a worker registers the templates that the environment names", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tasker-templates-"));
  writeFileSync(join(folder, "named.yaml"), template("named"));
  process.env.TASKER_TEMPLATE_PATH = folder;
  t.after(() => {
    delete process.env.TASKER_TEMPLATE_PATH;
    rmSync(folder, { recursive: true });
  });
  const options = { url: "sqlite::memory:", handlers: { named: () => 7 }, log: "warn", signals: false };
  const server = await WorkerServer.start(options);
  t.after(() => server.shutdown(0));
  assert.equal((await run(await server.client(), "named")).step?.results, 7);
});

test("a wait can be given up", async (t) => {
  const tasker = await start(t, { handlers: { other: () => 1 }, templates: template("nobody") });
  const { task_uuid } = await tasker.createTask({ namespace: "node_worker", name: "nobody" });
  await assert.rejects(tasker.waitForTask(task_uuid, { timeoutMs: 20 }), { code: "task_not_ended" });
  const reason = new Error("enough");
  await assert.rejects(tasker.waitForTask(task_uuid, { signal: AbortSignal.abort(reason) }), reason);
});

test("options count without a URL before them, and a template may be one line", async (t) => {
  const line = "{name: it, namespace: node_worker, version: 1.0.0, steps: [{name: it, handler: {callable: it}}]}";
  const options = { url: "sqlite::memory:", log: "warn", signals: false, handlers: { it: () => 1 }, templates: line };
  const tasker = await Tasker.start(undefined, options);
  t.after(() => tasker.stop(0));
  assert.equal((await run(tasker, "it")).task.status, "complete");
});

test("a start that fails says why and leaves nothing behind", async () => {
  await assert.rejects(Tasker.start("sqlite:/no/such/folder/db.sqlite", { log: "off" }), TaskerError);
  await assert.rejects(Tasker.start("mysql://nowhere", { log: "off" }), { code: "database_url_invalid" });
  const invalid = Tasker.start("sqlite::memory:", { templates: "name: x\nsteps: 7\n", log: "off" });
  await assert.rejects(invalid, { code: "template_invalid" });
});

test("a handler that computes keeps its lease, which Rust renews", async (t) => {
  const computing = (context: StepContext) => {
    const until = performance.now() + 5_000;
    while (performance.now() < until);
    return context.attempt;
  };
  const tasker = await start(t, { handlers: { computing }, templates: template("computing"), leaseMs: 2_000 });
  const { task, step } = await run(tasker, "computing");
  assert.deepEqual([task.status, step?.results, step?.attempts, step?.losses], ["complete", 1, 1, 0]);
});

test("a panic in Rust is an error, and everything goes on", async (t) => {
  const tasker = await start(t, { handlers: { still: () => "here" }, templates: template("still") });
  for (let again = 0; again < 3; again += 1)
    await assert.rejects(tasker.call("test.panic"), { name: "TaskerError", code: "internal_panic" });
  assert.equal((await run(tasker, "still")).step?.results, "here");
});
