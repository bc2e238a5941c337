/**
 * Sessions of onnxruntime behind the `Session` interface: what its bindings for Node and for browsers share
 * (both are `onnxruntime-common`). Not here: choosing a provider (node/runtime.ts, web/runtime.ts).
 */
import type { InferenceSession, Tensor, TensorConstructor } from "onnxruntime-web";
import { formatShape, LearnError } from "../errors.ts";
import type { DeviceRun, DeviceTensor, Session, TensorData } from "../runtime.ts";
import { createInput } from "../tensor.ts";
import { writeOnnxModel } from "./write.ts";

/** What a binding brings. */
export interface SessionBinding {
  readonly native: InferenceSession;
  readonly Tensor: TensorConstructor;
  readonly provider: string;
  /** Outputs that `native` leaves on the device; empty when the provider cannot. */
  readonly kept: readonly string[];
  /**
   * Whether `native.run` writes into arrays given for outputs. onnxruntime-web 1.30 does not: it hands the given tensor
   * back as it was.
   */
  readonly writesOutputs: boolean;
  /** Opens a small model with every output on the host. */
  readonly open: (model: Uint8Array) => Promise<InferenceSession>;
}

/** The native option that leaves these outputs on the device and brings the others to the host. */
export function placeOutputs(kept: readonly string[]): Record<string, "gpu-buffer"> {
  return Object.fromEntries(kept.map((name) => [name, "gpu-buffer"] as const));
}

/** The message of whatever was thrown. */
export function describeFailure(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function fromOrt(name: string, { type, dims, data }: Tensor): TensorData {
  if (type === "float32") return { dtype: "float32", dims, data: data as Float32Array };
  if (type === "int64") return { dtype: "int64", dims, data: data as BigInt64Array };
  if (type === "bool") return { dtype: "bool", dims, data: data as Uint8Array };
  throw new LearnError("RUN_FAILED", `output "${name}" has element type ${type}, which Alara does not read`);
}

/** Copies an output into the array that was given for it. */
function copyValues(name: string, from: TensorData, to: TensorData): TensorData {
  if (from.dtype === "float32" && to.dtype === "float32" && from.data.length === to.data.length) {
    to.data.set(from.data);
  } else if (from.dtype === "int64" && to.dtype === "int64" && from.data.length === to.data.length) {
    to.data.set(from.data);
  } else if (from.dtype === "bool" && to.dtype === "bool" && from.data.length === to.data.length) {
    to.data.set(from.data);
  } else {
    throw new LearnError(
      "RUN_FAILED",
      `output "${name}" is ${from.dtype} ${formatShape(from.dims)}, the array given for it ${to.dtype} ${formatShape(to.dims)}`,
    );
  }
  return to;
}

/** Native tensors behind handles, across sessions; what is not in it has been disposed of. */
const NATIVE = new WeakMap<DeviceTensor, Tensor>();

/**
 * Brings values from the device by running the identity on them. The bindings' own `Tensor.getData` will not do: in
 * Node it ends the process (1.30, "not implemented"), in browsers it turns the tensor into one on the host.
 */
interface Reader {
  read(tensor: Tensor): Promise<Float32Array>;
  dispose(): Promise<void>;
}

function createReader(open: SessionBinding["open"]): Reader {
  const sessions = new Map<string, Promise<InferenceSession>>();
  return {
    async read(tensor) {
      const key = tensor.dims.join("x");
      let session = sessions.get(key);
      if (session === undefined) {
        const x = createInput("x", tensor.dims);
        session = open(writeOnnxModel({ inputs: [x], outputs: { y: x } }));
        sessions.set(key, session);
      }
      const { y } = await (await session).run({ x: tensor });
      return (y as Tensor).data as Float32Array;
    },
    async dispose() {
      for (const session of sessions.values()) await (await session).release();
      sessions.clear();
    },
  };
}

function createHandle(
  tensor: Tensor,
  reader: Reader,
  options: { readonly provider: string; readonly live: Set<DeviceTensor> },
): DeviceTensor {
  const { provider, live } = options;
  const handle: DeviceTensor = {
    dims: tensor.dims,
    async read() {
      if (!NATIVE.has(handle))
        throw new LearnError("RUN_FAILED", "a device value was read after its dispose");
      try {
        return await reader.read(tensor);
      } catch (error) {
        throw new LearnError(
          "RUN_FAILED",
          `a value ${formatShape(tensor.dims)} could not be read from ${provider}: ${describeFailure(error)}`,
          { cause: error },
        );
      }
    },
    dispose() {
      live.delete(handle);
      if (NATIVE.delete(handle)) tensor.dispose();
    },
  };
  NATIVE.set(handle, tensor);
  live.add(handle);
  return handle;
}

/**
 * Wraps a native session.
 *
 * @throws LearnError `RUN_FAILED` when an output to keep does not exist
 */
export function wrapSession(binding: SessionBinding): Session {
  const { native, Tensor: Constructor, provider, kept } = binding;
  const unknown = kept.filter((name) => !native.outputNames.includes(name));
  if (unknown.length > 0) {
    throw new LearnError(
      "RUN_FAILED",
      `no output ${unknown.join(", ")} to keep on the device; the model has ${native.outputNames.join(", ")}`,
    );
  }
  const live = new Set<DeviceTensor>();
  const reader = createReader(binding.open);
  const toOrt = (value: TensorData): Tensor => {
    if (value.dtype === "float32") return new Constructor("float32", value.data, value.dims);
    if (value.dtype === "int64") return new Constructor("int64", value.data, value.dims);
    return new Constructor("bool", value.data, value.dims);
  };
  const collect = (feeds: Readonly<Record<string, TensorData | DeviceTensor>>): Record<string, Tensor> =>
    Object.fromEntries(
      native.inputNames.map((name) => {
        const feed = feeds[name];
        if (feed === undefined) {
          throw new LearnError(
            "RUN_FAILED",
            `no value for model input "${name}"; given: ${Object.keys(feeds)}`,
          );
        }
        if ("dtype" in feed) return [name, toOrt(feed)];
        const tensor = NATIVE.get(feed);
        if (tensor === undefined) {
          throw new LearnError("RUN_FAILED", `the device value for input "${name}" has been disposed of`);
        }
        return [name, tensor];
      }),
    );
  const guard = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof LearnError) throw error;
      throw new LearnError("RUN_FAILED", `onnxruntime (${provider}) failed: ${describeFailure(error)}`, {
        cause: error,
      });
    }
  };
  const runOnDevice = (feeds: Readonly<Record<string, TensorData | DeviceTensor>>): Promise<DeviceRun> =>
    guard(async () => {
      const results = await native.run(collect(feeds));
      const outputs: Record<string, TensorData> = {};
      const handles: Record<string, DeviceTensor> = {};
      for (const [name, result] of Object.entries(results)) {
        const tensor = result as Tensor;
        if (kept.includes(name)) handles[name] = createHandle(tensor, reader, { provider, live });
        else outputs[name] = fromOrt(name, tensor);
      }
      return { outputs, kept: handles };
    });
  const runIntoArrays = (
    feeds: Readonly<Record<string, TensorData | DeviceTensor>>,
    outputs?: Readonly<Record<string, TensorData>>,
  ): Promise<Record<string, TensorData>> =>
    guard(async () => {
      const fetches = native.outputNames.map((name) => [name, outputs?.[name] ? toOrt(outputs[name]) : null]);
      const results = await native.run(collect(feeds), Object.fromEntries(fetches));
      return Object.fromEntries(
        Object.entries(results).map(([name, tensor]) => [name, fromOrt(name, tensor as Tensor)]),
      );
    });
  /** Where the binding allocates outputs itself: they are copied into the caller's arrays; kept ones are freed. */
  const runAndCopy = async (
    feeds: Readonly<Record<string, TensorData | DeviceTensor>>,
    outputs: Readonly<Record<string, TensorData>> = {},
  ): Promise<Record<string, TensorData>> => {
    const run = await runOnDevice(feeds);
    const all: Record<string, TensorData> = { ...run.outputs };
    for (const [name, handle] of Object.entries(run.kept)) {
      all[name] = { dtype: "float32", dims: handle.dims, data: await handle.read() };
      handle.dispose();
    }
    for (const [name, wanted] of Object.entries(outputs)) {
      if (all[name] !== undefined) all[name] = copyValues(name, all[name], wanted);
    }
    return all;
  };
  return {
    inputNames: native.inputNames,
    outputNames: native.outputNames,
    run: binding.writesOutputs && kept.length === 0 ? runIntoArrays : runAndCopy,
    ...(kept.length === 0 ? {} : { runOnDevice }),
    async dispose() {
      for (const handle of [...live]) handle.dispose();
      await reader.dispose();
      await native.release();
    },
  };
}
