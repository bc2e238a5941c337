/**
 * `setup.mjs` in small made-up checkouts without dependencies: what it does once, what it leaves alone, how it ends
 * when something is wrong. Real installations are what every clean clone does.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const SETUP = fileURLToPath(new URL("../setup.mjs", import.meta.url));
/** Counts its runs, then writes one output per kernel. */
const BUILDER = `
import fs from "node:fs";
fs.appendFileSync("builds.txt", "x");
await new Promise((resolve) => setTimeout(resolve, Number(process.env.BUILD_MS ?? 0)));
if (process.env.BUILD_FAILS) throw new Error("no compiler");
fs.mkdirSync("packages/a/generated", { recursive: true });
fs.writeFileSync("packages/a/generated/k.ts", fs.readFileSync("packages/a/kernels/k.as.ts"));
`;

let folder: TemporaryFolder;

beforeEach(() => {
  folder = createTemporaryFolder("setup");
  for (const name of ["packages/a/kernels", "scripts", "node_modules"]) {
    fs.mkdirSync(folder.resolve(name), { recursive: true });
  }
  fs.copyFileSync(SETUP, folder.resolve("setup.mjs"));
  write("package.json", JSON.stringify({ name: "made-up", private: true }));
  write("package-lock.json", JSON.stringify({ name: "made-up", lockfileVersion: 3, packages: { "": {} } }));
  write("node_modules/.package-lock.json", JSON.stringify({ packages: {} }));
  write("packages/a/kernels/k.as.ts", "one");
  write("scripts/build-kernels.mjs", BUILDER);
});

afterEach(() => folder.dispose());

function write(name: string, text: string): void {
  fs.writeFileSync(folder.resolve(name), text);
}

function countBuilds(): number {
  return fs.existsSync(folder.resolve("builds.txt"))
    ? fs.readFileSync(folder.resolve("builds.txt"), "utf8").length
    : 0;
}

interface Outcome {
  readonly code: number | null;
  readonly stderr: string;
  readonly stdout: string;
  readonly milliseconds: number;
}

function runSetup(environment: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const start = performance.now();
    const child = spawn(process.execPath, ["setup.mjs"], {
      cwd: folder.path,
      env: { ...process.env, ALARA_CUDA: "", ...environment },
    });
    let stderr = "";
    let stdout = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.on("close", (code) => resolve({ code, stderr, stdout, milliseconds: performance.now() - start }));
  });
}

describe("setup", () => {
  it("builds once, then says and does nothing", async () => {
    expect(await runSetup()).toMatchObject({ code: 0, stdout: "" });
    expect(countBuilds()).toBe(1);
    expect(fs.readFileSync(folder.resolve("packages/a/generated/k.ts"), "utf8")).toBe("one");
    expect(await runSetup()).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(countBuilds()).toBe(1);
  });

  it("builds again when a kernel changes or an output is gone", async () => {
    await runSetup();
    write("packages/a/kernels/k.as.ts", "two");
    await runSetup();
    expect(fs.readFileSync(folder.resolve("packages/a/generated/k.ts"), "utf8")).toBe("two");
    fs.rmSync(folder.resolve("packages/a/generated"), { recursive: true });
    await runSetup();
    expect(fs.readFileSync(folder.resolve("packages/a/generated/k.ts"), "utf8")).toBe("two");
    expect(countBuilds()).toBe(3);
  });

  it("runs once when started four times at once", async () => {
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => runSetup({ BUILD_MS: "700" })));
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(countBuilds()).toBe(1);
    expect(fs.readdirSync(folder.resolve(".cache"))).toEqual([]);
  });

  it("takes over the lock of a process that is gone", async () => {
    fs.mkdirSync(folder.resolve(".cache"));
    write(".cache/setup.lock", `${os.hostname()} 999999999`);
    expect((await runSetup()).code).toBe(0);
    expect(fs.readdirSync(folder.resolve(".cache"))).toEqual([]);
  });

  it("ends with a code when the kernels do not compile, and tries again the next time", async () => {
    const failed = await runSetup({ BUILD_FAILS: "1" });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("SETUP_KERNELS_FAILED");
    expect(fs.existsSync(folder.resolve("node_modules/.alara-setup.json"))).toBe(false);
    expect((await runSetup()).code).toBe(0);
    expect(countBuilds()).toBe(2);
  });

  it("explains that the first run needs the network", async () => {
    const needed = {
      "": {},
      "node_modules/left-pad": { version: "1.3.0", integrity: `sha512-${"A".repeat(86)}==` },
    };
    write("package.json", JSON.stringify({ name: "made-up", dependencies: { "left-pad": "1.3.0" } }));
    write(
      "package-lock.json",
      JSON.stringify({
        name: "made-up",
        lockfileVersion: 3,
        packages: { ...needed, "": { name: "made-up", dependencies: { "left-pad": "1.3.0" } } },
      }),
    );
    const outcome = await runSetup({
      npm_config_registry: "http://127.0.0.1:9/",
      npm_config_cache: folder.resolve("empty-cache"),
      npm_config_fetch_retries: "0",
    });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain("SETUP_OFFLINE");
    expect(countBuilds()).toBe(0);
  });

  it("names the way out when manifest and lock disagree", async () => {
    write("package.json", JSON.stringify({ name: "made-up", dependencies: { "left-pad": "1.3.0" } }));
    fs.rmSync(folder.resolve("node_modules/.package-lock.json"));
    const outcome = await runSetup({ npm_config_cache: folder.resolve("empty-cache") });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain("SETUP_LOCK_OUT_OF_SYNC");
  });
});
