import { HandlerRegistry, type Handlers } from "./registry.js";
import { Tasker, type TaskerOptions } from "./tasker.js";
import type { Drained } from "./worker.js";
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
export declare class WorkerServer {
    private readonly options;
    private readonly registry;
    private tasker;
    private readonly ended;
    private end;
    constructor(options?: WorkerServerOptions);
    /** A worker that runs already. */
    static start(options?: WorkerServerOptions): Promise<WorkerServer>;
    /** Connects and begins to work. */
    start(more?: Omit<WorkerServerOptions, "handlers">): Promise<this>;
    /** The registry that is served. A handler that is added while the worker runs is served from then on. */
    getHandlerSystem(): HandlerRegistry;
    /** A client on the same connection. */
    client(): Promise<Tasker>;
    /** Resolves when the worker has been shut down. */
    wait(): Promise<Drained>;
    /** Stops claiming, lets handlers run on for `graceMs`, asks those that are left to stop, and reports every outcome. */
    shutdown(graceMs?: number): Promise<Drained>;
    [Symbol.asyncDispose](): Promise<unknown>;
}
