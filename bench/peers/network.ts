/**
 * Talks to `network.py`: a PyTorch process that holds the same network, weights and data as the bench, and works
 * when told to.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findPython } from "./python.ts";

const SCRIPT = fileURLToPath(new URL("./network.py", import.meta.url));

interface CommonWorkload {
  readonly channels: number;
  readonly scaleHu: number;
  readonly batch: number;
  /** Rows and columns, or slices, rows and columns. */
  readonly sizes: readonly number[];
  readonly learningRate: number;
}

/** A residual CNN. */
export interface ResidualCnnWorkload extends CommonWorkload {
  readonly layers: number;
  readonly unshuffle: number;
  readonly kernel: number;
}

/** A U-Net with maximum pooling, of as many dimensions as there are sizes. */
export interface UnetWorkload extends CommonWorkload {
  readonly levels: number;
  readonly convolutionsPerLevel: number;
  readonly up: "nearest" | "transposed";
}

/** The network and data that both sides hold. */
export type NetworkWorkload = ResidualCnnWorkload | UnetWorkload;

/** A running peer. */
export interface NetworkPeer {
  /** "PyTorch 1.13.0, 2 threads". */
  readonly name: string;
  /** Sends a line and waits for the answer. */
  ask(line: string): Promise<Readonly<Record<string, number>>>;
  stop(): void;
}

function writeFloats(path: string, values: Float32Array): void {
  fs.writeFileSync(path, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

/**
 * Starts the peer.
 *
 * @param folder - scratch folder for the workload files
 * @throws Error when there is no Python with PyTorch, or the peer dies
 */
export async function startNetworkPeer(
  folder: string,
  workload: NetworkWorkload,
  arrays: Readonly<Record<"parameters" | "input", Float32Array>> & { readonly target?: Float32Array },
  threads: number,
): Promise<NetworkPeer> {
  fs.writeFileSync(`${folder}/workload.json`, JSON.stringify(workload));
  for (const [name, values] of Object.entries(arrays)) writeFloats(`${folder}/${name}.bin`, values);
  const python = findPython(["torch", "numpy"], "python3-torch");
  const child = spawn(python, [SCRIPT, folder, String(threads)], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, OMP_NUM_THREADS: String(threads) },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const readAnswer = async (): Promise<Record<string, unknown>> => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the PyTorch peer ended without an answer; its messages are above");
    return JSON.parse(value) as Record<string, unknown>;
  };
  const hello = await readAnswer();
  return {
    name: `PyTorch ${String(hello.torch)}, ${String(hello.threads)} threads`,
    async ask(line) {
      child.stdin.write(`${line}\n`);
      return (await readAnswer()) as Record<string, number>;
    },
    stop: () => child.stdin.end(),
  };
}
