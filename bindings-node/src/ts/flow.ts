import type { FailureStrategy, Next, NextBatches } from "./protocol.js";

// See errors.ts: the same in both builds of the package.
const NEXT = Symbol.for("tasker.next");

/** What a handler says about the steps after its own, together with the result of its step. */
export abstract class FlowResult {
  /** What the engine is told. @internal */
  abstract readonly next: Next;
  /** The result that the steps after this one see. @internal */
  abstract readonly result: Record<string, unknown> | null;

  constructor() {
    Object.defineProperty(this, NEXT, { value: true });
  }

  /** Whether a value is one, of whichever build of this package. @internal */
  static is(value: unknown): value is FlowResult {
    return typeof value === "object" && value !== null && NEXT in value;
  }
}

/** What a decision says: which of the steps that depend on it run. */
export class Decision extends FlowResult {
  /** @internal */
  readonly next: Next;
  /** @internal */
  readonly result: Record<string, unknown>;

  private constructor(next: Next, result: Record<string, unknown>) {
    super();
    this.next = next;
    this.result = result;
  }

  /** These of the dependents run, the others are skipped. `context` is part of the step's result. */
  static route(steps: readonly string[], context: Record<string, unknown> = {}): Decision {
    return new Decision({ route: { steps: [...steps] } }, { route: [...steps], ...context });
  }

  /** None of the dependents runs. `context` is part of the step's result. */
  static skip(reason: string, context: Record<string, unknown> = {}): Decision {
    return new Decision({ skip: { reason } }, { skipped: reason, ...context });
  }
}

/** How a batchable step splits its work: exactly one of `totalItems` with `batchSize`, `ranges`, and `items`. */
export interface BatchOptions {
  /** Ranges of `batchSize` from 0 to this; the last may be shorter. */
  totalItems?: number | undefined;
  batchSize?: number | undefined;
  /** Ranges of the handler's own making; `end` is the first that is no longer in it. */
  ranges?: readonly { start: number; end: number }[] | undefined;
  /** One batch for each value. */
  items?: readonly unknown[] | undefined;
  /** The step of type `batch_worker` that does the work; it may be left out where there is only one. */
  workerTemplate?: string | undefined;
  /** Batches that run at the same time at most; else what the worker step's template says. */
  parallelism?: number | undefined;
  /** What a batch that fails for good means for the others; else what the worker step's template says. */
  failureStrategy?: FailureStrategy | undefined;
  /** The step's result, for the steps after it; null if not given. */
  metadata?: Record<string, unknown> | undefined;
}

/** What a batchable step says: into which batches its work is split. The worker step runs once for each. */
export class BatchConfig extends FlowResult {
  /** @internal */
  readonly next: Next;
  /** @internal */
  readonly result: Record<string, unknown> | null;

  /** @throws a `TypeError` unless exactly one way of splitting is given. */
  constructor(options: BatchOptions) {
    super();
    const batches = batchesOf(options);
    const { workerTemplate: worker, parallelism, failureStrategy: failure_strategy } = options;
    this.next = { batches: { worker, batches, parallelism, failure_strategy } };
    this.result = options.metadata ?? null;
  }
}

function batchesOf({ totalItems, batchSize, ranges, items }: BatchOptions): NextBatches["batches"] {
  const ways = [totalItems, ranges, items].filter((way) => way !== undefined).length;
  if (ways !== 1) throw new TypeError("a batch configuration has one of totalItems, ranges and items");
  if (ranges !== undefined) return { ranges: [...ranges] };
  if (items !== undefined) return { items: [...items] };
  if (batchSize === undefined) throw new TypeError("totalItems needs a batchSize");
  return { split: { total_items: totalItems ?? 0, batch_size: batchSize } };
}

/** Which part of a batch an attempt is for. */
export interface BatchContext {
  /** From 0. */
  readonly index: number;
  /** Parts in all. */
  readonly total: number;
  /** `batch_000`, `batch_001`, ... */
  readonly batchId: string;
  /** Where this part begins; 0 for a part that is a value. */
  readonly startCursor: number;
  /** The first that is no longer in this part; 1 for a part that is a value. */
  readonly endCursor: number;
  readonly batchSize: number;
  /** The value of a batch that was made of values. */
  readonly item: unknown;
}
