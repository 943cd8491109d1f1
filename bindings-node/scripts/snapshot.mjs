// Generated files that are checked in: TASKER_BLESS=1 accepts what is generated now, anything else compares.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const read = (path) => (existsSync(path) ? readFileSync(path, "utf8") : "");

/** Runs what writes `file` (by its path in this package), and fails if that changes it. */
export function withSnapshot(file, generate) {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const before = read(path);
  generate();
  if (read(path) === before || process.env.TASKER_BLESS === "1") return;
  console.error(`${file} differs from what is checked in. It is written anew: read the diff, and commit it.`);
  process.exitCode = 1;
}
