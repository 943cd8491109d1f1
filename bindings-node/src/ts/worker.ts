import type { NativeWorker } from "./addon.js";
import { run } from "./attempt.js";
import { type Checkpoint, StepContext } from "./context.js";
import { PermanentError, RetryableError, TaskerError } from "./errors.js";
import { type Host, settled } from "./host.js";
import { decode, encode, NotJsonError } from "./json.js";
import { withFields } from "./log.js";
import type { Assignment, Lease, Polled } from "./protocol.js";
import type { HandlerRegistry } from "./registry.js";

/** What a worker serves, and how much of it at a time. */
export interface WorkerOptions {
  /** The namespaces it serves; else `TASKER_NAMESPACE`, else every one. */
  namespaces?: readonly string[] | undefined;
  /** Attempts at the same time, 1 to 10,000; 64 if not given. */
  slots?: number | undefined;
  /** The longest time between two looks for work while there are no wake-ups; a second if not given. */
  pollIntervalMsMax?: number | undefined;
}

/** How a worker came to its end. */
export interface Drained {
  /** Handlers that had not ended when the worker did; their steps run again elsewhere. */
  abandoned: number;
  /** Outcomes that were not taken in time; their steps run again. */
  undelivered: number;
}

/** Taken at once when there is work. */
const TAKEN_MAX = 256;

/** Events that one attempt may publish. */
const EVENTS_MAX = 100;
/** Bytes of one such event. */
const EVENT_BYTES_MAX = 1024 * 1024;

/** Takes attempts from the Rust side, runs their handlers, and gives back what they ended with, many at a time. */
export class Worker {
  private native: NativeWorker | undefined;
  private readonly running = new Map<string, AbortController>();
  private outbox: string[] = [];

  private constructor(
    private readonly host: Host,
    private readonly registry: HandlerRegistry,
  ) {}

  static async start(
    host: Host,
    registry: HandlerRegistry,
    handlers: string[],
    options: WorkerOptions,
  ): Promise<Worker> {
    const worker = new Worker(host, registry);
    const { namespaces, slots, pollIntervalMsMax: poll_interval_ms_max } = options;
    const config = { language: "typescript", handlers, namespaces, slots, poll_interval_ms_max };
    worker.native = await host.startWorker(config, () => worker.take());
    // The first look opens the worker for claims.
    worker.take();
    return worker;
  }

  /** The worker's id, as operators see it. */
  get workerId(): string {
    return this.native?.workerId() ?? "";
  }

  /** Handlers that run at the moment. */
  get runningCount(): number {
    return this.running.size;
  }

  /** Stops claiming, lets handlers run on for `graceMs`, asks those that are left to stop, and reports every outcome. */
  async shutdown(graceMs: number): Promise<Drained> {
    const { native } = this;
    if (native === undefined) return { abandoned: 0, undelivered: 0 };
    return JSON.parse(await settled(() => native.shutdown(graceMs))) as Drained;
  }

  private take(): void {
    if (this.native === undefined) return;
    let polled: Polled[];
    do {
      polled = decode(this.native.take(TAKEN_MAX)) as Polled[];
      for (const one of polled) {
        if (one === "end") return;
        if ("run" in one) void this.attempt(one.run);
        else this.running.get(keyOf(one.cancel))?.abort();
      }
      // Where there was less, nothing is left, and what comes next calls again.
    } while (polled.length === TAKEN_MAX);
  }

  /** Never rejects: `run` does not, and there is nothing else that can fail. */
  private async attempt(assignment: Assignment): Promise<void> {
    const { lease, handler } = assignment;
    const controller = new AbortController();
    const events: string[] = [];
    this.running.set(keyOf(lease), controller);
    const context = this.contextOf(assignment, controller.signal, events);
    const outcome = await run(() => this.registry.resolve(handler.callable), context, handler.method, events);
    this.running.delete(keyOf(lease));
    this.report(lease, outcome);
  }

  private contextOf(assignment: Assignment, signal: AbortSignal, events: string[]): StepContext {
    const { lease, step, correlation_id } = assignment;
    const ids = { task_uuid: lease.task_id, step, attempt: lease.attempt, correlation_id };
    return new StepContext(assignment, signal, {
      logger: withFields(this.host.logger, ids),
      heartbeat: (progress) => this.native?.heartbeat(encode(lease), ofStep("the progress", progress)) ?? false,
      checkpoint: (checkpoint) => this.checkpoint(lease, checkpoint),
      publish: (name, payload) => void events.push(eventOf(name, payload, events.length)),
    });
  }

  private async checkpoint(lease: Lease, checkpoint: Checkpoint): Promise<void> {
    const { cursor, accumulatedResults: accumulated_results, itemsProcessed: items_processed } = checkpoint;
    const text = ofStep("the checkpoint", { cursor: cursor ?? null, accumulated_results, items_processed });
    try {
      await settled(async () => this.native?.checkpoint(encode(lease), text));
    } catch (error) {
      if (!(error instanceof TaskerError)) throw error;
      const { message, code: errorCode } = error;
      throw error.isTransient ? new RetryableError(message, { errorCode }) : new PermanentError(message, { errorCode });
    }
  }

  /** What ends within one turn of the event loop crosses together. */
  private report(lease: Lease, outcome: string): void {
    this.outbox.push(`{"lease":${encode(lease)},"outcome":${outcome}}`);
    if (this.outbox.length > 1) return;
    setImmediate(() => {
      const reports = this.outbox;
      this.outbox = [];
      this.native?.report(`[${reports.join(",")}]`);
    });
  }
}

function keyOf(lease: Lease): string {
  return `${lease.task_id}/${lease.step_idx}/${lease.attempt}`;
}

/** The text of an event; `before` were published before it. */
function eventOf(name: string, payload: unknown, before: number): string {
  const refused = (reason: string) =>
    new PermanentError(`event \`${name}\`: ${reason}`, { errorCode: "event_invalid" });
  if (before >= EVENTS_MAX) throw refused(`${EVENTS_MAX} events were published before it, which is the limit`);
  let text: string;
  try {
    text = encode(payload);
  } catch (error) {
    throw error instanceof NotJsonError ? refused(error.ofStep("the payload").message) : error;
  }
  const isLarge = Buffer.byteLength(text) > EVENT_BYTES_MAX;
  if (isLarge) throw refused(`its payload has more than ${EVENT_BYTES_MAX} bytes, which is the limit`);
  return `{"name":${encode(name)},"payload":${text}}`;
}

function ofStep(what: string, value: unknown): string {
  try {
    return encode(value);
  } catch (error) {
    throw error instanceof NotJsonError ? error.ofStep(what) : error;
  }
}
