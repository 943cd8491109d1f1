/** Kinds of failures, as texts that are kept with a failed step. Any other text may stand in their place. */
export const ErrorType = {
  HANDLER_ERROR: "handler_error",
  VALIDATION_ERROR: "validation_error",
  NETWORK_ERROR: "network_error",
  RESOURCE_UNAVAILABLE: "resource_unavailable",
  TIMEOUT: "timeout",
  PERMANENT_ERROR: "permanent_error",
  RETRYABLE_ERROR: "retryable_error",
} as const;
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

// The ESM and the CommonJS build may both be loaded in one process: a brand is the same in both, a class is not.
const FAILURE = Symbol.for("tasker.failure");

/** What {@link PermanentError} and {@link RetryableError} have in common. */
export abstract class StepFailure extends Error {
  /** Whether trying again may help. */
  abstract readonly retryable: boolean;
  /** A stable word to branch on. */
  readonly errorCode: string;
  readonly context: Record<string, unknown> | undefined;
  readonly retryAfter: number | undefined;

  constructor(message: string, defaultCode: string, options: RetryableOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.errorCode = options.errorCode ?? defaultCode;
    this.context = options.context;
    this.retryAfter = options.retryAfter;
    Object.defineProperty(this, FAILURE, { value: true });
  }
}

/** Whether an error is a {@link StepFailure}, of whichever build of this package. */
export function isStepFailure(error: unknown): error is StepFailure {
  return typeof error === "object" && error !== null && FAILURE in error;
}

/** Trying again cannot help: the step ends as an error at once. */
export class PermanentError extends StepFailure {
  readonly retryable = false;

  constructor(message: string, options: FailureOptions = {}, defaultCode = "handler_error") {
    super(message, defaultCode, options);
  }
}

/** Trying again may help: the step's retry policy decides. */
export class RetryableError extends StepFailure {
  readonly retryable = true;

  constructor(message: string, options: RetryableOptions = {}, defaultCode = "handler_error") {
    super(message, defaultCode, options);
  }
}

/** The other side did not answer in time. */
export class TimeoutError extends RetryableError {
  constructor(message: string, options: RetryableOptions = {}) {
    super(message, options, "timeout");
  }
}

/** The other side cannot be reached. */
export class NetworkError extends RetryableError {
  constructor(message: string, options: RetryableOptions = {}) {
    super(message, options, "network_error");
  }
}

/** The other side wants fewer calls. */
export class RateLimitError extends RetryableError {
  constructor(message: string, options: RetryableOptions = {}) {
    super(message, options, "rate_limited");
  }
}

/** The other side is there and cannot serve at the moment. */
export class ServiceUnavailableError extends RetryableError {
  constructor(message: string, options: RetryableOptions = {}) {
    super(message, options, "service_unavailable");
  }
}

/** The input, or a result of another step, is not what it should be. */
export class ValidationError extends PermanentError {
  constructor(message: string, options: FailureOptions = {}) {
    super(message, options, "validation_error");
  }
}

/** Something that must be there is not. */
export class NotFoundError extends PermanentError {
  constructor(message: string, options: FailureOptions = {}) {
    super(message, options, "not_found");
  }
}

/** The other side does not know who asks. */
export class AuthenticationError extends PermanentError {
  constructor(message: string, options: FailureOptions = {}) {
    super(message, options, "authentication_failed");
  }
}

/** The other side knows who asks, and refuses. */
export class AuthorizationError extends PermanentError {
  constructor(message: string, options: FailureOptions = {}) {
    super(message, options, "not_authorized");
  }
}

/** The handler is set up wrongly. */
export class ConfigurationError extends PermanentError {
  constructor(message: string, options: FailureOptions = {}) {
    super(message, options, "configuration_error");
  }
}

/** A rule of the business says no. */
export class BusinessLogicError extends PermanentError {
  constructor(message: string, options: FailureOptions = {}) {
    super(message, options, "business_rule");
  }
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
export class TaskerError extends Error {
  /** A stable word to branch on, for example `template_not_found`; docs/errors explains each. */
  readonly code: string;
  /** Whether the same call may succeed later. */
  readonly isTransient: boolean;
  /** What to do about it. */
  readonly remedy: string;
  /** The places that are wrong, of a template or an input that was refused. */
  readonly details: readonly Fault[];

  constructor(shape: { code: string; message: string; remedy?: string; is_transient?: boolean; faults?: Fault[] }) {
    super(shape.message);
    this.name = "TaskerError";
    this.code = shape.code;
    this.isTransient = shape.is_transient ?? false;
    this.remedy = shape.remedy ?? "the message says what to mend";
    this.details = shape.faults ?? [];
  }
}
