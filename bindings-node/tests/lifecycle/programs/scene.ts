import { writeSync } from "node:fs";
import { type HandlerFunction, Tasker, type TaskerOptions } from "@tasker-systems/tasker";

/** Says a word to the test that runs this program, at once: what waits for the event loop may never come. */
export function say(word: string): void {
  writeSync(1, `${word}\n`);
}

/** Works on the database whose URL is the program's first argument, with one handler. */
export function work(it: HandlerFunction, options: TaskerOptions = {}): Promise<Tasker> {
  const url = process.argv[2] ?? "";
  return Tasker.start(url, { log: "warn", pollIntervalMsMax: 50, ...options, handlers: { it } });
}
