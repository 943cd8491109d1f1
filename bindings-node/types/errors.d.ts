/** Kinds of failures, as texts that are kept with a failed step. Any other text may stand in their place. */
export declare const ErrorType: {
    readonly HANDLER_ERROR: "handler_error";
    readonly VALIDATION_ERROR: "validation_error";
    readonly NETWORK_ERROR: "network_error";
    readonly RESOURCE_UNAVAILABLE: "resource_unavailable";
    readonly TIMEOUT: "timeout";
    readonly PERMANENT_ERROR: "permanent_error";
    readonly RETRYABLE_ERROR: "retryable_error";
};
export type ErrorType = (typeof ErrorType)[keyof typeof ErrorType];
/** What may be said about a failure besides its message. */
export interface FailureOptions {
    /** A stable word to branch on, for example `payment_declined`. */
    errorCode?: string | undefined;
    /** Anything that is to be kept with the failure; it must be JSON. */
    context?: Record<string, unknown> | undefined;
    /** The error behind this one; its stack is kept too. */
    cause?: unknown;
}
export interface RetryableOptions extends FailureOptions {
    /** Seconds to wait at least before the next attempt, whatever the step's backoff says. */
    retryAfter?: number | undefined;
}
/** What {@link PermanentError} and {@link RetryableError} have in common. */
export declare abstract class StepFailure extends Error {
    /** Whether trying again may help. */
    abstract readonly retryable: boolean;
    /** A stable word to branch on. */
    readonly errorCode: string;
    readonly context: Record<string, unknown> | undefined;
    readonly retryAfter: number | undefined;
    constructor(message: string, defaultCode: string, options: RetryableOptions);
}
/** Whether an error is a {@link StepFailure}, of whichever build of this package. */
export declare function isStepFailure(error: unknown): error is StepFailure;
/** Trying again cannot help: the step ends as an error at once. */
export declare class PermanentError extends StepFailure {
    readonly retryable = false;
    constructor(message: string, options?: FailureOptions, defaultCode?: string);
}
/** Trying again may help: the step's retry policy decides. */
export declare class RetryableError extends StepFailure {
    readonly retryable = true;
    constructor(message: string, options?: RetryableOptions, defaultCode?: string);
}
/** The other side did not answer in time. */
export declare class TimeoutError extends RetryableError {
    constructor(message: string, options?: RetryableOptions);
}
/** The other side cannot be reached. */
export declare class NetworkError extends RetryableError {
    constructor(message: string, options?: RetryableOptions);
}
/** The other side wants fewer calls. */
export declare class RateLimitError extends RetryableError {
    constructor(message: string, options?: RetryableOptions);
}
/** The other side is there and cannot serve at the moment. */
export declare class ServiceUnavailableError extends RetryableError {
    constructor(message: string, options?: RetryableOptions);
}
/** The input, or a result of another step, is not what it should be. */
export declare class ValidationError extends PermanentError {
    constructor(message: string, options?: FailureOptions);
}
/** Something that must be there is not. */
export declare class NotFoundError extends PermanentError {
    constructor(message: string, options?: FailureOptions);
}
/** The other side does not know who asks. */
export declare class AuthenticationError extends PermanentError {
    constructor(message: string, options?: FailureOptions);
}
/** The other side knows who asks, and refuses. */
export declare class AuthorizationError extends PermanentError {
    constructor(message: string, options?: FailureOptions);
}
/** The handler is set up wrongly. */
export declare class ConfigurationError extends PermanentError {
    constructor(message: string, options?: FailureOptions);
}
/** A rule of the business says no. */
export declare class BusinessLogicError extends PermanentError {
    constructor(message: string, options?: FailureOptions);
}
/** One place that is wrong, in a template or in an input. */
export interface Fault {
    /** The kind of fault. */
    code?: string | undefined;
    /** `steps[2].retry` in a template, a JSON Pointer in an input; empty for the whole. */
    path: string;
    /** From 1; of a template only. */
    line?: number | undefined;
    /** From 1, in characters; of a template only. */
    column?: number | undefined;
    message: string;
    /** What to do about it. */
    remedy?: string | undefined;
}
/** Why a call of Tasker itself failed: a client's call, or a start. */
export declare class TaskerError extends Error {
    /** A stable word to branch on, for example `template_not_found`; docs/errors explains each. */
    readonly code: string;
    /** Whether the same call may succeed later. */
    readonly isTransient: boolean;
    /** What to do about it. */
    readonly remedy: string;
    /** The places that are wrong, of a template or an input that was refused. */
    readonly details: readonly Fault[];
    constructor(shape: {
        code: string;
        message: string;
        remedy?: string;
        is_transient?: boolean;
        faults?: Fault[];
    });
}
