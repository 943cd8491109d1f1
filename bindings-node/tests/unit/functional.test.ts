import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import {
  Decision,
  defineApiHandler,
  defineBatchAnalyzer,
  defineBatchWorker,
  defineDecisionHandler,
  defineHandler,
  HandlerRegistry,
  type StepHandlerClass,
  TaskerError,
  typed,
} from "@tasker-systems/tasker";
import { buildTestContext, type TestContext } from "@tasker-systems/tasker/testing";
import { z } from "zod";
import { run } from "#dist/attempt.js";
import { sourceOf } from "../source.js";

// biome-ignore lint/suspicious/noExplicitAny: the outcome is what a test looks into
async function outcome(handler: StepHandlerClass, test: TestContext = {}): Promise<any> {
  return JSON.parse(await run(() => new handler(), buildTestContext(test), undefined, []));
}

test("arguments come from results and inputs, with their types", async () => {
  const Price = defineHandler(
    "price",
    {
      depends: { cart: typed<{ cents: number }>("validate_cart") },
      inputs: { country: "country", count: ["n", z.number()] },
    },
    async ({ cart, country, count, context }) => {
      const total: number = cart.cents * count;
      return { total, country, step: context.stepName, absent: context.getInputOr("absent", "none") };
    },
  );
  assert.equal(Price.handlerName, "price");
  const inputData = { country: "DE", n: 3 };
  assert.deepEqual(
    await outcome(Price, { inputData, dependencyResults: { validate_cart: { cents: 5 } }, stepName: "p" }),
    {
      succeeded: { result: { total: 15, country: "DE", step: "p", absent: "none" } },
    },
  );
});

test("a schema checks a value, and makes what the handler gets", async () => {
  const Order = z.object({ id: z.string(), on: z.coerce.date() });
  const Whole = defineHandler("whole", { inputs: Order }, ({ input }) => input.on.getUTCFullYear());
  assert.deepEqual(await outcome(Whole, { inputData: { id: "o", on: "2026-03-01" } }), { succeeded: { result: 2026 } });

  const Result = defineHandler("result", { depends: { order: ["order", Order] } }, ({ order }) => order.id);
  const { failed } = await outcome(Result, { dependencyResults: { order: { id: 1, on: "2026-03-01" } } });
  assert.equal(failed.error.kind, "permanent");
  assert.equal(failed.error.code, "dependency_invalid");
  assert.deepEqual(
    failed.error.context.faults.map((fault: { path: string }) => fault.path),
    ["$.id"],
  );

  const Key = defineHandler("key", { inputs: { n: ["n", z.number()] } }, ({ n }) => n);
  assert.equal((await outcome(Key)).failed.error.code, "input_invalid");
});

test("decisions and batches say what comes next", async () => {
  const Route = defineDecisionHandler("route", { inputs: { amount: typed<number>("amount") } }, ({ amount }) =>
    amount < 1000 ? Decision.route(["auto"], { limit: 1000 }) : Decision.skip("too much"),
  );
  assert.deepEqual(await outcome(Route, { inputData: { amount: 1 } }), {
    succeeded: { result: { limit: 1000, route: ["auto"] }, next: { route: { steps: ["auto"] } } },
  });
  assert.deepEqual(await outcome(Route, { inputData: { amount: 1000 } }), {
    succeeded: { result: { skipped: "too much" }, next: { skip: { reason: "too much" } } },
  });

  const Analyze = defineBatchAnalyzer("analyze", { workerTemplate: "work" }, () => ({
    totalItems: 250,
    batchSize: 100,
  }));
  assert.deepEqual(await outcome(Analyze), {
    succeeded: {
      result: null,
      next: { batches: { worker: "work", batches: { split: { total_items: 250, batch_size: 100 } } } },
    },
  });

  const Work = defineBatchWorker(
    "work",
    {},
    ({ batchContext }) => batchContext && [batchContext.batchId, batchContext.startCursor, batchContext.batchSize],
  );
  const batch = { index: 2, of: 3, work: { range: { start: 200, end: 250 } } };
  assert.deepEqual(await outcome(Work, { batch }), { succeeded: { result: ["batch_002", 200, 50] } });
  assert.deepEqual(await outcome(Work), { succeeded: { result: null } });
});

test("an API's answers say whether to try again", async (t) => {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://test");
    const status = Number(url.searchParams.get("status"));
    response.writeHead(status, {
      "content-type": "application/json",
      ...(status === 429 ? { "retry-after": "2" } : {}),
    });
    response.end(JSON.stringify({ path: url.pathname, method: request.method, key: request.headers["x-key"] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`;
  const call = (status: number, url = baseUrl) =>
    outcome(
      defineApiHandler("call", { baseUrl: url, headers: { "x-key": "k" } }, async ({ api }) => {
        return (await api.post("/orders", { a: 1 }, { query: { status } })).body;
      }),
    );
  assert.deepEqual(await call(200), { succeeded: { result: { path: "/v1/orders", method: "POST", key: "k" } } });
  const told = async (status: number) => {
    const { error } = (await call(status)).failed;
    return [error.kind, error.code, error.retry_after_ms];
  };
  const { statuses } = JSON.parse(readFileSync(sourceOf("../tasker-worker/tests/failures.json"), "utf8"));
  for (const [status, expected] of Object.entries(statuses as Record<string, string[]>)) {
    assert.deepEqual(await told(Number(status)), [...expected, status === "429" ? 2000 : undefined], status);
  }
  const nobody = (await call(200, "http://127.0.0.1:1")).failed.error;
  assert.deepEqual([nobody.kind, nobody.code], ["retryable", "network_error"]);
});

test("a registry refuses what no template could call", () => {
  const code = (register: (registry: HandlerRegistry) => unknown) => {
    const registry = new HandlerRegistry().register("taken", () => 1);
    try {
      register(registry);
    } catch (error) {
      return error instanceof TaskerError ? error.code : error;
    }
    return registry.listHandlers().join();
  };
  assert.equal(
    code((registry) => registry.register("taken", () => 2)),
    "handler_duplicate",
  );
  assert.equal(
    code((registry) => registry.register("two words", () => 1)),
    "name_invalid",
  );
  assert.equal(
    code((registry) => registry.register("", () => 1)),
    "name_invalid",
  );
  assert.equal(
    code((registry) => registry.register("n", {} as never)),
    "handler_invalid",
  );
  assert.equal(
    code((registry) => registry.register(defineHandler("other", {}, () => 1))),
    "other,taken",
  );
});

test("a handler without a function is refused where it is defined", () => {
  const invalid = (error: unknown) => error instanceof TaskerError && error.code === "handler_invalid";
  // As written in JavaScript, where no compiler speaks up.
  const define = defineHandler as (...parts: unknown[]) => StepHandlerClass;
  assert.throws(() => define("no_options", () => null), invalid);
  assert.throws(() => define("no_function", {}), invalid);
});
