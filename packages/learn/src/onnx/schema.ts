/**
 * The part of ONNX's protobuf schema (onnx.proto, IR version 8) that Alara reads and writes, as a protobufjs
 * descriptor: message names, field names and numbers are facts of the format. Fields not listed are skipped
 * by the decoder. Checked against Debian's python3-onnx in the tests.
 */
import protobuf from "protobufjs/light.js";

type Field = readonly [number, string] | readonly [number, string, "repeated"];

function describe(fields: Readonly<Record<string, Field>>): protobuf.IType {
  return {
    fields: Object.fromEntries(
      Object.entries(fields).map(([name, [id, type, rule]]) => [
        name,
        rule === undefined ? { id, type } : { id, type, rule },
      ]),
    ),
  };
}

const R = "repeated" as const;

const MESSAGES: Readonly<Record<string, protobuf.IType>> = {
  ModelProto: describe({
    ir_version: [1, "int64"],
    producer_name: [2, "string"],
    producer_version: [3, "string"],
    domain: [4, "string"],
    model_version: [5, "int64"],
    doc_string: [6, "string"],
    graph: [7, "GraphProto"],
    opset_import: [8, "OperatorSetIdProto", R],
    metadata_props: [14, "StringStringEntryProto", R],
    training_info: [20, "TrainingInfoProto", R],
    functions: [25, "FunctionProto", R],
  }),
  OperatorSetIdProto: describe({ domain: [1, "string"], version: [2, "int64"] }),
  StringStringEntryProto: describe({ key: [1, "string"], value: [2, "string"] }),
  TrainingInfoProto: describe({ initialization: [1, "GraphProto"], algorithm: [2, "GraphProto"] }),
  FunctionProto: describe({
    name: [1, "string"],
    input: [4, "string", R],
    output: [5, "string", R],
    attribute: [6, "string", R],
    node: [7, "NodeProto", R],
    opset_import: [9, "OperatorSetIdProto", R],
    domain: [10, "string"],
    attribute_proto: [11, "AttributeProto", R],
  }),
  GraphProto: describe({
    node: [1, "NodeProto", R],
    name: [2, "string"],
    initializer: [5, "TensorProto", R],
    doc_string: [10, "string"],
    input: [11, "ValueInfoProto", R],
    output: [12, "ValueInfoProto", R],
    value_info: [13, "ValueInfoProto", R],
    sparse_initializer: [15, "SparseTensorProto", R],
  }),
  NodeProto: describe({
    input: [1, "string", R],
    output: [2, "string", R],
    name: [3, "string"],
    op_type: [4, "string"],
    attribute: [5, "AttributeProto", R],
    doc_string: [6, "string"],
    domain: [7, "string"],
  }),
  AttributeProto: describe({
    name: [1, "string"],
    f: [2, "float"],
    i: [3, "int64"],
    s: [4, "bytes"],
    t: [5, "TensorProto"],
    g: [6, "GraphProto"],
    floats: [7, "float", R],
    ints: [8, "int64", R],
    strings: [9, "bytes", R],
    tensors: [10, "TensorProto", R],
    graphs: [11, "GraphProto", R],
    type: [20, "int32"],
    sparse_tensor: [22, "SparseTensorProto"],
    sparse_tensors: [23, "SparseTensorProto", R],
  }),
  TensorProto: describe({
    dims: [1, "int64", R],
    data_type: [2, "int32"],
    float_data: [4, "float", R],
    int32_data: [5, "int32", R],
    int64_data: [7, "int64", R],
    name: [8, "string"],
    raw_data: [9, "bytes"],
    double_data: [10, "double", R],
    uint64_data: [11, "uint64", R],
    external_data: [13, "StringStringEntryProto", R],
    data_location: [14, "int32"],
  }),
  SparseTensorProto: describe({
    values: [1, "TensorProto"],
    indices: [2, "TensorProto"],
    dims: [3, "int64", R],
  }),
  ValueInfoProto: describe({ name: [1, "string"], type: [2, "TypeProto"] }),
  TypeProto: describe({ tensor_type: [1, "TensorTypeProto"] }),
  TensorTypeProto: describe({ elem_type: [1, "int32"], shape: [2, "TensorShapeProto"] }),
  TensorShapeProto: describe({ dim: [1, "DimensionProto", R] }),
  DimensionProto: describe({ dim_value: [1, "int64"], dim_param: [2, "string"] }),
};

const root = protobuf.Root.fromJSON({ nested: { onnx: { nested: { ...MESSAGES } } } });

/** The message type of a whole model. */
export const modelType: protobuf.Type = root.lookupType("onnx.ModelProto");

/** Element type numbers of `TensorProto.DataType`. */
export const DATA_TYPES = { float32: 1, int64: 7, bool: 9 } as const;

/** Attribute type numbers of `AttributeProto.AttributeType`. */
export const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, ints: 7 } as const;
