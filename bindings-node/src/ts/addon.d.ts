/* Written by scripts/build-native.mjs */

/** An engine in this process, or a connection to a server. */
export declare class NativeHost {
  /** Calls a method of the client with parameters (JSON); the answer is JSON. */
  call(method: string, params: string): Promise<string>
  /**
   * Starts a worker as a configuration (JSON) says. `on_work` is called when there is something to take where there was
   * nothing.
   */
  startWorker(config: string, onWork: () => void): Promise<NativeWorker>
  /**
   * Ends everything at once, and gives back what handlers had begun: for an environment that ends without a `close`.
   * Waits at most three seconds.
   */
  giveUp(): void
  /** Ends everything: calls that are under way are rejected, workers that were not shut down stop dead. */
  close(): Promise<void>
}

/** A worker: where JavaScript takes attempts and leaves their outcomes. */
export declare class NativeWorker {
  /** Up to `max` things to do, as a JSON list of the protocol's `Polled`; it never waits. */
  take(max: number): string
  /**
   * Takes a JSON list of the protocol's `Report`. Each is read apart, so that one that is no report does not keep the
   * others out.
   */
  report(reports: string): void
  /** Says that a handler is alive, and how far it has come (JSON). False when its outcome is no longer wanted. */
  heartbeat(lease: string, progress?: string | undefined | null): boolean
  /** Stores how far an attempt has come (JSON of the protocol's `Checkpoint`), for the next one to go on from. */
  checkpoint(lease: string, checkpoint: string): Promise<void>
  /** The id under which operators see this worker. */
  workerId(): string
  /**
   * Stops claiming, lets handlers run on for `grace_ms`, asks those that are left to stop, and reports every outcome.
   * The answer is a JSON object that counts what was `abandoned` and what is `undelivered`.
   */
  shutdown(graceMs: number): Promise<string>
}

/** Opens what a configuration (JSON) says. `on_log` is called with JSON lists of lines of the log. */
export declare function open(config: string, onLog: (arg: string) => void): Promise<NativeHost>

/** The version of the addon, which is that of its package. */
export declare function version(): string
