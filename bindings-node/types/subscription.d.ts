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
    items: {
        cursor: string;
        event: TaskEvent;
    }[];
    cursor: string;
}
type Ask = (query: object) => Promise<EventPage>;
/** The events of all tasks, one after the other, whatever breaks off. */
export declare function subscribe(ask: Ask, options: SubscribeOptions): AsyncGenerator<TaskEvent, void, undefined>;
export {};
