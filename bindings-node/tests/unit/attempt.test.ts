import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as tasker from "@tasker-systems/tasker";
import {
  BatchConfig,
  type Handler,
  HandlerRegistry,
  PermanentError,
  RateLimitError,
  StepHandler,
  StepHandlerResult,
} from "@tasker-systems/tasker";
import { buildTestContext } from "@tasker-systems/tasker/testing";
import { run } from "#dist/attempt.js";
import { sourceOf } from "../source.js";

// biome-ignore lint/suspicious/noExplicitAny: the outcome is what a test looks into
async function outcome(handler: Handler | undefined, method?: string, events: string[] = []): Promise<any> {
  const registry = new HandlerRegistry();
  if (handler !== undefined) registry.register("h", handler);
  return JSON.parse(await run(() => registry.resolve("h"), buildTestContext({ handlerName: "h" }), method, events));
}

test("what a handler returns is the result", async () => {
  assert.deepEqual(await outcome(() => ({ n: 1 })), { succeeded: { result: { n: 1 } } });
  assert.deepEqual(await outcome(async () => undefined), { succeeded: { result: null } });
  assert.deepEqual(await outcome(() => StepHandlerResult.success([1])), { succeeded: { result: [1] } });
  const said = async (metadata: Record<string, unknown>) =>
    (await outcome(() => StepHandlerResult.success(1, metadata))).succeeded;
  assert.deepEqual(await said({ took_ms: 4 }), { result: 1, metadata: { took_ms: 4 } });
  assert.deepEqual(Object.keys((await said({ bytes: new Uint8Array(2) })).metadata), ["left_out"]);
});

test("what a handler throws is a failure, whatever it is", async () => {
  const failure = async (thrown: unknown) => {
    const { failed } = await outcome(() => {
      throw thrown;
    });
    const { kind, code, error_type, retry_after_ms, context } = failed.error;
    return { kind, code, error_type, retry_after_ms, context };
  };
  const none = { error_type: undefined, retry_after_ms: undefined, context: undefined };
  const retryable = { ...none, kind: "retryable", code: "handler_error" };
  assert.deepEqual(await failure(new RangeError("no")), { ...retryable, error_type: "RangeError" });
  assert.deepEqual(await failure(new (class Odd extends Error {})("no")), { ...retryable, error_type: "Odd" });
  for (const thrown of ["a text", null, undefined, 7, Symbol("s"), Object.create(null), { toString: null }]) {
    assert.deepEqual(await failure(thrown), retryable);
  }
  assert.deepEqual(await failure(new PermanentError("no", { errorCode: "payment_declined", context: { a: 1 } })), {
    ...none,
    kind: "permanent",
    code: "payment_declined",
    error_type: "PermanentError",
    context: { a: 1 },
  });
  assert.deepEqual(await failure(new RateLimitError("slow down", { retryAfter: 1.5 })), {
    ...none,
    kind: "retryable",
    code: "rate_limited",
    error_type: "RateLimitError",
    retry_after_ms: 1500,
  });
});

test("a failure is told whatever is wrong with it", async () => {
  const failure = async (thrown: unknown) => {
    const { failed } = await outcome(() => {
      throw thrown;
    });
    return failed.error;
  };
  // As JavaScript allows it, where no compiler speaks up.
  const numbered = await failure(new PermanentError(42 as never, { errorCode: 404 as never, context: { a: 1 } }));
  assert.deepEqual([numbered.kind, numbered.code, numbered.message], ["permanent", "404", "42"]);
  assert.equal((await failure(new PermanentError("x", { errorCode: "" }))).code, "handler_error");
  assert.equal((await failure(Object.assign(new Error("x"), { name: 7 }))).error_type, "7");
  const waits = await failure(new RateLimitError("x", { retryAfter: "5" as never }));
  assert.deepEqual([waits.code, waits.retry_after_ms], ["rate_limited", undefined]);
  const broken = new Error("x");
  Object.defineProperty(broken, "stack", {
    get() {
      throw new Error("not even this");
    },
  });
  const { proxy, revoke } = Proxy.revocable(new Error("x"), {});
  revoke();
  for (const thrown of [broken, proxy]) {
    const { kind, code } = await failure(thrown);
    assert.deepEqual([kind, code], ["retryable", "handler_error"]);
  }
  const long = await failure(new Error("m".repeat(5_000_000)));
  assert.ok(JSON.stringify(long).length < 200_000);
  const said = await outcome(() => StepHandlerResult.failure({ message: 5 as never, errorType: 6 as never }));
  assert.deepEqual([said.failed.error.message, said.failed.error.error_type], ["5", "6"]);
});

test("errors and their codes are those of every language", async () => {
  const { errors } = JSON.parse(readFileSync(sourceOf("../tasker-worker/tests/failures.json"), "utf8"));
  for (const [name, expected] of Object.entries(errors)) {
    const kind = Reflect.get(tasker, name);
    const { failed } = await outcome(() => {
      throw new kind("x");
    });
    assert.deepEqual([failed.error.kind, failed.error.code], expected, name);
  }
});

test("a failure keeps its stack, the stacks behind it, and what of its context is JSON", async () => {
  const cause = new Error("the socket closed");
  const { failed } = await outcome(() => {
    throw new PermanentError("half \ud834", { cause, context: { at: Number.NaN } });
  });
  assert.match(failed.error.backtrace, /attempt\.test\.js.*caused by: Error: the socket closed/s);
  const many = await outcome(() => Promise.any([Promise.reject(new Error("the first")), Promise.reject("the second")]));
  assert.match(many.failed.error.backtrace, /Error: the first.*the second/s);
  assert.deepEqual(Object.keys(failed.error.context), ["left_out"]);
});

test("a result that is no JSON is a permanent failure that names the path", async () => {
  const { failed } = await outcome(() => ({ rows: [{ at: Number.NaN }] }));
  assert.equal(failed.error.kind, "permanent");
  assert.equal(failed.error.code, "result_not_json");
  assert.deepEqual(failed.error.context, { path: "rows[0].at", reason: "not_a_number" });
});

test("a class gets an instance for each attempt, and a template may call another method", async () => {
  class Counter extends StepHandler {
    static override handlerName = "counter";
    private count = 0;
    call(): unknown {
      this.count += 1;
      return this.success({ count: this.count });
    }
    refund(): unknown {
      return this.failure("too late", "window_closed", false, { days: 15 }, "refund_window_closed");
    }
  }
  assert.deepEqual(await outcome(Counter), { succeeded: { result: { count: 1 } } });
  assert.deepEqual(await outcome(Counter, "call"), { succeeded: { result: { count: 1 } } });
  const { failed } = await outcome(Counter, "refund");
  assert.deepEqual(failed.error, {
    kind: "permanent",
    code: "refund_window_closed",
    message: "too late",
    error_type: "window_closed",
    context: { days: 15 },
  });
  assert.equal((await outcome(Counter, "absent")).failed.error.code, "handler_method_not_found");
  const shared = new Counter();
  assert.deepEqual(await outcome(shared), { succeeded: { result: { count: 1 } } });
  assert.deepEqual(await outcome(shared), { succeeded: { result: { count: 2 } } });
});

test("a constructor that throws and a handler that is not there fail the step", async () => {
  class Broken extends StepHandler {
    constructor() {
      super();
      throw new PermanentError("no connection", { errorCode: "not_set_up" });
    }
    call(): unknown {
      return 1;
    }
  }
  assert.equal((await outcome(Broken)).failed.error.code, "not_set_up");
  assert.equal((await outcome(undefined)).failed.error.code, "handler_not_found");
});

test("events travel with the outcome, of a failure too", async () => {
  const events = ['{"name":"order.created","payload":{}}'];
  const published = [{ name: "order.created", payload: {} }];
  assert.deepEqual((await outcome(() => 1, undefined, events)).succeeded.events, published);
  assert.deepEqual((await outcome(() => Promise.reject("no"), undefined, events)).failed.events, published);
});

test("batches are split in exactly one way", () => {
  assert.throws(() => new BatchConfig({ totalItems: 3 }), TypeError);
  assert.throws(() => new BatchConfig({}), TypeError);
  assert.throws(() => new BatchConfig({ items: [1], ranges: [] }), TypeError);
});
