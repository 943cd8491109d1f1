// Ends by itself after the stop: nothing of Tasker keeps a process alive.
import { say, work } from "./scene.js";

const tasker = await work(() => say("worked"));
const task = await tasker.runTask({ namespace: "lifecycle", name: "it" });
await tasker.stop();
say(task.status);
