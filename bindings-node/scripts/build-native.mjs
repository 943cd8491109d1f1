// Builds the addon for this machine and puts it beside native.cjs; its types are written anew, and must not differ.
//   node scripts/build-native.mjs [--release]
// It calls cargo as everything else here does: `napi build` names a target, for which cargo compiles all crates once more.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateTypeDef } from "@napi-rs/cli";
import platform from "../platform.cjs";
import { withSnapshot } from "./snapshot.mjs";

const folder = fileURLToPath(new URL("..", import.meta.url));
/** Where napi's macros leave the types of what they export, each time that the crate is compiled. */
const typeDefDir = join(folder, "build/types");

function buildAddon() {
  rmSync(typeDefDir, { recursive: true, force: true });
  mkdirSync(typeDefDir, { recursive: true });
  const forced = { NAPI_TYPE_DEF_TMP_FOLDER: typeDefDir, NAPI_FORCE_BUILD_TASKER_NODE: String(Date.now()) };
  const profile = process.argv.includes("--release") ? ["--release"] : [];
  const args = ["build", "--locked", "-p", "tasker-node", "--message-format", "json-render-diagnostics", ...profile];
  const options = { cwd: folder, env: { ...process.env, ...forced }, encoding: "utf8", maxBuffer: 2 ** 28 };
  const { status, stdout } = spawnSync("cargo", args, { ...options, stdio: ["ignore", "pipe", "inherit"] });
  if (status !== 0) process.exit(status ?? 1);
  const messages = stdout.split("\n").filter((line) => line.startsWith("{"));
  const artifacts = messages.map((line) => JSON.parse(line)).filter(({ target }) => target?.name === "tasker_node");
  return artifacts.flatMap(({ filenames }) => filenames ?? []).find((file) => /\.(so|dylib|dll)$/.test(file));
}

const addon = buildAddon();
// A running process may have the old one loaded: a new file takes its place, and is not written into it.
const place = join(folder, `tasker.${platform.platformName()}.node`);
rmSync(place, { force: true });
copyFileSync(addon, place);

const { dts } = await generateTypeDef({
  typeDefDir,
  cwd: folder,
  dtsHeader: "/* Written by scripts/build-native.mjs */\n",
});
withSnapshot("src/ts/addon.d.ts", () => writeFileSync(join(folder, "src/ts/addon.d.ts"), dts));
