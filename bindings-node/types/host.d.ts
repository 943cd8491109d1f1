import { type Logger } from "./log.js";
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
export declare class Host {
    private readonly native;
    readonly logger: Logger;
    private constructor();
    static open(options: ConnectionOptions): Promise<Host>;
    /** Ends everything at once, and gives back what handlers had begun. */
    giveUp(): void;
    /** Calls a method by its name, such as `task.submit`; docs/reference/host-calls.md lists them all. */
    call<T>(method: string, params: object): Promise<T>;
    /** Ends everything under this connection. */
    close(): Promise<void>;
}
