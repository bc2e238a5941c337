/**
 * Timing that is fair to both sides: the two are run in turns, so that a machine that warms up, throttles or is
 * shared slows both, and medians are compared. For one-off runs of child processes there is `runMeasured`.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";

/** One side's times in seconds, sorted, with their median. */
export interface Timing {
  readonly medianS: number;
  readonly sortedS: readonly number[];
}

/** Settings of {@link measureAlternating}. */
export interface AlternatingOptions {
  /** Timed runs of each side; default 5. */
  readonly repeats?: number;
  /** Untimed runs of each side first; default 1. */
  readonly warmups?: number;
}

/** Median of a sorted, non-empty list. */
function findMedian(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Sorts times and finds their median. */
export function summariseTimes(timesS: readonly number[]): Timing {
  const sortedS = [...timesS].sort((a, b) => a - b);
  return { medianS: findMedian(sortedS), sortedS };
}

/**
 * Times two functions in turns: ours, peer, peer, ours, ours, peer …
 *
 * @returns seconds per call of each
 */
export async function measureAlternating(
  ours: () => Promise<unknown> | unknown,
  peer: () => Promise<unknown> | unknown,
  options: AlternatingOptions = {},
): Promise<{ ours: Timing; peer: Timing }> {
  const { repeats = 5, warmups = 1 } = options;
  const times: Record<"ours" | "peer", number[]> = { ours: [], peer: [] };
  const run = async (side: "ours" | "peer", timed: boolean): Promise<void> => {
    const start = performance.now();
    await (side === "ours" ? ours : peer)();
    if (timed) times[side].push((performance.now() - start) / 1000);
  };
  for (let i = -warmups; i < repeats; i++) {
    const order = i % 2 === 0 ? (["ours", "peer"] as const) : (["peer", "ours"] as const);
    for (const side of order) await run(side, i >= 0);
  }
  return { ours: summariseTimes(times.ours), peer: summariseTimes(times.peer) };
}

/** A child process's wall time, peak memory and output. */
export interface ProcessRun {
  readonly seconds: number;
  /** Largest resident set of the process itself in bytes (Linux, VmHWM); undefined elsewhere. */
  readonly peakBytes: number | undefined;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function readPeakBytes(pid: number): number | undefined {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

/** Runs a program to its end and measures it; VmHWM is a high-water mark, so polling misses only the last moment. */
export function runMeasured(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ProcessRun> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(command, args, {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let peakBytes: number | undefined;
    const poll = setInterval(() => {
      if (child.pid !== undefined) peakBytes = readPeakBytes(child.pid) ?? peakBytes;
    }, 20);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.on("error", (error) => {
      clearInterval(poll);
      reject(error);
    });
    child.on("close", (code) => {
      clearInterval(poll);
      resolve({
        seconds: (performance.now() - start) / 1000,
        peakBytes,
        exitCode: code ?? 1,
        stdout,
        stderr,
      });
    });
  });
}
