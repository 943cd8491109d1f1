import { TaskerClient } from "./client.js";
import type { ConnectionOptions } from "./host.js";
import { type Handlers } from "./registry.js";
import type { Drained } from "./worker.js";
import { type CrewOptions } from "./workers.js";
export interface TaskerOptions extends ConnectionOptions, CrewOptions {
    /** Registered before the work begins: YAML texts, files, and folders of them. */
    templates?: string | readonly string[] | undefined;
    /** What runs the steps; without any, it submits and looks only. */
    handlers?: Handlers | undefined;
}
/**
 * Everything in one process: an engine on SQLite or PostgreSQL, a worker with these handlers, and a client. No server is
 * needed; with a server's URL it works just the same.
 *
 * ```ts
 * const tasker = await Tasker.start("sqlite::memory:", { templates, handlers });
 * const task = await tasker.runTask({ namespace: "demo", name: "greeting", context: { name: "Ada" } });
 * await tasker.stop();
 * ```
 */
export declare class Tasker extends TaskerClient {
    private crew;
    private stopping;
    /** Connects, registers the templates, and begins to work. */
    static start(url: string | undefined, options?: TaskerOptions): Promise<Tasker>;
    static start(options?: TaskerOptions): Promise<Tasker>;
    /** Handlers that run at the moment. */
    get runningCount(): number;
    /**
     * Stops claiming, lets handlers run on for `graceMs`, asks those that are left to stop, reports every outcome, and
     * disconnects.
     */
    stop(graceMs?: number): Promise<Drained>;
    [Symbol.asyncDispose](): Promise<void>;
    private drain;
    private begin;
}
