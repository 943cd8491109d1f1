import type { BatchContext } from "./flow.js";
import type { Logger } from "./log.js";
import type { Assignment, Ending, TraceContext } from "./protocol.js";
/** How far a long step has come: it is handed to the next attempt, whatever ended this one. */
export interface Checkpoint {
    /** Where to go on from: whatever JSON the handler makes of it. */
    cursor: unknown;
    /** What the handler has gathered so far. */
    accumulatedResults?: unknown;
    /** Items done so far, for people to see. */
    itemsProcessed?: number | undefined;
}
/** What a context can tell the worker while its handler runs. */
export interface AttemptLink {
    /** False when the outcome is no longer wanted. */
    heartbeat(progress: unknown): boolean;
    publish(name: string, payload: unknown): void;
    checkpoint(checkpoint: Checkpoint): Promise<void>;
    logger: Logger;
}
/**
 * What a handler is called with: which step of which task this is, its input, its configuration, the results of the steps
 * before it, and whether it should stop.
 */
export declare class StepContext {
    private readonly assignment;
    private readonly link;
    /** Aborted when the handler should stop: the task was cancelled, the attempt ran out of time, or the worker stops. */
    readonly signal: AbortSignal;
    get taskUuid(): string;
    get stepUuid(): string;
    get stepName(): string;
    get handlerName(): string;
    get namespace(): string;
    get templateName(): string;
    /** Version of the template. */
    get version(): string;
    get correlationId(): string | undefined;
    /** The trace that the task belongs to, as headers to go on with (`{ ...context.traceContext }`); empty without one. */
    get traceContext(): Partial<TraceContext>;
    /** The task's input. */
    get inputData(): Record<string, unknown>;
    /** `handler.initialization` of the template. */
    get stepConfig(): Record<string, unknown>;
    /** The results of every step before this one, by the step's name. */
    get dependencyResults(): Record<string, unknown>;
    /** Which execution of the step this is, from 1. Executions whose worker was lost count too. */
    get attempt(): number;
    /** Attempts before this one that ended in a failure. */
    get retryCount(): number;
    /** Failures after which the step is not tried again. */
    get maxRetries(): number;
    /** Milliseconds that this attempt may take; undefined for no limit. */
    get timeoutMs(): number | undefined;
    /** The application's logger, with the ids of this attempt on every line. */
    get logger(): Logger;
    /** Whether this attempt's outcome is no longer wanted. */
    get isCancelled(): boolean;
    /** Whether the step has failed before. */
    isRetry(): boolean;
    /** Whether the step is not tried again should this attempt fail. */
    isLastRetry(): boolean;
    /** One value of the task's input; undefined if the key is missing (say so in `T` where that may be). */
    getInput<T = unknown>(key: string): T;
    /** One value of the task's input, or `fallback` where the key is missing or null. */
    getInputOr<T>(key: string, fallback: T): T;
    /** One value of the handler's configuration; undefined if the key is missing. */
    getConfig<T = unknown>(key: string): T;
    /** One value of the handler's configuration, or `fallback` where the key is missing or null. */
    getConfigOr<T>(key: string, fallback: T): T;
    /** The result of a step before this one, directly or not; undefined if there is none (no such step, or it was skipped). */
    getDependencyResult<T = unknown>(step: string): T;
    /** A value inside the result of a step before this one; undefined if any part of the path is missing. */
    getDependencyField<T = unknown>(step: string, ...path: string[]): T;
    /** The results of all steps before this one whose names begin with `prefix`, in the order of their names. */
    getAllDependencyResults<T = unknown>(prefix: string): T[];
    /** The names of the steps before this one that have a result. */
    getDependencyResultKeys(): string[];
    /**
     * Says how far the work has come; operators see it with the step. `progress` is any JSON value. False when the outcome is
     * no longer wanted, so that the handler may stop.
     */
    progress(progress: unknown): boolean;
    /** Which part of a batch this attempt is for; undefined in a step that is no batch worker. */
    get batchContext(): BatchContext | undefined;
    /** In a sub-workflow: the task and the step that wait for its end; undefined in tasks that stand for themselves. */
    get parent(): Assignment["parent"];
    /** In a compensation and in a step of `finally`: how the task ends, and why; undefined in other steps. */
    get ending(): Ending | undefined;
    /** Whether an earlier attempt stored how far it came. */
    hasCheckpoint(): boolean;
    /** Where to go on from; undefined without a checkpoint. */
    get checkpointCursor(): unknown;
    /** What earlier attempts have gathered; undefined without a checkpoint. */
    get accumulatedResults(): unknown;
    /** Items that earlier attempts have done. */
    get itemsProcessed(): number;
    /**
     * Stores how far the work has come; when the promise is fulfilled, the next attempt will go on from there. Each one
     * replaces the one before.
     */
    checkpoint(cursor: unknown, itemsProcessed?: number, accumulatedResults?: unknown): Promise<void>;
    /**
     * Publishes an event of the application's own, together with the outcome of this attempt; the step's template must name
     * it under `publishes_events`.
     */
    publish(name: string, payload?: unknown): void;
    /** For loops in long work: throws once the outcome is no longer wanted. */
    throwIfCancelled(): void;
}
