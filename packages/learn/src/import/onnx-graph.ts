/**
 * ONNX graphs in: a user's network as a graph of this engine's operators with frozen constants, so that gradients flow
 * through it, as through a VGG network in a perceptual loss. Shapes are static: a graph is built for the shapes of the
 * tensors it is applied to, and what depends on shapes alone becomes numbers.
 * Not here: what each operator means (the other onnx-*.ts files of this folder); running a model as it is (runtime.ts).
 */
import { computeSha256 } from "@alara/core";
import { formatShape, LearnError } from "../errors.ts";
import { evaluateGraph, sortGraph } from "../graph.ts";
import { countElements, createInput, type Tensor } from "../tensor.ts";
import { arithmeticImporters } from "./onnx-arithmetic.ts";
import { ImportCall, type Importer, isStatic, LARGEST_KNOWN, toTensor, type Value } from "./onnx-call.ts";
import { layerImporters } from "./onnx-layers.ts";
import {
  isFractionalType,
  type OnnxModel,
  type OnnxModelValue,
  type OnnxNode,
  readOnnxModel,
  type StaticValue,
} from "./onnx-model.ts";
import { resizeImporters } from "./onnx-resize.ts";
import { structureImporters, valueImporters } from "./onnx-structure.ts";

/** Operators whose results are computed at import when all their inputs are known. */
const FOLDED: Readonly<Record<string, Importer>> = { ...structureImporters, ...arithmeticImporters };
const IMPORTERS: Readonly<Record<string, Importer>> = {
  ...FOLDED,
  ...valueImporters,
  ...layerImporters,
  ...resizeImporters,
};

/** Names of the ONNX operators that can be imported, sorted. */
export const importableOperators: readonly string[] = Object.keys(IMPORTERS).sort();

/** Operators that keep whole numbers whole. */
const FRACTIONAL_RESULTS = new Set([
  "Sqrt",
  "Exp",
  "Log",
  "Sin",
  "Cos",
  "Erf",
  "Reciprocal",
  "ReduceMean",
  "Mean",
]);

/** An opened ONNX file. */
export interface OnnxGraph {
  /** Inputs that the chosen outputs need. */
  readonly inputs: readonly OnnxModelValue[];
  /** The chosen outputs. */
  readonly outputNames: readonly string[];
  /** Every value of the file that can be chosen as an output, in the order of its nodes. */
  readonly valueNames: readonly string[];
  /**
   * Builds the graph on tensors.
   *
   * @param inputs - one tensor per input, of any shape that the file allows
   * @returns output name → tensor
   * @throws LearnError `UNSUPPORTED_MODEL` for settings that are not read, `SHAPE_MISMATCH`, `BROKEN_MODEL`
   */
  apply(inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor>;
}

/** Options of {@link openOnnxGraph}. */
export interface OpenGraphOptions {
  /** Value names, inner ones too; default: the outputs of the file. */
  readonly outputs?: readonly string[];
}

function broken(reason: string, cause?: unknown): LearnError {
  return new LearnError(
    "BROKEN_MODEL",
    `not a usable ONNX graph: ${reason}; check the file with onnx.checker`,
    cause === undefined ? {} : { cause },
  );
}

/** Nodes that the outputs need, in the order of the file. */
function selectNodes(model: OnnxModel, outputs: readonly string[]): OnnxNode[] {
  const needed = new Set(outputs);
  const selected: OnnxNode[] = [];
  for (let k = model.nodes.length - 1; k >= 0; k--) {
    const node = model.nodes[k];
    if (!node.outputs.some((name) => name !== "" && needed.has(name))) continue;
    selected.push(node);
    for (const name of node.inputs) needed.add(name);
  }
  return selected.reverse();
}

function checkOperators(nodes: readonly OnnxNode[]): void {
  const unknown = new Map<string, string[]>();
  for (const { operator, title } of nodes) {
    if (Object.hasOwn(IMPORTERS, operator)) continue;
    unknown.set(operator, [...(unknown.get(operator) ?? []), title]);
  }
  if (unknown.size === 0) return;
  const list = [...unknown].map(([operator, titles]) => {
    const more = titles.length > 5 ? ` and ${titles.length - 5} more` : "";
    return `${operator} (${titles.slice(0, 5).join(", ")}${more})`;
  });
  throw new LearnError(
    "UNSUPPORTED_MODEL",
    `the model has operators that cannot be imported: ${list.join("; ")}; choose an earlier output, or export the model with simpler operators`,
  );
}

/** Computes a node whose inputs are all known; null when its result is too large. */
function foldNode(call: ImportCall, importer: Importer): readonly StaticValue[] | null {
  const known = call.inputs.filter((value) => value !== null) as readonly StaticValue[];
  const made = importer(call);
  const tensors = (Array.isArray(made) ? made : [made]).map(toTensor);
  if (sortGraph(tensors).some(({ shape }) => countElements(shape) > LARGEST_KNOWN)) return null;
  const isWhole = known.every((value) => value.isWhole) && !FRACTIONAL_RESULTS.has(call.node.operator);
  return evaluateGraph(tensors, {}).map((values, k) => ({
    kind: "static",
    isWhole,
    shape: tensors[k].shape,
    // Division of whole numbers truncates.
    values: isWhole ? values.map(Math.trunc) : values,
  }));
}

/** What a node gave for known inputs, so that constants are the same ones in every application. */
interface Memory {
  readonly inputs: readonly (Value | null)[];
  readonly results: readonly Value[];
}

function runNode(
  node: OnnxNode,
  opset: number,
  inputs: readonly (Value | null)[],
  memory: Map<OnnxNode, Memory>,
): readonly Value[] {
  const isKnown = inputs.every((value) => value === null || isStatic(value));
  const last = memory.get(node);
  if (isKnown && last?.inputs.every((value, k) => value === inputs[k])) return last.results;
  const call = new ImportCall(node, opset, inputs);
  const importer = IMPORTERS[node.operator];
  let results: readonly Value[] | null = null;
  try {
    const isFilled = inputs.every((value) => value === null || countElements(value.shape) > 0);
    if (isKnown && isFilled && inputs.length > 0 && Object.hasOwn(FOLDED, node.operator)) {
      results = foldNode(call, importer);
    }
    if (results === null) {
      const made = importer(call);
      results = Array.isArray(made) ? (made as readonly Value[]) : [made as Value];
    }
  } catch (error) {
    if (error instanceof LearnError && error.code === "UNSUPPORTED_MODEL") throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const code = error instanceof LearnError ? error.code : "BROKEN_MODEL";
    throw new LearnError(code, `node "${node.title}" (${node.operator}): ${reason}`, { cause: error });
  }
  if (isKnown) memory.set(node, { inputs, results });
  return results;
}

/**
 * Opens an ONNX file as a function of tensors.
 *
 * Opsets 7 to 17 (later ones where the operators did not change); weights in raw or typed fields, float16 too, become
 * constants of the graph. Operators that no chosen output needs are not looked at.
 *
 * @param bytes - the file
 * @throws LearnError `UNSUPPORTED_MODEL` with every unknown operator and its nodes, `UNKNOWN_TENSOR` for outputs that
 *   are not in the file, `BROKEN_MODEL`, `EXTERNAL_DATA_REFUSED`, `MODEL_TOO_LARGE`
 * @remarks Dropout is the identity and batch normalisation uses the stored statistics, as in inference.
 * Format: onnx.proto and the ONNX operator reference. Tested against onnxruntime operator by operator, and against PyTorch with gradients.
 */
export function openOnnxGraph(bytes: Uint8Array, options: OpenGraphOptions = {}): OnnxGraph {
  const model = readOnnxModel(bytes);
  const outputNames = options.outputs ?? model.outputs.map(({ name }) => name);
  const valueNames = model.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== ""));
  const inputNames = new Set(model.inputs.map(({ name }) => name));
  const known = new Set([...valueNames, ...inputNames, ...model.initialisers.keys()]);
  const missing = outputNames.filter((name) => !known.has(name));
  if (missing.length > 0 || outputNames.length === 0) {
    const some = valueNames.slice(-20).join(", ");
    throw new LearnError(
      "UNKNOWN_TENSOR",
      `the model has no value "${missing.join(`", "`)}"; its last values are ${some}`,
    );
  }
  const nodes = selectNodes(model, outputNames);
  checkOperators(nodes);
  const used = new Set([...outputNames, ...nodes.flatMap((node) => node.inputs)]);
  const inputs = model.inputs.filter(({ name }) => used.has(name));
  const memory = new Map<OnnxNode, Memory>();
  return {
    inputs,
    outputNames,
    valueNames,
    apply(tensors) {
      const values = new Map<string, Value>();
      for (const input of inputs) values.set(input.name, checkInput(input, tensors[input.name]));
      const find = (name: string, user: string): Value => {
        const value = values.get(name) ?? model.initialisers.get(name)?.();
        if (value === undefined) throw broken(`"${name}" is used by ${user} before anything makes it`);
        return value;
      };
      for (const node of nodes) {
        const taken = node.inputs.map((name) => (name === "" ? null : find(name, `node "${node.title}"`)));
        const results = runNode(node, model.opset, taken, memory);
        node.outputs.forEach((name, k) => {
          if (name !== "" && results[k] !== undefined) values.set(name, results[k]);
        });
      }
      return Object.fromEntries(
        outputNames.map((name) => {
          const value = find(name, "the list of outputs");
          if (countElements(value.shape) === 0) throw broken(`output "${name}" is empty`);
          return [name, toTensor(value)];
        }),
      );
    },
  };
}

function checkInput(input: OnnxModelValue, tensor: Tensor | undefined): Tensor {
  const { name, shape, elementType } = input;
  if (tensor === undefined) {
    throw new LearnError("UNKNOWN_TENSOR", `no tensor is given for the model's input "${name}"`);
  }
  if (elementType !== 0 && !isFractionalType(elementType)) {
    throw new LearnError(
      "UNSUPPORTED_MODEL",
      `input "${name}" has ONNX element type ${elementType}; inputs must be floating-point`,
    );
  }
  const fits =
    shape.length === 0 ||
    (shape.length === tensor.shape.length &&
      shape.every((size, k) => typeof size === "string" || size === tensor.shape[k]));
  if (!fits) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `input "${name}" is ${formatShape(tensor.shape)} but the model states [${shape.join(", ")}]; export it with free axes, or apply it to that shape`,
    );
  }
  return tensor;
}

/** Options of {@link importOnnxGraph}. */
export interface ImportGraphOptions extends OpenGraphOptions {
  /** Shapes of inputs by name; default: as stated in the file, where they are numbers. */
  readonly inputs?: Readonly<Record<string, readonly number[]>>;
}

/** A graph of symbolic tensors. */
export interface ImportedGraph {
  /** Leaves to feed, by name. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/**
 * Imports an ONNX file as a graph with inputs of its own; {@link openOnnxGraph} puts it on given tensors.
 *
 * @throws LearnError as {@link openOnnxGraph} and its `apply`; `SHAPE_MISMATCH` when an input's shape is not known
 */
export function importOnnxGraph(bytes: Uint8Array, options: ImportGraphOptions = {}): ImportedGraph {
  const graph = openOnnxGraph(bytes, options);
  const inputs = Object.fromEntries(
    graph.inputs.map(({ name, shape }) => {
      const sizes = options.inputs?.[name] ?? shape.map(Number);
      if (sizes.length === 0 || sizes.some((size) => !(size >= 1))) {
        throw new LearnError(
          "SHAPE_MISMATCH",
          `the model states the shape [${shape.join(", ")}] for input "${name}"; give its sizes in "inputs"`,
        );
      }
      return [name, createInput(name, sizes)];
    }),
  );
  return { inputs, outputs: graph.apply(inputs) };
}

/** A frozen feature extractor φ. */
export interface FrozenFeatures {
  /** sha256 of the file, for recipes and cards. */
  readonly digest: string;
  /** φ(x); gradients flow to x. */
  readonly apply: (x: Tensor) => Tensor;
}

/**
 * Opens one value of a user's ONNX network as features for a loss, such as the second layer of VGG16.
 *
 * @param options.output - value name; default: the file's first output
 * @throws LearnError as {@link openOnnxGraph}; `UNSUPPORTED_MODEL` unless there is one input
 */
export async function loadFrozenFeatures(
  bytes: Uint8Array,
  options: { readonly output?: string } = {},
): Promise<FrozenFeatures> {
  const graph = openOnnxGraph(bytes, options.output === undefined ? {} : { outputs: [options.output] });
  if (graph.inputs.length !== 1) {
    throw new LearnError(
      "UNSUPPORTED_MODEL",
      `features need one input, the model has ${graph.inputs.map(({ name }) => name).join(", ") || "none"}`,
    );
  }
  const [{ name }] = graph.inputs;
  const [output] = graph.outputNames;
  return { digest: await computeSha256(bytes), apply: (x) => graph.apply({ [name]: x })[output] };
}
