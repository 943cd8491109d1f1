import type { Host } from "./host.js";
import type { HandlerRegistry } from "./registry.js";
import { type Drained, type WorkerOptions } from "./worker.js";
/** How long handlers run on after a stop was asked for. */
export declare const GRACE_MS = 30000;
export interface CrewOptions extends WorkerOptions {
    /** Whether Ctrl-C and SIGTERM drain the workers before they end the process; true if not given. */
    signals?: boolean | undefined;
    /** Milliseconds that handlers run on after such a signal; 30,000 if not given. */
    graceMs?: number | undefined;
}
/**
 * The workers that serve a registry. Handlers that are registered later get a worker of their own, since a worker says once,
 * when it joins, what it has.
 */
export declare class Crew {
    private readonly host;
    private readonly registry;
    private readonly options;
    private readonly afterSignal;
    private readonly workers;
    private arrivals;
    private starting;
    private ending;
    private release;
    constructor(host: Host, registry: HandlerRegistry, options: CrewOptions, afterSignal: () => Promise<unknown>);
    start(): Promise<void>;
    /** The ids of the workers, as operators see them. */
    get workerIds(): string[];
    /** Handlers that run at the moment. */
    get runningCount(): number;
    /** Drains every worker; a second call waits for the end of the first. */
    shutdown(graceMs: number): Promise<Drained>;
    private drain;
    private leave;
    private hire;
    /** Those that are registered in one turn of the event loop get one worker. */
    private welcome;
    private signalled;
}
