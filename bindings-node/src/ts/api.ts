import {
  AuthenticationError,
  AuthorizationError,
  isStepFailure,
  NetworkError,
  NotFoundError,
  PermanentError,
  RateLimitError,
  ServiceUnavailableError,
  type StepFailure,
  TimeoutError,
  ValidationError,
} from "./errors.js";
import { decode, encode } from "./json.js";

export interface ApiOptions {
  /** Paths are taken relative to it. */
  readonly baseUrl?: string | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How long a request may take; 30,000 if not given. */
  readonly timeoutMs?: number | undefined;
}

export interface RequestOptions {
  query?: Readonly<Record<string, string | number | boolean | undefined>>;
  headers?: Readonly<Record<string, string>> | undefined;
  /** Sent as JSON. */
  body?: unknown;
}

/** What the other side answered with, when it was a success. */
export interface ApiResponse<T = unknown> {
  status: number;
  headers: Headers;
  /** Decoded if it is JSON, else the text; undefined if there is none. */
  body: T;
}

/**
 * Requests whose failures are failures of the step: 408, 429, 5xx, a time-out and a lost connection are retryable
 * (`Retry-After` is heeded), every other answer but a success is permanent. The attempt's cancellation ends a request.
 */
export interface Api {
  get<T = unknown>(path: string, options?: Omit<RequestOptions, "body">): Promise<ApiResponse<T>>;
  post<T = unknown>(path: string, body?: unknown, options?: RequestOptions): Promise<ApiResponse<T>>;
  put<T = unknown>(path: string, body?: unknown, options?: RequestOptions): Promise<ApiResponse<T>>;
  patch<T = unknown>(path: string, body?: unknown, options?: RequestOptions): Promise<ApiResponse<T>>;
  delete<T = unknown>(path: string, options?: RequestOptions): Promise<ApiResponse<T>>;
}

/** Bytes of an answer that are kept with a failure. */
const EXCERPT_LENGTH = 2_000;

export function apiOf(options: ApiOptions, signal: AbortSignal): Api {
  const send = <T>(method: string, path: string, request: RequestOptions = {}): Promise<ApiResponse<T>> => {
    return sendRequest<T>(options, signal, method, path, request);
  };
  return {
    get: (path, request) => send("GET", path, request),
    post: (path, body, request) => send("POST", path, { ...request, body }),
    put: (path, body, request) => send("PUT", path, { ...request, body }),
    patch: (path, body, request) => send("PATCH", path, { ...request, body }),
    delete: (path, request) => send("DELETE", path, request),
  };
}

async function sendRequest<T>(
  options: ApiOptions,
  signal: AbortSignal,
  method: string,
  path: string,
  request: RequestOptions,
): Promise<ApiResponse<T>> {
  const url = urlOf(options.baseUrl, path, request.query);
  const timeout = AbortSignal.timeout(options.timeoutMs ?? 30_000);
  const body = request.body === undefined ? null : encode(request.body);
  const type = body === null ? {} : { "content-type": "application/json" };
  const headers = { accept: "application/json", ...type, ...options.headers, ...request.headers };
  try {
    const response = await fetch(url, { method, headers, body, signal: AbortSignal.any([signal, timeout]) });
    const text = await response.text();
    if (!response.ok) throw failureOf(response, text, `${method} ${url.origin}${url.pathname}`);
    return { status: response.status, headers: response.headers, body: bodyOf(response, text) as T };
  } catch (error) {
    if (isStepFailure(error) || !(error instanceof Error)) throw error;
    if (timeout.aborted)
      throw new TimeoutError(`${method} ${url.origin}${url.pathname}: no answer in time`, { cause: error });
    if (error instanceof TypeError)
      throw new NetworkError(`${method} ${url.origin}${url.pathname}: ${error.message}`, { cause: error });
    throw error;
  }
}

function urlOf(baseUrl: string | undefined, path: string, query: RequestOptions["query"]): URL {
  // A base with a path keeps it: "https://host/v1" and "/users" give "https://host/v1/users".
  const url =
    baseUrl === undefined ? new URL(path) : new URL(`${baseUrl.replace(/\/$/, "")}/${path.replace(/^\//, "")}`);
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  return url;
}

function bodyOf(response: Response, text: string): unknown {
  if (text === "") return undefined;
  return response.headers.get("content-type")?.includes("json") ? decode(text) : text;
}

/** What an answer that is no success means for the step. */
function failureOf(response: Response, text: string, request: string): StepFailure {
  const { status } = response;
  const message = `${request} answered ${status} ${response.statusText}`.trimEnd();
  const context = { status, body: text.slice(0, EXCERPT_LENGTH).toWellFormed() };
  const retryAfter = secondsOf(response.headers.get("retry-after"));
  const options = retryAfter === undefined ? { context } : { context, retryAfter };
  switch (status) {
    case 401:
      return new AuthenticationError(message, { context });
    case 403:
      return new AuthorizationError(message, { context });
    case 404:
    case 410:
      return new NotFoundError(message, { context });
    case 400:
    case 422:
      return new ValidationError(message, { context });
    case 408:
    case 504:
      return new TimeoutError(message, options);
    case 429:
      return new RateLimitError(message, options);
    default:
      if (status === 425 || status >= 500) return new ServiceUnavailableError(message, options);
      return new PermanentError(message, { context, errorCode: `http_${status}` });
  }
}

/** `Retry-After` is a number of seconds or a date. */
function secondsOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1_000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
