// Tasker in a thread of Node's: the thread is ended in the midst of a handler, and another one goes on.
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Tasker } from "@tasker-systems/tasker";
import { say } from "./scene.js";

if (isMainThread) {
  const url = process.argv[2];
  const first = new Worker(fileURLToPath(import.meta.url), { workerData: { url, hangs: true } });
  await once(first, "message");
  await first.terminate();
  say("terminated");
  const second = new Worker(fileURLToPath(import.meta.url), { workerData: { url, hangs: false } });
  say(String((await once(second, "message"))[0]));
  const [code] = await once(second, "exit");
  say(`exit ${code}`);
} else {
  const { url, hangs } = workerData as { url: string; hangs: boolean };
  const it = () => {
    parentPort?.postMessage("began");
    return hangs ? new Promise(() => undefined) : "by the second";
  };
  const tasker = await Tasker.start(url, { log: "warn", pollIntervalMsMax: 50, handlers: { it } });
  if (!hangs) {
    const { items } = await tasker.listTasks({ namespace: "lifecycle" });
    for (const { task_uuid } of items) await tasker.waitForTask(task_uuid);
    await tasker.stop();
  }
}
