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
export declare function apiOf(options: ApiOptions, signal: AbortSignal): Api;
