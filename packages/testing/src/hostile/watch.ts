/**
 * Runs a fuzz task in child processes and watches them from outside: a child that makes no progress is killed and its
 * input kept as hung; one that dies takes only its own input with it. The child writes the number of its present input
 * into a small file before it starts on it, so the parent always knows where it stands.
 */
import { type ChildProcess, fork } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  createFuzzReport,
  type FuzzFinding,
  type FuzzReport,
  type FuzzTarget,
  mergeFuzzReport,
} from "./fuzz.ts";
import type { Mutator } from "./mutator.ts";

/** What a task module exports as `createFuzzTask`. */
export interface FuzzTask {
  readonly mutator: Mutator;
  readonly target: FuzzTarget;
  readonly knownCodes: ReadonlySet<string>;
}

/** Options of {@link runWatchedFuzz}. */
export interface WatchedFuzzOptions {
  /** URL of a module that exports `createFuzzTask(seed: number): Promise<FuzzTask>`. */
  readonly taskModule: string;
  readonly seed: number;
  readonly inputs: number;
  /** Child processes; default the number of processors. */
  readonly workers?: number;
  /** A child that stays on one input for longer is killed, ms of wall clock. Default 20 000. */
  readonly hangMs?: number;
  /** Inputs per order to a child; default 20 000. */
  readonly batch?: number;
  /** Heap of a child, MiB. Default 512. */
  readonly maxHeapMib?: number;
  readonly onProgress?: (done: number, findings: number) => void;
}

/** A watched run's report. */
export interface WatchedFuzzReport extends FuzzReport {
  /** Most memory that a child held (peak resident set), bytes; 0 where the system does not tell. */
  peakRssBytes: number;
}

/** From the child: the report of one order. */
interface BatchDone {
  readonly report: FuzzReport;
  readonly peakRssBytes: number;
}

interface Child {
  process: ChildProcess;
  readonly heartbeatFile: string;
  end: number;
  lastSeen: number;
  lastChangeMs: number;
  isReady: boolean;
}

const CHILD_SCRIPT = fileURLToPath(new URL("./watch-child.ts", import.meta.url));
const CHECK_MS = 250;
const START_ATTEMPTS = 3;

/** Runs `inputs` inputs; see the head of this file. */
export async function runWatchedFuzz(options: WatchedFuzzOptions): Promise<WatchedFuzzReport> {
  const { inputs, batch = 20_000, hangMs = 20_000, workers = os.availableParallelism() } = options;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "alara-fuzz-"));
  const total: WatchedFuzzReport = { ...createFuzzReport(), peakRssBytes: 0 };
  const orders: [number, number][] = [];
  for (let first = 0; first < inputs; first += batch) orders.push([first, Math.min(inputs, first + batch)]);
  orders.reverse();

  const runWorker = (index: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let startFailures = 0;
      const start = (): void => {
        const heartbeatFile = path.join(folder, `heartbeat-${index}`);
        fs.writeFileSync(heartbeatFile, new Uint8Array(8));
        const args = [options.taskModule, String(options.seed), heartbeatFile];
        const execArgv = [`--max-old-space-size=${options.maxHeapMib ?? 512}`];
        const spawned = fork(CHILD_SCRIPT, args, {
          execArgv,
          serialization: "advanced",
          stdio: ["ignore", "ignore", "pipe", "ipc"],
        });
        const state: Child = {
          process: spawned,
          heartbeatFile,
          end: 0,
          lastSeen: 0,
          lastChangeMs: performance.now(),
          isReady: false,
        };
        let complaint = "";
        spawned.stderr?.on("data", (chunk: Buffer) => {
          complaint = (complaint + chunk.toString()).slice(-2000);
        });
        let hung = false;
        const timer = setInterval(() => {
          const seen = readHeartbeat(heartbeatFile);
          const now = performance.now();
          if (seen !== state.lastSeen || !state.isReady) {
            state.lastSeen = seen;
            state.lastChangeMs = now;
          } else if (now - state.lastChangeMs > hangMs && state.end > 0) {
            hung = true;
            spawned.kill("SIGKILL");
          }
        }, CHECK_MS);
        spawned.on("message", (message: BatchDone | "ready") => {
          if (message === "ready") state.isReady = true;
          else {
            mergeFuzzReport(total, message.report);
            total.peakRssBytes = Math.max(total.peakRssBytes, message.peakRssBytes);
            state.end = 0;
            options.onProgress?.(total.inputs, total.findings.length);
          }
          give();
        });
        spawned.on("exit", (code, signal) => {
          clearInterval(timer);
          if (state.end === 0 && orders.length === 0 && state.isReady) {
            resolve();
            return;
          }
          if (!state.isReady && ++startFailures >= START_ATTEMPTS) {
            reject(new Error(`the fuzz task does not start (exit ${code ?? signal}): ${complaint}`));
            return;
          }
          if (state.end > 0) {
            // What ran before the guilty input in this order is run again, in pieces around it.
            const input = readHeartbeat(heartbeatFile);
            const reason = complaint.split("\n").find((line) => /error|FATAL|RuntimeError/i.test(line)) ?? "";
            const finding: FuzzFinding = {
              kind: hung ? "hung" : "died",
              input,
              seedName: "",
              detail: hung
                ? `no progress for ${hangMs} ms`
                : `exit ${code ?? signal} ${reason.slice(0, 200)}`,
            };
            total.findings.push(finding);
            total.inputs++;
            if (input + 1 < state.end) orders.push([input + 1, state.end]);
            const first = Math.max(0, state.end - batch);
            const begun = firstOf.get(state) ?? first;
            if (input > begun) orders.push([begun, input]);
          }
          start();
        });
        const give = (): void => {
          const order = orders.pop();
          if (order === undefined) {
            spawned.disconnect();
            return;
          }
          state.end = order[1];
          state.lastChangeMs = performance.now();
          firstOf.set(state, order[0]);
          spawned.send({ first: order[0], count: order[1] - order[0] });
        };
      };
      const firstOf = new Map<Child, number>();
      start();
    });

  try {
    await Promise.all(Array.from({ length: workers }, (_, i) => runWorker(i)));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  return total;
}

function readHeartbeat(file: string): number {
  const bytes = fs.readFileSync(file);
  return bytes.length < 8 ? 0 : Number(bytes.readBigUInt64LE(0));
}

/** Peak resident set of this process since it started, bytes; 0 where the system does not tell. */
export function readPeakRssBytes(): number {
  if (process.platform !== "linux") return 0;
  const match = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync("/proc/self/status", "utf8"));
  return match === null ? 0 : Number(match[1]) * 1024;
}
