// A handler ends the process.
import { say, work } from "./scene.js";

await work(() => {
  say("began");
  process.exit(7);
});
say("ready");
