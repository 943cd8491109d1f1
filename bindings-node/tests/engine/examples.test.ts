import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { HandlerRegistry, type StepHandlerClass, Tasker, TaskerError } from "@tasker-systems/tasker";
import { parse } from "yaml";
import { databases, temporaryDirectory } from "../databases.js";
import { sourceOf } from "../source.js";
import { type Case, casesOf, differences } from "./case.js";

const FOLDER = sourceOf("../examples");

/** The longest case takes about a second; the rest is for a machine that is busy with something else. */
const PATIENCE_MS = 60_000;

interface Example {
  folder: string;
  template: { namespace: string; name: string };
  handlers: readonly StepHandlerClass[];
}

async function examples(): Promise<Example[]> {
  const folders = readdirSync(FOLDER).filter((folder) => existsSync(join(FOLDER, folder, "cases.yaml")));
  return Promise.all(
    folders.map(async (folder) => ({
      folder,
      template: parse(readFileSync(join(FOLDER, folder, "template.yaml"), "utf8")),
      handlers: (await import(`../../../examples/${folder}/handlers.js`)).handlers,
    })),
  );
}

for (const { name, url } of databases()) {
  test(`every run on ${name} ends as its case says`, async (t) => {
    const directory = temporaryDirectory(t);
    const all = await examples();
    const runs = all.flatMap((example) => {
      const yaml = readFileSync(join(FOLDER, example.folder, "cases.yaml"), "utf8");
      return casesOf(yaml, directory).map((one) => ({ example, one }));
    });
    assert.ok(runs.length > 0);
    const found: string[] = [];
    for (const environment of new Set(runs.map(({ one }) => one.environment))) {
      const tasker = await start(url, environment, all);
      const here = runs.filter(({ one }) => one.environment === environment);
      found.push(...(await Promise.all(here.map(({ example, one }) => run(tasker, example, one)))).flat());
      await tasker.stop();
    }
    assert.deepEqual(found, []);
  });
}

test("the input to begin with leads to the end", async () => {
  const all = await examples();
  const tasker = await start("sqlite::memory:", "test", all);
  for (const { folder, template } of all) {
    const context = JSON.parse(readFileSync(join(FOLDER, folder, "input.json"), "utf8"));
    const { name, namespace } = template;
    const task = await tasker.runTask({ name, namespace, context }, { timeoutMs: PATIENCE_MS });
    assert.equal(task.status, "complete", folder);
  }
  await tasker.stop();
});

function start(url: string, environment: string, all: Example[]): Promise<Tasker> {
  const handlers = new HandlerRegistry();
  for (const handler of all.flatMap((example) => example.handlers)) handlers.register(handler);
  const templates = all.map(({ folder }) => join(FOLDER, folder, "template.yaml"));
  return Tasker.start(url, { environment, templates, handlers, log: "warn" });
}

/** What a run differs in from what its case expects, each with its place. */
async function run(tasker: Tasker, { folder, template: { name, namespace } }: Example, one: Case): Promise<string[]> {
  const place = `${folder} / ${one.name}`;
  try {
    const { task_uuid } = await tasker.createTask({ name, namespace, context: one.input });
    if (one.expect.refused) return [`${place}: expected to be refused with ${one.expect.refused}, and was accepted`];
    for (const { signal, payload, by, refused } of one.signals ?? []) {
      const code = await refusal(tasker.signalTask(task_uuid, signal, payload, by === undefined ? {} : { by }));
      if (code !== refused) return [`${place}: ${signal} is to be refused with ${refused}, got ${code}`];
    }
    if (one.when_blocked !== undefined) await resolveWhenBlocked(tasker, task_uuid, one.when_blocked);
    const task = await tasker.waitForTask(task_uuid, { timeoutMs: PATIENCE_MS });
    const steps = await tasker.listTaskSteps(task_uuid);
    return differences(one, task, steps).map((difference) => `${place}: ${difference}`);
  } catch (error) {
    if (error instanceof TaskerError && error.code === one.expect.refused) return [];
    return [`${place}: ${error}`];
  }
}

/** What an operator does for a task that waits for one. */
async function resolveWhenBlocked(
  tasker: Tasker,
  task: string,
  { resolve, result }: { resolve: string; result: unknown },
) {
  const until = Date.now() + PATIENCE_MS;
  while ((await tasker.getTask(task)).status !== "blocked_by_failures") {
    assert.ok(Date.now() < until);
    assert.equal(await refusal(tasker.waitForTask(task, { timeoutMs: 20 })), "task_not_ended");
  }
  await tasker.resolveTask(task, { step: resolve, result });
}

/** The code that a call is refused with; undefined if it is not. */
async function refusal(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof TaskerError) return error.code;
    throw error;
  }
}
