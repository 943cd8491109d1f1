import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Task, Tasker } from "@tasker-systems/tasker";
import { temporaryDirectory } from "../databases.js";

const TEMPLATE = `
name: it
namespace: lifecycle
version: 1.0.0
steps:
  - {name: it, handler: {callable: it}, retry: {backoff: none}}
`;

/** One of the programs, with the words that it says. */
class Program {
  readonly child: ChildProcess;
  readonly words: string[] = [];
  private readonly lines: AsyncIterator<string>;

  constructor(t: TestContext, name: string, url: string) {
    const path = fileURLToPath(new URL(`./programs/${name}.js`, import.meta.url));
    this.child = spawn(process.execPath, [path, url], { stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => this.child.kill("SIGKILL"));
    this.lines = createInterface({ input: this.child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  async until(word: string): Promise<void> {
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done) assert.fail(`it ended without saying ${word}; it said ${this.words}`);
      this.words.push(value);
      if (value === word) return;
    }
  }

  /** How it ended: a number or a signal. */
  async end(): Promise<number | NodeJS.Signals> {
    const exit = this.child.exitCode ?? this.child.signalCode;
    const [code, signal] =
      exit === null ? await once(this.child, "exit") : [this.child.exitCode, this.child.signalCode];
    for (let line = await this.lines.next(); !line.done; line = await this.lines.next()) this.words.push(line.value);
    return code ?? signal;
  }
}

/** A database in a file, with one task that waits for a worker. */
async function database(t: TestContext): Promise<{ url: string; task: () => Promise<Task> }> {
  const url = `sqlite:${join(temporaryDirectory(t), "tasks.db")}`;
  const tasker = await Tasker.start(url, { templates: TEMPLATE, log: "warn" });
  const { task_uuid } = await tasker.createTask({ namespace: "lifecycle", name: "it" });
  await tasker.stop();
  const task = async () => {
    const looker = await Tasker.start(url, { log: "warn" });
    const task = await looker.getTask(task_uuid);
    await looker.stop();
    return task;
  };
  return { url, task };
}

/** Works on a database until its task has ended. */
async function finish(url: string, task: Task): Promise<Task> {
  const handlers = { it: () => "by the second" };
  const tasker = await Tasker.start(url, { handlers, log: "warn", signals: false, pollIntervalMsMax: 50 });
  const ended = await tasker.waitForTask(task.task_uuid, { timeoutMs: 60_000 });
  await tasker.stop();
  return ended;
}

test("a process ends by itself after the stop", async (t) => {
  const { url } = await database(t);
  const program = new Program(t, "ends", url);
  assert.equal(await program.end(), 0);
  assert.equal(program.words.at(-1), "complete");
});

test("a script that closes nothing ends too, with its own error", async (t) => {
  const { url } = await database(t);
  const program = new Program(t, "unclosed", url);
  assert.equal(await program.end(), 1);
  assert.deepEqual(program.words, ["1"]);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} lets handlers come to their end, and then ends the process`, async (t) => {
    const { url, task } = await database(t);
    const program = new Program(t, "drains", url);
    await program.until("began");
    program.child.kill(signal);
    await program.until("asked");
    program.child.kill("SIGUSR2");
    assert.equal(await program.end(), signal);
    assert.equal(program.words.at(-1), "ended");
    const ended = await task();
    assert.deepEqual([ended.status, ended.steps?.[0]?.results], ["complete", "by the first"]);
  });
}

test("a second signal ends the process at once", async (t) => {
  const { url } = await database(t);
  const program = new Program(t, "drains", url);
  await program.until("began");
  program.child.kill("SIGTERM");
  await program.until("asked");
  program.child.kill("SIGTERM");
  assert.equal(await program.end(), "SIGTERM");
  assert.ok(!program.words.includes("ended"));
});

for (const name of ["exits", "abandons"]) {
  test(`process.exit while working (${name}) gives the step back`, async (t) => {
    const { url, task } = await database(t);
    const program = new Program(t, name, url);
    assert.equal(await program.end(), 7);
    assert.ok(program.words.includes("began"));
    const ended = await finish(url, await task());
    const [step] = ended.steps ?? [];
    assert.deepEqual([ended.status, step?.attempts, step?.losses, step?.results], ["complete", 2, 1, "by the second"]);
  });
}

test("a thread that is terminated takes nothing with it", async (t) => {
  const { url, task } = await database(t);
  const program = new Program(t, "threads", url);
  assert.equal(await program.end(), 0);
  assert.deepEqual(program.words, ["terminated", "began", "exit 0"]);
  assert.equal((await task()).steps?.[0]?.results, "by the second");
});

test("what follows a killed process goes on from its checkpoint", async (t) => {
  const { url, task } = await database(t);
  assert.equal(await new Program(t, "resumes", url).end(), "SIGKILL");
  assert.equal(await new Program(t, "resumes", url).end(), 0);
  assert.deepEqual((await task()).steps?.[0]?.results, [7, { sum: 21 }]);
});
