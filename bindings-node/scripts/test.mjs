// Builds the tests and runs them: node scripts/test.mjs [part of a path ...]. Tests use what `npm run build` has built.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("..", import.meta.url));
const run = (command, ...args) => {
  const { status } = spawnSync(command, args, { cwd: folder, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};

rmSync(join(folder, "build"), { recursive: true, force: true });
run("npx", "--no-install", "tsc", "-p", "tsconfig.tests.json");
const wanted = process.argv.slice(2);
const tests = readdirSync(join(folder, "build/bindings-node/tests"), { recursive: true })
  .filter((path) => path.endsWith(".test.js") && (wanted.length === 0 || wanted.some((part) => path.includes(part))))
  .map((path) => `build/bindings-node/tests/${path}`);
// One file at a time: two cores are soon busy, and those that use PostgreSQL share it.
run(
  process.execPath,
  "--test",
  "--test-concurrency=1",
  "--test-timeout=180000",
  "--test-reporter=spec",
  ...tests.sort(),
);
