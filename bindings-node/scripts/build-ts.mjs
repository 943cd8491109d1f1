// Builds the TypeScript side twice, as ES modules and as CommonJS, and compares the public types with those in types/.
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withSnapshot } from "./snapshot.mjs";

const folder = fileURLToPath(new URL("..", import.meta.url));
const tsc = (project) => {
  const { status } = spawnSync("npx", ["--no-install", "tsc", "-p", project], { cwd: folder, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};

rmSync(join(folder, "dist"), { recursive: true, force: true });
tsc("tsconfig.json");
tsc("tsconfig.cjs.json");
writeFileSync(join(folder, "dist/cjs/package.json"), '{ "type": "commonjs" }\n');
for (const command of readdirSync(join(folder, "dist/esm/bin")).filter((file) => file.endsWith(".js"))) {
  chmodSync(join(folder, "dist/esm/bin", command), 0o755);
}

const declarations = readdirSync(join(folder, "dist/esm")).filter((file) => file.endsWith(".d.ts"));
mkdirSync(join(folder, "types"), { recursive: true });
for (const file of readdirSync(join(folder, "types"))) {
  if (!declarations.includes(file)) rmSync(join(folder, "types", file));
}
for (const file of declarations) {
  withSnapshot(`types/${file}`, () => copyFileSync(join(folder, "dist/esm", file), join(folder, "types", file)));
}
