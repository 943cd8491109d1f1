import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { PermanentError, RetryableError, type StepContext, TaskerClient, WorkerServer } from "@tasker-systems/tasker";
import { temporaryDirectory } from "../databases.js";
import { sourceOf } from "../source.js";

const TASKER = process.env.TASKER_BIN ?? sourceOf("../target/debug/tasker");

function storeOf(t: TestContext): string {
  return `sqlite:${join(temporaryDirectory(t), "tasker.db")}`;
}

/** The URL of a server on a database of its own. */
async function server(t: TestContext, store = storeOf(t), ...more: string[]): Promise<string> {
  const args = ["server", "--listen", "127.0.0.1:0", "--store", store, "--grace", "1s", ...more];
  const child = spawn(TASKER, args, { stdio: ["ignore", "pipe", "pipe"] });
  t.after(async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const address = (stream: NodeJS.ReadableStream): Promise<string> =>
    new Promise((resolve, reject) => {
      const lines = createInterface({ input: stream });
      lines.on("line", (line) => {
        const [url] = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(line) ?? [];
        if (url !== undefined) resolve(url);
      });
      lines.on("close", () => reject(new Error(`${TASKER} said no address before it ended`)));
    });
  return Promise.any([address(child.stdout), address(child.stderr)]);
}

test("a worker and a client of a server need no database", async (t) => {
  const url = await server(t);
  const handlers = {
    price: async (context: StepContext) => {
      await context.checkpoint({ at: context.getInput("n") }, 1);
      if (!context.isRetry()) throw new RetryableError("once");
      return { cents: context.getInput<number>("n") * 100, from: context.checkpointCursor };
    },
    refuse: () => {
      throw new PermanentError("no", { errorCode: "refused_here" });
    },
  };
  const retry = "retry: {max_attempts: 2, backoff_base_ms: 1}";
  const templates = ["price", "refuse"].map((name) => {
    return `namespace: shop\nname: ${name}\nversion: 1.0.0\nsteps:\n  - {name: it, handler: {callable: ${name}}, ${retry}}\n`;
  });
  const worker = await WorkerServer.start({ url, handlers, templates, log: "warn", signals: false, slots: 8 });
  const client = new TaskerClient({ url, log: "warn" });
  const tasks = await Promise.all(
    Array.from({ length: 10 }, (_, n) => client.runTask({ namespace: "shop", name: "price", context: { n } })),
  );
  assert.deepEqual(
    tasks.map((task) => [task.status, task.steps?.[0]?.attempts, task.steps?.[0]?.results]),
    tasks.map((_, n) => ["complete", 2, { cents: n * 100, from: { at: n } }]),
  );
  const refused = await client.runTask({ namespace: "shop", name: "refuse" });
  assert.equal(refused.error?.code, "refused_here");
  assert.equal((await client.getTaskHistory(refused.task_uuid)).at(-1)?.type, "task.failed");
  await assert.rejects(client.createTask({ namespace: "shop", name: "absent" }), { code: "template_not_found" });
  await client.close();
  assert.deepEqual(await worker.shutdown(), { abandoned: 0, undelivered: 0 });
});

test("a worker whose key is for that alone runs steps, with the trace of the request", async (t) => {
  const store = storeOf(t);
  const url = await server(t, store, "--auth", "keys");
  const key = (allowed: string): string => {
    const args = ["key", "create", "test", "--allow", allowed, "--store", store, "-o", "json"];
    return JSON.parse(execFileSync(TASKER, args, { encoding: "utf8" })).secret;
  };
  const [admin, work] = [key("admin"), key("work")];
  for (const [apiKey, code] of [
    ["wrong", "key_invalid"],
    [work, "permission_missing"],
  ]) {
    const client = new TaskerClient({ url, apiKey, log: "off" });
    await assert.rejects(client.listTasks(), { code });
    await client.close();
  }
  const client = new TaskerClient({ url, apiKey: admin, log: "warn" });
  t.after(() => client.close());
  await client.registerTemplate(
    "namespace: shop\nname: traced\nversion: 1.0.0\nsteps: [{name: it, handler: {callable: it}}]\n",
  );
  const handlers = { it: (context: StepContext) => context.traceContext };
  const worker = await WorkerServer.start({ url, apiKey: work, handlers, log: "warn", signals: false });
  t.after(() => worker.shutdown(0));
  const trace = { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "rojo=1" };
  const answer = await fetch(`${url}/v1/tasks`, {
    method: "POST",
    headers: { authorization: `Bearer ${admin}`, "content-type": "application/json", ...trace },
    body: JSON.stringify({ namespace: "shop", name: "traced" }),
  });
  const { task_uuid } = (await answer.json()) as { task_uuid: string };
  const task = await client.waitForTask(task_uuid, { timeoutMs: 60_000 });
  assert.deepEqual(task.steps?.[0]?.results, trace);
  assert.equal((await client.healthCheck()).healthy, true);
});
