/**
 * Talks to peers that hold their data and run when told to: each line sent is answered by the seconds the run took.
 * Compiles the plain C ones, starts scikit-image's.
 */
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findPython } from "./python.ts";

/** A running peer. */
export interface TimedPeer {
  /** "plain C, gcc 12.2.0 -O3 -march=native, 2 threads". */
  readonly name: string;
  /** Runs once; seconds by the peer's own clock. */
  run(): Promise<number>;
  /** Makes the peer write its last result to where it was told. */
  save(): Promise<void>;
  stop(): void;
}

function startProcess(
  name: string,
  command: string,
  args: readonly string[],
): TimedPeer & { read(): Promise<string> } {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended without an answer (status ${child.exitCode})`);
    return value;
  };
  const ask = async (line: string): Promise<number> => {
    child.stdin.write(`${line}\n`);
    return Number(await read());
  };
  return {
    name,
    read,
    run: () => ask("run"),
    save: async () => void (await ask("save")),
    stop: () => child.stdin.end(),
  };
}

/**
 * Compiles and starts a C peer.
 *
 * @param source - its file name here
 * @param folder - where the program goes
 * @param flags - of optimisation; default `-O3 -march=native`
 * @throws Error when there is no gcc
 */
export function startPlainC(
  source: string,
  folder: string,
  args: readonly (string | number)[],
  threads: number,
  flags: readonly string[] = ["-O3", "-march=native"],
): TimedPeer {
  const program = `${folder}/${source.replace(".c", "")}${flags.join("")}`;
  const file = fileURLToPath(new URL(source, import.meta.url));
  const compiled = spawnSync("gcc", [...flags, "-pthread", "-o", program, file, "-lm"], { encoding: "utf8" });
  if (compiled.status !== 0)
    throw new Error(`gcc could not compile ${source}: ${compiled.stderr ?? compiled.error}`);
  const version = spawnSync("gcc", ["-dumpfullversion"], { encoding: "utf8" }).stdout.trim();
  const name = `plain C, gcc ${version} ${flags.join(" ")}, ${threads} threads`;
  return startProcess(name, program, args.map(String));
}

/**
 * Starts scikit-image's `radon` or `iradon`.
 *
 * @throws Error when there is no Python with it
 */
export async function startRadon(
  mode: "radon" | "iradon",
  folder: string,
  views: number,
  channels: number,
  size: number,
): Promise<TimedPeer> {
  const python = findPython(["skimage", "numpy"], "python3-skimage");
  const script = fileURLToPath(new URL("radon.py", import.meta.url));
  const peer = startProcess(`scikit-image ${mode}`, python, [
    script,
    mode,
    folder,
    ...[views, channels, size].map(String),
  ]);
  const { version } = JSON.parse(await peer.read()) as { version: string };
  return { ...peer, name: `scikit-image ${version} ${mode}, 1 thread` };
}
