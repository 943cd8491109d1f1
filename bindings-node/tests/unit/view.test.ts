import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { sourceOf } from "../source.js";

const { schemas } = JSON.parse(readFileSync(sourceOf("../docs/reference/openapi.json"), "utf8")).components;
const types = readFileSync(sourceOf("types/view.d.ts"), "utf8");

/** The names of the fields of an interface. */
function fieldsOf(name: string): string[] {
  const body = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n(.*?)^\\}`, "ms").exec(types)?.[1] ?? "";
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, field]) => field ?? "");
}

for (const [name, schema] of Object.entries({ Task: "TaskView", Step: "StepView", TaskEvent: "EventView" })) {
  test(`${name} has the fields that the API describes`, () => {
    assert.deepEqual(fieldsOf(name).sort(), Object.keys(schemas[schema].properties).sort());
  });
}
