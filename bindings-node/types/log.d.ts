/** What an application's own logger must be able to do: the console, pino, winston and others are one. */
export interface Logger {
    error(message: string, fields?: Record<string, unknown>): void;
    warn(message: string, fields?: Record<string, unknown>): void;
    info(message: string, fields?: Record<string, unknown>): void;
    debug(message: string, fields?: Record<string, unknown>): void;
}
/** A line of the Rust side's log. */
export interface LogRecord {
    level: "error" | "warn" | "info" | "debug" | "trace";
    target: string;
    message: string;
    fields: [string, string][];
}
/** Writes lines of JSON to standard error. */
export declare const standardErrorLogger: Logger;
/** A logger that puts these fields on every line. */
export declare function withFields(logger: Logger, fields: Record<string, unknown>): Logger;
/** Hands a line of the Rust side to the application's logger. */
export declare function logRecord(logger: Logger, { level, target, message, fields }: LogRecord): void;
