import type { StepContext } from "./context.js";
import type { HandlerFunction, StepHandler } from "./handler.js";
import type { StepError } from "./protocol.js";
/** Runs one attempt. It never throws: whatever the handler does (its constructor too) becomes an outcome, as its JSON text. */
export declare function run(resolve: () => StepHandler | HandlerFunction | undefined, context: StepContext, method: string | undefined, events: readonly string[]): Promise<string>;
/** The failure that a thrown value means; any error that does not say otherwise is retryable. */
export declare function failureOf(thrown: unknown): StepError;
