/** What a handler says about a failure; every part but the message has a default. */
export interface FailureShape {
  message: string;
  /** A kind, such as one of `ErrorType`; else the name of the error's class. */
  errorType?: string | undefined;
  /** A stable word to branch on; else the kind, else `handler_error`. */
  errorCode?: string | undefined;
  /** Whether trying again may help; true if not given. */
  retryable?: boolean | undefined;
  /** Kept with the failure. */
  metadata?: Record<string, unknown> | undefined;
  /** Seconds to wait at least before the next attempt. */
  retryAfter?: number | undefined;
  backtrace?: string | undefined;
}

// See errors.ts: the same in both builds of the package.
const RESULT = Symbol.for("tasker.result");

/**
 * How an attempt ended, where a plain return value or a thrown error does not say enough.
 *
 * @typeParam T the result that the steps after this one see.
 */
export class StepHandlerResult<T = unknown> {
  readonly success: boolean;
  readonly result: T | undefined;
  /** What was said besides the result, or about the failure. */
  readonly metadata: Record<string, unknown> | undefined;
  readonly errorMessage: string | undefined;
  readonly errorType: string | undefined;
  readonly errorCode: string | undefined;
  readonly retryable: boolean;
  readonly retryAfter: number | undefined;
  readonly backtrace: string | undefined;

  private constructor(success: boolean, result: T | undefined, failure: Partial<FailureShape>) {
    this.success = success;
    this.result = result;
    this.metadata = failure.metadata;
    this.errorMessage = failure.message;
    this.errorType = failure.errorType;
    this.errorCode = failure.errorCode;
    this.retryable = !success && (failure.retryable ?? true);
    this.retryAfter = failure.retryAfter;
    this.backtrace = failure.backtrace;
    Object.defineProperty(this, RESULT, { value: true });
  }

  /** The step is complete with this result. `metadata` is kept in the task's history. */
  static success<T>(result?: T, metadata?: Record<string, unknown>): StepHandlerResult<T> {
    return new StepHandlerResult<T>(true, result, { metadata });
  }

  /** The attempt failed. */
  static failure(
    failure: string | FailureShape,
    errorType?: string,
    retryable?: boolean,
    metadata?: Record<string, unknown>,
    errorCode?: string,
  ): StepHandlerResult<never> {
    const shape =
      typeof failure === "string" ? { message: failure, errorType, retryable, metadata, errorCode } : failure;
    return new StepHandlerResult<never>(false, undefined, shape);
  }

  /** Whether a value is a result, of whichever build of this package. */
  static is(value: unknown): value is StepHandlerResult {
    return typeof value === "object" && value !== null && RESULT in value;
  }
}
