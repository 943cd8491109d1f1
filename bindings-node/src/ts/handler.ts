import type { StepContext } from "./context.js";
import { StepHandlerResult } from "./result.js";

/**
 * A handler written as a class. Each attempt gets an instance of its own, so that attempts side by side cannot disturb each
 * other; what they are to share belongs into a static field, a module, or an instance that is registered itself.
 */
export abstract class StepHandler {
  /** What templates call it by (`handler.callable`). */
  static handlerName = "";
  static handlerVersion = "1.0.0";

  /**
   * Does the work of one attempt. A returned value is the step's result; a thrown error is a failure, and is tried again
   * unless it is a `PermanentError`. `handler.method` of the template calls another method in place of this one.
   */
  abstract call(context: StepContext): unknown;

  /** The step is complete with this result. */
  protected success<T>(result?: T, metadata?: Record<string, unknown>): StepHandlerResult<T> {
    return StepHandlerResult.success(result, metadata);
  }

  /**
   * The attempt failed. `retryable` is true if not given; `metadata` is kept with the failure; `errorCode` is a stable word
   * to branch on, and the kind (`errorType`) if not given.
   */
  protected failure(
    message: string,
    errorType?: string,
    retryable?: boolean,
    metadata?: Record<string, unknown>,
    errorCode?: string,
  ): StepHandlerResult<never> {
    return StepHandlerResult.failure(message, errorType, retryable, metadata, errorCode);
  }
}

/** A class of handlers; `define...` functions make such classes too. */
export interface StepHandlerClass {
  new (): StepHandler;
  handlerName: string;
  handlerVersion: string;
}

/** A handler in its shortest form. */
export type HandlerFunction = (context: StepContext) => unknown;

/** Everything that can be registered as a handler. */
export type Handler = StepHandlerClass | StepHandler | HandlerFunction;
