import { TaskerError } from "./errors.js";
import { type ConnectionOptions, Host } from "./host.js";
import { type SubscribeOptions, subscribe } from "./subscription.js";
import type {
  Acted,
  Created,
  Page,
  Registered,
  Step,
  Submitted,
  Task,
  TaskEvent,
  TaskStatus,
  TaskTree,
  Template,
} from "./view.js";

/** A request to run a template. */
export interface CreateTask {
  /** Name of the template. */
  name: string;
  /** `default` if not given. */
  namespace?: string | undefined;
  /** The highest registered version if not given. */
  version?: string | undefined;
  /** The task's input; `{}` if not given. */
  context?: unknown;
  /** Higher goes first; 0 if not given. */
  priority?: number | undefined;
  initiator?: string | undefined;
  sourceSystem?: string | undefined;
  reason?: string | undefined;
  tags?: readonly string[] | undefined;
  correlationId?: string | undefined;
  parentCorrelationId?: string | undefined;
  /** A second request with the same key, namespace and name answers with the task of the first. */
  idempotencyKey?: string | undefined;
  /** The trace that the task belongs to, as the headers of W3C Trace Context; handlers are given it. */
  traceparent?: string | undefined;
  tracestate?: string | undefined;
}

/** Which tasks to list. */
export interface TaskFilter {
  namespace?: string | undefined;
  name?: string | undefined;
  version?: string | undefined;
  /** One state or several. */
  status?: TaskStatus | readonly TaskStatus[] | undefined;
  /** One of the task's tags. */
  tag?: string | undefined;
  correlationId?: string | undefined;
  parentCorrelationId?: string | undefined;
  initiator?: string | undefined;
  sourceSystem?: string | undefined;
  priority?: number | undefined;
  /** Submitted then or later; a text is RFC 3339. */
  createdFrom?: Date | string | undefined;
  /** Submitted before then. */
  createdBefore?: Date | string | undefined;
  updatedFrom?: Date | string | undefined;
  updatedBefore?: Date | string | undefined;
  completedFrom?: Date | string | undefined;
  completedBefore?: Date | string | undefined;
  /** The `next` of the page before. */
  after?: string | undefined;
  /** 50 if not given, 1,000 at most. */
  limit?: number | undefined;
}

export interface WaitOptions {
  /** Milliseconds to wait at most; without it, until the task ends. */
  timeoutMs?: number | undefined;
  /** Ends the wait; the task itself goes on. */
  signal?: AbortSignal | undefined;
}

/** Who does it and why; kept in the task's history. */
export interface Actor {
  by?: string | undefined;
  reason?: string | undefined;
}

/** From where a task is run again. */
export interface RerunOptions {
  /** Only this step and those behind it run; what else was done is taken over. */
  from?: string | undefined;
  /** With `from`: the input in place of the old one. */
  context?: unknown;
  /** With `from`: results in place of old ones, by the names of the steps. */
  results?: Readonly<Record<string, unknown>> | undefined;
}

/** One call waits this long at most, so that a wait that is given up ends soon on the other side too. */
const WAIT_MS = 20_000;

/**
 * What an application asks of Tasker, on an engine in this process or behind a URL. It connects with its first call. Every
 * failure is a {@link TaskerError}.
 */
export class TaskerClient {
  private readonly options: ConnectionOptions;
  private connection: Promise<Host> | undefined;

  /** @param connection a URL, options, or nothing for what the environment says (see {@link ConnectionOptions}). */
  constructor(connection: string | ConnectionOptions = {}) {
    this.options = typeof connection === "string" ? { url: connection } : connection;
  }

  /** Stores a task, from which moment it runs. Fails with `template_not_found`, `input_invalid`, `field_invalid`. */
  createTask(request: CreateTask): Promise<Submitted> {
    return this.call("task.submit", bodyOf(request));
  }

  /** Stores up to 1,000 tasks in one transaction. Each answer has `task_uuid` or `error`, in order. */
  async createTasks(requests: readonly CreateTask[]): Promise<Created[]> {
    const { items } = await this.call<{ items: Created[] }>("task.submit_many", { tasks: requests.map(bodyOf) });
    return items;
  }

  getTask(taskUuid: string): Promise<Task> {
    return this.call("task.get", { task_uuid: taskUuid });
  }

  /** A page of tasks, the newest first. */
  listTasks({ status, ...filter }: TaskFilter = {}): Promise<Page<Task>> {
    // As the calls spell them: `created_from`.
    const fields = Object.entries(filter).map(([name, value]) => [name.replace(/[A-Z]/g, "_$&").toLowerCase(), value]);
    const states = status === undefined ? undefined : [status].flat().join();
    return this.call("task.list", { ...Object.fromEntries(fields), status: states });
  }

  /** Waits for the end of a task, whichever process brings it about. Fails with `task_not_ended` when the time is over. */
  async waitForTask(taskUuid: string, { timeoutMs, signal }: WaitOptions = {}): Promise<Task> {
    const until = timeoutMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs;
    for (;;) {
      signal?.throwIfAborted();
      const left = Math.max(0, until - Date.now());
      try {
        return await raced(
          this.call("task.wait", { task_uuid: taskUuid, timeout_ms: Math.min(left, WAIT_MS) }),
          signal,
        );
      } catch (error) {
        const goesOn = error instanceof TaskerError && error.code === "task_not_ended" && left > WAIT_MS;
        if (!goesOn) throw error;
      }
    }
  }

  /** Stores a task and waits for its end. */
  async runTask(request: CreateTask, options: WaitOptions = {}): Promise<Task> {
    const task = await this.createTask(request);
    return this.waitForTask(task.task_uuid, options);
  }

  /** Stops a task: its open steps are cancelled at once. Fails with `task_ended` if it ended before. */
  cancelTask(taskUuid: string, actor: Actor = {}): Promise<Task> {
    return this.call("task.cancel", { task_uuid: taskUuid, ...actor });
  }

  /** Lets nothing more of a task begin; what runs comes to its end. */
  pauseTask(taskUuid: string, actor: Actor = {}): Promise<Task> {
    return this.call("task.pause", { task_uuid: taskUuid, ...actor });
  }

  /** Lets a paused task go on. */
  resumeTask(taskUuid: string, actor: Actor = {}): Promise<Task> {
    return this.call("task.resume", { task_uuid: taskUuid, ...actor });
  }

  /** Runs an ended task again, as a new one with the same input, or from a step on; the answer is the new task. */
  rerunTask(taskUuid: string, options: Actor & RerunOptions = {}): Promise<Task> {
    return this.call("task.rerun", { task_uuid: taskUuid, ...options });
  }

  /** Tries failed steps again: the one of this name, or every one. */
  retryTask(taskUuid: string, { step, ...actor }: Actor & { step?: string | undefined } = {}): Promise<Task> {
    return this.call("task.retry", { task_uuid: taskUuid, step, ...actor });
  }

  /** Closes a failed step as done by hand, with a result for the steps after it; without a step, the whole task. */
  resolveTask(taskUuid: string, options: Actor & { step?: string | undefined; result?: unknown } = {}): Promise<Task> {
    return this.call("task.resolve", { task_uuid: taskUuid, ...options });
  }

  /**
   * Sends a signal to a task, for the step that waits for it; it may come before the wait. The payload is that step's result.
   * Fails with `signal_unknown`, `signal_invalid`, `task_ended`.
   */
  signalTask(
    taskUuid: string,
    signal: string,
    payload: unknown = null,
    { by }: { by?: string | undefined } = {},
  ): Promise<Task> {
    return this.call("task.signal", { task_uuid: taskUuid, signal, payload, by });
  }

  /** Does the same to many tasks: the body of `POST /v1/tasks/actions`. Each has its own outcome. */
  actOnTasks(request: object): Promise<Acted> {
    return this.call("task.act", request);
  }

  /** Why a task and its open steps stand where they stand, and what would move them. */
  explainTask(taskUuid: string): Promise<Record<string, unknown>> {
    return this.call("task.why", { task_uuid: taskUuid });
  }

  /** A task and all that run for its steps, theirs too, with the states of their steps; without inputs and results. */
  getTaskTree(taskUuid: string): Promise<TaskTree> {
    return this.call("task.tree", { task_uuid: taskUuid });
  }

  /** The steps of a task, in the order of its template. */
  listTaskSteps(taskUuid: string): Promise<Step[]> {
    return this.call("task.steps", { task_uuid: taskUuid });
  }

  /** One step, by its UUID or its name. Fails with `step_not_found`. */
  async getStep(taskUuid: string, step: string): Promise<Step> {
    const found = (await this.listTaskSteps(taskUuid)).find(
      ({ step_uuid, name }) => step_uuid === step || name === step,
    );
    if (found !== undefined) return found;
    const message = `task ${taskUuid} has no step \`${step}\``;
    throw new TaskerError({ code: "step_not_found", message, remedy: "`listTaskSteps` has them all" });
  }

  /** What happened to one step, by its UUID or its name. */
  async getStepAuditHistory(taskUuid: string, step: string): Promise<TaskEvent[]> {
    const { name } = await this.getStep(taskUuid, step);
    return (await this.getTaskHistory(taskUuid)).filter((event) => event.step === name);
  }

  /** Everything that happened to a task after the event numbered `afterSeq`, in order. */
  async getTaskHistory(taskUuid: string, afterSeq = 0): Promise<TaskEvent[]> {
    const events: TaskEvent[] = [];
    for (let after: number | undefined = afterSeq; after !== undefined; ) {
      const params = { task_uuid: taskUuid, after_seq: after };
      const page: Page<TaskEvent> = await this.call("task.history", params);
      events.push(...page.items);
      after = page.next === undefined || page.next === null ? undefined : Number(page.next);
    }
    return events;
  }

  /** Events of all tasks behind a cursor, waited for if there are none: the query is the body of `POST /v1/events/next`. */
  nextEvents(query: object = {}): Promise<Record<string, unknown>> {
    return this.call("event.next", query);
  }

  /**
   * The events of all tasks as they happen, without end: `for await (const event of client.subscribe(...))`. It goes on by itself
   * after whatever breaks off. With a name it goes on where that subscription is done: an event is done when the next one is
   * asked for, and one of which that is not known comes again.
   */
  subscribe(options: SubscribeOptions = {}): AsyncGenerator<TaskEvent, void, undefined> {
    return subscribe((query) => this.call("event.next", query), options);
  }

  /** The workers that are there, and what each has. */
  listWorkers(): Promise<Record<string, unknown>[]> {
    return this.call("worker.list");
  }

  /** How many tasks and steps stand where. */
  getStats(): Promise<Record<string, unknown>> {
    return this.call("stats.get");
  }

  /** Whether it can do its work, and how long the answer took. Fails with what is wrong, `database_unavailable` for example. */
  async healthCheck(): Promise<{ healthy: true; version: string; latency_ms: number }> {
    const began = performance.now();
    const { version } = await this.call<{ version: string }>("health.get");
    return { healthy: true, version, latency_ms: performance.now() - began };
  }

  /** Checks a template's YAML and registers it; `sourceName` is what faults name as the file. Again is no error. */
  registerTemplate(yaml: string, sourceName?: string): Promise<Registered> {
    return this.call("template.put", { yaml, source_name: sourceName });
  }

  /** Registers the template in a file, or in every `.yaml` and `.yml` file under a folder. */
  loadTemplates(path: string): Promise<(Registered & { file: string })[]> {
    return this.call("template.load", { path });
  }

  /** A registered template in its canonical form: the version asked for, or the highest. */
  getTemplate(namespace: string, name: string, version?: string): Promise<Template> {
    return this.call("template.get", { namespace, name, version });
  }

  listTemplates(filter: { namespace?: string | undefined; name?: string | undefined } = {}): Promise<Template[]> {
    return this.call("template.list", filter);
  }

  /** Any call by its name (docs/reference/host-calls.md), for what has no method here. */
  async call<T = unknown>(method: string, params: object = {}): Promise<T> {
    const host = await this.host();
    return host.call<T>(method, params);
  }

  /** Connects now rather than with the first call. */
  async connect(): Promise<void> {
    await this.host();
  }

  /** Ends the connection; calls that are under way fail with `closed`. */
  async close(): Promise<void> {
    const host = await this.connection?.catch(() => undefined);
    await host?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  protected host(): Promise<Host> {
    // A connection that failed is tried anew by the next call.
    this.connection ??= Host.open(this.options).catch((error) => {
      this.connection = undefined;
      throw error;
    });
    return this.connection;
  }
}

function bodyOf({ sourceSystem, correlationId, parentCorrelationId, idempotencyKey, ...request }: CreateTask): object {
  return {
    ...request,
    namespace: request.namespace ?? "default",
    context: request.context ?? {},
    source_system: sourceSystem,
    correlation_id: correlationId,
    parent_correlation_id: parentCorrelationId,
    idempotency_key: idempotencyKey,
  };
}

/** What ends first: the call, or the wish for it. */
function raced<T>(call: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return call;
  return new Promise<T>((resolve, reject) => {
    const give_up = (): void => reject(signal.reason);
    signal.addEventListener("abort", give_up, { once: true });
    call.then(resolve, reject).finally(() => signal.removeEventListener("abort", give_up));
  });
}
