import { type Checkpoint, StepContext } from "./context.js";
import { type Logger } from "./log.js";
import type { Assignment, Ending, TraceContext } from "./protocol.js";
/** What a handler under test is called with. */
export interface TestContext {
    inputData?: unknown;
    dependencyResults?: Record<string, unknown> | undefined;
    stepConfig?: Record<string, unknown> | undefined;
    taskUuid?: string | undefined;
    stepUuid?: string | undefined;
    stepName?: string | undefined;
    handlerName?: string | undefined;
    namespace?: string | undefined;
    templateName?: string | undefined;
    version?: string | undefined;
    correlationId?: string | undefined;
    traceContext?: TraceContext | undefined;
    attempt?: number | undefined;
    retryCount?: number | undefined;
    maxRetries?: number | undefined;
    batch?: Assignment["batch"] | undefined;
    parent?: Assignment["parent"] | undefined;
    ending?: Ending | undefined;
    checkpoint?: Checkpoint | undefined;
    signal?: AbortSignal | undefined;
    logger?: Logger | undefined;
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
