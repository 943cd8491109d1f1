import type { StepContext } from "./context.js";
import { isStepFailure } from "./errors.js";
import { FlowResult } from "./flow.js";
import type { HandlerFunction, StepHandler } from "./handler.js";
import { encode, NotJsonError } from "./json.js";
import type { Next, StepError } from "./protocol.js";
import { type FailureShape, StepHandlerResult } from "./result.js";

/** Characters of the beginning and of the end of a text that are told; Rust has the bound of what is kept. */
const TEXT_LENGTH = 20_000;
/** Errors behind an error that are told. */
const CAUSES_MAX = 5;

/** Runs one attempt. It never throws: whatever the handler does (its constructor too) becomes an outcome, as its JSON text. */
export async function run(
  resolve: () => StepHandler | HandlerFunction | undefined,
  context: StepContext,
  method: string | undefined,
  events: readonly string[],
): Promise<string> {
  try {
    const returned = await call(resolve(), context, method);
    if (StepHandlerResult.is(returned) && !returned.success) return failed(failureOfResult(returned), events);
    if (FlowResult.is(returned)) return succeeded(returned.result, returned.next, events);
    if (!StepHandlerResult.is(returned)) return succeeded(returned, undefined, events);
    return succeeded(returned.result, undefined, events, returned.metadata);
  } catch (thrown) {
    return failed(described(thrown), events);
  }
}

/** The failure that a thrown value means, of one too that does not let itself be looked at. */
function described(thrown: unknown): StepError {
  try {
    return failureOf(thrown);
  } catch {
    return stepError({ message: `the handler threw what cannot be described: ${kindOf(thrown)}` }, "handler_error");
  }
}

function call(
  handler: StepHandler | HandlerFunction | undefined,
  context: StepContext,
  method: string | undefined,
): unknown {
  if (handler === undefined) {
    const message = `this worker was handed a step for \`${context.handlerName}\`, which it does not have`;
    return StepHandlerResult.failure({ message, errorCode: "handler_not_found" });
  }
  if (typeof handler === "function") return handler(context);
  const named = method === undefined || method === "call" ? undefined : Reflect.get(handler, method);
  if (typeof named === "function") return named.call(handler, context);
  if (method !== undefined && method !== "call") {
    const message = `the handler \`${context.handlerName}\` has no method \`${method}\``;
    return StepHandlerResult.failure({ message, errorCode: "handler_method_not_found", retryable: false });
  }
  return handler.call(context);
}

function succeeded(
  result: unknown,
  next: Next | undefined,
  events: readonly string[],
  metadata?: Record<string, unknown>,
): string {
  try {
    const parts = [`"result":${encode(result)}`];
    if (next !== undefined) parts.push(`"next":${encode(next)}`);
    if (events.length > 0) parts.push(`"events":[${events.join(",")}]`);
    if (metadata !== undefined) parts.push(`"metadata":${textOfExtra(metadata)}`);
    return `{"succeeded":{${parts.join(",")}}}`;
  } catch (error) {
    return failed(described(error instanceof NotJsonError ? error.ofStep("the result") : error), []);
  }
}

function failed(error: StepError, events: readonly string[]): string {
  const told = events.length > 0 ? `,"events":[${events.join(",")}]` : "";
  return `{"failed":{"error":${textOf(error)}${told}}}`;
}

/** What is kept with the failure may itself be no JSON; then it is left out with a word, and the failure stays. */
function textOf({ context, ...error }: StepError): string {
  const text = encode(error);
  return context === undefined ? text : `${text.slice(0, -1)},"context":${textOfExtra(context)}}`;
}

/** The JSON of what is kept with an outcome, or of the reason why it is not. */
function textOfExtra(extra: unknown): string {
  try {
    return encode(extra);
  } catch (fault) {
    const reason = fault instanceof Error ? fault.message : "it is no JSON";
    return encode({ left_out: reason.toWellFormed() });
  }
}

function failureOfResult(result: StepHandlerResult): StepError {
  const shape: FailureShape = { ...result, message: result.errorMessage ?? "the handler failed" };
  return stepError(shape, shape.errorCode ?? shape.errorType ?? "handler_error");
}

/** The failure that a thrown value means; any error that does not say otherwise is retryable. */
export function failureOf(thrown: unknown): StepError {
  if (!(thrown instanceof Error)) {
    const what = thrown === null || thrown === undefined ? "nothing" : `a ${typeof thrown}`;
    const message = `the handler threw ${what} and no Error: ${textOfThrown(thrown)}`;
    return stepError({ message }, "handler_error");
  }
  const backtrace = stackOf(thrown);
  if (!isStepFailure(thrown)) {
    return stepError({ message: messageOf(thrown), errorType: nameOf(thrown), backtrace }, "handler_error");
  }
  const { message, errorCode, retryable, retryAfter, context: metadata } = thrown;
  return stepError({ message, errorType: nameOf(thrown), retryable, metadata, retryAfter, backtrace }, errorCode);
}

function stepError(shape: FailureShape, code: string): StepError {
  const wait = shape.retryAfter;
  return {
    kind: (shape.retryable ?? true) ? "retryable" : "permanent",
    code: textFrom(code) || "handler_error",
    message: textFrom(shape.message) || "the handler failed",
    error_type: shape.errorType === undefined ? undefined : textFrom(shape.errorType),
    retry_after_ms:
      typeof wait === "number" && wait >= 0 ? Math.round(Math.min(wait * 1_000, Number.MAX_SAFE_INTEGER)) : undefined,
    backtrace: shape.backtrace === undefined ? undefined : textFrom(shape.backtrace),
    context: shape.metadata,
  };
}

/** JavaScript keeps nobody from giving a number as a code, or from messages of megabytes. */
function textFrom(value: unknown): string {
  const text = String(value);
  const isLong = text.length > 2 * TEXT_LENGTH;
  const told = isLong ? `${text.slice(0, TEXT_LENGTH)}\n... (cut) ...\n${text.slice(-TEXT_LENGTH)}` : text;
  return told.toWellFormed();
}

/** The name of the class, which `name` is not where a subclass did not set it. */
function nameOf(error: Error): string {
  return error.name !== "Error" ? String(error.name) : (error.constructor?.name ?? "Error");
}

function messageOf(error: Error): string {
  return String(error.message) || nameOf(error);
}

function stackOf(error: Error): string | undefined {
  const stacks: string[] = [];
  let cause: unknown = error;
  for (let depth = 0; depth <= CAUSES_MAX && cause instanceof Error; depth += 1) {
    stacks.push(String(cause.stack ?? cause));
    if (cause instanceof AggregateError) {
      for (const one of cause.errors.slice(0, CAUSES_MAX))
        stacks.push(String((one as Error | undefined)?.stack ?? one));
    }
    cause = cause.cause;
  }
  const text = stacks.join("\ncaused by: ");
  return text === "" ? undefined : text;
}

/** A thrown object may refuse to be a text. */
function textOfThrown(thrown: unknown): string {
  try {
    return typeof thrown === "object" && thrown !== null ? encode(thrown) : String(thrown);
  } catch {
    return kindOf(thrown);
  }
}

/** Not even this can be asked of a proxy that is revoked. */
function kindOf(thrown: unknown): string {
  try {
    return Object.prototype.toString.call(thrown);
  } catch {
    return typeof thrown;
  }
}
