/**
 * onnxruntime-node behind the `Runtime` interface: tries execution providers in order, reports what is
 * missing and what was used. The provider "webgpu" runs what it lacks on the CPU (onnxruntime's rule).
 */
import * as ort from "onnxruntime-node";
import { LearnError } from "../errors.ts";
import { writeOnnxModel } from "../onnx/write.ts";
import { mul } from "../operators/arithmetic.ts";
import type { Runtime, Session, SessionOptions, TensorData } from "../runtime.ts";
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

function toOrt(value: TensorData): ort.Tensor {
  if (value.dtype === "float32") return new ort.Tensor("float32", value.data, value.dims);
  if (value.dtype === "int64") return new ort.Tensor("int64", value.data, value.dims);
  return new ort.Tensor("bool", value.data, value.dims);
}

function fromOrt(name: string, tensor: ort.OnnxValue): TensorData {
  const { type, dims, data } = tensor as ort.Tensor;
  if (type === "float32") return { dtype: "float32", dims, data: data as Float32Array };
  if (type === "int64") return { dtype: "int64", dims, data: data as BigInt64Array };
  if (type === "bool") return { dtype: "bool", dims, data: data as Uint8Array };
  throw new LearnError("RUN_FAILED", `output "${name}" has element type ${type}, which Alara does not read`);
}

function describeFailure(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function openSession(
  model: Uint8Array,
  provider: string,
  defaults: NodeRuntimeOptions,
  options: SessionOptions,
): Promise<Session> {
  const chosen = options.threads ?? defaults.threads;
  let native: ort.InferenceSession;
  try {
    native = await ort.InferenceSession.create(model, {
      executionProviders: [provider],
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
      ...(defaults.strict ? { extra: { session: { disable_cpu_ep_fallback: "1" } } } : {}),
      ...(chosen === undefined ? {} : { intraOpNumThreads: chosen }),
      ...(options.profilePath === undefined
        ? {}
        : { enableProfiling: true, profileFilePrefix: options.profilePath }),
    });
  } catch (error) {
    throw new LearnError(
      "RUN_FAILED",
      `onnxruntime (${provider}) rejected the model: ${describeFailure(error)}`,
      {
        cause: error,
      },
    );
  }
  return {
    inputNames: native.inputNames,
    outputNames: native.outputNames,
    async run(feeds, outputs) {
      const inputs: Record<string, ort.Tensor> = {};
      for (const name of native.inputNames) {
        const feed = feeds[name];
        if (feed === undefined) {
          throw new LearnError(
            "RUN_FAILED",
            `no value for model input "${name}"; given: ${Object.keys(feeds)}`,
          );
        }
        inputs[name] = toOrt(feed);
      }
      try {
        let results: ort.InferenceSession.OnnxValueMapType;
        if (outputs === undefined) {
          results = await native.run(inputs);
        } else {
          const fetches: Record<string, ort.Tensor | null> = {};
          for (const name of native.outputNames) {
            fetches[name] = outputs[name] === undefined ? null : toOrt(outputs[name]);
          }
          results = await native.run(inputs, fetches);
        }
        return Object.fromEntries(
          Object.entries(results).map(([name, tensor]) => [name, fromOrt(name, tensor)]),
        );
      } catch (error) {
        throw new LearnError("RUN_FAILED", `onnxruntime (${provider}) failed: ${describeFailure(error)}`, {
          cause: error,
        });
      }
    },
    async dispose() {
      if (options.profilePath !== undefined) native.endProfiling();
      await native.release();
    },
  };
}

/** A one-operator model that a provider must run to count as present. */
function createProbe(): Uint8Array {
  const x = createInput("x", [1]);
  return writeOnnxModel({ inputs: [x], outputs: { y: mul(x, createConstant(2)) } });
}

/**
 * Opens onnxruntime with the first provider of the list that works.
 *
 * @throws LearnError `NO_PROVIDER` when none works, with each reason
 */
export async function createNodeRuntime(options: NodeRuntimeOptions = {}): Promise<Runtime> {
  const unavailable: { provider: string; reason: string }[] = [];
  for (const provider of options.providers ?? ["cpu"]) {
    try {
      const session = await openSession(createProbe(), provider, options, {});
      await session.run({ x: { dtype: "float32", dims: [1], data: Float32Array.of(1) } });
      await session.dispose();
    } catch (error) {
      unavailable.push({ provider, reason: describeFailure(error) });
      continue;
    }
    return {
      provider,
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
