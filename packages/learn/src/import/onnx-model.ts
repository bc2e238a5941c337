/**
 * An ONNX file as plain data for the importer: nodes in order, stored values decoded to float64, inputs and outputs.
 * Not here: what operators mean (onnx-*.ts beside this file), the judgement of foreign files (onnx/inspect.ts, which
 * runs first and refuses external data).
 */
import { formatShape, LearnError } from "../errors.ts";
import { inspectOnnxModel } from "../onnx/inspect.ts";
import { modelType } from "../onnx/schema.ts";
import { countElements } from "../tensor.ts";
import { decodeElements, decodeHalf, ELEMENT_BYTES, type ElementType } from "./element-types.ts";

/** A value known at import. */
export interface StaticValue {
  readonly kind: "static";
  /** True for whole-number and boolean types: division truncates. */
  readonly isWhole: boolean;
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** An attribute as the file holds it. */
export interface OnnxNodeAttribute {
  readonly name: string;
  readonly f: number;
  readonly i: number;
  readonly s: Uint8Array;
  readonly t: RawTensor | null;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
}

/** One node of the file. */
export interface OnnxNode {
  /** Its name, or its position and first output. */
  readonly title: string;
  /** "Conv", or "domain:Name" outside the standard. */
  readonly operator: string;
  /** Value names; "" where an optional input is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxNodeAttribute>;
}

/** An input or output of the file; unnamed free axes are "?". */
export interface OnnxModelValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
  /** Element type number; 0 when the file states none. */
  readonly elementType: number;
}

/** The file, decoded. */
export interface OnnxModel {
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly initialisers: ReadonlyMap<string, () => StaticValue>;
  readonly inputs: readonly OnnxModelValue[];
  readonly outputs: readonly OnnxModelValue[];
}

interface RawTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data_type: number;
  readonly raw_data: Uint8Array;
  readonly float_data: readonly number[];
  readonly int32_data: readonly number[];
  readonly int64_data: readonly number[];
  readonly double_data: readonly number[];
  readonly uint64_data: readonly number[];
}
interface RawNode {
  readonly name: string;
  readonly op_type: string;
  readonly domain: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly OnnxNodeAttribute[];
}
interface RawValue {
  readonly name: string;
  readonly type: {
    readonly tensor_type: {
      readonly elem_type: number;
      readonly shape: { readonly dim: readonly { dim_value?: number; dim_param?: string }[] } | null;
    } | null;
  } | null;
}
interface RawModel {
  readonly opset_import: readonly { readonly domain: string; readonly version: number }[];
  readonly graph: {
    readonly node: readonly RawNode[];
    readonly initializer: readonly RawTensor[];
    readonly sparse_initializer: readonly { readonly values: RawTensor | null }[];
    readonly input: readonly RawValue[];
    readonly output: readonly RawValue[];
  };
}

/** `TensorProto.DataType` numbers that are read. */
const DATA_TYPES: Readonly<Record<number, ElementType>> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float16",
  11: "float64",
  12: "uint32",
  13: "uint64",
  16: "bfloat16",
};
const FRACTIONAL: readonly number[] = [1, 10, 11, 16];

/** True for element types that hold fractions; these and only these flow through graphs. */
export function isFractionalType(elementType: number): boolean {
  return FRACTIONAL.includes(elementType);
}

const scratch = new DataView(new ArrayBuffer(4));

function readTypedField(tensor: RawTensor, type: ElementType): readonly number[] {
  if (type === "float32") return tensor.float_data;
  if (type === "float64") return tensor.double_data;
  if (type === "int64") return tensor.int64_data;
  if (type === "uint32" || type === "uint64") return tensor.uint64_data;
  if (type === "float16") return tensor.int32_data.map((bits) => decodeHalf(bits & 0xffff));
  if (type === "bfloat16") {
    return tensor.int32_data.map((bits) => {
      scratch.setUint32(0, (bits & 0xffff) * 0x10000);
      return scratch.getFloat32(0);
    });
  }
  return tensor.int32_data;
}

/**
 * Decodes a stored tensor, from raw bytes or a typed field.
 *
 * @throws LearnError `BROKEN_MODEL` when values and shape do not fit, `UNSUPPORTED_DTYPE`
 */
export function decodeOnnxTensor(tensor: RawTensor): StaticValue {
  const { name, dims, data_type: number, raw_data: raw } = tensor;
  if (!Object.hasOwn(DATA_TYPES, number)) {
    throw new LearnError(
      "UNSUPPORTED_DTYPE",
      `"${name}" has ONNX element type ${number}; read are ${Object.keys(DATA_TYPES).join(", ")}; export the model in float32`,
    );
  }
  const type = DATA_TYPES[number];
  const isRaw = raw.length > 0;
  const count = isRaw ? raw.length / ELEMENT_BYTES[type] : readTypedField(tensor, type).length;
  if (dims.some((size) => !(Number.isSafeInteger(size) && size >= 0)) || countElements(dims) !== count) {
    throw new LearnError(
      "BROKEN_MODEL",
      `"${name}" of shape ${formatShape(dims)} holds ${count} values; the file is damaged`,
    );
  }
  const values = isRaw ? decodeElements(type, raw) : Float64Array.from(readTypedField(tensor, type));
  return { kind: "static", isWhole: !isFractionalType(number), shape: dims, values };
}

function readValue(value: RawValue): OnnxModelValue {
  const type = value.type?.tensor_type;
  const dims = type?.shape?.dim ?? [];
  return {
    name: value.name,
    shape: dims.map(({ dim_param: name, dim_value: size }) =>
      name !== undefined && name !== "" ? name : size !== undefined && size > 0 ? size : "?",
    ),
    elementType: type?.elem_type ?? 0,
  };
}

function readNode(node: RawNode, position: number): OnnxNode {
  const isStandard = node.domain === "" || node.domain === "ai.onnx";
  return {
    title: node.name === "" ? `#${position} (${node.output[0] ?? "no output"})` : node.name,
    operator: isStandard ? node.op_type : `${node.domain}:${node.op_type}`,
    inputs: node.input,
    outputs: node.output,
    attributes: new Map(node.attribute.map((attribute) => [attribute.name, attribute])),
  };
}

/**
 * Decodes an ONNX file for import.
 *
 * @throws LearnError as {@link inspectOnnxModel}, and `UNSUPPORTED_MODEL` below opset 7 or with sparse weights
 */
export function readOnnxModel(bytes: Uint8Array): OnnxModel {
  inspectOnnxModel(bytes);
  const options = { longs: Number, arrays: true, defaults: true };
  const { graph, opset_import: opsets } = modelType.toObject(modelType.decode(bytes), options) as RawModel;
  const standard = opsets.find(({ domain }) => domain === "" || domain === "ai.onnx");
  const opset = standard?.version ?? 0;
  if (opset < 7 || graph.sparse_initializer.length > 0) {
    throw new LearnError(
      "UNSUPPORTED_MODEL",
      `the model has opset ${opset} and ${graph.sparse_initializer.length} sparse weights; read are opset 7 and later with dense weights`,
    );
  }
  const initialisers = new Map<string, () => StaticValue>();
  for (const tensor of graph.initializer) {
    let decoded: StaticValue | undefined;
    initialisers.set(tensor.name, () => {
      decoded ??= decodeOnnxTensor(tensor);
      return decoded;
    });
  }
  return {
    opset,
    nodes: graph.node.map(readNode),
    initialisers,
    inputs: graph.input.filter(({ name }) => !initialisers.has(name)).map(readValue),
    outputs: graph.output.map(readValue),
  };
}
