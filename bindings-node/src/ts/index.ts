export type { Api, ApiOptions, ApiResponse, RequestOptions } from "./api.js";
export {
  type Actor,
  type CreateTask,
  type RerunOptions,
  TaskerClient,
  type TaskFilter,
  type WaitOptions,
} from "./client.js";
export type { Checkpoint, StepContext } from "./context.js";
export * from "./errors.js";
export { BatchConfig, type BatchContext, type BatchOptions, Decision } from "./flow.js";
export {
  defineApiHandler,
  defineBatchAnalyzer,
  defineBatchWorker,
  defineDecisionHandler,
  defineHandler,
} from "./functional.js";
export { type Handler, type HandlerFunction, StepHandler, type StepHandlerClass } from "./handler.js";
export type { ConnectionOptions } from "./host.js";
export type { Logger } from "./log.js";
export type { CursorRange, Ending, FailureStrategy } from "./protocol.js";
export { HandlerRegistry, type Handlers } from "./registry.js";
export { StepHandlerResult } from "./result.js";
export { type Arguments, type HandlerOptions, type Source, type Sources, type Typed, typed } from "./sources.js";
export type { StandardSchema } from "./standard-schema.js";
export type { SubscribeOptions } from "./subscription.js";
export { Tasker, type TaskerOptions } from "./tasker.js";
export { VERSION } from "./version.js";
export type * from "./view.js";
export type { Drained } from "./worker.js";
export { WorkerServer, type WorkerServerOptions } from "./worker-server.js";
