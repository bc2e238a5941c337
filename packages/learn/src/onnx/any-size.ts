/**
 * One ONNX model for any batch and image size. Graphs here have static shapes, so a network is traced at several
 * sizes; the lowered graphs must be the same but for constants, and every constant that changes must be a multi-affine
 * function of the input's sizes, such as the target of a reshape or the reciprocal of a pixel count. Such constants are
 * computed in the model from the shape of its input. The functions are found by tensor-product interpolation and
 * checked at a further size.
 * Not here: how operators lower themselves; sizes that change the structure of a graph (`FIXED_SIZE`).
 */
import { LearnError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import {
  encodeGraph,
  type LoweredConstant,
  type LoweredGraph,
  type LoweredNode,
  lowerGraph,
} from "./write.ts";

/** What {@link writeAnySizeModel} needs. */
export interface AnySizeOptions {
  /** The graph for an input of a given shape. */
  readonly trace: (shape: readonly number[]) => { readonly input: Tensor; readonly output: Tensor };
  readonly inputName: string;
  readonly outputName: string;
  /** Axes of the input: the name of an axis of any size, or a fixed size. */
  readonly inputAxes: readonly (string | number)[];
  readonly outputAxes: readonly (string | number)[];
  /** Two sizes and one further of each named axis, at which the graph is traced; all different. */
  readonly sizes: Readonly<Record<string, readonly [number, number, number]>>;
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Σ over subsets s of the named axes (bit masks) of coefficients[s]·Π sizes / denominator, or its reciprocal. */
interface SizeFormula {
  readonly numerators: readonly number[];
  readonly denominator: number;
  readonly isReciprocal: boolean;
}

const LARGEST_DENOMINATOR = 1 << 15;

function fail(source: string, reason: string, cause?: unknown): never {
  throw new LearnError(
    "FIXED_SIZE",
    `operator "${source}" holds fixed sizes (${reason}), so this network cannot be exported for any image size; build it from operators that do not depend on the image's size`,
    cause === undefined ? {} : { cause },
  );
}

/** Coefficients of the multi-affine function with the given values at the corners of a box of sizes. */
function interpolate(values: readonly number[], spans: readonly (readonly [number, number])[]): number[] {
  const coefficients = [...values];
  spans.forEach(([low, high], axis) => {
    const bit = 1 << axis;
    for (let corner = 0; corner < coefficients.length; corner++) {
      if ((corner & bit) !== 0) continue;
      const [atLow, atHigh] = [coefficients[corner], coefficients[corner | bit]];
      const slope = (atHigh - atLow) / (high - low);
      coefficients[corner] = atLow - slope * low;
      coefficients[corner | bit] = slope;
    }
  });
  return coefficients;
}

function isNearWhole(value: number): boolean {
  return Math.abs(value - Math.round(value)) < 1e-6;
}

function evaluateFormula(formula: SizeFormula, sizes: readonly number[]): number {
  let sum = 0;
  formula.numerators.forEach((numerator, subset) => {
    sum += sizes.reduce(
      (product, size, axis) => ((subset >> axis) & 1 ? product * size : product),
      numerator,
    );
  });
  const value = sum / formula.denominator;
  return formula.isReciprocal ? 1 / value : value;
}

function fitValues(
  values: readonly number[],
  spans: readonly (readonly [number, number])[],
  isReciprocal: boolean,
): SizeFormula | null {
  const coefficients = interpolate(isReciprocal ? values.map((value) => 1 / value) : values, spans);
  for (let denominator = 1; denominator <= LARGEST_DENOMINATOR; denominator++) {
    const scaled = coefficients.map((value) => value * denominator);
    if (scaled.every(isNearWhole)) return { numerators: scaled.map(Math.round), denominator, isReciprocal };
  }
  return null;
}

/** Nodes that compute size-dependent constants from the shape of the input. */
class SizeArithmetic {
  readonly nodes: LoweredNode[] = [];
  readonly constants: LoweredConstant[] = [];
  readonly #known = new Map<string, string>();
  readonly #inputName: string;
  readonly #axes: readonly number[];

  constructor(inputName: string, axes: readonly number[]) {
    this.#inputName = inputName;
    this.#axes = axes;
  }

  #node(opType: string, inputs: readonly string[], attributes: LoweredNode["attributes"] = {}): string {
    const key = `${opType} ${inputs.join(" ")} ${JSON.stringify(attributes)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const output = `s${this.nodes.length}`;
    this.nodes.push({ opType, inputs, output, attributes, source: "size" });
    this.#known.set(key, output);
    return output;
  }

  #whole(value: number): string {
    const key = `constant ${value}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const name = `k${this.constants.length}`;
    this.constants.push({ name, dtype: "int64", dims: [1], values: [value], source: "size" });
    this.#known.set(key, name);
    return name;
  }

  /** An int64 tensor of shape [1]. */
  #size(formula: SizeFormula): string {
    const shape = this.#node("Shape", [this.#inputName]);
    const terms: string[] = [];
    formula.numerators.forEach((numerator, subset) => {
      if (numerator === 0) return;
      let term: string | null = null;
      this.#axes.forEach((axis, k) => {
        if (((subset >> k) & 1) === 0) return;
        const size = this.#node("Gather", [shape, this.#whole(axis)], { axis: { int: 0 } });
        term = term === null ? size : this.#node("Mul", [term, size]);
      });
      if (term === null) term = this.#whole(numerator);
      else if (numerator !== 1) term = this.#node("Mul", [term, this.#whole(numerator)]);
      terms.push(term);
    });
    if (terms.length === 0) return this.#whole(0);
    const sum = terms.reduce((total, term) => this.#node("Add", [total, term]));
    return formula.denominator === 1 ? sum : this.#node("Div", [sum, this.#whole(formula.denominator)]);
  }

  /** Writes a constant as a value of its own name. */
  write(constant: LoweredConstant, formulas: readonly SizeFormula[]): void {
    const { name, dtype, dims } = constant;
    let value: string;
    if (dtype === "int64") {
      const parts = formulas.map((formula) => this.#size(formula));
      value = parts.length === 1 ? parts[0] : this.#node("Concat", parts, { axis: { int: 0 } });
    } else {
      value = this.#node("Cast", [this.#size(formulas[0])], { to: { int: 1 } });
      if (formulas[0].isReciprocal) value = this.#node("Reciprocal", [value]);
      if (dims.length === 0) value = this.#node("Squeeze", [value]);
    }
    this.nodes.push({ opType: "Identity", inputs: [value], output: name, attributes: {}, source: "size" });
  }
}

function checkSameStructure(first: LoweredGraph, other: LoweredGraph): void {
  first.nodes.forEach((node, k) => {
    const twin = other.nodes[k];
    const isSame =
      twin !== undefined &&
      twin.opType === node.opType &&
      twin.inputs.join() === node.inputs.join() &&
      JSON.stringify(twin.attributes) === JSON.stringify(node.attributes);
    if (!isSame) fail(node.source, `its ${node.opType} changes with the size`);
  });
  first.constants.forEach((constant, k) => {
    const twin = other.constants[k];
    if (twin?.name !== constant.name || twin.dims.join() !== constant.dims.join()) {
      fail(constant.source, `a constant of shape [${constant.dims.join(", ")}] changes shape with the size`);
    }
  });
  if (first.nodes.length !== other.nodes.length || first.constants.length !== other.constants.length) {
    fail(other.nodes[other.nodes.length - 1].source, "the number of nodes changes with the size");
  }
}

function listChanging(graphs: readonly LoweredGraph[]): number[] {
  const changing: number[] = [];
  graphs[0].constants.forEach(({ values }, k) => {
    const isSame = graphs.every((graph) => {
      const other = graph.constants[k].values;
      if (other === values) return true;
      for (let p = 0; p < values.length; p++) if (other[p] !== values[p]) return false;
      return true;
    });
    if (!isSame) changing.push(k);
  });
  return changing;
}

function fitConstant(
  corners: readonly LoweredConstant[],
  further: LoweredConstant,
  spans: readonly (readonly [number, number])[],
  furtherSizes: readonly number[],
): SizeFormula[] {
  const { dtype, values, source } = further;
  if (dtype === "float32" && values.length !== 1) {
    fail(source, `a table of ${values.length} values changes with the size`);
  }
  return Array.from(values, (expected, p) => {
    const seen = corners.map((constant) => constant.values[p]);
    const candidates = dtype === "int64" ? [false] : [false, true];
    for (const isReciprocal of candidates) {
      const formula = fitValues(seen, spans, isReciprocal);
      if (formula === null) continue;
      const error = Math.abs(evaluateFormula(formula, furtherSizes) - expected);
      if (error <= 1e-9 * Math.abs(expected)) return formula;
    }
    return fail(source, `its constant ${expected} is no simple function of the size`);
  });
}

/**
 * Writes a model for every size of the named axes.
 *
 * @throws LearnError `FIXED_SIZE` when the graph or one of its constants depends on the size in a way that cannot be
 *   written; `UNKNOWN_TENSOR`, `MODEL_TOO_LARGE`
 * Tested by running every network of the registry at sizes that were not traced.
 */
export function writeAnySizeModel(options: AnySizeOptions): Uint8Array {
  const { inputAxes } = options;
  const axes = inputAxes.flatMap((axis, k) => (typeof axis === "string" ? [k] : []));
  const sizes = axes.map((axis) => options.sizes[inputAxes[axis] as string]);
  const lower = (choose: (k: number) => number): LoweredGraph => {
    const shape = inputAxes.map((axis, n) =>
      typeof axis === "number" ? axis : sizes[axes.indexOf(n)][choose(axes.indexOf(n))],
    );
    try {
      const { input, output } = options.trace(shape);
      const graph = { inputs: [input], outputs: { [options.outputName]: output }, weights: options.weights };
      return lowerGraph(graph, { shareConstants: false });
    } catch (cause) {
      if (!(cause instanceof LearnError) || cause.code !== "SHAPE_MISMATCH") throw cause;
      return fail("the network", `an input of shape [${shape.join(", ")}] fails: ${cause.message}`, cause);
    }
  };
  const first = lower(() => 0);
  const further = lower(() => 2);
  checkSameStructure(first, further);
  const arithmetic = new SizeArithmetic(options.inputName, axes);
  const computed = new Set<string>();
  if (listChanging([first, further]).length > 0) {
    const corners = Array.from({ length: 1 << axes.length }, (_, corner) =>
      corner === 0 ? first : lower((k) => (corner >> k) & 1),
    );
    for (const corner of corners) checkSameStructure(first, corner);
    const spans = sizes.map(([low, high]) => [low, high] as const);
    const furtherSizes = sizes.map((triple) => triple[2]);
    for (const k of listChanging([...corners, further])) {
      const twins = corners.map((graph) => graph.constants[k]);
      arithmetic.write(first.constants[k], fitConstant(twins, further.constants[k], spans, furtherSizes));
      computed.add(first.constants[k].name);
    }
  }
  const kept = first.constants.filter(({ name }) => !computed.has(name));
  return encodeGraph(
    shareConstants({
      nodes: [...arithmetic.nodes, ...first.nodes],
      constants: [...arithmetic.constants, ...kept],
    }),
    {
      inputs: [{ name: options.inputName, shape: inputAxes }],
      outputs: [{ name: options.outputName, shape: options.outputAxes }],
    },
    options.metadata,
  );
}

/** Stores equal small constants once. */
function shareConstants(graph: LoweredGraph): LoweredGraph {
  const byValue = new Map<string, string>();
  const renamed = new Map<string, string>();
  const constants = graph.constants.filter(({ name, dtype, dims, values, source }) => {
    if (source === "weights" || values.length > 64) return true;
    const key = `${dtype} ${dims.join()} ${Array.from(values).join(",")}`;
    const known = byValue.get(key);
    if (known !== undefined) {
      renamed.set(name, known);
      return false;
    }
    byValue.set(key, name);
    return true;
  });
  const nodes = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((name) => renamed.get(name) ?? name),
  }));
  return { nodes, constants };
}
