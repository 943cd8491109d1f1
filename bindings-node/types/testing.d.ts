import { type Checkpoint, StepContext } from "./context.js";
import { type Logger } from "./log.js";
import type { Assignment, Ending, TraceContext } from "./protocol.js";
/** What a handler under test is called with. */
export interface TestContext {
    inputData?: unknown;
    dependencyResults?: Record<string, unknown>;
    stepConfig?: Record<string, unknown>;
    taskUuid?: string;
    stepUuid?: string;
    stepName?: string;
    handlerName?: string;
    namespace?: string;
    templateName?: string;
    version?: string;
    correlationId?: string;
    traceContext?: TraceContext;
    attempt?: number;
    retryCount?: number;
    maxRetries?: number;
    batch?: Assignment["batch"];
    parent?: Assignment["parent"];
    ending?: Ending;
    checkpoint?: Checkpoint;
    signal?: AbortSignal;
    logger?: Logger;
}
/** What a handler under test did with its context. */
export interface TestedContext extends StepContext {
    readonly published: {
        name: string;
        payload: unknown;
    }[];
    readonly checkpoints: Checkpoint[];
    readonly reportedProgress: unknown[];
}
/** A context for calling a handler in a unit test, without an engine. */
export declare function buildTestContext(test?: TestContext): TestedContext;
