/**
 * Where a provider of onnxruntime-node runs the operators of a model: on its device, or on the CPU because it
 * lacks them. Read from the operator profile of one run on zeros, so it costs that run, and it tells of the
 * graph as the provider optimised it (fused operators go by their fused name). Not a timing.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { LearnError } from "../errors.ts";
import { describeFailure } from "../onnx/session.ts";
import { openNativeSession } from "./runtime.ts";

/** What {@link inspectPlacement} found. */
export interface Placement {
  readonly provider: string;
  /** Operator → nodes on the provider. */
  readonly onProvider: Readonly<Record<string, number>>;
  /** Operator → nodes left to the CPU; empty when `provider` is "cpu". */
  readonly onCpu: Readonly<Record<string, number>>;
  /** Copies between device and host inside one run: what the CPU's share costs beside its own time. */
  readonly copies: number;
  /** Whether onnxruntime opens the model with the CPU forbidden (`session.disable_cpu_ep_fallback`). */
  readonly runsWithoutCpu: boolean;
}

/** Options of {@link inspectPlacement}. */
export interface PlacementOptions {
  /** "webgpu", "cuda" …; one that is there. */
  readonly provider: string;
  /** Threads of one operator; default: onnxruntime's choice. */
  readonly threads?: number;
}

interface ProfileEvent {
  readonly cat?: string;
  readonly name?: string;
  readonly args?: { readonly op_name?: string; readonly provider?: string };
}

const CPU_PROVIDER = "CPUExecutionProvider";

function createZeros(metadata: ort.InferenceSession.ValueMetadata): ort.Tensor {
  const { name } = metadata;
  if (!metadata.isTensor || metadata.shape.some((size) => typeof size !== "number")) {
    const found = metadata.isTensor ? `shape ${metadata.shape.join(", ")}` : "no tensor";
    throw new LearnError(
      "RUN_FAILED",
      `input "${name}" is ${found}; placement needs a model of fixed sizes, such as a training step`,
    );
  }
  const dims = metadata.shape as readonly number[];
  const count = dims.reduce((product, size) => product * size, 1);
  if (metadata.type === "float32") return new ort.Tensor("float32", new Float32Array(count), dims);
  if (metadata.type === "int64") return new ort.Tensor("int64", new BigInt64Array(count), dims);
  if (metadata.type === "bool") return new ort.Tensor("bool", new Uint8Array(count), dims);
  throw new LearnError("RUN_FAILED", `input "${name}" has element type ${metadata.type}`);
}

/** Runs a model once on zeros under the profiler and returns its node events. */
async function profileOnce(model: Uint8Array, options: PlacementOptions): Promise<readonly ProfileEvent[]> {
  const folder = mkdtempSync(join(os.tmpdir(), "alara-placement-"));
  try {
    const session = await openNativeSession(model, options.provider, {
      ...{ enableProfiling: true, profileFilePrefix: join(folder, "profile") },
      ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    });
    try {
      const feeds = Object.fromEntries(
        session.inputMetadata.map((input) => [input.name, createZeros(input)]),
      );
      await session.run(feeds);
    } catch (error) {
      if (error instanceof LearnError) throw error;
      throw new LearnError(
        "RUN_FAILED",
        `onnxruntime (${options.provider}) failed on zeros: ${describeFailure(error)}`,
        { cause: error },
      );
    } finally {
      session.endProfiling();
      await session.release();
    }
    const [file] = readdirSync(folder);
    const events = JSON.parse(readFileSync(join(folder, file), "utf8")) as readonly ProfileEvent[];
    return events.filter(({ cat, name }) => cat === "Node" && name?.endsWith("_kernel_time"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function opensWithoutCpu(model: Uint8Array, provider: string): Promise<boolean> {
  try {
    const session = await openNativeSession(model, provider, {
      logSeverityLevel: 4,
      extra: { session: { disable_cpu_ep_fallback: "1" } },
    });
    await session.release();
    return true;
  } catch {
    return false;
  }
}

/**
 * Tells which operators of a model a provider runs itself and which it leaves to the CPU.
 *
 * @param model - an ONNX model whose inputs have fixed sizes
 * @throws LearnError `RUN_FAILED` when the model is rejected, fails on zeros, or has symbolic sizes
 * Tested on webgpu with an operator it lacks and on the CPU.
 */
export async function inspectPlacement(model: Uint8Array, options: PlacementOptions): Promise<Placement> {
  const { provider } = options;
  const onProvider: Record<string, number> = {};
  const onCpu: Record<string, number> = {};
  let copies = 0;
  for (const { args } of await profileOnce(model, options)) {
    const operator = args?.op_name ?? "unknown";
    if (/^Memcpy(To|From)Host$/.test(operator)) {
      copies++;
      continue;
    }
    const side = provider !== "cpu" && args?.provider === CPU_PROVIDER ? onCpu : onProvider;
    side[operator] = (side[operator] ?? 0) + 1;
  }
  const runsWithoutCpu = provider !== "cpu" && (await opensWithoutCpu(model, provider));
  return { provider, onProvider, onCpu, copies, runsWithoutCpu };
}
