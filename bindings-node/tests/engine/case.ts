import type { Step, Task } from "@tasker-systems/tasker";
import { parse } from "yaml";

/** An input, and how a run with it must end; the README of the examples describes the format. */
export interface Case {
  name: string;
  input: unknown;
  environment: string;
  signals?: { signal: string; payload?: unknown; by?: string; refused?: string }[];
  when_blocked?: { resolve: string; result: unknown };
  expect: {
    refused?: string;
    state?: string;
    error_code?: string;
    in_order?: string[];
    steps?: Record<string, ExpectedStep>;
  };
}

interface ExpectedStep {
  state: string;
  attempts?: number;
  error_code?: string;
  result?: unknown;
}

/** The cases of a `cases.yaml`, with `${tmp}` in the texts of their inputs replaced. */
export function casesOf(yaml: string, directory: string): Case[] {
  const cases = parse(yaml, { merge: true }) as (Omit<Case, "environment"> & { environment?: string })[];
  return cases.map((one) => ({ environment: "test", ...one, input: inDirectory(one.input, directory) }));
}

/** Where a run ended otherwise than expected; empty if it ended as it should. */
export function differences({ expect }: Case, task: Task, steps: Step[]): string[] {
  const found: string[] = [];
  compare(found, "state", expect.state, task.status);
  compare(found, "error_code", expect.error_code, task.error?.code);
  for (const [name, expected] of Object.entries(expect.steps ?? {})) {
    const step = steps.find((step) => step.name === name);
    if (step === undefined) found.push(`${name}: the template has no such step`);
    else compareStep(found, expected, step);
  }
  const named = (name?: string) => steps.find((step) => step.name === name);
  for (const [at, later] of (expect.in_order ?? []).entries()) {
    if (at === 0) continue;
    const earlier = expect.in_order?.[at - 1];
    const [ended, began] = [named(earlier)?.completed_at, named(later)?.started_at];
    if (!(ended && began && ended <= began)) found.push(`${later} began at ${began}, ${earlier} ended at ${ended}`);
  }
  return found;
}

function compareStep(found: string[], expected: ExpectedStep, step: Step): void {
  compare(found, `${step.name}.state`, expected.state, step.current_state);
  if (expected.attempts !== undefined) compare(found, `${step.name}.attempts`, expected.attempts, step.attempts);
  // The last failure stays with a step that succeeded later.
  const failure = step.current_state === "error" ? step.error?.code : undefined;
  compare(found, `${step.name}.error_code`, expected.error_code, failure);
  if (expected.result !== undefined) compareWithin(found, `${step.name}.result`, expected.result, step.results ?? null);
}

/** Every key that is expected must be there and be equal; keys that are not expected may be there. */
function compareWithin(found: string[], place: string, expected: unknown, got: unknown): void {
  if (!isObject(expected) || !isObject(got)) {
    compare(found, place, expected, got);
    return;
  }
  for (const [key, value] of Object.entries(expected)) {
    if (Object.hasOwn(got, key)) compareWithin(found, `${place}.${key}`, value, got[key]);
    else found.push(`${place}.${key}: missing`);
  }
}

function compare(found: string[], place: string, expected: unknown, got: unknown): void {
  const [left, right] = [sorted(expected), sorted(got)];
  if (left !== right) found.push(`${place}: expected ${left}, got ${right}`);
}

/** A text that is equal where the values are; the order of keys says nothing. */
function sorted(value: unknown): string | undefined {
  return JSON.stringify(value, (_, inner) => {
    return isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner;
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function inDirectory(value: unknown, directory: string): unknown {
  if (typeof value === "string") return value.replace(/\$\{tmp\}/g, () => directory);
  if (Array.isArray(value)) return value.map((item) => inDirectory(item, directory));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, inDirectory(field, directory)]));
}
