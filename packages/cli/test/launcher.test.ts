/** The launcher: arguments, streams, exit status and signals are those of the command, from any folder. */
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const LAUNCHER = fileURLToPath(new URL("../bin/alara.mjs", import.meta.url));

/** A Node older than what Alara needs, anywhere on PATH. */
function findOldNode(): string | undefined {
  return (process.env.PATH ?? "")
    .split(path.delimiter)
    .map((folder) => path.join(folder, "node"))
    .filter((file) => fs.existsSync(file))
    .find((file) => {
      const version = spawnSync(file, ["--version"], { encoding: "utf8" }).stdout.slice(1);
      return Number.parseInt(version, 10) < 24;
    });
}

const ECHO = `/** Made up. */
const [, script, ...args] = process.argv;
process.stdin.on("data", (chunk) => process.stdout.write(chunk));
process.on("SIGTERM", () => process.exit(7));
if (args[0] === "status") process.exit(Number(args[1] as string));
if (args[0] === "args") console.log(JSON.stringify({ args, script: script.endsWith("main.ts"), version: process.versions.node }));
if (args[0] === "wait") { setInterval(() => {}, 1000); console.log("waiting"); }
if (args[0] !== "cat" && args[0] !== "wait") process.stdin.destroy();
`;

const nodes: readonly (readonly [string, string | undefined])[] = [
  ["the running Node", process.execPath],
  ["an older Node, which hands over to the pinned one", findOldNode()],
];

describe.each(nodes)("with %s", (_, node) => {
  let checkout: TemporaryFolder;
  let launcher: string;

  beforeEach((context) => {
    if (node === undefined) context.skip("no Node older than 24 on PATH");
    checkout = createTemporaryFolder("launcher");
    launcher = checkout.resolve("packages/cli/bin/alara.mjs");
    fs.mkdirSync(checkout.resolve("packages/cli/bin"), { recursive: true });
    fs.mkdirSync(checkout.resolve("packages/cli/src"), { recursive: true });
    fs.mkdirSync(checkout.resolve("node_modules/node/bin"), { recursive: true });
    fs.copyFileSync(LAUNCHER, launcher);
    fs.writeFileSync(checkout.resolve("packages/cli/src/main.ts"), ECHO);
    fs.writeFileSync(checkout.resolve("packages/cli/package.json"), '{"type":"module"}');
    fs.symlinkSync(process.execPath, checkout.resolve("node_modules/node/bin/node"));
  });

  afterEach(() => checkout?.dispose());

  const run = (
    args: readonly string[],
    input = "",
  ): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(node as string, [launcher, ...args], { encoding: "utf8", input, cwd: os.tmpdir() });

  it("passes arguments on as they are and runs on Node ≥ 24", () => {
    const { status, stdout } = run(["args", "--flag", "two words", "", "*"]);
    const seen = JSON.parse(stdout) as { args: string[]; script: boolean; version: string };
    expect(seen).toMatchObject({ args: ["args", "--flag", "two words", "", "*"], script: true });
    expect(Number.parseInt(seen.version, 10)).toBeGreaterThanOrEqual(24);
    expect(status).toBe(0);
  });

  it("passes standard input and output through", () => {
    expect(run(["cat"], "through and through").stdout).toBe("through and through");
  });

  it.each([0, 1, 2, 130])("ends with exit status %i when the command does", (status) => {
    expect(run(["status", String(status)]).status).toBe(status);
  });

  it("can be called through a symbolic link, as npm installs it", () => {
    const link = checkout.resolve("alara");
    fs.symlinkSync(launcher, link);
    const result = spawnSync(node as string, [link, "status", "3"], { cwd: os.tmpdir() });
    expect(result.status).toBe(3);
  });

  it("hands SIGTERM to the command and waits for its end", async () => {
    const child = spawn(node as string, [launcher, "wait"], { stdio: ["pipe", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGTERM");
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(7);
  });
});

describe("without a Node that is new enough", () => {
  it("says what to do", (context) => {
    const old = findOldNode();
    if (old === undefined) return context.skip("no Node older than 24 on PATH");
    using checkout = createTemporaryFolder("launcher");
    fs.mkdirSync(checkout.resolve("cli/bin"), { recursive: true });
    fs.copyFileSync(LAUNCHER, checkout.resolve("cli/bin/alara.mjs"));
    const { status, stderr } = spawnSync(old, [checkout.resolve("cli/bin/alara.mjs")], { encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toMatch(/NODE_TOO_OLD.*setup\.mjs/s);
  });
});
