"use strict";
// The one place where the addon is loaded, by the ESM and the CommonJS build alike: from beside this file where it was
// built, else from the package of this platform, which npm installs as an optional dependency.

const { existsSync, readFileSync } = require("node:fs");
const { join } = require("node:path");

/** Whether the C library is musl, as on Alpine; its dynamic loader is the one thing that is always there. */
function isMusl() {
  if (process.platform !== "linux") return false;
  const report = process.report?.getReport();
  return report !== undefined && !report.header.glibcVersionRuntime;
}

function platformName() {
  const { platform, arch } = process;
  if (platform === "linux") return `linux-${arch}-${isMusl() ? "musl" : "gnu"}`;
  if (platform === "win32") return `win32-${arch}-msvc`;
  return `${platform}-${arch}`;
}

function load() {
  const name = platformName();
  const beside = join(__dirname, `tasker.${name}.node`);
  if (existsSync(beside)) return require(beside);
  const packageName = `@tasker-systems/tasker-${name}`;
  try {
    return require(packageName);
  } catch (error) {
    const { version } = JSON.parse(readFileSync(join(__dirname, "package.json"), "utf8"));
    const message =
      `Tasker's native part for ${name} cannot be loaded: install ${packageName}@${version} ` +
      "(npm leaves it out with --omit=optional, and when a lock file was made on another platform)";
    throw new Error(message, { cause: error });
  }
}

module.exports = load();
