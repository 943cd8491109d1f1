import { PermanentError, TaskerError } from "./errors.js";
/** Why a value has no JSON form; the same words in every language. */
export type NotJsonReason = "not_a_number" | "integer_too_large" | "key_not_text" | "circular" | "too_deep" | "text_broken" | "unsupported";
/** A value that has no JSON form. */
export declare class NotJsonError extends Error {
    /** Where it is within the value: `items[3].price`; empty for the value itself. */
    readonly path: string;
    readonly reason: NotJsonReason;
    constructor(path: string, reason: NotJsonReason, message: string);
    /** The failure of a step whose result it is in. */
    ofStep(what: string): PermanentError;
    /** The error of a call with a parameter that it is in. */
    ofCall(what: string): TaskerError;
    private text;
}
/**
 * The JSON text of a value, by the profile that all of Tasker's languages share (docs/reference/json-profile.md): like
 * `JSON.stringify`, except that nothing is lost without a word. Dates are RFC 3339 texts, BigInts are integers, symbols are
 * their descriptions, Maps are objects and Sets are lists; `toJSON` is heeded; `undefined` is left out of objects.
 *
 * @throws {@link NotJsonError} for NaN, infinities, integers beyond 64 bits, bytes, functions, promises, errors, circular
 * values, keys that are no texts, texts that are no Unicode, and nesting deeper than 128.
 */
export declare function encode(value: unknown): string;
/** The value of a JSON text. Integers that a number cannot hold exactly become BigInts. */
export declare function decode(text: string): unknown;
