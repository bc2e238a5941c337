/**
 * onnxruntime-web behind the `Runtime` interface, on a page or in a worker: tries "webgpu" and "wasm" in order and
 * reports what is missing and what was used. Each has its own build of the library, loaded only when it is tried, with
 * its WebAssembly file from where the application itself came from (bundlers emit it) or from `wasmPaths`; nothing comes
 * from elsewhere. "webgpu" leaves what it lacks to the CPU, here WebAssembly on the calling thread.
 */
import type * as Ort from "onnxruntime-web";
import { LearnError } from "../errors.ts";
import { describeFailure, placeOutputs, wrapSession } from "../onnx/session.ts";
import { writeOnnxModel } from "../onnx/write.ts";
import { mul } from "../operators/arithmetic.ts";
import type { Runtime, Session, SessionOptions } from "../runtime.ts";
import { createConstant, createInput } from "../tensor.ts";

/** Options of {@link createWebRuntime}. */
export interface WebRuntimeOptions {
  /** "webgpu" and "wasm", tried in order; default `["wasm"]`. */
  readonly providers?: readonly string[];
  /**
   * Threads of one operator on "wasm"; more than one need a cross-origin isolated page, else there is one. Set by the
   * first runtime of a page or worker for all. Default: half the cores, at most 4.
   */
  readonly threads?: number;
  /**
   * URL of a folder with onnxruntime-web's `ort-wasm-simd-threaded*.wasm` and `*.mjs`, ending in "/"; default: where the
   * bundler put the library.
   */
  readonly wasmPaths?: string;
}

/** The little of WebGPU that finding a device needs. */
interface AdapterInfo {
  readonly vendor?: string;
  readonly architecture?: string;
  readonly device?: string;
  readonly description?: string;
}
interface GpuNavigator {
  readonly gpu?: { requestAdapter(): Promise<{ readonly info?: AdapterInfo } | null> };
}

const LARGEST_DEFAULT_THREADS = 4;

function chooseThreads(asked: number | undefined): number {
  if (!globalThis.crossOriginIsolated) return 1;
  const half = Math.max(1, Math.floor(globalThis.navigator.hardwareConcurrency / 2));
  return asked ?? Math.min(LARGEST_DEFAULT_THREADS, half);
}

/** The adapter's name. @throws Error with the reason when there is none */
async function findAdapter(): Promise<string> {
  const { gpu } = globalThis.navigator as GpuNavigator;
  if (gpu === undefined) {
    throw new Error("this context has no WebGPU; it needs a browser that has it, and https or localhost");
  }
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error("this browser offers no WebGPU adapter");
  const { vendor, architecture, device, description } = adapter.info ?? {};
  return [vendor, architecture, device, description].filter(Boolean).join(" ") || "unnamed adapter";
}

/** The builds of the library are separate modules with separate settings; each is its own chunk of a bundle. */
async function loadLibrary(provider: string, options: WebRuntimeOptions): Promise<typeof Ort> {
  const ort = await (provider === "webgpu"
    ? import("onnxruntime-web/webgpu")
    : import("onnxruntime-web/wasm"));
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = chooseThreads(options.threads);
  if (options.wasmPaths !== undefined) ort.env.wasm.wasmPaths = options.wasmPaths;
  return ort;
}

async function openNativeSession(
  ort: typeof Ort,
  model: Uint8Array,
  provider: string,
  kept: readonly string[] = [],
): Promise<Ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: [provider],
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
      ...(kept.length === 0 ? {} : { preferredOutputLocation: placeOutputs(kept) }),
    });
  } catch (error) {
    throw new LearnError(
      "RUN_FAILED",
      `onnxruntime-web (${provider}) rejected the model: ${describeFailure(error)}`,
      { cause: error },
    );
  }
}

async function openSession(
  ort: typeof Ort,
  model: Uint8Array,
  provider: string,
  options: SessionOptions,
): Promise<Session> {
  const kept = provider === "webgpu" ? (options.keepOnDevice ?? []) : [];
  const native = await openNativeSession(ort, model, provider, kept);
  const open = (small: Uint8Array): Promise<Ort.InferenceSession> => openNativeSession(ort, small, provider);
  return wrapSession({ native, Tensor: ort.Tensor, provider, kept, writesOutputs: false, open });
}

async function tryProvider(
  provider: string,
  options: WebRuntimeOptions,
): Promise<Omit<Runtime, "unavailable">> {
  if (provider !== "webgpu" && provider !== "wasm") {
    throw new Error(`browsers have "webgpu" and "wasm", no "${provider}"`);
  }
  const adapter = provider === "webgpu" ? await findAdapter() : undefined;
  const ort = await loadLibrary(provider, options);
  const x = createInput("x", [1]);
  const probe = writeOnnxModel({ inputs: [x], outputs: { y: mul(x, createConstant(2)) } });
  const session = await openSession(ort, probe, provider, {});
  await session.run({ x: { dtype: "float32", dims: [1], data: Float32Array.of(1) } });
  await session.dispose();
  return {
    provider,
    device: adapter ?? `WebAssembly, ${ort.env.wasm.numThreads} thread(s)`,
    version: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
    createSession: (model, sessionOptions = {}) => openSession(ort, model, provider, sessionOptions),
  };
}

/**
 * Opens onnxruntime-web with the first provider of the list that works; works on pages and in workers. `device` is the
 * WebGPU adapter's name, or the number of WebAssembly threads. Sessions have no `threads` and no profile of their own.
 *
 * @throws LearnError `NO_PROVIDER` when none works, with each reason
 * Tested in Chromium, in a worker, against Node's CPU.
 */
export async function createWebRuntime(options: WebRuntimeOptions = {}): Promise<Runtime> {
  const unavailable: { provider: string; reason: string }[] = [];
  for (const provider of options.providers ?? ["wasm"]) {
    try {
      return { ...(await tryProvider(provider, options)), unavailable };
    } catch (error) {
      unavailable.push({ provider, reason: describeFailure(error) });
    }
  }
  throw new LearnError(
    "NO_PROVIDER",
    `no execution provider works: ${unavailable.map(({ provider, reason }) => `${provider} (${reason})`).join("; ")}; add "wasm" to the list`,
  );
}
