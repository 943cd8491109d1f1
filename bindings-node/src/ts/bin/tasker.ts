#!/usr/bin/env node
import { parseArgs } from "node:util";
import { VERSION } from "../version.js";

const USAGE = `Usage: tasker [--version] [--help]

The command of the npm package only tells its version. Operators' commands (tasker task, tasker template, ...) are those of
Tasker's own binary, and this package is for programs: see its README.
`;

function main(): number {
  try {
    const { values } = parseArgs({
      options: { version: { type: "boolean", short: "V" }, help: { type: "boolean", short: "h" } },
    });
    process.stdout.write(values.version ? `tasker ${VERSION}\n` : USAGE);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return 2;
  }
}

process.exitCode = main();
