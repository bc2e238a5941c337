/**
 * Writes a graph of symbolic tensors as an ONNX model (IR version 8, opset 17) in two steps: every operator lowers
 * itself to nodes and constants (operators/*), then the protobuf is encoded.
 * Not here: models for any size (any-size.ts), optimisation of the written graph (the runtime's business).
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
  /** Written to `metadata_props`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** One ONNX node of which one output is used. */
export interface LoweredNode {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
  /** Absent: the standard domain. */
  readonly domain?: string;
  /** Which output of the node `output` names; absent: the first. */
  readonly outputIndex?: number;
  /** The operator of the table that wrote it. */
  readonly source: string;
}

/** A stored value. */
export interface LoweredConstant {
  readonly name: string;
  readonly dtype: ConstantType;
  readonly dims: readonly number[];
  readonly values: ArrayLike<number>;
  /** The operator of the table that wrote it; "constant" or "weights" for leaves. */
  readonly source: string;
}

/** A graph of ONNX nodes, before encoding. */
export interface LoweredGraph {
  readonly nodes: readonly LoweredNode[];
  readonly constants: readonly LoweredConstant[];
}

/** An input or output of a model; names stand for axes of any size. */
export interface SignatureValue {
  readonly name: string;
  readonly shape: readonly (string | number)[];
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

function encodeValueInfo({ name, shape }: SignatureValue): Record<string, unknown> {
  const dim = shape.map((size) => (typeof size === "string" ? { dim_param: size } : { dim_value: size }));
  return { name, type: { tensor_type: { elem_type: DATA_TYPES.float32, shape: { dim } } } };
}

class GraphBuilder implements LoweringContext {
  readonly dialect: Dialect;
  readonly nodes: LoweredNode[] = [];
  readonly constants: LoweredConstant[] = [];
  /** The operator that is being lowered. */
  source = "";
  readonly #known = new Map<string, string>();
  readonly #shares: boolean;

  constructor(dialect: Dialect, sharing: { readonly shareConstants: boolean }) {
    this.dialect = dialect;
    this.#shares = sharing.shareConstants;
  }

  addNode(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    options: { readonly domain?: string; readonly outputIndex?: number } = {},
  ): string {
    const output = `v${this.nodes.length}`;
    this.nodes.push({ opType, inputs, output, attributes, ...options, source: this.source });
    return output;
  }

  addConstant(dtype: ConstantType, dims: readonly number[], values: ArrayLike<number>): string {
    const isShared = this.#shares && values.length <= 64;
    const key = isShared ? `${dtype} ${formatShape(dims)} ${Array.from(values).join(",")}` : null;
    const known = key === null ? undefined : this.#known.get(key);
    if (known !== undefined) return known;
    const name = `c${this.constants.length}`;
    if (key !== null) this.#known.set(key, name);
    this.constants.push({ name, dtype, dims, values, source: this.source });
    return name;
  }

  addWeight(name: string, dims: readonly number[], values: Float32Array): string {
    this.constants.push({ name, dtype: "float32", dims, values, source: "weights" });
    return name;
  }

  /** Gives a value its public name. */
  nameOutput(value: string, name: string): void {
    this.nodes.push({
      opType: "Identity",
      inputs: [value],
      output: name,
      attributes: {},
      source: `output ${name}`,
    });
  }
}

/**
 * Lowers a graph to ONNX nodes.
 *
 * @param sharing.shareConstants - equal small constants are stored once; default true. Without it the list of nodes
 *   and constants does not depend on coincidences between sizes.
 * @throws LearnError `UNKNOWN_TENSOR` when a leaf is neither input nor weight
 */
export function lowerGraph(
  options: Omit<WriteModelOptions, "metadata">,
  sharing: { readonly shareConstants: boolean } = { shareConstants: true },
): LoweredGraph {
  const names = Object.keys(options.outputs);
  const roots = simplifyGraph(names.map((name) => options.outputs[name]));
  const builder = new GraphBuilder(options.dialect ?? "standard", sharing);
  const values = new Map<Tensor, string>();
  for (const input of options.inputs) values.set(input, getLeafName(input));
  for (const tensor of sortGraph(roots)) {
    if (!values.has(tensor)) values.set(tensor, lowerTensor(builder, tensor, values, options));
  }
  roots.forEach((root, k) => {
    builder.nameOutput(values.get(root) as string, names[k]);
  });
  return builder;
}

function lowerTensor(
  builder: GraphBuilder,
  tensor: Tensor,
  values: ReadonlyMap<Tensor, string>,
  options: Omit<WriteModelOptions, "metadata">,
): string {
  const { producer } = tensor;
  if (producer.kind === "constant") {
    builder.source = "constant";
    return builder.addConstant("float32", tensor.shape, producer.values);
  }
  if (producer.kind === "operator") {
    builder.source = producer.operator.name;
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
  return builder.addWeight(producer.name, tensor.shape, weights);
}

/**
 * Encodes a lowered graph as a model file.
 *
 * @throws LearnError `MODEL_TOO_LARGE` above 2 GiB
 */
export function encodeGraph(
  graph: LoweredGraph,
  signature: { readonly inputs: readonly SignatureValue[]; readonly outputs: readonly SignatureValue[] },
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const bytes = graph.constants.reduce(
    (sum, { dtype, values }) => sum + values.length * (dtype === "int64" ? 8 : 4),
    0,
  );
  if (bytes > MAXIMUM_MODEL_BYTES) {
    throw new LearnError("MODEL_TOO_LARGE", `the model holds ${bytes} bytes of weights; ONNX allows 2 GiB`);
  }
  const domains = new Set(graph.nodes.flatMap(({ domain }) => (domain === undefined ? [] : [domain])));
  const message = modelType.fromObject({
    ir_version: 8,
    producer_name: "alara",
    opset_import: [{ domain: "", version: 17 }, ...[...domains].map((domain) => ({ domain, version: 1 }))],
    metadata_props: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name: "alara",
      node: graph.nodes.map(({ opType, inputs, output, attributes, domain, outputIndex = 0 }, k) => ({
        name: `${opType}_${k}`,
        op_type: opType,
        input: inputs,
        output: [...Array.from({ length: outputIndex }, (_, n) => `${output}.${n}`), output],
        attribute: Object.entries(attributes).map(([name, value]) => encodeAttribute(name, value)),
        ...(domain === undefined ? {} : { domain }),
      })),
      initializer: graph.constants.map(({ name, dtype, dims, values }) => ({
        name,
        dims,
        data_type: DATA_TYPES[dtype],
        raw_data: encodeValues(dtype, values),
      })),
      input: signature.inputs.map(encodeValueInfo),
      output: signature.outputs.map(encodeValueInfo),
    },
  });
  return modelType.encode(message).finish();
}

/**
 * Writes an ONNX model of the graph's own sizes.
 *
 * @returns the model file
 * @throws LearnError `UNKNOWN_TENSOR` when a leaf is neither input nor weight, `MODEL_TOO_LARGE` above 2 GiB
 * Format: onnx.proto. Tested with onnx.checker and by running the result.
 */
export function writeOnnxModel(options: WriteModelOptions): Uint8Array {
  return encodeGraph(
    lowerGraph(options),
    {
      inputs: options.inputs.map((input) => ({ name: getLeafName(input), shape: input.shape })),
      outputs: Object.entries(options.outputs).map(([name, { shape }]) => ({ name, shape })),
    },
    options.metadata,
  );
}
