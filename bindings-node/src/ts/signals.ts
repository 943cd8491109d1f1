import { isMainThread } from "node:worker_threads";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * Has `stop` called when the process is asked to end by Ctrl-C or SIGTERM, and ends it by the same signal when that is done,
 * unless the application listens for the signal itself. A second signal ends the process at once.
 *
 * @returns what takes it back.
 */
export function onceSignalled(stop: (signal: NodeJS.Signals) => Promise<unknown>): () => void {
  // Threads of Node's own do not get signals.
  if (!isMainThread) return () => undefined;
  const listener = (signal: NodeJS.Signals): void => {
    takeBack();
    void stop(signal).finally(() => {
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    });
  };
  const takeBack = (): void => {
    for (const signal of SIGNALS) process.off(signal, listener);
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return takeBack;
}
