// The process is ended from outside of any handler while one waits, and while one computes.
import { say, work } from "./scene.js";

await work(async () => {
  say("began");
  setTimeout(() => process.exit(7), 10);
  await new Promise(() => undefined);
});
say("ready");
