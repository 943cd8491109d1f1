#!/usr/bin/env node
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Task, Tasker, VERSION } from "../index.js";
import { HANDLER, NAMESPACE, templateOf, WORKLOADS } from "./workload.js";

const USAGE = `Usage: tasker-bench [options]

Measures the engine with handlers in Node that do nothing; engine, worker and load are in this process.

  --workload NAME      ${Object.keys(WORKLOADS).join(", ")} (diamond)
  --store URL          a database; without it, a SQLite file that is removed afterwards
  --tasks N            tasks for the throughput (about 20,000 steps)
  --latency-tasks N    tasks for the latency, one at a time (200, and fewer of those with many steps)
  --slots N            attempts at the same time (256)
  --calls N            in place of all that: call handlers N times, and show the memory of the process meanwhile
  --json               one JSON object in place of a table
  --help
`;

interface Plan {
  url: string;
  workload: string;
  steps: number;
  tasks: number;
  latencyTasks: number;
  slots: number;
}

/** Steps of one submission of many tasks: enough to share its commit, few enough for the worker to begin soon. */
const STEPS_SUBMITTED = 1_000;

/** The engine, its worker and the count of what it has done. */
class Rig {
  calls = 0;
  private constructor(
    private readonly plan: Plan,
    readonly tasker: Tasker,
  ) {}

  static async start(plan: Plan): Promise<Rig> {
    const handlers = { [HANDLER]: () => ({ done: true }) };
    const templates = templateOf(plan.workload, WORKLOADS[plan.workload] ?? []);
    const counted: { rig?: Rig } = {};
    const counting = { [HANDLER]: () => count(counted.rig, handlers[HANDLER]) };
    const options = { url: plan.url, slots: plan.slots, templates, handlers: counting, log: "warn" };
    counted.rig = new Rig(plan, await Tasker.start(options));
    return counted.rig;
  }

  /** Milliseconds of each task, from its submission to its end. */
  async oneAtATime(tasks: number): Promise<number[]> {
    const times: number[] = [];
    for (let number = 0; number < tasks; number += 1) {
      const began = performance.now();
      const { task_uuid } = await this.tasker.createTask(this.request(number));
      // `tasker bench` does not look at the steps either.
      const wait = { task_uuid, timeout_ms: 60_000, steps: false };
      demandComplete(await this.tasker.call<Task>("task.wait", wait));
      times.push(performance.now() - began);
    }
    return times;
  }

  /** Submits all tasks as fast as they are taken while the worker runs them; the seconds until the last has ended. */
  async allAtOnce(tasks: number, tell: () => void = () => undefined): Promise<number> {
    const until = this.calls + tasks * this.plan.steps;
    const size = Math.max(1, Math.floor(STEPS_SUBMITTED / this.plan.steps));
    const began = performance.now();
    for (let number = 0; number < tasks; number += size) {
      const requests = Array.from({ length: Math.min(size, tasks - number) }, (_, at) => this.request(number + at));
      await this.tasker.call("task.submit_many", { tasks: requests });
      // What is submitted is not far ahead of what is done, or the queue and not the engine would be measured.
      while (until - this.calls > (tasks - number) * this.plan.steps + 50 * STEPS_SUBMITTED) await pause(1);
      tell();
    }
    while (this.calls < until || !(await this.allHaveEnded())) {
      await pause(1);
      tell();
    }
    return (performance.now() - began) / 1_000;
  }

  private async allHaveEnded(): Promise<boolean> {
    const filter = { namespace: NAMESPACE, name: this.plan.workload, limit: 1 };
    const open = await this.tasker.listTasks({ ...filter, status: ["pending", "in_progress"] });
    if (open.items.length > 0) return false;
    const failed = await this.tasker.listTasks({ ...filter, status: ["error", "blocked_by_failures", "cancelled"] });
    for (const task of failed.items) demandComplete(task);
    return true;
  }

  private request(number: number) {
    return { namespace: NAMESPACE, name: this.plan.workload, context: { number, customer: "ada@example.net" } };
  }
}

function count<T>(rig: Rig | undefined, handler: (() => T) | undefined): T | undefined {
  if (rig !== undefined) rig.calls += 1;
  return handler?.();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A measurement of tasks that did not end as they should would be worth nothing. */
function demandComplete(task: Task): void {
  if (task.status !== "complete") throw new Error(`task ${task.task_uuid} is \`${task.status}\`: use another database`);
}

/** By nearest rank. */
function quantiles(times: number[]): { p50: number; p95: number; p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (percent: number): number => sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? 0;
  return { p50: at(50), p95: at(95), p99: at(99) };
}

async function measure(plan: Plan, isJson: boolean): Promise<void> {
  const rig = await Rig.start(plan);
  await rig.oneAtATime(Math.min(20, Math.ceil(STEPS_SUBMITTED / plan.steps)));
  const latency = quantiles(await rig.oneAtATime(plan.latencyTasks));
  const seconds = await rig.allAtOnce(plan.tasks);
  await rig.tasker.stop();
  const throughput = { seconds, tasks_per_s: plan.tasks / seconds, steps_per_s: (plan.tasks * plan.steps) / seconds };
  const peak_memory_bytes = process.resourceUsage().maxRSS * 1_024;
  const { workload, tasks, latencyTasks: latency_tasks, slots } = plan;
  const measured = {
    plan: { workload, tasks, latency_tasks, slots },
    latency_ms: latency,
    throughput,
    peak_memory_bytes,
  };
  if (isJson) return print(JSON.stringify({ ...measured, version: VERSION, cpus: cpus().length }));
  print(`${workload}, ${plan.steps} steps a task, handlers in Node ${process.version}, tasker ${VERSION}`);
  print(
    `latency     ${latency.p50.toFixed(2)} ms p50, ${latency.p95.toFixed(2)} p95, ${latency.p99.toFixed(2)} p99 (${latency_tasks} tasks)`,
  );
  print(
    `throughput  ${throughput.tasks_per_s.toFixed(0)} tasks/s, ${throughput.steps_per_s.toFixed(0)} steps/s (${tasks} tasks)`,
  );
  print(`memory      ${(peak_memory_bytes / 2 ** 20).toFixed(0)} MiB at most`);
}

/** Twenty points of the curve of memory over a number of handler calls. */
async function watchMemory(plan: Plan, calls: number, isJson: boolean): Promise<void> {
  const rig = await Rig.start(plan);
  const points: ({ calls: number } & Resident)[] = [];
  const look = (): void => {
    if (rig.calls < (calls * points.length) / 20) return;
    const { own_mib, files_mib } = resident();
    points.push({ calls: rig.calls, own_mib, files_mib });
    if (!isJson) print(`${String(rig.calls).padStart(10)} calls  ${own_mib} MiB of its own, ${files_mib} MiB of files`);
  };
  look();
  await rig.allAtOnce(Math.ceil(calls / plan.steps), look);
  await rig.tasker.stop();
  if (isJson) print(JSON.stringify({ workload: plan.workload, points }));
}

interface Resident {
  own_mib: number;
  files_mib: number;
}

/** The process's own memory, and pages of files (programs, the database) that it sees in that of the kernel. */
function resident(): Resident {
  const status = readFileSync("/proc/self/status", "utf8");
  const mib = (name: string): number =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 102.4) / 10;
  return { own_mib: mib("RssAnon"), files_mib: mib("RssFile") };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function countOf(text: string | undefined, fallback: number): number {
  const count = text === undefined ? fallback : Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new RangeError(`\`${text}\` is no whole number from 1 on`);
}

async function main(): Promise<number> {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const counts = { tasks: text, "latency-tasks": text, slots: text, calls: text };
  const options = { workload: text, store: text, ...counts, json: flag, help: flag };
  const { values } = parseArgs({ options });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const workload = values.workload ?? "diamond";
  const steps = WORKLOADS[workload]?.flat().length;
  if (steps === undefined) throw new RangeError(`there is no workload \`${workload}\``);
  const folder = mkdtempSync(join(tmpdir(), "tasker-bench-"));
  const plan = {
    url: values.store ?? `sqlite:${join(folder, "bench.db")}`,
    workload,
    steps,
    tasks: countOf(values.tasks, Math.max(5, Math.floor(20_000 / steps))),
    latencyTasks: countOf(values["latency-tasks"], Math.min(200, Math.max(5, Math.floor(4_000 / steps)))),
    slots: countOf(values.slots, 256),
  };
  try {
    if (values.calls === undefined) await measure(plan, values.json ?? false);
    else await watchMemory(plan, countOf(values.calls, 1), values.json ?? false);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exitCode = 2;
  },
);
