// The process is killed after a checkpoint; another one goes on from there, and ends in order.
import { say, work } from "./scene.js";

const tasker = await work(
  async (context) => {
    if (!context.hasCheckpoint()) {
      await context.checkpoint(7, 7, { sum: 21 });
      process.kill(process.pid, "SIGKILL");
      await new Promise(() => undefined);
    }
    setImmediate(() => void tasker.stop());
    return [context.checkpointCursor, context.accumulatedResults];
  },
  { leaseMs: 1_000 },
);
say("ready");
