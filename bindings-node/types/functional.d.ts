import { type Api, type ApiOptions } from "./api.js";
import { BatchConfig, type BatchContext, type BatchOptions, type Decision } from "./flow.js";
import { type StepHandlerClass } from "./handler.js";
import { type Arguments, type HandlerOptions, type Sources } from "./sources.js";
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
export declare function defineHandler<const Depends extends Sources = NoSources, const Inputs extends Sources | StandardSchema = NoSources>(name: string, options: HandlerOptions<Depends, Inputs>, fn: (args: Arguments<Depends, Inputs>) => unknown): StepHandlerClass;
/** A handler that decides which of the steps after it run: it returns `Decision.route([...])` or `Decision.skip(reason)`. */
export declare function defineDecisionHandler<const Depends extends Sources = NoSources, const Inputs extends Sources | StandardSchema = NoSources>(name: string, options: HandlerOptions<Depends, Inputs>, fn: (args: Arguments<Depends, Inputs>) => Decision | Promise<Decision>): StepHandlerClass;
/** A handler that splits work into batches; it returns what a `BatchConfig` is made of, or one. */
export declare function defineBatchAnalyzer<const Depends extends Sources = NoSources, const Inputs extends Sources | StandardSchema = NoSources>(name: string, options: HandlerOptions<Depends, Inputs> & {
    readonly workerTemplate?: string;
}, fn: (args: Arguments<Depends, Inputs>) => BatchOptions | BatchConfig | Promise<BatchOptions | BatchConfig>): StepHandlerClass;
/** A handler that does one batch: `batchContext` says which; it is null in a step that is no batch worker. */
export declare function defineBatchWorker<const Depends extends Sources = NoSources, const Inputs extends Sources | StandardSchema = NoSources>(name: string, options: HandlerOptions<Depends, Inputs>, fn: (args: Arguments<Depends, Inputs> & {
    batchContext: BatchContext | null;
}) => unknown): StepHandlerClass;
/** A handler that calls a web API: `api` has the methods of HTTP, and throws errors that say whether to try again. */
export declare function defineApiHandler<const Depends extends Sources = NoSources, const Inputs extends Sources | StandardSchema = NoSources>(name: string, options: HandlerOptions<Depends, Inputs> & ApiOptions, fn: (args: Arguments<Depends, Inputs> & {
    api: Api;
}) => unknown): StepHandlerClass;
export {};
