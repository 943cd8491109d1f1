import { PermanentError, TaskerError } from "./errors.js";

/** Why a value has no JSON form; the same words in every language. */
export type NotJsonReason =
  | "not_a_number"
  | "integer_too_large"
  | "key_not_text"
  | "circular"
  | "too_deep"
  | "text_broken"
  | "unsupported";

/** A value that has no JSON form. */
export class NotJsonError extends Error {
  /** Where it is within the value: `items[3].price`; empty for the value itself. */
  readonly path: string;
  readonly reason: NotJsonReason;

  constructor(path: string, reason: NotJsonReason, message: string) {
    super(message);
    this.name = "NotJsonError";
    this.path = path;
    this.reason = reason;
  }

  /** The failure of a step whose result it is in. */
  ofStep(what: string): PermanentError {
    const context = { path: this.path, reason: this.reason };
    return new PermanentError(this.text(what), { errorCode: "result_not_json", context });
  }

  /** The error of a call with a parameter that it is in. */
  ofCall(what: string): TaskerError {
    const faults = [{ code: this.reason, path: this.path, message: this.message }];
    return new TaskerError({ code: "value_not_json", message: this.text(what), faults });
  }

  private text(what: string): string {
    return this.path === "" ? `${what}: ${this.message}` : `${what}, at \`${this.path}\`: ${this.message}`;
  }
}

/** Nesting that every language takes. */
const DEPTH_MAX = 128;
const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 64n - 1n;

/**
 * The JSON text of a value, by the profile that all of Tasker's languages share (docs/reference/json-profile.md): like
 * `JSON.stringify`, except that nothing is lost without a word. Dates are RFC 3339 texts, BigInts are integers, symbols are
 * their descriptions, Maps are objects and Sets are lists; `toJSON` is heeded; `undefined` is left out of objects.
 *
 * @throws {@link NotJsonError} for NaN, infinities, integers beyond 64 bits, bytes, functions, promises, errors, circular
 * values, keys that are no texts, texts that are no Unicode, and nesting deeper than 128.
 */
export function encode(value: unknown): string {
  return new Encoder().write(value, "") ?? "null";
}

class Encoder {
  /** The objects that are being written, outermost first. */
  private readonly within: object[] = [];
  /** The keys and places on the way to what is being written. */
  private readonly way: (string | number)[] = [];

  /** Undefined for what an object leaves out. */
  write(value: unknown, key: string): string | undefined {
    switch (typeof value) {
      case "string":
        return this.quoted(value);
      case "number":
        if (!Number.isFinite(value)) throw this.fault("not_a_number", `${value} has no JSON form: use null or a text`);
        return JSON.stringify(value);
      case "boolean":
        return value ? "true" : "false";
      case "bigint":
        if (value >= INTEGER_MIN && value <= INTEGER_MAX) return value.toString();
        throw this.fault("integer_too_large", "the integer does not fit into 64 bits: use a text");
      case "symbol":
        return this.quoted(value.description ?? "");
      case "function":
        throw this.fault("unsupported", "a function has no JSON form: call it, or leave it out");
      case "undefined":
        return undefined;
      case "object":
        return value === null ? "null" : this.object(value, key);
    }
  }

  private object(value: object, key: string): string | undefined {
    const remedy = remedyFor(value);
    if (remedy !== undefined) {
      throw this.fault("unsupported", `a value of type \`${value.constructor?.name}\` has no JSON form: ${remedy}`);
    }
    if (this.within.includes(value)) {
      throw this.fault("circular", "the value contains itself: leave the reference back out");
    }
    if (this.within.length >= DEPTH_MAX) {
      throw this.fault("too_deep", `the value has more than ${DEPTH_MAX} levels: flatten it`);
    }
    this.within.push(value);
    const text = this.content(value, key);
    this.within.pop();
    return text;
  }

  private content(value: object, key: string): string | undefined {
    if ("toJSON" in value && typeof value.toJSON === "function") return this.write(value.toJSON(key), key);
    if (value instanceof Number || value instanceof String || value instanceof Boolean) {
      return this.write(value.valueOf(), key);
    }
    if (Array.isArray(value) || value instanceof Set) {
      const items = Array.from(value as Iterable<unknown>, (item, index) => this.part(item, index) ?? "null");
      return `[${items.join(",")}]`;
    }
    const fields: string[] = [];
    for (const [name, field] of value instanceof Map ? value : Object.entries(value)) {
      if (typeof name !== "string") {
        const message = `a key of type \`${typeof name}\` cannot be the key of a JSON object: use texts as keys`;
        throw this.fault("key_not_text", message);
      }
      const text = this.part(field, name);
      if (text !== undefined) fields.push(`${this.quoted(name)}:${text}`);
    }
    return `{${fields.join(",")}}`;
  }

  private part(value: unknown, at: string | number): string | undefined {
    this.way.push(at);
    const text = this.write(value, String(at));
    this.way.pop();
    return text;
  }

  private quoted(text: string): string {
    if (text.isWellFormed()) return JSON.stringify(text);
    throw this.fault("text_broken", "the text has half a character (a lone surrogate): cut it elsewhere");
  }

  private fault(reason: NotJsonReason, message: string): NotJsonError {
    return new NotJsonError(this.way.reduce<string>(pathTo, ""), reason, message);
  }
}

/** A key that is a plain word stands behind a dot; any other stands in brackets, as it is written in JSON. */
function pathTo(path: string, at: string | number): string {
  if (typeof at === "number") return `${path}[${at}]`;
  if (!/^[\p{Alphabetic}\p{N}_]+$/u.test(at)) return `${path}[${JSON.stringify(at)}]`;
  return path === "" ? at : `${path}.${at}`;
}

/** What to do about an object that would come out as `{}` or worse; undefined for one that can be written. */
function remedyFor(value: object): string | undefined {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
    return "encode bytes as text, base64 for example";
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "the date is invalid" : undefined;
  if (value instanceof Promise) return "await it";
  if (isIterator(value)) return "make a list of it";
  if (value instanceof RegExp) return "take its source";
  if (value instanceof Error) return "toJSON" in value ? undefined : "take its message, or throw it";
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) return "take what it holds";
  return undefined;
}

/** A generator, for example: what it would give is lost without a word. */
function isIterator(value: object): boolean {
  const iterates = Symbol.iterator in value || Symbol.asyncIterator in value;
  return iterates && "next" in value && typeof value.next === "function" && !("toJSON" in value);
}

const LONG_DIGITS = /\d{16}/;
const TEXT_OR_INTEGER = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

/** The value of a JSON text. Integers that a number cannot hold exactly become BigInts. */
export function decode(text: string): unknown {
  if (!LONG_DIGITS.test(text)) return JSON.parse(text);
  let mark = "#";
  while (text.includes(mark)) mark += "#";
  const marked = text.replace(TEXT_OR_INTEGER, (found) => {
    return found.startsWith('"') || Number.isSafeInteger(Number(found)) ? found : `"${mark}${found}"`;
  });
  if (marked.length === text.length) return JSON.parse(text);
  return JSON.parse(marked, (_, value) => {
    return typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value;
  });
}
