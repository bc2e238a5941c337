/**
 * Where a figure was measured: processor, memory, versions. Read at run time; no names of hosts or users.
 */
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";

/** The machine and the programs that matter for a figure. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  readonly node: string;
  readonly onnxruntime: string;
}

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
