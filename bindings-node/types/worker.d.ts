import { type Host } from "./host.js";
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
/** Takes attempts from the Rust side, runs their handlers, and gives back what they ended with, many at a time. */
export declare class Worker {
    private readonly host;
    private readonly registry;
    private native;
    private readonly running;
    private outbox;
    private constructor();
    static start(host: Host, registry: HandlerRegistry, handlers: string[], options: WorkerOptions): Promise<Worker>;
    /** The worker's id, as operators see it. */
    get workerId(): string;
    /** Handlers that run at the moment. */
    get runningCount(): number;
    /** Stops claiming, lets handlers run on for `graceMs`, asks those that are left to stop, and reports every outcome. */
    shutdown(graceMs: number): Promise<Drained>;
    private take;
    /** Never rejects: `run` does not, and there is nothing else that can fail. */
    private attempt;
    private contextOf;
    private checkpoint;
    /** What ends within one turn of the event loop crosses together. */
    private report;
}
