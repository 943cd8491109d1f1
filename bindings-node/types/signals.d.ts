/**
 * Has `stop` called when the process is asked to end by Ctrl-C or SIGTERM, and ends it by the same signal when that is done,
 * unless the application listens for the signal itself. A second signal ends the process at once.
 *
 * @returns what takes it back.
 */
export declare function onceSignalled(stop: (signal: NodeJS.Signals) => Promise<unknown>): () => void;
