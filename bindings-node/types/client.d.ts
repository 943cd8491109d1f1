import { type ConnectionOptions } from "./host.js";
import { type SubscribeOptions } from "./subscription.js";
import type { Acted, Created, Page, Registered, Step, Submitted, Task, TaskEvent, TaskStatus, TaskTree, Template } from "./view.js";
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
/**
 * What an application asks of Tasker, on an engine in this process or behind a URL. It connects with its first call. Every
 * failure is a {@link TaskerError}.
 */
export declare class TaskerClient {
    private readonly options;
    private connection;
    /** @param connection a URL, options, or nothing for what the environment says (see {@link ConnectionOptions}). */
    constructor(connection?: string | ConnectionOptions);
    /** Stores a task, from which moment it runs. Fails with `template_not_found`, `input_invalid`, `field_invalid`. */
    createTask(request: CreateTask): Promise<Submitted>;
    /** Stores up to 1,000 tasks in one transaction. Each answer has `task_uuid` or `error`, in order. */
    createTasks(requests: readonly CreateTask[]): Promise<Created[]>;
    getTask(taskUuid: string): Promise<Task>;
    /** A page of tasks, the newest first. */
    listTasks({ status, ...filter }?: TaskFilter): Promise<Page<Task>>;
    /** Waits for the end of a task, whichever process brings it about. Fails with `task_not_ended` when the time is over. */
    waitForTask(taskUuid: string, { timeoutMs, signal }?: WaitOptions): Promise<Task>;
    /** Stores a task and waits for its end. */
    runTask(request: CreateTask, options?: WaitOptions): Promise<Task>;
    /** Stops a task: its open steps are cancelled at once. Fails with `task_ended` if it ended before. */
    cancelTask(taskUuid: string, actor?: Actor): Promise<Task>;
    /** Lets nothing more of a task begin; what runs comes to its end. */
    pauseTask(taskUuid: string, actor?: Actor): Promise<Task>;
    /** Lets a paused task go on. */
    resumeTask(taskUuid: string, actor?: Actor): Promise<Task>;
    /** Runs an ended task again, as a new one with the same input, or from a step on; the answer is the new task. */
    rerunTask(taskUuid: string, options?: Actor & RerunOptions): Promise<Task>;
    /** Tries failed steps again: the one of this name, or every one. */
    retryTask(taskUuid: string, { step, ...actor }?: Actor & {
        step?: string | undefined;
    }): Promise<Task>;
    /** Closes a failed step as done by hand, with a result for the steps after it; without a step, the whole task. */
    resolveTask(taskUuid: string, options?: Actor & {
        step?: string | undefined;
        result?: unknown;
    }): Promise<Task>;
    /**
     * Sends a signal to a task, for the step that waits for it; it may come before the wait. The payload is that step's result.
     * Fails with `signal_unknown`, `signal_invalid`, `task_ended`.
     */
    signalTask(taskUuid: string, signal: string, payload?: unknown, { by }?: {
        by?: string | undefined;
    }): Promise<Task>;
    /** Does the same to many tasks: the body of `POST /v1/tasks/actions`. Each has its own outcome. */
    actOnTasks(request: object): Promise<Acted>;
    /** Why a task and its open steps stand where they stand, and what would move them. */
    explainTask(taskUuid: string): Promise<Record<string, unknown>>;
    /** A task and all that run for its steps, theirs too, with the states of their steps; without inputs and results. */
    getTaskTree(taskUuid: string): Promise<TaskTree>;
    /** The steps of a task, in the order of its template. */
    listTaskSteps(taskUuid: string): Promise<Step[]>;
    /** One step, by its UUID or its name. Fails with `step_not_found`. */
    getStep(taskUuid: string, step: string): Promise<Step>;
    /** What happened to one step, by its UUID or its name. */
    getStepAuditHistory(taskUuid: string, step: string): Promise<TaskEvent[]>;
    /** Everything that happened to a task after the event numbered `afterSeq`, in order. */
    getTaskHistory(taskUuid: string, afterSeq?: number): Promise<TaskEvent[]>;
    /** Events of all tasks behind a cursor, waited for if there are none: the query is the body of `POST /v1/events/next`. */
    nextEvents(query?: object): Promise<Record<string, unknown>>;
    /**
     * The events of all tasks as they happen, without end: `for await (const event of client.subscribe(...))`. It goes on by itself
     * after whatever breaks off. With a name it goes on where that subscription is done: an event is done when the next one is
     * asked for, and one of which that is not known comes again.
     */
    subscribe(options?: SubscribeOptions): AsyncGenerator<TaskEvent, void, undefined>;
    /** The workers that are there, and what each has. */
    listWorkers(): Promise<Record<string, unknown>[]>;
    /** How many tasks and steps stand where. */
    getStats(): Promise<Record<string, unknown>>;
    /** Whether it can do its work, and how long the answer took. Fails with what is wrong, `database_unavailable` for example. */
    healthCheck(): Promise<{
        healthy: true;
        version: string;
        latency_ms: number;
    }>;
    /** Checks a template's YAML and registers it; `sourceName` is what faults name as the file. Again is no error. */
    registerTemplate(yaml: string, sourceName?: string): Promise<Registered>;
    /** Registers the template in a file, or in every `.yaml` and `.yml` file under a folder. */
    loadTemplates(path: string): Promise<(Registered & {
        file: string;
    })[]>;
    /** A registered template in its canonical form: the version asked for, or the highest. */
    getTemplate(namespace: string, name: string, version?: string): Promise<Template>;
    listTemplates(filter?: {
        namespace?: string | undefined;
        name?: string | undefined;
    }): Promise<Template[]>;
    /** Any call by its name (docs/reference/host-calls.md), for what has no method here. */
    call<T = unknown>(method: string, params?: object): Promise<T>;
    /** Connects now rather than with the first call. */
    connect(): Promise<void>;
    /** Ends the connection; calls that are under way fail with `closed`. */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
