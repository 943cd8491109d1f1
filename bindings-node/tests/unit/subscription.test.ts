import assert from "node:assert/strict";
import { test } from "node:test";
import { TaskerError } from "@tasker-systems/tasker";
import { subscribe } from "#dist/subscription.js";

test("what passes by itself is waited for, and all else is thrown", async () => {
  const away = new TaskerError({ code: "server_unreachable", message: "away", is_transient: true });
  const refused = new TaskerError({ code: "field_invalid", message: "no" });
  const event = { type: "task.created" };
  const answers = [away, { items: [{ cursor: "1", event }], cursor: "2" }, refused];
  const asked: Record<string, unknown>[] = [];
  const ask = async (query: object) => {
    asked.push(query as Record<string, unknown>);
    const answer = answers.shift() ?? refused;
    if (answer instanceof TaskerError) throw answer;
    return answer as never;
  };
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const { type } of subscribe(ask, { subscription: "it" })) seen.push(type);
  }, refused);
  assert.deepEqual(seen, ["task.created"]);
  assert.deepEqual(
    asked.map(({ done }) => done),
    [undefined, undefined, "2", "2"],
  );
});
