/** What passes between the Rust runtime and this package, as docs/reference/protocol.schema.json describes it. */
/** The right to report one attempt of one step. */
export interface Lease {
    task_id: string;
    step_idx: number;
    attempt: number;
}
/** One attempt of one step, with all that its handler may ask for. */
export interface Assignment {
    lease: Lease;
    lease_until: string;
    lease_ms: number;
    step_uuid: string;
    namespace: string;
    /** Name of the template. */
    template: string;
    version: string;
    /** Name of the step. */
    step: string;
    /** What the engine makes of the outcome; `standard` where it is not given. */
    kind?: "standard" | "decision" | "deferred_convergence" | "batchable" | "batch_worker" | "compensation";
    handler: {
        callable: string;
        method?: string;
        config?: unknown;
    };
    input: unknown;
    /** By the name of each step before this one. */
    results: Record<string, unknown>;
    /** Attempts before this one that ended in a failure. */
    failures: number;
    /** Failures after which the step is not tried again. */
    max_attempts: number;
    timeout_ms?: number;
    correlation_id?: string;
    /** Which part of a batch this attempt is for. */
    batch?: {
        index: number;
        of: number;
        work: {
            range: CursorRange;
        } | {
            item: unknown;
        };
    };
    /** What an earlier attempt has stored, to go on from. */
    checkpoint?: {
        cursor: unknown;
        accumulated_results?: unknown;
        items_processed?: number;
    };
    /** The step of another task that started this task and waits for its end. */
    parent?: {
        task_id: string;
        step_uuid: string;
    };
    /** Of a compensation, and of a step of `finally`: how the task ends, and why. */
    ending?: Ending;
    /** The trace that the task belongs to (W3C Trace Context). */
    trace_context?: TraceContext;
}
/** How a task ends that has yet to undo what was done, or to clean up. */
export interface Ending {
    status: "complete" | "error" | "cancelled";
    /** What it failed with. */
    error?: StepError;
    /** Who cancelled it. */
    by?: string;
    /** Why it was cancelled. */
    reason?: string;
}
/** The headers of W3C Trace Context. */
export interface TraceContext {
    traceparent: string;
    tracestate?: string;
}
/** Where a batch begins, and where it ends: the first that is no longer in it. */
export interface CursorRange {
    start: number;
    end: number;
}
/** What the handler of a decision or of a batchable step says about the steps after it. */
export type Next = {
    route: {
        steps: string[];
    };
} | {
    skip: {
        reason: string;
    };
} | {
    batches: NextBatches;
};
export interface NextBatches {
    worker?: string | undefined;
    batches: {
        split: {
            total_items: number;
            batch_size: number;
        };
    } | {
        ranges: CursorRange[];
    } | {
        items: unknown[];
    };
    parallelism?: number | undefined;
    failure_strategy?: FailureStrategy | undefined;
}
export type FailureStrategy = "continue_on_failure" | "fail_fast" | "isolate";
/** A failure, in one shape for every language. */
export interface StepError {
    kind: "retryable" | "permanent";
    code: string;
    message: string;
    error_type?: string | undefined;
    retry_after_ms?: number | undefined;
    backtrace?: string | undefined;
    context?: unknown;
}
/** An event of the user's own domain, which a step publishes. */
export interface DomainEvent {
    name: string;
    payload: unknown;
}
/** How an attempt ended. */
export type Outcome = {
    succeeded: {
        result: unknown;
        next?: Next | undefined;
        events?: DomainEvent[] | undefined;
        metadata?: unknown;
    };
} | {
    failed: {
        error: StepError;
        events?: DomainEvent[] | undefined;
    };
};
export type Polled = {
    run: Assignment;
} | {
    cancel: Lease;
} | "end";
