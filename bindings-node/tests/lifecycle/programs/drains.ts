// Works until it is asked to stop; the handler comes to its end although it is asked in the midst of it.
import { say, work } from "./scene.js";

// Said once all who listen have heard it: a second signal that comes before the package has let go of the first would be taken
// for it.
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => setImmediate(say, "asked"));
await work(async () => {
  const asked = new Promise((resolve) => process.once("SIGUSR2", resolve));
  say("began");
  await asked;
  say("ended");
  return "by the first";
});
