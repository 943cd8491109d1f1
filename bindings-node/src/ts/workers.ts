import type { Host } from "./host.js";
import type { HandlerRegistry } from "./registry.js";
import { onceSignalled } from "./signals.js";
import { type Drained, Worker, type WorkerOptions } from "./worker.js";

/** How long handlers run on after a stop was asked for. */
export const GRACE_MS = 30_000;

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
export class Crew {
  private readonly workers: Worker[] = [];
  private arrivals: string[] = [];
  private starting: Promise<void> = Promise.resolve();
  private ending: Promise<Drained> | undefined;
  private release: (() => void)[] = [];

  constructor(
    private readonly host: Host,
    private readonly registry: HandlerRegistry,
    private readonly options: CrewOptions,
    private readonly afterSignal: () => Promise<unknown>,
  ) {}

  async start(): Promise<void> {
    // Before the first handler can run, so that no signal finds nobody.
    if (this.options.signals ?? true) this.release.push(onceSignalled((signal) => this.signalled(signal)));
    // The Rust side keeps no process alive.
    const alive = setInterval(() => undefined, 2 ** 30);
    this.release.push(() => clearInterval(alive));
    this.release.push(this.registry.onRegistered((name) => this.welcome(name)));
    const handlers = this.registry.listHandlers();
    if (handlers.length > 0) this.starting = this.hire(handlers);
    try {
      await this.starting;
    } catch (error) {
      this.leave();
      throw error;
    }
  }

  /** The ids of the workers, as operators see them. */
  get workerIds(): string[] {
    return this.workers.map((worker) => worker.workerId);
  }

  /** Handlers that run at the moment. */
  get runningCount(): number {
    return this.workers.reduce((sum, worker) => sum + worker.runningCount, 0);
  }

  /** Drains every worker; a second call waits for the end of the first. */
  shutdown(graceMs: number): Promise<Drained> {
    this.ending ??= this.drain(graceMs);
    return this.ending;
  }

  private async drain(graceMs: number): Promise<Drained> {
    await this.starting.catch(() => undefined);
    try {
      const drained = await Promise.all(this.workers.map((worker) => worker.shutdown(graceMs)));
      return {
        abandoned: drained.reduce((sum, one) => sum + one.abandoned, 0),
        undelivered: drained.reduce((sum, one) => sum + one.undelivered, 0),
      };
    } finally {
      this.leave();
    }
  }

  private leave(): void {
    for (const release of this.release.splice(0)) release();
  }

  private async hire(handlers: string[]): Promise<void> {
    this.workers.push(await Worker.start(this.host, this.registry, handlers, this.options));
  }

  /** Those that are registered in one turn of the event loop get one worker. */
  private welcome(name: string): void {
    this.arrivals.push(name);
    if (this.arrivals.length > 1) return;
    this.starting = this.starting.then(async () => {
      const handlers = this.arrivals.splice(0);
      try {
        if (this.ending === undefined) await this.hire(handlers);
      } catch (error) {
        const fields = { handlers, error: error instanceof Error ? error.message : String(error) };
        this.host.logger.error("no worker could be started for handlers that were registered late", fields);
      }
    });
  }

  private async signalled(signal: NodeJS.Signals): Promise<void> {
    this.host.logger.info("asked to stop: draining", { signal });
    try {
      await this.shutdown(this.options.graceMs ?? GRACE_MS);
      await this.afterSignal();
    } catch (error) {
      this.host.logger.error("the drain failed", { error: error instanceof Error ? error.message : String(error) });
    }
  }
}
