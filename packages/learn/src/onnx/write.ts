/**
 * Writes a graph of symbolic tensors as an ONNX model (IR version 8, opset 17). Each operator lowers itself
 * (operators/*); this file names values, stores constants once, and encodes the protobuf.
 * Not here: optimisation of the written graph (the runtime's business).
 */
import { formatShape, LearnError } from "../errors.ts";
import { simplifyGraph, sortGraph } from "../graph.ts";
import type { ConstantType, Dialect, LoweringContext, OnnxAttribute, Tensor } from "../tensor.ts";
import { getLeafName } from "../tensor.ts";
import { ATTRIBUTE_TYPES, DATA_TYPES, modelType } from "./schema.ts";

/** ONNX limit: a protobuf message holds less than 2 GiB. */
export const MAXIMUM_MODEL_BYTES: number = 2 ** 31 - 1;

/** What to write. */
export interface WriteModelOptions {
  /** Output name → tensor. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Inputs in the order of the model's signature; every leaf without weights must be among them. */
  readonly inputs: readonly Tensor[];
  /** Parameter name → values, stored in the model; parameters not listed become inputs. */
  readonly weights?: ReadonlyMap<string, Float32Array>;
  /** Default `"standard"`. */
  readonly dialect?: Dialect;
  /** Name or size of each axis of inputs and outputs that may vary, by value name; default static sizes. */
  readonly symbolicShapes?: Readonly<Record<string, readonly (string | number)[]>>;
  /** Written to `metadata_props`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

interface EncodedTensor {
  readonly dims: readonly number[];
  readonly data_type: number;
  readonly name: string;
  readonly raw_data: Uint8Array;
}

/** Little-endian bytes of constants, whatever the machine. */
function encodeValues(dtype: ConstantType, values: ArrayLike<number>): Uint8Array {
  const size = dtype === "int64" ? 8 : 4;
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  for (let k = 0; k < values.length; k++) {
    if (dtype === "int64") view.setBigInt64(8 * k, BigInt(values[k]), true);
    else view.setFloat32(4 * k, values[k], true);
  }
  return bytes;
}

function encodeAttribute(name: string, value: OnnxAttribute): Record<string, unknown> {
  if ("int" in value) return { name, type: ATTRIBUTE_TYPES.int, i: value.int };
  if ("float" in value) return { name, type: ATTRIBUTE_TYPES.float, f: value.float };
  if ("ints" in value) return { name, type: ATTRIBUTE_TYPES.ints, ints: value.ints };
  return { name, type: ATTRIBUTE_TYPES.string, s: new TextEncoder().encode(value.string) };
}

function encodeValueInfo(name: string, shape: readonly (string | number)[]): Record<string, unknown> {
  const dim = shape.map((size) => (typeof size === "string" ? { dim_param: size } : { dim_value: size }));
  return { name, type: { tensor_type: { elem_type: DATA_TYPES.float32, shape: { dim } } } };
}

class GraphBuilder implements LoweringContext {
  readonly dialect: Dialect;
  readonly nodes: Record<string, unknown>[] = [];
  readonly initialisers: EncodedTensor[] = [];
  usesContrib = false;
  readonly #constants = new Map<string, string>();

  constructor(dialect: Dialect) {
    this.dialect = dialect;
  }

  addNode(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    options: { readonly domain?: string } = {},
  ): string {
    const output = `v${this.nodes.length}`;
    if (options.domain !== undefined) this.usesContrib = true;
    this.nodes.push({
      name: `${opType}_${this.nodes.length}`,
      op_type: opType,
      input: inputs,
      output: [output],
      attribute: Object.entries(attributes).map(([name, value]) => encodeAttribute(name, value)),
      ...(options.domain === undefined ? {} : { domain: options.domain }),
    });
    return output;
  }

  addConstant(dtype: ConstantType, dims: readonly number[], values: ArrayLike<number>): string {
    const key = values.length <= 64 ? `${dtype} ${formatShape(dims)} ${Array.from(values).join(",")}` : null;
    const known = key === null ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `c${this.initialisers.length}`;
    if (key !== null) this.#constants.set(key, name);
    this.addWeight(name, dims, encodeValues(dtype, values), DATA_TYPES[dtype]);
    return name;
  }

  addWeight(name: string, dims: readonly number[], bytes: Uint8Array, type: number): void {
    this.initialisers.push({ name, dims, data_type: type, raw_data: bytes });
  }

  /** Gives the last written value its public name. */
  renameOutput(value: string, name: string): void {
    this.nodes.push({ name: `Output_${name}`, op_type: "Identity", input: [value], output: [name] });
  }
}

/**
 * Writes an ONNX model.
 *
 * @returns the model file
 * @throws LearnError `UNKNOWN_TENSOR` when a leaf is neither input nor weight, `MODEL_TOO_LARGE` above 2 GiB,
 *   `FIXED_SIZE` when symbolic shapes are asked for and an operator holds fixed sizes
 * Format: onnx.proto. Tested with onnx.checker and by running the result.
 */
export function writeOnnxModel(options: WriteModelOptions): Uint8Array {
  const names = Object.keys(options.outputs);
  const roots = simplifyGraph(names.map((name) => options.outputs[name]));
  const builder = new GraphBuilder(options.dialect ?? "standard");
  const values = new Map<Tensor, string>();
  for (const input of options.inputs) values.set(input, getLeafName(input));
  for (const tensor of sortGraph(roots)) {
    if (!values.has(tensor)) values.set(tensor, writeTensor(builder, tensor, values, options));
  }
  roots.forEach((root, k) => {
    builder.renameOutput(values.get(root) as string, names[k]);
  });
  return encodeModel(builder, options, names);
}

function writeTensor(
  builder: GraphBuilder,
  tensor: Tensor,
  values: ReadonlyMap<Tensor, string>,
  options: WriteModelOptions,
): string {
  const { producer } = tensor;
  if (producer.kind === "constant") return builder.addConstant("float32", tensor.shape, producer.values);
  if (producer.kind === "operator") {
    if (options.symbolicShapes !== undefined && !producer.operator.isSizeFree) {
      throw new LearnError(
        "FIXED_SIZE",
        `operator "${producer.operator.name}" holds fixed sizes (${formatShape(tensor.shape)}), so this network cannot be exported for any image size; build it from size-free operators`,
      );
    }
    return producer.operator.lower(
      builder,
      producer.inputs.map((input) => values.get(input) as string),
      {
        inputShapes: producer.inputs.map((input) => input.shape),
        outputShape: tensor.shape,
        attributes: producer.attributes,
      },
    );
  }
  const weights = options.weights?.get(producer.name);
  if (weights === undefined) {
    throw new LearnError(
      "UNKNOWN_TENSOR",
      `the graph uses ${producer.kind} "${producer.name}", which is neither among the inputs nor given as weights`,
    );
  }
  builder.addWeight(producer.name, tensor.shape, encodeValues("float32", weights), DATA_TYPES.float32);
  return producer.name;
}

function encodeModel(
  builder: GraphBuilder,
  options: WriteModelOptions,
  names: readonly string[],
): Uint8Array {
  const shapes = options.symbolicShapes ?? {};
  const bytes = builder.initialisers.reduce((sum, tensor) => sum + tensor.raw_data.length, 0);
  if (bytes > MAXIMUM_MODEL_BYTES) {
    throw new LearnError("MODEL_TOO_LARGE", `the model holds ${bytes} bytes of weights; ONNX allows 2 GiB`);
  }
  const message = modelType.fromObject({
    ir_version: 8,
    producer_name: "alara",
    opset_import: [
      { domain: "", version: 17 },
      ...(builder.usesContrib ? [{ domain: "com.microsoft", version: 1 }] : []),
    ],
    metadata_props: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: {
      name: "alara",
      node: builder.nodes,
      initializer: builder.initialisers,
      input: options.inputs.map((input) => {
        const name = getLeafName(input);
        return encodeValueInfo(name, shapes[name] ?? input.shape);
      }),
      output: names.map((name) => encodeValueInfo(name, shapes[name] ?? options.outputs[name].shape)),
    },
  });
  return modelType.encode(message).finish();
}
