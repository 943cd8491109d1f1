import { type Checkpoint, StepContext } from "./context.js";
import { type Logger, withFields } from "./log.js";
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
  readonly published: { name: string; payload: unknown }[];
  readonly checkpoints: Checkpoint[];
  readonly reportedProgress: unknown[];
}

const NIL = "00000000-0000-0000-0000-000000000000";
const silent = withFields({ error() {}, warn() {}, info() {}, debug() {} }, {});

/** A context for calling a handler in a unit test, without an engine. */
export function buildTestContext(test: TestContext = {}): TestedContext {
  const published: { name: string; payload: unknown }[] = [];
  const checkpoints: Checkpoint[] = [];
  const reportedProgress: unknown[] = [];
  const signal = test.signal ?? new AbortController().signal;
  const context = new StepContext(assignmentOf(test), signal, {
    logger: test.logger ?? silent,
    heartbeat: (progress) => {
      reportedProgress.push(progress);
      return !signal.aborted;
    },
    checkpoint: async (checkpoint) => void checkpoints.push(checkpoint),
    publish: (name, payload) => void published.push({ name, payload }),
  });
  return Object.assign(context, { published, checkpoints, reportedProgress });
}

function assignmentOf(test: TestContext): Assignment {
  const { checkpoint, batch, parent, ending, correlationId, stepConfig } = test;
  const assignment: Assignment = {
    lease: { task_id: test.taskUuid ?? NIL, step_idx: 0, attempt: test.attempt ?? 1 },
    lease_until: "1970-01-01T00:00:00.000000Z",
    lease_ms: 30_000,
    step_uuid: test.stepUuid ?? NIL,
    namespace: test.namespace ?? "default",
    template: test.templateName ?? "template",
    version: test.version ?? "1.0.0",
    step: test.stepName ?? "step",
    handler: { callable: test.handlerName ?? "handler", config: stepConfig ?? {} },
    input: test.inputData ?? {},
    results: test.dependencyResults ?? {},
    failures: test.retryCount ?? 0,
    max_attempts: test.maxRetries ?? 3,
  };
  if (correlationId !== undefined) assignment.correlation_id = correlationId;
  if (test.traceContext !== undefined) assignment.trace_context = test.traceContext;
  if (batch !== undefined) assignment.batch = batch;
  if (parent !== undefined) assignment.parent = parent;
  if (ending !== undefined) assignment.ending = ending;
  if (checkpoint !== undefined) {
    const { cursor, accumulatedResults: accumulated_results, itemsProcessed: items_processed = 0 } = checkpoint;
    assignment.checkpoint = { cursor, accumulated_results, items_processed };
  }
  return assignment;
}
