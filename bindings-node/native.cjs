"use strict";
// The one place where the addon is loaded, by the ESM and the CommonJS build alike: from beside this file where it was
// built, else from the package of this platform, which npm installs as an optional dependency.

const { existsSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { platformName } = require("./platform.cjs");

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
