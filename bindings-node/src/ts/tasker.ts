import { TaskerClient } from "./client.js";
import type { ConnectionOptions } from "./host.js";
import { HandlerRegistry, type Handlers } from "./registry.js";
import type { Drained } from "./worker.js";
import { Crew, type CrewOptions, GRACE_MS } from "./workers.js";

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
export class Tasker extends TaskerClient {
  private crew: Crew | undefined;
  private stopping: Promise<Drained> | undefined;

  /** Connects, registers the templates, and begins to work. */
  static start(url: string | undefined, options?: TaskerOptions): Promise<Tasker>;
  static start(options?: TaskerOptions): Promise<Tasker>;
  static async start(urlOrOptions?: string | TaskerOptions, more: TaskerOptions = {}): Promise<Tasker> {
    const options = optionsOf(urlOrOptions, more);
    const registry = options.handlers === undefined ? undefined : HandlerRegistry.of(options.handlers);
    const tasker = new Tasker(options);
    try {
      await tasker.begin(options, registry);
    } catch (error) {
      await tasker.close();
      throw error;
    }
    return tasker;
  }

  /** Handlers that run at the moment. */
  get runningCount(): number {
    return this.crew?.runningCount ?? 0;
  }

  /**
   * Stops claiming, lets handlers run on for `graceMs`, asks those that are left to stop, reports every outcome, and
   * disconnects.
   */
  stop(graceMs = GRACE_MS): Promise<Drained> {
    this.stopping ??= this.drain(graceMs);
    return this.stopping;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async drain(graceMs: number): Promise<Drained> {
    try {
      return (await this.crew?.shutdown(graceMs)) ?? { abandoned: 0, undelivered: 0 };
    } finally {
      await this.close();
    }
  }

  private async begin(options: TaskerOptions, registry: HandlerRegistry | undefined): Promise<void> {
    const host = await this.host();
    for (const template of [options.templates ?? []].flat()) {
      // A path has no line breaks, and begins with no brace.
      if (/^\s*\{|\n/.test(template)) await this.registerTemplate(template);
      else await this.loadTemplates(template);
    }
    if (registry === undefined) return;
    const crew = new Crew(host, registry, options, () => this.close());
    await crew.start();
    this.crew = crew;
  }
}

/** A URL that is undefined, as from an environment without it, leaves what stands behind it as it is. */
function optionsOf(urlOrOptions: string | TaskerOptions | undefined, more: TaskerOptions): TaskerOptions {
  return typeof urlOrOptions === "object" ? urlOrOptions : { ...more, url: urlOrOptions ?? more.url };
}
