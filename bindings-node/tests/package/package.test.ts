import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Tasker, VERSION } from "@tasker-systems/tasker";
import { sourceOf } from "../source.js";

/** An application's folder in which nothing is installed but the packed packages. */
let folder: string;

function run(command: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, DATABASE_URL: "", TASKER_API_URL: "" };
  return spawnSync(command, args, { cwd: folder, encoding: "utf8", env });
}

function succeed(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = run(command, ...args);
  assert.equal(status, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

/** The programs of the README, by their names. */
function programs(): Record<string, string> {
  const readme = readFileSync(sourceOf("README.md"), "utf8");
  const marked = readme.matchAll(/<!-- run: (\S+) -->\n```js\n(.*?)```/gs);
  return Object.fromEntries(Array.from(marked, ([, name, text]) => [name, text]));
}

before(() => {
  const packed = spawnSync(process.execPath, [sourceOf("scripts/pack.mjs")], { encoding: "utf8" });
  assert.equal(packed.status, 0, packed.stderr);
  folder = mkdtempSync(join(tmpdir(), "tasker-package-"));
  write("package.json", '{ "name": "an-application", "private": true }');
  const packages = sourceOf("build/packages");
  const files = readdirSync(packages).map((file) => join(packages, file));
  // Offline: what is not in the packed files is not needed.
  succeed("npm", "install", "--offline", "--no-audit", "--no-fund", ...files);
});

after(() => rmSync(folder, { recursive: true, force: true }));

test("only what is meant for users is packed", () => {
  const installed = readdirSync(join(folder, "node_modules/@tasker-systems")).sort();
  assert.deepEqual(installed.length, 2, installed.join());
  const files = readdirSync(join(folder, "node_modules/@tasker-systems/tasker")).sort();
  assert.deepEqual(files, ["LICENSE", "README.md", "dist", "native.cjs", "package.json", "platform.cjs"]);
});

test("require, import and the command give the same version", () => {
  const print = "console.log(VERSION)";
  assert.equal(
    succeed("node", write("a.cjs", `const { VERSION } = require("@tasker-systems/tasker"); ${print}`)),
    `${VERSION}\n`,
  );
  assert.equal(
    succeed("node", write("a.mjs", `import { VERSION } from "@tasker-systems/tasker"; ${print}`)),
    `${VERSION}\n`,
  );
  assert.equal(succeed("npx", "--offline", "tasker", "--version"), `tasker ${VERSION}\n`);
  assert.match(succeed("npx", "--offline", "tasker-bench", "--help"), /--workload/);
});

test("both builds in one process understand each other", () => {
  const script = `
    import { createRequire } from "node:module";
    import { Tasker } from "@tasker-systems/tasker";
    const { defineHandler, PermanentError } = createRequire(import.meta.url)("@tasker-systems/tasker");
    const Fails = defineHandler("fails", {}, () => { throw new PermanentError("no", { errorCode: "declined" }); });
    const templates = "namespace: demo\\nname: fails\\nversion: 1.0.0\\nsteps: [{name: it, handler: {callable: fails}}]\\n";
    const tasker = await Tasker.start("sqlite::memory:", { handlers: [Fails], templates, log: "warn" });
    const task = await tasker.runTask({ namespace: "demo", name: "fails" });
    console.log(task.error.code, task.steps[0].attempts);
    await tasker.stop();`;
  assert.equal(succeed("node", write("both.mjs", script)), "declined 1\n");
});

test("types are found by ES modules and by CommonJS", () => {
  const body = `
    const Price = defineHandler("price", { depends: { cart: typed<{ cents: number }>("cart") } }, ({ cart, context }) => {
      const cents: number = cart.cents;
      return { cents, name: context.getInput<string>("name") };
    });
    const client: TaskerClient = new TaskerClient("sqlite::memory:");
    const status: Promise<string> = client.getTask("id").then((task) => task.status);
    // @ts-expect-error a number is no name of a handler
    defineHandler(1, {}, () => undefined);
    export { Price, status };
    const context: StepContext = buildTestContext({ inputData: {} });
    void context;`;
  const names = "defineHandler, type StepContext, TaskerClient, typed";
  const imports = `import { ${names} } from "@tasker-systems/tasker";\nimport { buildTestContext } from "@tasker-systems/tasker/testing";`;
  const files = [write("types.mts", imports + body), write("types.cts", imports + body)];
  const tsc = sourceOf("node_modules/.bin/tsc");
  // Without skipLibCheck, so that the package's own declarations are checked too, as a user's compiler sees them.
  const flags = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "nodenext", "--target", "es2022"];
  succeed(tsc, ...flags, "--types", "node", "--typeRoots", sourceOf("node_modules/@types"), ...files);
});

test("the script of the README runs", () => {
  const script = programs()["embedded.mjs"] ?? assert.fail("the README has no embedded.mjs");
  assert.ok(script.trim().split("\n").length <= 20, "about 15 lines");
  const { status, stdout } = run("node", write("embedded.mjs", script));
  assert.deepEqual([status, stdout], [0, "complete HELLO, ADA!\n"]);
});

test("the worker of the README works until it is asked to stop", async () => {
  const directory = join(folder, "shop");
  mkdirSync(directory);
  const url = `sqlite:${join(directory, "shop.db")}`;
  const templates = `
namespace: shop
name: order
version: 1.0.0
steps:
  - {name: price_cart, handler: {callable: price_cart}}
  - {name: charge_card, handler: {callable: charge_card}, dependencies: [price_cart]}
`;
  const handlers = { price_cart: () => ({ total_cents: 1299 }) };
  const tasker = await Tasker.start(url, { templates, handlers, log: "warn", signals: false });
  const script = write("worker.mjs", programs()["worker.mjs"] ?? assert.fail("the README has no worker.mjs"));
  const env = { ...process.env, DATABASE_URL: url, TASKER_API_URL: "", TASKER_LOG: "warn" };
  const worker = spawn("node", [script], { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"] });
  const task = await tasker.runTask({ namespace: "shop", name: "order", context: { payment_token: "tok_visa" } });
  assert.equal(task.status, "complete");
  const charge = task.steps?.[1]?.results as { amount_cents: number } | undefined;
  assert.equal(charge?.amount_cents, 1299);
  const declined = await tasker.runTask({
    namespace: "shop",
    name: "order",
    context: { payment_token: "tok_expired" },
  });
  assert.equal(declined.error?.code, "payment_declined");
  worker.kill("SIGTERM");
  assert.deepEqual(await once(worker, "exit"), [null, "SIGTERM"]);
  await tasker.stop();
});
