import { TaskerError } from "./errors.js";
import type { TaskEvent } from "./view.js";

/** Which events to hear of, and under which name. */
export interface SubscribeOptions {
  /** Goes on where the subscription of this name is done, also in another process. */
  subscription?: string | undefined;
  /** `task.completed`, `step.*`, or names of domain events; all if not given. */
  types?: readonly string[] | undefined;
  namespace?: string | undefined;
  /** Name of the template. */
  name?: string | undefined;
  /** Begins behind the event with this cursor, or at the beginning of the log with `start`; else with what happens from now on. */
  after?: string | undefined;
  /** Ends the iteration, which then returns. */
  signal?: AbortSignal | undefined;
}

interface EventPage {
  items: { cursor: string; event: TaskEvent }[];
  cursor: string;
}

type Ask = (query: object) => Promise<EventPage>;

/** How long one call waits for events, and the longest between two records of what is done. */
const WAIT_MS = 20_000;
const RECORD_MS = 1_000;
/** Between two calls after one that failed: at first, and in the end. */
const TRY_AGAIN_MS = [100, 5_000] as const;

/** The events of all tasks, one after the other, whatever breaks off. */
export async function* subscribe(ask: Ask, options: SubscribeOptions): AsyncGenerator<TaskEvent, void, undefined> {
  const { signal, ...filters } = options;
  const isNamed = filters.subscription !== undefined;
  let done: string | undefined;
  let recorded: string | undefined;
  let recordedAt = performance.now();
  let pause: number = TRY_AGAIN_MS[0];

  const call = async (more: object): Promise<EventPage> => {
    const asked = done;
    const place = asked === undefined ? {} : { [isNamed ? "done" : "after"]: asked };
    const page = await ask({ ...filters, ...more, ...place });
    recorded = asked;
    recordedAt = performance.now();
    pause = TRY_AGAIN_MS[0];
    return page;
  };
  const record = async (): Promise<void> => {
    // What cannot be recorded comes again.
    if (isNamed && done !== recorded) await call({ limit: 0 }).catch(() => undefined);
  };

  try {
    while (!signal?.aborted) {
      let page: EventPage | undefined;
      try {
        page = await unless(signal, call({ wait_ms: WAIT_MS }));
      } catch (error) {
        if (!(error instanceof TaskerError && error.isTransient)) throw error;
        await rest(pause * (0.5 + Math.random() / 2), signal);
        pause = Math.min(pause * 2, TRY_AGAIN_MS[1]);
      }
      for (const { cursor, event } of page?.items ?? []) {
        if (signal?.aborted) return;
        yield event;
        done = cursor;
        if (performance.now() - recordedAt >= RECORD_MS) await record();
      }
      if (page !== undefined) done = page.cursor;
    }
  } finally {
    await record();
  }
}

/** What a promise comes to, or nothing as soon as the signal is aborted. */
async function unless<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T | undefined> {
  if (signal === undefined) return promise;
  let stop = (): void => undefined;
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
  promise.catch(() => undefined);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await unless(signal, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms))));
  clearTimeout(timer);
}
