// Packs the package and the one with the addon of this platform, as they are published: into build/packages/.
// The package of every platform is an optional dependency, so that npm installs the one that fits.
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("..", import.meta.url));
const out = join(folder, "build/packages");
const npmDir = join(folder, "build/npm");
const stage = join(folder, "build/stage");

function run(cwd, command, ...args) {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}: ${stderr}`);
}

for (const path of [out, npmDir, stage]) {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
}
run(folder, "npx", "--no-install", "napi", "create-npm-dirs", "--npm-dir", npmDir);
const platforms = readdirSync(npmDir).map((platform) => ({
  folder: join(npmDir, platform),
  manifest: JSON.parse(readFileSync(join(npmDir, platform, "package.json"), "utf8")),
}));

const { scripts, devDependencies, napi, imports, ...manifest } = JSON.parse(
  readFileSync(join(folder, "package.json"), "utf8"),
);
const optionalDependencies = Object.fromEntries(platforms.map(({ manifest: { name, version } }) => [name, version]));
for (const file of ["dist", "native.cjs", "platform.cjs", "README.md"])
  cpSync(join(folder, file), join(stage, file), { recursive: true });
copyFileSync(join(folder, "../LICENSE"), join(stage, "LICENSE"));
writeFileSync(join(stage, "package.json"), `${JSON.stringify({ ...manifest, optionalDependencies }, null, 2)}\n`);
run(stage, "npm", "pack", "--pack-destination", out);

const addons = readdirSync(folder).filter((file) => file.endsWith(".node"));
for (const addon of addons) {
  const platform = platforms.find(({ manifest }) => manifest.main === addon);
  if (platform === undefined) throw new Error(`no platform in package.json has ${addon}`);
  copyFileSync(join(folder, addon), join(platform.folder, addon));
  run(platform.folder, "npm", "pack", "--pack-destination", out);
}
if (addons.length === 0) throw new Error("there is no addon: run npm run build:native first");
console.log(
  readdirSync(out)
    .map((file) => join(out, file))
    .join("\n"),
);
