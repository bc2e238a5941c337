/**
 * Where a figure was measured: processor, memory, versions, commit. Read at run time; no names of hosts or users.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import { fileURLToPath } from "node:url";

/** The machine and the programs that matter for a figure. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  readonly node: string;
  readonly onnxruntime: string;
}

const ROOT = fileURLToPath(new URL("..", import.meta.url));

function readOnnxruntimeVersion(): string {
  try {
    const file = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
    return (JSON.parse(fs.readFileSync(file, "utf8")) as { version: string }).version;
  } catch {
    return "absent";
  }
}

/** Describes this machine. */
export function describeMachine(): Machine {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() || "unknown",
    cores: os.availableParallelism(),
    memoryGib: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.platform()} ${os.release()} ${os.arch()}`,
    node: process.versions.node,
    onnxruntime: readOnnxruntimeVersion(),
  };
}

/** Short commit of the checkout, with `+dirty` when tracked files differ from it; "unknown" outside one. */
export function readCommit(): string {
  const runGit = (...args: string[]): string =>
    execFileSync("git", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const dirty = runGit("status", "--porcelain", "--untracked-files=no") !== "";
    return `${runGit("rev-parse", "--short=12", "HEAD")}${dirty ? "+dirty" : ""}`;
  } catch {
    return "unknown";
  }
}
