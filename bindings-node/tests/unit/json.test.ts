import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, NotJsonError } from "#dist/json.js";

function refused(value: unknown): [path: string, reason: string] {
  try {
    encode(value);
  } catch (error) {
    if (error instanceof NotJsonError) return [error.path, error.reason];
    throw error;
  }
  return assert.fail("it was written");
}

test("values of the language have the form of the shared profile", () => {
  class Money {
    constructor(readonly cents: number) {}
    toJSON(): string {
      return (this.cents / 100).toFixed(2);
    }
  }
  const value = {
    date: new Date("2026-03-01T12:00:00Z"),
    decimal: new Money(1999),
    symbol: Symbol("paid"),
    big: 2n ** 64n - 1n,
    small: -(2n ** 63n),
    map: new Map([["a", 1]]),
    set: new Set([1, 2]),
    missing: undefined,
    list: [undefined, null, Object("boxed")],
    nested: Object.create({ inherited: 1 }, { own: { value: [[]], enumerable: true } }),
    'a "key"': "\u2028𝄞",
  };
  assert.equal(
    encode(value),
    '{"date":"2026-03-01T12:00:00.000Z","decimal":"19.99","symbol":"paid","big":18446744073709551615,' +
      '"small":-9223372036854775808,"map":{"a":1},"set":[1,2],"list":[null,null,"boxed"],"nested":{"own":[[]]},' +
      '"a \\"key\\"":"\u2028𝄞"}',
  );
  assert.equal(encode(undefined), "null");
});

test("what has no JSON form is refused, with its path", () => {
  assert.deepEqual(refused({ items: [null, { price: Number.NaN }] }), ["items[1].price", "not_a_number"]);
  assert.deepEqual(refused(Number.POSITIVE_INFINITY), ["", "not_a_number"]);
  assert.deepEqual(refused({ "odd key": [2n ** 64n] }), ['["odd key"][0]', "integer_too_large"]);
  assert.deepEqual(refused({ größe: Buffer.from("bytes") }), ["größe", "unsupported"]);
  assert.deepEqual(refused([new Uint8Array(2)]), ["[0]", "unsupported"]);
  assert.deepEqual(refused({ a: new Map([[1, 2]]) }), ["a", "key_not_text"]);
  assert.deepEqual(refused({ a: "half \ud834 clef" }), ["a", "text_broken"]);
  assert.deepEqual(refused({ "\udd1e": 1 }), ["", "text_broken"]);
  for (const lost of [
    () => 1,
    Promise.resolve(1),
    /x/,
    new Error("e"),
    new WeakMap(),
    new Date(Number.NaN),
    [].values(),
  ]) {
    assert.deepEqual(refused({ lost }), ["lost", "unsupported"]);
  }
});

test("a value that contains itself is refused; the same value twice is not", () => {
  const circle: Record<string, unknown> = { list: [] };
  (circle.list as unknown[]).push({ back: circle });
  assert.deepEqual(refused(circle), ["list[0].back", "circular"]);
  const shared = { a: 1 };
  assert.equal(encode([shared, shared]), '[{"a":1},{"a":1}]');
});

test("nesting has a bound", () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
  assert.equal(encode(nested(128)).length, 2 * 128 + 1);
  assert.deepEqual(refused(nested(129)), ["[0]".repeat(128), "too_deep"]);
});

test("integers that a number cannot hold come and go unharmed", () => {
  const text =
    '{"n":[9007199254740993,-9223372036854775808,18446744073709551615,9007199254740991,1.0e+30],"t":"1234567890123456789"}';
  const value = decode(text) as { n: unknown[]; t: string };
  assert.deepEqual(value.n, [9007199254740993n, -(2n ** 63n), 2n ** 64n - 1n, 9007199254740991, 1e30]);
  assert.equal(value.t, "1234567890123456789");
  assert.equal(
    encode(decode('["#9007199254740993",9007199254740993,"\\"9007199254740993"]')),
    '["#9007199254740993",9007199254740993,"\\"9007199254740993"]',
  );
});
