import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { StepContext } from "#dist/context.js";
import { decode, encode } from "#dist/json.js";
import type { Polled } from "#dist/protocol.js";
import { sourceOf } from "../source.js";

const GOLDEN = sourceOf("../tasker-worker/tests/golden");

test("every golden sample is read and written without a change", () => {
  const samples = readdirSync(GOLDEN).filter((file) => file.endsWith(".json"));
  assert.ok(samples.length >= 10, `${samples.length} samples in ${GOLDEN}`);
  for (const sample of samples) {
    const value = decode(readFileSync(`${GOLDEN}/${sample}`, "utf8"));
    assert.deepEqual(decode(encode(value)), value, sample);
  }
});

function contextOf(sample: string): StepContext {
  const polled = decode(readFileSync(`${GOLDEN}/polled.${sample}.json`, "utf8")) as Exclude<Polled, "end">;
  assert.ok("run" in polled);
  const link = { heartbeat: () => true, publish: () => {}, checkpoint: async () => {}, logger: console };
  return new (StepContext as unknown as new (...args: unknown[]) => StepContext)(
    polled.run,
    new AbortController().signal,
    link,
  );
}

test("a golden assignment gives its context", () => {
  const context = contextOf("run_full");
  assert.equal(context.ending, undefined);
  assert.equal(context.stepName, "process_refund");
  assert.equal(context.handlerName, "Payments::Refunds");
  assert.equal(context.getInput("amount_cents"), 2599);
  assert.equal(context.getConfig("gateway"), "sandbox");
  assert.equal(context.getDependencyField("validate_eligibility", "window_days"), 30);
  assert.equal(context.correlationId, "order-77/refund");
  assert.equal(context.traceContext.traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  assert.equal(context.traceContext.tracestate, "rojo=00f067aa0ba902b7");
  assert.deepEqual([context.attempt, context.retryCount, context.maxRetries], [4, 2, 5]);
});

test("a compensation knows how its task ends", () => {
  const { ending } = contextOf("run_compensation");
  assert.deepEqual([ending?.status, ending?.error?.code, ending?.by], ["error", "no_carrier", undefined]);
});
