/**
 * Reads an ONNX model before any runtime sees it: what it needs, and whether it is safe to open. Models that
 * point at other files (external data) are refused wherever the reference hides: initialisers, sparse
 * initialisers, attributes, subgraphs, functions, training graphs.
 * Not here: checking that the graph makes sense (the runtime does).
 */
import { LearnError } from "../errors.ts";
import { modelType } from "./schema.ts";
import { MAXIMUM_MODEL_BYTES } from "./write.ts";

/** What a model states about itself. */
export interface OnnxSummary {
  readonly irVersion: number;
  readonly producer: string;
  /** Operator set domain ("" is the standard) → version. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly OnnxValueSummary[];
  readonly outputs: readonly OnnxValueSummary[];
  /** Distinct operators, "domain:Name" outside the standard domain, sorted. */
  readonly operators: readonly string[];
  /** Number of stored weights (elements of initialisers). */
  readonly weightCount: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Name and shape of an input or output; symbolic axes by name, unknown ones as "?". */
export interface OnnxValueSummary {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

interface RawTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly external_data: readonly unknown[];
  readonly data_location: number;
}
interface RawSparse {
  readonly values: RawTensor | null;
  readonly indices: RawTensor | null;
}
interface RawAttribute {
  readonly t: RawTensor | null;
  readonly g: RawGraph | null;
  readonly tensors: readonly RawTensor[];
  readonly graphs: readonly RawGraph[];
  readonly sparse_tensor: RawSparse | null;
  readonly sparse_tensors: readonly RawSparse[];
}
interface RawNode {
  readonly op_type: string;
  readonly domain: string;
  readonly attribute: readonly RawAttribute[];
}
interface RawValue {
  readonly name: string;
  readonly type: {
    readonly tensor_type: {
      readonly shape: { readonly dim: readonly { dim_value?: number; dim_param?: string }[] } | null;
    } | null;
  } | null;
}
interface RawGraph {
  readonly node: readonly RawNode[];
  readonly initializer: readonly RawTensor[];
  readonly sparse_initializer: readonly RawSparse[];
  readonly input: readonly RawValue[];
  readonly output: readonly RawValue[];
}
interface RawModel {
  readonly ir_version: number;
  readonly producer_name: string;
  readonly graph: RawGraph | null;
  readonly opset_import: readonly { readonly domain: string; readonly version: number }[];
  readonly functions: readonly {
    readonly name: string;
    readonly node: readonly RawNode[];
    readonly attribute_proto: readonly RawAttribute[];
  }[];
  readonly training_info: readonly {
    readonly initialization: RawGraph | null;
    readonly algorithm: RawGraph | null;
  }[];
  readonly metadata_props: readonly { readonly key: string; readonly value: string }[];
}

interface Walk {
  readonly operators: Set<string>;
  weightCount: number;
}

function visitTensor(tensor: RawTensor | null, where: string, walk: Walk): void {
  if (tensor === null) return;
  if (tensor.external_data.length > 0 || tensor.data_location !== 0) {
    throw new LearnError(
      "EXTERNAL_DATA_REFUSED",
      `${where} "${tensor.name}" keeps its values in another file; store them inside the model (onnx.save with save_as_external_data=False)`,
    );
  }
  walk.weightCount += tensor.dims.reduce((product, size) => product * size, 1);
}

function visitSparse(sparse: RawSparse | null, where: string, walk: Walk): void {
  if (sparse === null) return;
  visitTensor(sparse.values, `values of ${where}`, walk);
  visitTensor(sparse.indices, `indices of ${where}`, walk);
}

function visitAttribute(attribute: RawAttribute, where: string, walk: Walk): void {
  for (const tensor of [attribute.t, ...attribute.tensors])
    visitTensor(tensor, `attribute of ${where}`, walk);
  for (const sparse of [attribute.sparse_tensor, ...attribute.sparse_tensors]) {
    visitSparse(sparse, `attribute of ${where}`, walk);
  }
  for (const graph of [attribute.g, ...attribute.graphs]) visitGraph(graph, walk);
}

function visitNodes(nodes: readonly RawNode[], walk: Walk): void {
  for (const node of nodes) {
    const isStandard = node.domain === "" || node.domain === "ai.onnx";
    const name = isStandard ? node.op_type : `${node.domain}:${node.op_type}`;
    walk.operators.add(name);
    for (const attribute of node.attribute) visitAttribute(attribute, name, walk);
  }
}

function visitGraph(graph: RawGraph | null, walk: Walk): void {
  if (graph === null) return;
  for (const tensor of graph.initializer) visitTensor(tensor, "initialiser", walk);
  for (const sparse of graph.sparse_initializer) visitSparse(sparse, "sparse initialiser", walk);
  visitNodes(graph.node, walk);
}

function summariseValue(value: RawValue): OnnxValueSummary {
  const dims = value.type?.tensor_type?.shape?.dim ?? [];
  return {
    name: value.name,
    shape: dims.map((dim) => {
      if (dim.dim_param !== undefined && dim.dim_param !== "") return dim.dim_param;
      return dim.dim_value ?? "?";
    }),
  };
}

/**
 * Reads and judges an ONNX model.
 *
 * @param bytes - the model file
 * @returns what the model states about itself
 * @throws LearnError `MODEL_TOO_LARGE` above 2 GiB, `BROKEN_MODEL` when the bytes do not decode or hold no
 *   graph, `EXTERNAL_DATA_REFUSED`
 * Format: onnx.proto. Tested with crafted models, one per place where external data can hide.
 */
export function inspectOnnxModel(bytes: Uint8Array): OnnxSummary {
  if (bytes.length > MAXIMUM_MODEL_BYTES) {
    throw new LearnError("MODEL_TOO_LARGE", `the model has ${bytes.length} bytes; ONNX allows 2 GiB`);
  }
  let model: RawModel;
  try {
    const options = { longs: Number, arrays: true, defaults: true };
    // Virtual oneof defaults do not exist in this schema, so dim_value is always present: drop zeros below.
    model = modelType.toObject(modelType.decode(bytes), options) as RawModel;
  } catch (cause) {
    throw new LearnError(
      "BROKEN_MODEL",
      `${bytes.length} bytes do not decode as an ONNX model; the file is damaged or of another format`,
      { cause },
    );
  }
  if (model.graph === null || model.graph.output.length === 0) {
    throw new LearnError(
      "BROKEN_MODEL",
      `the ${bytes.length} bytes decode to a model without a graph or outputs`,
    );
  }
  const walk: Walk = { operators: new Set(), weightCount: 0 };
  visitGraph(model.graph, walk);
  for (const item of model.functions) {
    visitNodes(item.node, walk);
    for (const attribute of item.attribute_proto) visitAttribute(attribute, `function ${item.name}`, walk);
  }
  for (const info of model.training_info) {
    visitGraph(info.initialization, walk);
    visitGraph(info.algorithm, walk);
  }
  const weights = new Set(model.graph.initializer.map((tensor) => tensor.name));
  return {
    irVersion: model.ir_version,
    producer: model.producer_name,
    opsets: Object.fromEntries(model.opset_import.map(({ domain, version }) => [domain, version])),
    inputs: model.graph.input.filter((value) => !weights.has(value.name)).map(summariseValue),
    outputs: model.graph.output.map(summariseValue),
    operators: [...walk.operators].sort(),
    weightCount: walk.weightCount,
    metadata: Object.fromEntries(model.metadata_props.map(({ key, value }) => [key, value])),
  };
}
