// Builds the addon for this platform and puts it beside native.cjs; its types are written anew, and must not differ.
//   node scripts/build-native.mjs [--release]
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { withSnapshot } from "./snapshot.mjs";

const folder = fileURLToPath(new URL("..", import.meta.url));

withSnapshot("src/ts/addon.d.ts", () => {
  const profile = process.argv.includes("--release") ? ["--release", "--strip"] : [];
  const out = ["--platform", "--output-dir", ".", "--no-js", "--dts", "src/ts/addon.d.ts"];
  const command = ["napi", "build", ...out, ...profile];
  const { status, error } = spawnSync("npx", ["--no-install", ...command], { cwd: folder, stdio: "inherit" });
  if (status !== 0) throw error ?? new Error(`${command.join(" ")} ended with ${status}`);
});
