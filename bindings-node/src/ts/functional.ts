import { type Api, type ApiOptions, apiOf } from "./api.js";
import type { StepContext } from "./context.js";
import { TaskerError } from "./errors.js";
import { BatchConfig, type BatchContext, type BatchOptions, type Decision, FlowResult } from "./flow.js";
import { StepHandler, type StepHandlerClass } from "./handler.js";
import { type Arguments, argumentsOf, type HandlerOptions, type Sources } from "./sources.js";
import type { StandardSchema } from "./standard-schema.js";

type NoSources = Readonly<Record<never, never>>;

/**
 * A handler from a function. Its arguments are what `depends` and `inputs` ask for, and the `context`. What it returns is
 * the step's result.
 *
 * ```ts
 * const PriceOrder = defineHandler(
 *   "price_order",
 *   { depends: { cart: typed<Cart>("validate_cart") }, inputs: { country: ["country", z.string()] } },
 *   async ({ cart, country }) => ({ total_cents: await price(cart, country) }),
 * );
 * ```
 */
export function defineHandler<
  const Depends extends Sources = NoSources,
  const Inputs extends Sources | StandardSchema = NoSources,
>(
  name: string,
  options: HandlerOptions<Depends, Inputs>,
  fn: (args: Arguments<Depends, Inputs>) => unknown,
): StepHandlerClass {
  return define(name, options, fn, (args) => fn(args as Arguments<Depends, Inputs>));
}

/** A handler that decides which of the steps after it run: it returns `Decision.route([...])` or `Decision.skip(reason)`. */
export function defineDecisionHandler<
  const Depends extends Sources = NoSources,
  const Inputs extends Sources | StandardSchema = NoSources,
>(
  name: string,
  options: HandlerOptions<Depends, Inputs>,
  fn: (args: Arguments<Depends, Inputs>) => Decision | Promise<Decision>,
): StepHandlerClass {
  return define(name, options, fn, (args) => fn(args as Arguments<Depends, Inputs>));
}

/** A handler that splits work into batches; it returns what a `BatchConfig` is made of, or one. */
export function defineBatchAnalyzer<
  const Depends extends Sources = NoSources,
  const Inputs extends Sources | StandardSchema = NoSources,
>(
  name: string,
  options: HandlerOptions<Depends, Inputs> & { readonly workerTemplate?: string },
  fn: (args: Arguments<Depends, Inputs>) => BatchOptions | BatchConfig | Promise<BatchOptions | BatchConfig>,
): StepHandlerClass {
  return define(name, options, fn, async (args) => {
    const batches = await fn(args as Arguments<Depends, Inputs>);
    if (FlowResult.is(batches)) return batches;
    return new BatchConfig(options.workerTemplate ? { workerTemplate: options.workerTemplate, ...batches } : batches);
  });
}

/** A handler that does one batch: `batchContext` says which; it is null in a step that is no batch worker. */
export function defineBatchWorker<
  const Depends extends Sources = NoSources,
  const Inputs extends Sources | StandardSchema = NoSources,
>(
  name: string,
  options: HandlerOptions<Depends, Inputs>,
  fn: (args: Arguments<Depends, Inputs> & { batchContext: BatchContext | null }) => unknown,
): StepHandlerClass {
  return define(name, options, fn, (args, context) => {
    const batchContext = context.batchContext ?? null;
    return fn({ ...(args as Arguments<Depends, Inputs>), batchContext });
  });
}

/** A handler that calls a web API: `api` has the methods of HTTP, and throws errors that say whether to try again. */
export function defineApiHandler<
  const Depends extends Sources = NoSources,
  const Inputs extends Sources | StandardSchema = NoSources,
>(
  name: string,
  options: HandlerOptions<Depends, Inputs> & ApiOptions,
  fn: (args: Arguments<Depends, Inputs> & { api: Api }) => unknown,
): StepHandlerClass {
  return define(name, options, fn, (args, context) => {
    return fn({ ...(args as Arguments<Depends, Inputs>), api: apiOf(withTrace(options, context), context.signal) });
  });
}

/** Requests of a handler belong to the trace of its task. */
function withTrace(options: ApiOptions, { traceContext }: StepContext): ApiOptions {
  const { traceparent, tracestate } = traceContext;
  if (traceparent === undefined) return options;
  const trace = tracestate === undefined ? { traceparent } : { traceparent, tracestate };
  return { ...options, headers: { ...trace, ...options.headers } };
}

function define(
  name: string,
  options: HandlerOptions,
  fn: unknown,
  run: (args: Record<string, unknown>, context: StepContext) => unknown,
): StepHandlerClass {
  // As where the options were left out: every attempt would fail.
  if (typeof fn !== "function") {
    const message = `the handler \`${name}\` has no function: it comes third, behind the options`;
    throw new TaskerError({ code: "handler_invalid", message, remedy: "without options, give `{}`" });
  }
  const handler = class extends StepHandler {
    static override handlerName = name;
    static override handlerVersion = options.version ?? "1.0.0";

    async call(context: StepContext): Promise<unknown> {
      return run(await argumentsOf(context, options), context);
    }
  };
  Object.defineProperty(handler, "name", { value: name });
  return handler;
}
