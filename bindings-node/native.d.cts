declare const addon: typeof import("./src/ts/addon.js");
export = addon;
