import addon from "../../native.cjs";

/** The version of this package and of the engine inside it. */
export const VERSION: string = addon.version();
