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
export const standardErrorLogger: Logger = {
  error: (message, fields) => write("error", message, fields),
  warn: (message, fields) => write("warn", message, fields),
  info: (message, fields) => write("info", message, fields),
  debug: (message, fields) => write("debug", message, fields),
};

function write(level: string, message: string, fields: Record<string, unknown> = {}): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
}

/** A logger that puts these fields on every line. */
export function withFields(logger: Logger, fields: Record<string, unknown>): Logger {
  return {
    error: (message, more) => logger.error(message, { ...fields, ...more }),
    warn: (message, more) => logger.warn(message, { ...fields, ...more }),
    info: (message, more) => logger.info(message, { ...fields, ...more }),
    debug: (message, more) => logger.debug(message, { ...fields, ...more }),
  };
}

/** Hands a line of the Rust side to the application's logger. */
export function logRecord(logger: Logger, { level, target, message, fields }: LogRecord): void {
  const method = level === "trace" ? "debug" : level;
  logger[method](message, { target, ...Object.fromEntries(fields) });
}
