// A script that closes nothing ends all the same, and so does one that fails.
import { TaskerClient } from "@tasker-systems/tasker";
import { say } from "./scene.js";

const client = new TaskerClient({ url: process.argv[2], log: "warn" });
say(String((await client.listTasks({ namespace: "lifecycle" })).items.length));
throw new Error("on purpose");
