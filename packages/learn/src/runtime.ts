/**
 * The one interface behind which ONNX runtimes stand. Platform neutral: Node's implementation is
 * `@alara/learn/node`. Nothing here executes a model.
 */

/** A dense tensor as runtimes exchange it; row-major. */
export type TensorData =
  | { readonly dtype: "float32"; readonly dims: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: "int64"; readonly dims: readonly number[]; readonly data: BigInt64Array }
  | { readonly dtype: "bool"; readonly dims: readonly number[]; readonly data: Uint8Array };

/** A loaded model. Owns native memory: `dispose` it. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs the model once.
   *
   * @param feeds - input name → value
   * @param outputs - arrays to write results into, by output name; those not given are allocated
   * @throws LearnError `RUN_FAILED`
   */
  run(
    feeds: Readonly<Record<string, TensorData>>,
    outputs?: Readonly<Record<string, TensorData>>,
  ): Promise<Record<string, TensorData>>;
  dispose(): Promise<void>;
}

/** Options of a session. */
export interface SessionOptions {
  /** Threads of one operator; default: the runtime's choice. */
  readonly threads?: number;
  /** Where to write the operator profile (JSON trace); default: no profile. */
  readonly profilePath?: string;
}

/** An ONNX runtime with its chosen execution provider. */
export interface Runtime {
  /** The provider in use: "cpu", "cuda", "webgpu" … */
  readonly provider: string;
  /** Providers that were asked for and are not there, with the reason. */
  readonly unavailable: readonly { readonly provider: string; readonly reason: string }[];
  /** Name and version of the library. */
  readonly version: string;
  /** @throws LearnError `RUN_FAILED` when the model is rejected */
  createSession(model: Uint8Array, options?: SessionOptions): Promise<Session>;
}

/** Wraps float32 values. */
export function createFloatData(data: Float32Array, dims: readonly number[]): TensorData {
  return { dtype: "float32", dims, data };
}

/** The float32 values of one output. */
export function getFloatOutput(outputs: Readonly<Record<string, TensorData>>, name: string): Float32Array {
  const output = outputs[name];
  if (output?.dtype !== "float32") {
    throw new TypeError(`output "${name}" is ${output?.dtype ?? "missing"}, expected float32`);
  }
  return output.data;
}
