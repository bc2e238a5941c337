/**
 * onnxruntime-node behind the `Runtime` interface: tries execution providers in order, reports what is
 * missing and what was used. The providers "webgpu" and "cuda" leave what they lack to the CPU (onnxruntime's
 * rule; placement.ts tells what). Values stay on the device between runs on "webgpu" alone: the binding's
 * tensors know no other device memory.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import { dirname, join } from "node:path";
import * as ort from "onnxruntime-node";
import { LearnError } from "../errors.ts";
import { describeFailure, placeOutputs, wrapSession } from "../onnx/session.ts";
import { writeOnnxModel } from "../onnx/write.ts";
import { mul } from "../operators/arithmetic.ts";
import type { Runtime, Session, SessionOptions } from "../runtime.ts";
import { createConstant, createInput } from "../tensor.ts";

/** Options of {@link createNodeRuntime}. */
export interface NodeRuntimeOptions {
  /** Tried in order; default `["cpu"]`. */
  readonly providers?: readonly string[];
  /** Threads of one operator; default: onnxruntime's choice (all cores). */
  readonly threads?: number;
  /** Refuse models of which the provider would leave operators to the CPU; default false. */
  readonly strict?: boolean;
}

/** Opens a native session; `cuda`, `webgpu` … alone or, as onnxruntime decides, with the CPU's help. */
export async function openNativeSession(
  model: Uint8Array,
  provider: string,
  options: Omit<ort.InferenceSession.SessionOptions, "executionProviders">,
): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: [provider],
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
      ...options,
    });
  } catch (error) {
    throw new LearnError(
      "RUN_FAILED",
      `onnxruntime (${provider}) rejected the model: ${describeFailure(error)}`,
      { cause: error },
    );
  }
}

async function openSession(
  model: Uint8Array,
  provider: string,
  defaults: NodeRuntimeOptions,
  options: SessionOptions,
): Promise<Session> {
  const chosen = options.threads ?? defaults.threads;
  const kept = provider === "webgpu" ? (options.keepOnDevice ?? []) : [];
  const native = await openNativeSession(model, provider, {
    ...(defaults.strict ? { extra: { session: { disable_cpu_ep_fallback: "1" } } } : {}),
    ...(chosen === undefined ? {} : { intraOpNumThreads: chosen }),
    // The planned buffer comes on top of what the first run has allocated: training steps take twice the memory with it.
    ...(provider === "cpu" ? { enableMemPattern: false } : {}),
    ...(kept.length === 0 ? {} : { preferredOutputLocation: placeOutputs(kept) }),
    ...(options.profilePath === undefined
      ? {}
      : { enableProfiling: true, profileFilePrefix: options.profilePath }),
  });
  const open = (small: Uint8Array): Promise<ort.InferenceSession> => openNativeSession(small, provider, {});
  return wrapSession({ native, Tensor: ort.Tensor, provider, kept, writesOutputs: true, open });
}

/** A one-operator model that a provider must run to count as present. */
function createProbe(): Uint8Array {
  const x = createInput("x", [1]);
  return writeOnnxModel({ inputs: [x], outputs: { y: mul(x, createConstant(2)) } });
}

/** Why `cuda` cannot even be tried, or null; asking first spares onnxruntime's own report on stderr. */
function findCudaObstacle(): string | null {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return `onnxruntime-node has CUDA for Linux on x64 only, this is ${process.platform} on ${process.arch}`;
  }
  const root = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
  const file = join(root, "bin", "napi-v6", "linux", "x64", "libonnxruntime_providers_cuda.so");
  if (existsSync(file)) return null;
  return "onnxruntime's CUDA libraries are not installed; run the setup with ALARA_CUDA=1 to fetch them";
}

/** The name of the processor, or of the first CUDA device (as Linux's driver tells it); else nothing. */
function describeDevice(provider: string): string | undefined {
  if (provider === "cpu") return os.cpus()[0]?.model.trim() || undefined;
  if (provider !== "cuda") return undefined;
  const folder = "/proc/driver/nvidia/gpus";
  try {
    const [first] = readdirSync(folder).sort();
    return /^Model:\s*(.+)$/m.exec(readFileSync(join(folder, first, "information"), "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

/**
 * Opens onnxruntime with the first provider of the list that works. `device` is the processor's name on "cpu"
 * and the first card's on "cuda"; onnxruntime-node does not tell which adapter "webgpu" took.
 *
 * @throws LearnError `NO_PROVIDER` when none works, with each reason
 */
export async function createNodeRuntime(options: NodeRuntimeOptions = {}): Promise<Runtime> {
  const unavailable: { provider: string; reason: string }[] = [];
  for (const provider of options.providers ?? ["cpu"]) {
    const obstacle = provider === "cuda" ? findCudaObstacle() : null;
    if (obstacle !== null) {
      unavailable.push({ provider, reason: obstacle });
      continue;
    }
    try {
      const session = await openSession(createProbe(), provider, options, {});
      await session.run({ x: { dtype: "float32", dims: [1], data: Float32Array.of(1) } });
      await session.dispose();
    } catch (error) {
      unavailable.push({ provider, reason: describeFailure(error) });
      continue;
    }
    const device = describeDevice(provider);
    return {
      provider,
      ...(device === undefined ? {} : { device }),
      unavailable,
      version: `onnxruntime-node ${ort.env.versions.node ?? ort.env.versions.common}`,
      createSession: (model, sessionOptions = {}) => openSession(model, provider, options, sessionOptions),
    };
  }
  throw new LearnError(
    "NO_PROVIDER",
    `no execution provider works: ${unavailable.map(({ provider, reason }) => `${provider} (${reason})`).join("; ")}; add "cpu" to the list`,
  );
}
