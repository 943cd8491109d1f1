import addon from "../../native.cjs";
import type { NativeHost, NativeWorker } from "./addon.js";
import { TaskerError } from "./errors.js";
import { decode, encode, NotJsonError } from "./json.js";
import { type Logger, type LogRecord, logRecord, standardErrorLogger } from "./log.js";

/** What Tasker connects to, and how it logs. */
export interface ConnectionOptions {
  /**
   * `sqlite:path`, `sqlite::memory:`, `postgres://...` for an engine inside this process; `http(s)://...` for a server.
   * Else `TASKER_API_URL`, else `DATABASE_URL`, else `sqlite:tasker.db`.
   */
  url?: string | undefined;
  /** For a server; else `TASKER_API_KEY`. */
  apiKey?: string | undefined;
  /** Which `environments` of the templates apply to tasks that are submitted here; else `TASKER_ENV`. */
  environment?: string | undefined;
  /** Whether the schema of a database is brought up to date; true if not given. */
  migrate?: boolean | undefined;
  /** What the Rust side logs: a level, or targets as in `warn,tasker_core=debug`; else `TASKER_LOG`, else `info`. */
  log?: string | undefined;
  /** Where all lines go, those of the Rust side too; else lines of JSON to standard error. */
  logger?: Logger | undefined;
  /**
   * How long an engine in this process gives leases for; 30,000 if not given, 1,000 at least. Rust renews them while handlers
   * run; a step whose process vanished waits that long.
   */
  leaseMs?: number | undefined;
  /** Threads under the engine, 1 to 64; 2 if not given. */
  threads?: number | undefined;
}

/** The Rust side of a connection: every call of this package goes through one. */
export class Host {
  /** @internal */
  readonly self = new WeakRef(this);

  private constructor(
    private readonly native: NativeHost,
    readonly logger: Logger,
  ) {}

  static async open(options: ConnectionOptions): Promise<Host> {
    const { url, apiKey: api_key, environment, migrate, log, leaseMs: lease_ms, threads } = options;
    const logger = options.logger ?? standardErrorLogger;
    const config = encode({ url, api_key, environment, migrate, log, lease_ms, threads });
    const native = await settled(() => addon.open(config, (records) => tell(logger, records)));
    return giveUpAtExit(new Host(native, logger));
  }

  /** Ends everything at once, and gives back what handlers had begun. */
  giveUp(): void {
    this.native.giveUp();
  }

  /** Calls a method by its name, such as `task.submit`; docs/reference/host-calls.md lists them all. */
  async call<T>(method: string, params: object): Promise<T> {
    const text = textOf(params, method);
    const answer = await settled(() => this.native.call(method, text));
    return decode(answer) as T;
  }

  /** Starts a worker; `onWork` is called when there is something to take where there was nothing. @internal */
  startWorker(config: object, onWork: () => void): Promise<NativeWorker> {
    const text = textOf(config, "the worker");
    return settled(() => this.native.startWorker(text, onWork));
  }

  /** Ends everything under this connection. */
  async close(): Promise<void> {
    open.delete(this.self);
    await settled(() => this.native.close());
  }
}

/**
 * Hosts that are not closed. One listener serves them all: Node warns of more than ten. One that nobody has any more is
 * collected, and ends by that; the Rust side knows one that has workers.
 */
const open = new Set<WeakRef<Host>>();
let isListening = false;

/** `process.exit()` waits for nobody: without this, steps that were begun would rest until their leases end. */
function giveUpAtExit(host: Host): Host {
  if (!isListening)
    process.once("exit", () => {
      for (const host of open) host.deref()?.giveUp();
    });
  isListening = true;
  for (const one of open) if (one.deref() === undefined) open.delete(one);
  open.add(host.self);
  return host;
}

/** What the addon's promise ends with, with its errors in the shape of this package. @internal */
export async function settled<T>(begin: () => Promise<T>): Promise<T> {
  try {
    return await begin();
  } catch (error) {
    throw shaped(error);
  }
}

/** The addon's errors carry their shape as JSON. */
function shaped(error: unknown): unknown {
  if (!(error instanceof Error) || !error.message.startsWith("{")) return error;
  return new TaskerError(JSON.parse(error.message));
}

function textOf(params: object, what: string): string {
  try {
    return encode(params);
  } catch (error) {
    throw error instanceof NotJsonError ? error.ofCall(what) : error;
  }
}

function tell(logger: Logger, records: string): void {
  for (const record of JSON.parse(records) as LogRecord[]) {
    try {
      logRecord(logger, record);
    } catch {
      // A logger that fails must not take the process with it.
    }
  }
}
