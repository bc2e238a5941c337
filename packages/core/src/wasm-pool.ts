/**
 * Runs WebAssembly kernels on several threads over one shared memory. Results do not depend on the number of threads
 * as long as jobs write to disjoint places: the list of jobs is the caller's, threads only take the next one. Without
 * shared memory (browser pages that are not cross-origin isolated) or with one thread, everything runs in the calling
 * thread by the same code.
 */
import { CoreError } from "./errors.ts";
import {
  createWasmMemory,
  decodeWasmKernel,
  growWasmMemory,
  WASM_HEAP_BASE,
  type WasmFunctions,
} from "./wasm.ts";
import {
  canShareMemory,
  countProcessors,
  JOB_COUNTER_OFFSET,
  startWasmThread,
  type ThreadReply,
  type WasmJob,
  type WasmThread,
  yieldThread,
} from "./wasm-threads.ts";

/** Options of {@link createWasmPool}. */
export interface WasmPoolOptions {
  /** Threads; default: the processors that the platform reports. 1 runs in the calling thread. */
  readonly threads?: number;
}

/** Options of {@link WasmScratch.run}. */
export interface WasmRunOptions {
  /** Asked between jobs; the run then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hears how many jobs are done, after each. */
  readonly onJob?: ((done: number) => void) | undefined;
}

/** The memory of a pool while one user has it. */
export interface WasmScratch {
  /** Threads that may run at once: what per-thread buffers are sized by. */
  readonly threads: number;
  /**
   * Takes `byteLength` bytes, 64-byte aligned, contents undefined, until the use ends. Views taken earlier may become
   * detached.
   *
   * @throws CoreError `OUT_OF_MEMORY`
   */
  allocate(byteLength: number): number;
  /** The same memory from here on: what the result allocates is free again for the next one. */
  nest(): WasmScratch;
  viewFloat32(byteOffset: number, length: number): Float32Array;
  viewFloat64(byteOffset: number, length: number): Float64Array;
  viewInt32(byteOffset: number, length: number): Int32Array;
  /**
   * Runs all jobs and waits. Each function gets the thread's number (0 … threads − 1) before the job's values.
   *
   * @param kernelBase64 - the kernel as the build script embeds it; compiled once per pool
   * @throws CoreError `WORKER_FAILED` when a kernel traps or a thread dies; the pool stays usable
   */
  run(kernelBase64: string, jobs: readonly WasmJob[], options?: WasmRunOptions): Promise<void>;
}

/** Threads and their memory. Never keeps a process alive while idle. */
export interface WasmPool {
  readonly threads: number;
  /** Gives `work` the memory to itself; users wait for one another. Nothing allocated outlives the use. */
  use<T>(work: (scratch: WasmScratch) => Promise<T>): Promise<T>;
  /** Ends the threads and lets the memory go. Runs under way fail. */
  dispose(): void;
}

const ALIGNMENT = 64;
/** Jobs in the calling thread let others run after this long. */
const YIELD_AFTER_MS = 30;
/** Added to the job counter to stop threads after the job they are at. */
const STOP = 0x40000000;

/**
 * How many threads are worth their start for some work: one per 20 million elementary steps (interpolations), at most
 * `requested`, which defaults to the processors of the machine.
 */
export function chooseThreadCount(steps: number, requested: number = countProcessors()): number {
  return Math.max(1, Math.min(requested, Math.floor(steps / 2e7)));
}

/**
 * Makes a pool; threads start with the first run.
 *
 * @throws CoreError `OUT_OF_RANGE`, `OUT_OF_MEMORY`
 * Tested: results equal for 1, 2 and 3 threads, abort, traps, growth, use after failure.
 */
export function createWasmPool(options: WasmPoolOptions = {}): WasmPool {
  const threads = options.threads ?? countProcessors();
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= 256)) {
    throw new CoreError("OUT_OF_RANGE", `threads ${threads} is not an integer in 1..256`);
  }
  const isShared = threads > 1 && canShareMemory();
  let memory: WebAssembly.Memory | undefined;
  let team: ThreadTeam | undefined;
  let isForbidden = !isShared;
  let isDisposed = false;
  const modules = new Map<string, Promise<WebAssembly.Module>>();
  const ownFunctions = new Map<string, WasmFunctions>();
  let last: Promise<unknown> = Promise.resolve();

  const getMemory = (): WebAssembly.Memory => {
    if (isDisposed) throw new CoreError("WORKER_FAILED", "the pool was disposed of; make a new one");
    memory ??= createWasmMemory(isShared);
    return memory;
  };
  const compile = (base64: string): Promise<WebAssembly.Module> => {
    let module = modules.get(base64);
    if (module === undefined) {
      module = WebAssembly.compile(decodeWasmKernel(base64, isShared));
      modules.set(base64, module);
    }
    return module;
  };
  const runHere = async (
    base64: string,
    jobs: readonly WasmJob[],
    runOptions: WasmRunOptions,
  ): Promise<void> => {
    let functions = ownFunctions.get(base64);
    if (functions === undefined) {
      const module = await compile(base64);
      functions = new WebAssembly.Instance(module, { env: { memory: getMemory() } }).exports as WasmFunctions;
      ownFunctions.set(base64, functions);
    }
    let lastYield = performance.now();
    for (let i = 0; i < jobs.length; i++) {
      runOptions.signal?.throwIfAborted();
      if (isDisposed) throw new CoreError("WORKER_FAILED", "the pool was disposed of during a run");
      const { name, values } = jobs[i];
      try {
        functions[name](0, ...values);
      } catch (cause) {
        throw new CoreError("WORKER_FAILED", `kernel function ${name} failed: ${String(cause)}`, { cause });
      }
      runOptions.onJob?.(i + 1);
      if (performance.now() - lastYield > YIELD_AFTER_MS) {
        await yieldThread();
        lastYield = performance.now();
      }
    }
    runOptions.signal?.throwIfAborted();
  };
  const run = async (
    base64: string,
    jobs: readonly WasmJob[],
    runOptions: WasmRunOptions = {},
  ): Promise<void> => {
    runOptions.signal?.throwIfAborted();
    if (jobs.length === 0) return;
    if (!isForbidden && team === undefined) {
      try {
        team = createThreadTeam(threads, getMemory());
      } catch {
        isForbidden = true;
      }
    }
    if (team === undefined) return runHere(base64, jobs, runOptions);
    const module = await compile(base64);
    try {
      await team.run(base64, module, jobs, runOptions);
    } catch (error) {
      if (error instanceof CoreError && error.code === "WORKER_FAILED") {
        await team?.end();
        team = undefined;
      }
      throw error;
    }
  };
  const createScratch = (start: number): WasmScratch => {
    let top = start;
    return {
      threads,
      allocate(byteLength) {
        const offset = top;
        top = Math.ceil((top + byteLength) / ALIGNMENT) * ALIGNMENT;
        // Kernels read whole vectors, a little past the last value.
        growWasmMemory(getMemory(), top + ALIGNMENT);
        return offset;
      },
      nest: () => createScratch(top),
      viewFloat32: (byteOffset, length) => new Float32Array(getMemory().buffer, byteOffset, length),
      viewFloat64: (byteOffset, length) => new Float64Array(getMemory().buffer, byteOffset, length),
      viewInt32: (byteOffset, length) => new Int32Array(getMemory().buffer, byteOffset, length),
      run,
    };
  };
  return {
    threads,
    use(work) {
      const turn = last.then(() => work(createScratch(WASM_HEAP_BASE)));
      last = turn.catch(() => {});
      return turn;
    },
    dispose() {
      isDisposed = true;
      void team?.end();
      team = undefined;
      memory = undefined;
      ownFunctions.clear();
    },
  };
}

/** Started threads of one memory. */
interface ThreadTeam {
  run(
    base64: string,
    module: WebAssembly.Module,
    jobs: readonly WasmJob[],
    options: WasmRunOptions,
  ): Promise<void>;
  end(): Promise<void>;
}

function createThreadTeam(count: number, memory: WebAssembly.Memory): ThreadTeam {
  let onReply: (thread: number, reply: ThreadReply) => void = () => {};
  const ids = new Map<string, number>();
  const counter = new Int32Array(memory.buffer, JOB_COUNTER_OFFSET, 1);
  const team: WasmThread[] = [];
  try {
    for (let thread = 0; thread < count; thread++) {
      team.push(startWasmThread((reply) => onReply(thread, reply)));
      team[thread].send({ kind: "memory", memory, thread });
    }
  } catch (error) {
    for (const thread of team) void thread.end();
    throw error;
  }
  return {
    async run(base64, module, jobs, { signal, onJob }) {
      let id = ids.get(base64);
      if (id === undefined) {
        id = ids.size;
        ids.set(base64, id);
        for (const thread of team) thread.send({ kind: "module", id, module });
      }
      const used = team.slice(0, jobs.length);
      const running = new Set(used.keys());
      let done = 0;
      let hasStopped = false;
      let problem: unknown;
      Atomics.store(counter, 0, 0);
      try {
        await new Promise<void>((resolve, reject) => {
          const stop = (): void => {
            hasStopped = true;
            Atomics.store(counter, 0, STOP);
          };
          onReply = (thread, reply) => {
            if (reply.kind === "failed") {
              Atomics.store(counter, 0, STOP);
              reject(new CoreError("WORKER_FAILED", `a thread failed in ${jobs[0].name}: ${reply.reason}`));
            } else if (reply.kind === "finished") {
              running.delete(thread);
              if (running.size === 0) resolve();
            } else {
              done++;
              if (hasStopped) return;
              try {
                onJob?.(done);
              } catch (error) {
                problem = error;
                stop();
              }
              if (signal?.aborted) stop();
            }
          };
          for (const thread of used) {
            thread.setBusy(true);
            thread.send({ kind: "run", id, jobs });
          }
        });
      } finally {
        onReply = () => {};
        for (const thread of used) thread.setBusy(false);
      }
      if (problem !== undefined) throw problem;
      signal?.throwIfAborted();
    },
    async end() {
      onReply(0, { kind: "failed", reason: "the pool was disposed of" });
      await Promise.all(team.map((thread) => thread.end()));
    },
  };
}
