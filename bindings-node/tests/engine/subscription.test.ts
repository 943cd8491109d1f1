import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { type StepContext, type TaskEvent, Tasker } from "@tasker-systems/tasker";
import { databases } from "../databases.js";

const amountOf = ({ details }: TaskEvent): unknown => (details?.payload as { amount?: number } | undefined)?.amount;

for (const { name: database, url } of databases()) {
  test(`an event is done when the next one is asked for, on ${database}`, async (t) => {
    const namespace = `events_${randomUUID().replaceAll("-", "")}`;
    const step = "{name: pay, handler: {callable: pay}, publishes_events: [{name: order.paid, condition: success}]}";
    const templates = `name: paid\nnamespace: ${namespace}\nversion: 1.0.0\nsteps:\n  - ${step}\n`;
    const handlers = { pay: (context: StepContext) => context.inputData };
    const tasker = await Tasker.start(url, { handlers, templates, log: "warn", signals: false });
    t.after(() => tasker.stop(0));
    for (const amount of [1, 2, 3]) await tasker.runTask({ namespace, name: "paid", context: { amount } });
    const seen: unknown[] = [];
    const again = { subscription: randomUUID(), types: ["order.paid"], namespace, after: "start" };
    for await (const event of tasker.subscribe(again)) {
      seen.push(amountOf(event));
      if (seen.length === 2) break;
    }
    const stop = new AbortController();
    for await (const event of tasker.subscribe({ ...again, signal: stop.signal })) {
      seen.push(amountOf(event));
      if (seen.at(-1) === 3) stop.abort();
    }
    assert.deepEqual(seen, [1, 2, 2, 3], "the one that was left comes again");
  });
}
