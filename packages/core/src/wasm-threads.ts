/**
 * Worker threads that run kernel functions on one shared memory, in Node (`worker_threads`) and in browsers (Workers
 * from a Blob). The threads are generic: they get a memory, then modules, then lists of jobs, from which each takes
 * the next by an atomic counter. No scheduling policy: that is wasm-pool.ts.
 */

/** One call of a kernel function; the thread's number is passed before `values`. */
export interface WasmJob {
  readonly name: string;
  readonly values: readonly number[];
}

/** What a thread says. */
export type ThreadReply =
  | { readonly kind: "job" }
  | { readonly kind: "finished" }
  | { readonly kind: "failed"; readonly reason: string };

/** A running thread. */
export interface WasmThread {
  send(message: unknown): void;
  /** Keeps the process alive while work is under way (Node only). */
  setBusy(isBusy: boolean): void;
  end(): Promise<unknown>;
}

/** Byte offset of the atomic job counter in the shared memory. */
export const JOB_COUNTER_OFFSET = 0;

/** The thread's program: plain script text, so that no bundler or file system is needed. */
const THREAD_SOURCE = `
"use strict";
const node = typeof process === "object" && typeof process.getBuiltinModule === "function"
  ? process.getBuiltinModule("node:worker_threads") : undefined;
const port = node ? node.parentPort : self;
const kernels = new Map();
let memory, thread;
const receive = (message) => {
  try {
    if (message.kind === "memory") { memory = message.memory; thread = message.thread; return; }
    if (message.kind === "module") {
      kernels.set(message.id, new WebAssembly.Instance(message.module, { env: { memory } }).exports);
      return;
    }
    const functions = kernels.get(message.id);
    const counter = new Int32Array(memory.buffer, ${JOB_COUNTER_OFFSET}, 1);
    for (;;) {
      const i = Atomics.add(counter, 0, 1);
      if (i >= message.jobs.length) break;
      const { name, values } = message.jobs[i];
      functions[name](thread, ...values);
      port.postMessage({ kind: "job" });
    }
    port.postMessage({ kind: "finished" });
  } catch (error) {
    port.postMessage({ kind: "failed", reason: String(error) });
  }
};
if (node) port.on("message", receive);
else port.onmessage = (event) => receive(event.data);
`;

interface NodeWorker {
  postMessage(message: unknown): void;
  on(event: string, listener: (value: unknown) => void): void;
  ref(): void;
  unref(): void;
  terminate(): Promise<unknown>;
}
interface BrowserWorker {
  postMessage(message: unknown): void;
  onmessage: ((event: { data: ThreadReply }) => void) | null;
  onerror: ((event: { message?: string }) => void) | null;
  terminate(): void;
}
/** The globals of either world that threads need; each may be missing. */
interface ThreadGlobals {
  readonly process?: { getBuiltinModule?(id: string): unknown };
  readonly navigator?: { readonly hardwareConcurrency?: number };
  readonly crossOriginIsolated?: boolean;
  readonly Worker?: new (url: string) => BrowserWorker;
  readonly Blob?: new (parts: string[], options: { type: string }) => unknown;
  readonly URL: { createObjectURL(blob: unknown): string; revokeObjectURL(url: string): void };
  setTimeout(callback: () => void, delayMs: number): unknown;
}
const platform = globalThis as unknown as ThreadGlobals;

function getNodeThreads(): { Worker: new (source: string, options: object) => NodeWorker } | undefined {
  return platform.process?.getBuiltinModule?.("node:worker_threads") as ReturnType<typeof getNodeThreads>;
}

/** Logical processors; 1 when the platform does not say. */
export function countProcessors(): number {
  return Math.max(1, platform.navigator?.hardwareConcurrency ?? 1);
}

/** Whether memory can be shared with threads here: in Node, and in browsers on pages that are cross-origin isolated. */
export function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  if (getNodeThreads() !== undefined) return true;
  return platform.crossOriginIsolated === true && platform.Worker !== undefined;
}

/** Lets timers, input and other work of the calling thread run. */
export function yieldThread(): Promise<void> {
  return new Promise((resolve) => {
    platform.setTimeout(resolve, 0);
  });
}

/**
 * Starts a thread.
 *
 * @param onReply - hears replies; `failed` also when the thread dies
 * @throws whatever the platform throws when it forbids threads
 */
export function startWasmThread(onReply: (reply: ThreadReply) => void): WasmThread {
  const threads = getNodeThreads();
  if (threads !== undefined) {
    const worker = new threads.Worker(THREAD_SOURCE, { eval: true, execArgv: [], env: {} });
    let isEnding = false;
    worker.on("message", (reply) => onReply(reply as ThreadReply));
    worker.on("error", (error) => onReply({ kind: "failed", reason: String(error) }));
    worker.on("exit", (code) => {
      if (!isEnding) onReply({ kind: "failed", reason: `the thread ended with status ${code}` });
    });
    worker.unref();
    return {
      send: (message) => worker.postMessage(message),
      setBusy: (isBusy) => (isBusy ? worker.ref() : worker.unref()),
      end() {
        isEnding = true;
        return worker.terminate();
      },
    };
  }
  if (platform.Worker === undefined || platform.Blob === undefined)
    throw new Error("there are no workers here");
  const url = platform.URL.createObjectURL(new platform.Blob([THREAD_SOURCE], { type: "text/javascript" }));
  const worker = new platform.Worker(url);
  worker.onmessage = (event) => {
    onReply(event.data);
  };
  worker.onerror = (event) => {
    onReply({ kind: "failed", reason: event.message ?? "the worker failed" });
  };
  return {
    send: (message) => worker.postMessage(message),
    setBusy: () => {},
    end() {
      worker.terminate();
      platform.URL.revokeObjectURL(url);
      return Promise.resolve();
    },
  };
}
