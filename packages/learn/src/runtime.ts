/**
 * The one interface behind which ONNX runtimes stand. Platform neutral: Node's implementation is
 * `@alara/learn/node`, the browser's `@alara/learn/web`. Nothing here executes a model.
 */

/** A dense tensor as runtimes exchange it; row-major. */
export type TensorData =
  | { readonly dtype: "float32"; readonly dims: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: "int64"; readonly dims: readonly number[]; readonly data: BigInt64Array }
  | { readonly dtype: "bool"; readonly dims: readonly number[]; readonly data: Uint8Array };

/** A float32 value that stays where the provider computes. Owns device memory: `dispose` it. */
export interface DeviceTensor {
  readonly dims: readonly number[];
  /** Copies the values to the host. @throws LearnError `RUN_FAILED`, also after `dispose` */
  read(): Promise<Float32Array>;
  /** Frees the memory; a second call does nothing. The session's `dispose` frees what is left. */
  dispose(): void;
}

/** Result of {@link Session.runOnDevice}. */
export interface DeviceRun {
  /** Outputs that came to the host. */
  readonly outputs: Readonly<Record<string, TensorData>>;
  /** Outputs named in {@link SessionOptions.keepOnDevice}: the caller owns them. */
  readonly kept: Readonly<Record<string, DeviceTensor>>;
}

/** A loaded model. Owns native memory: `dispose` it. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs the model once.
   *
   * @param feeds - input name → value, on the host or kept on the device by a session of the same runtime
   * @param outputs - arrays to write results into, by output name; those not given are allocated
   * @throws LearnError `RUN_FAILED`
   */
  run(
    feeds: Readonly<Record<string, TensorData | DeviceTensor>>,
    outputs?: Readonly<Record<string, TensorData>>,
  ): Promise<Record<string, TensorData>>;
  /**
   * Runs the model once with values that lie on the device; present only when the session was created with
   * `keepOnDevice` and the provider can keep values (webgpu in Node and browsers; not cpu, wasm, nor
   * onnxruntime-node's cuda, whose binding knows no device memory but WebGPU's). Feeds stay the caller's: a
   * kept value is fed as often as needed, by any session of the same runtime, until it is disposed of.
   *
   * @param feeds - input name → value on the host or the device
   * @throws LearnError `RUN_FAILED`
   */
  readonly runOnDevice?: (feeds: Readonly<Record<string, TensorData | DeviceTensor>>) => Promise<DeviceRun>;
  dispose(): Promise<void>;
}

/** Options of a session. */
export interface SessionOptions {
  /** Threads of one operator; default: the runtime's choice. */
  readonly threads?: number;
  /** Where to write the operator profile (JSON trace); default: no profile. */
  readonly profilePath?: string;
  /**
   * Outputs (float32) that {@link Session.runOnDevice} leaves on the device; default none. Ignored by
   * providers that cannot; such a session's `run` brings them to the host all the same.
   */
  readonly keepOnDevice?: readonly string[];
}

/** An ONNX runtime with its chosen execution provider. */
export interface Runtime {
  /** The provider in use: "cpu", "cuda", "webgpu", "wasm" … */
  readonly provider: string;
  /** What it computes on, in words, where that can be found out: a processor's or adapter's name. */
  readonly device?: string;
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
