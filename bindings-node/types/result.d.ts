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
/**
 * How an attempt ended, where a plain return value or a thrown error does not say enough.
 *
 * @typeParam T the result that the steps after this one see.
 */
export declare class StepHandlerResult<T = unknown> {
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
    private constructor();
    /** The step is complete with this result. `metadata` is kept in the task's history. */
    static success<T>(result?: T, metadata?: Record<string, unknown>): StepHandlerResult<T>;
    /** The attempt failed. */
    static failure(failure: string | FailureShape, errorType?: string, retryable?: boolean, metadata?: Record<string, unknown>, errorCode?: string): StepHandlerResult<never>;
    /** Whether a value is a result, of whichever build of this package. */
    static is(value: unknown): value is StepHandlerResult;
}
