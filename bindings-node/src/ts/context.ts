import { PermanentError } from "./errors.js";
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
export class StepContext {
  private readonly assignment: Assignment;
  private readonly link: AttemptLink;
  /** Aborted when the handler should stop: the task was cancelled, the attempt ran out of time, or the worker stops. */
  readonly signal: AbortSignal;

  /** @internal */
  constructor(assignment: Assignment, signal: AbortSignal, link: AttemptLink) {
    this.assignment = assignment;
    this.signal = signal;
    this.link = link;
  }

  get taskUuid(): string {
    return this.assignment.lease.task_id;
  }

  get stepUuid(): string {
    return this.assignment.step_uuid;
  }

  get stepName(): string {
    return this.assignment.step;
  }

  get handlerName(): string {
    return this.assignment.handler.callable;
  }

  get namespace(): string {
    return this.assignment.namespace;
  }

  get templateName(): string {
    return this.assignment.template;
  }

  /** Version of the template. */
  get version(): string {
    return this.assignment.version;
  }

  get correlationId(): string | undefined {
    return this.assignment.correlation_id;
  }

  /** The trace that the task belongs to, as headers to go on with (`{ ...context.traceContext }`); empty without one. */
  get traceContext(): Partial<TraceContext> {
    return this.assignment.trace_context ?? {};
  }

  /** The task's input. */
  get inputData(): Record<string, unknown> {
    return this.assignment.input as Record<string, unknown>;
  }

  /** `handler.initialization` of the template. */
  get stepConfig(): Record<string, unknown> {
    return (this.assignment.handler.config ?? {}) as Record<string, unknown>;
  }

  /** The results of every step before this one, by the step's name. */
  get dependencyResults(): Record<string, unknown> {
    return this.assignment.results;
  }

  /** Which execution of the step this is, from 1. Executions whose worker was lost count too. */
  get attempt(): number {
    return this.assignment.lease.attempt;
  }

  /** Attempts before this one that ended in a failure. */
  get retryCount(): number {
    return this.assignment.failures;
  }

  /** Failures after which the step is not tried again. */
  get maxRetries(): number {
    return this.assignment.max_attempts;
  }

  /** Milliseconds that this attempt may take; undefined for no limit. */
  get timeoutMs(): number | undefined {
    return this.assignment.timeout_ms;
  }

  /** The application's logger, with the ids of this attempt on every line. */
  get logger(): Logger {
    return this.link.logger;
  }

  /** Whether this attempt's outcome is no longer wanted. */
  get isCancelled(): boolean {
    return this.signal.aborted;
  }

  /** Whether the step has failed before. */
  isRetry(): boolean {
    return this.retryCount > 0;
  }

  /** Whether the step is not tried again should this attempt fail. */
  isLastRetry(): boolean {
    return this.retryCount + 1 >= this.maxRetries;
  }

  /** One value of the task's input; undefined if the key is missing (say so in `T` where that may be). */
  getInput<T = unknown>(key: string): T {
    return own(this.assignment.input, key) as T;
  }

  /** One value of the task's input, or `fallback` where the key is missing or null. */
  getInputOr<T>(key: string, fallback: T): T {
    return this.getInput<T | null | undefined>(key) ?? fallback;
  }

  /** One value of the handler's configuration; undefined if the key is missing. */
  getConfig<T = unknown>(key: string): T {
    return own(this.assignment.handler.config, key) as T;
  }

  /** One value of the handler's configuration, or `fallback` where the key is missing or null. */
  getConfigOr<T>(key: string, fallback: T): T {
    return this.getConfig<T | null | undefined>(key) ?? fallback;
  }

  /** The result of a step before this one, directly or not; undefined if there is none (no such step, or it was skipped). */
  getDependencyResult<T = unknown>(step: string): T {
    return own(this.assignment.results, step) as T;
  }

  /** A value inside the result of a step before this one; undefined if any part of the path is missing. */
  getDependencyField<T = unknown>(step: string, ...path: string[]): T {
    return path.reduce<unknown>((value, key) => own(value, key), this.getDependencyResult(step)) as T;
  }

  /** The results of all steps before this one whose names begin with `prefix`, in the order of their names. */
  getAllDependencyResults<T = unknown>(prefix: string): T[] {
    const steps = this.getDependencyResultKeys().filter((step) => step.startsWith(prefix));
    return steps.map((step) => this.getDependencyResult<T>(step));
  }

  /** The names of the steps before this one that have a result. */
  getDependencyResultKeys(): string[] {
    return Object.keys(this.assignment.results).sort();
  }

  /**
   * Says how far the work has come; operators see it with the step. `progress` is any JSON value. False when the outcome is
   * no longer wanted, so that the handler may stop.
   */
  progress(progress: unknown): boolean {
    return this.link.heartbeat(progress);
  }

  /** Which part of a batch this attempt is for; undefined in a step that is no batch worker. */
  get batchContext(): BatchContext | undefined {
    const batch = this.assignment.batch;
    if (batch === undefined) return undefined;
    const { index, of: total, work } = batch;
    const range = "range" in work ? work.range : { start: 0, end: 1 };
    const batchId = `batch_${String(index).padStart(3, "0")}`;
    const item = "item" in work ? work.item : undefined;
    const batchSize = range.end - range.start;
    return { index, total, batchId, startCursor: range.start, endCursor: range.end, batchSize, item };
  }

  /** In a sub-workflow: the task and the step that wait for its end; undefined in tasks that stand for themselves. */
  get parent(): Assignment["parent"] {
    return this.assignment.parent;
  }

  /** In a compensation and in a step of `finally`: how the task ends, and why; undefined in other steps. */
  get ending(): Ending | undefined {
    return this.assignment.ending;
  }

  /** Whether an earlier attempt stored how far it came. */
  hasCheckpoint(): boolean {
    return this.assignment.checkpoint !== undefined;
  }

  /** Where to go on from; undefined without a checkpoint. */
  get checkpointCursor(): unknown {
    return this.assignment.checkpoint?.cursor;
  }

  /** What earlier attempts have gathered; undefined without a checkpoint. */
  get accumulatedResults(): unknown {
    return this.assignment.checkpoint?.accumulated_results;
  }

  /** Items that earlier attempts have done. */
  get itemsProcessed(): number {
    return this.assignment.checkpoint?.items_processed ?? 0;
  }

  /**
   * Stores how far the work has come; when the promise is fulfilled, the next attempt will go on from there. Each one
   * replaces the one before.
   */
  checkpoint(cursor: unknown, itemsProcessed?: number, accumulatedResults?: unknown): Promise<void> {
    return this.link.checkpoint({ cursor, itemsProcessed, accumulatedResults });
  }

  /**
   * Publishes an event of the application's own, together with the outcome of this attempt; the step's template must name
   * it under `publishes_events`.
   */
  publish(name: string, payload: unknown = {}): void {
    this.link.publish(name, payload);
  }

  /** For loops in long work: throws once the outcome is no longer wanted. */
  throwIfCancelled(): void {
    if (!this.signal.aborted) return;
    throw new PermanentError(`step \`${this.stepName}\` was cancelled`, { errorCode: "cancelled" });
  }
}

/** A field of its own: what every object inherits (`toString`) is no value of an input. */
function own(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}
