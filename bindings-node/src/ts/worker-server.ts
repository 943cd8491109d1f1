import { TaskerError } from "./errors.js";
import { HandlerRegistry, type Handlers } from "./registry.js";
import { Tasker, type TaskerOptions } from "./tasker.js";
import type { Drained } from "./worker.js";
import { GRACE_MS } from "./workers.js";

export interface WorkerServerOptions extends Omit<TaskerOptions, "handlers" | "templates"> {
  /** Registered before the work begins: YAML texts, files, and folders of them; else what `TASKER_TEMPLATE_PATH` names. */
  templates?: string | readonly string[] | undefined;
  /** What it serves; else the registry of {@link WorkerServer.getHandlerSystem}, to which handlers may be added later. */
  handlers?: Handlers | undefined;
  /** The one namespace it serves, in place of `namespaces`. */
  namespace?: string | undefined;
}

/**
 * A worker process: on the URL of a database it is an engine too, on the URL of a server it needs no database. It keeps the
 * process alive until it is shut down; Ctrl-C and SIGTERM drain it first.
 */
export class WorkerServer {
  private readonly registry: HandlerRegistry;
  private tasker: Promise<Tasker> | undefined;
  private readonly ended: Promise<Drained>;
  private end!: (drained: Drained) => void;

  constructor(private readonly options: WorkerServerOptions = {}) {
    this.registry = options.handlers === undefined ? HandlerRegistry.instance() : HandlerRegistry.of(options.handlers);
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  /** A worker that runs already. */
  static async start(options: WorkerServerOptions = {}): Promise<WorkerServer> {
    return new WorkerServer(options).start();
  }

  /** Connects and begins to work. */
  async start(more: Omit<WorkerServerOptions, "handlers"> = {}): Promise<this> {
    const { namespace, ...options } = { ...this.options, ...more };
    const namespaces = namespace === undefined ? options.namespaces : [namespace];
    // A variable that is set to nothing counts as not set.
    const templates = options.templates ?? (process.env.TASKER_TEMPLATE_PATH || undefined);
    this.tasker ??= Tasker.start({ ...options, templates, namespaces, handlers: this.registry }).catch((error) => {
      this.tasker = undefined;
      throw error;
    });
    await this.tasker;
    return this;
  }

  /** The registry that is served. A handler that is added while the worker runs is served from then on. */
  getHandlerSystem(): HandlerRegistry {
    return this.registry;
  }

  /** A client on the same connection. */
  async client(): Promise<Tasker> {
    if (this.tasker === undefined) throw new TaskerError({ code: "not_started", message: "the worker is not started" });
    return this.tasker;
  }

  /** Resolves when the worker has been shut down. */
  wait(): Promise<Drained> {
    return this.ended;
  }

  /** Stops claiming, lets handlers run on for `graceMs`, asks those that are left to stop, and reports every outcome. */
  async shutdown(graceMs = GRACE_MS): Promise<Drained> {
    const tasker = await this.tasker;
    const drained = (await tasker?.stop(graceMs)) ?? { abandoned: 0, undelivered: 0 };
    this.end(drained);
    return drained;
  }

  [Symbol.asyncDispose](): Promise<unknown> {
    return this.shutdown();
  }
}
