/** The documents that Tasker answers with: the same from an engine in this process and from a server. */
import type { Ending } from "./protocol.js";
/** Why a task or a step failed. */
export interface StepErrorView {
    kind: "retryable" | "permanent" | "timeout";
    /** A stable word to branch on. */
    code: string;
    message: string;
    /** The name of the error in its own language. */
    error_type?: string;
    retry_after_ms?: number;
    backtrace?: string;
    context?: unknown;
}
export type TaskStatus = "pending" | "in_progress" | "paused" | "blocked_by_failures" | "complete" | "error" | "cancelled" | "resolved_manually";
export type StepState = "pending" | "enqueued" | "in_progress" | "waiting_for_retry" | "waiting" | "complete" | "error" | "cancelled" | "skipped" | "resolved_manually";
/** One node of one task. Times are RFC 3339 texts. */
export interface Step {
    step_uuid: string;
    task_uuid: string;
    /** The step's place among those of its task, from 0. */
    step_idx: number;
    name: string;
    current_state: StepState;
    handler: string;
    queue: string;
    dependencies: string[];
    /** When it runs, if not with the others: before the end of the task. */
    phase?: "compensation" | "finally";
    /** The step that it undoes. */
    compensates?: string;
    /** The current or last attempt; 0 before the first. */
    attempts: number;
    max_attempts: number;
    failures: number;
    losses: number;
    /** What the handler returned. */
    results?: unknown;
    /** The last failure; kept after a later attempt succeeded. */
    error?: StepErrorView;
    next_retry_at?: string;
    due_at?: string;
    /** The signal that it waits for, or was ended by. */
    signal?: string;
    /** The task that runs it, or ran it last. */
    child_uuid?: string;
    /** Of a skipped step: names of the decisions, and of the steps that split their work, which did not choose it. */
    left_out_by?: string[];
    /** Of a step whose work is split: how many of its parts are in each state. The parts are listed apart. */
    parts?: Record<string, number>;
    /** Of a part: its number among the parts of its step, from 0. */
    part?: number;
    worker_id?: string;
    started_at?: string;
    completed_at?: string;
}
/** The step of another task that a task runs for. */
export interface ParentStep {
    task_uuid: string;
    step_uuid: string;
    /** The step's name. */
    step: string;
}
/** One run of a template. Times are RFC 3339 texts. */
export interface Task {
    task_uuid: string;
    /** Name of the template. */
    name: string;
    namespace: string;
    version: string;
    status: TaskStatus;
    /** The task's input. */
    context: unknown;
    initiator?: string;
    source_system?: string;
    reason?: string;
    priority: number;
    tags: string[];
    correlation_id?: string;
    parent_correlation_id?: string;
    idempotency_key?: string;
    /** The trace that it belongs to (W3C Trace Context). */
    traceparent?: string;
    tracestate?: string;
    /** The task that this one runs again. */
    rerun_of?: string;
    /** The step of another task that this one runs for. */
    parent?: ParentStep;
    /** The task above all others, where this one has a parent. */
    root_uuid?: string;
    /** How it ends, while something is yet to be done before that. */
    ending?: Ending;
    environment?: string;
    created_at: string;
    updated_at: string;
    completed_at?: string;
    deadline_at?: string;
    /** Why a task ended otherwise than `complete`. */
    error?: StepErrorView;
    total_steps: number;
    pending_steps: number;
    in_progress_steps: number;
    completed_steps: number;
    failed_steps: number;
    /** Not in lists. */
    ready_steps?: number;
    /** From 0 to 100. */
    completion_percentage: number;
    /** Number of the task's last event. */
    last_seq: number;
    /** In the order of the template; not in lists. */
    steps?: Step[];
}
/** A task and all that run for its steps. */
export interface TaskTree {
    task_uuid: string;
    /** Parents before children, with their steps. */
    tasks: Task[];
    /** The tree is larger than one answer. */
    is_cut?: boolean;
}
/** The answer to one of many submissions: the task, or why there is none. */
export interface Created {
    task_uuid?: string;
    is_new?: boolean;
    error?: {
        code: string;
        message: string;
        remedy?: string;
    };
}
/** What became of one action on many tasks. */
export interface Acted {
    items: {
        task_uuid: string;
        error?: {
            code: string;
            message: string;
            remedy?: string;
        };
        rerun_uuid?: string;
    }[];
    [field: string]: unknown;
}
/** The answer to a submission. */
export interface Submitted {
    task_uuid: string;
    /** False if the idempotency key belongs to an earlier task, which is the one named here. */
    is_new: boolean;
}
/** Something that happened to a task or to one of its steps; what else it says is by its type. */
export interface TaskEvent {
    task_uuid: string;
    /** Counts from 1 in each task, without gaps. */
    seq: number;
    at: string;
    /** `task.created`, `step.completed`, ... A reader passes over words that it does not know. */
    type: string;
    namespace: string;
    name: string;
    version: string;
    step?: string;
    step_idx?: number;
    step_uuid?: string;
    attempt?: number;
    worker_id?: string;
    error?: StepErrorView;
    due_at?: string;
    /** The operator who did it, and why. */
    by?: string;
    reason?: string;
    details?: Record<string, unknown>;
}
/** The answer to a registration. */
export interface Registered {
    template_uuid: string;
    namespace: string;
    name: string;
    version: string;
    /** Steps of the template. */
    steps: number;
    /** False if the same content was registered before. */
    is_new: boolean;
}
/** A registered version of a template. */
export interface Template {
    template_uuid: string;
    namespace: string;
    name: string;
    version: string;
    description?: string;
    created_at: string;
    /** The template in canonical form; not in lists. */
    definition?: Record<string, unknown>;
}
/** A page of a list; `next` is what the page after begins behind, and missing on the last. */
export interface Page<T> {
    items: T[];
    next?: string | number | null;
}
