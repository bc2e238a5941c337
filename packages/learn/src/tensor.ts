/**
 * Symbolic tensors: shape, element type and what makes them. Building is eager in shape and lazy in value: a
 * wrong shape throws at the line that wrote it; numbers exist only when a runtime (or `evaluateGraph`) runs
 * the graph. Nothing here computes. Axis order of images is [batch, channel, row, column].
 */
import { formatShape, LearnError } from "./errors.ts";

/** Attributes of an operator call: numbers, number lists and words; compared by value. */
export type Attributes = Readonly<Record<string, number | string | readonly number[]>>;

/** How a trainable parameter starts. He et al. 2015, eq. 10: σ = gain·√(2/fanIn). */
export type Initialiser =
  | { readonly kind: "zero" }
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "heNormal"; readonly fanIn: number; readonly gain: number };

/** What makes a tensor. */
export type Producer =
  | { readonly kind: "input"; readonly name: string }
  | { readonly kind: "parameter"; readonly name: string; readonly initialiser: Initialiser }
  | { readonly kind: "constant"; readonly values: Float64Array }
  | {
      readonly kind: "operator";
      readonly operator: Operator;
      readonly inputs: readonly Tensor[];
      readonly attributes: Attributes;
    };

/** A symbolic tensor with a static shape. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly dtype: "float32";
  readonly producer: Producer;
}

/** One call of an operator, as its rules see it. */
export interface OperatorCall {
  readonly inputShapes: readonly (readonly number[])[];
  readonly outputShape: readonly number[];
  readonly attributes: Attributes;
}

/** Element types of constants that a lowering may write. */
export type ConstantType = "float32" | "int64";

/** Where a lowering writes its ONNX nodes. Names are value names of the graph under construction. */
export interface LoweringContext {
  /**
   * `"standard"`: only operators of the ONNX standard, opset 17. `"cpu"`: `com.microsoft` operators of
   * the onnxruntime CPU provider may be used too.
   */
  readonly dialect: Dialect;
  /** Adds a node and returns the name of one of its outputs, by default the first. */
  addNode(
    opType: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, OnnxAttribute>>,
    options?: { readonly domain?: string; readonly outputIndex?: number },
  ): string;
  /** A constant (stored once per value) and its name. */
  addConstant(dtype: ConstantType, dims: readonly number[], values: ArrayLike<number>): string;
}

/** Which operators a graph may use. */
export type Dialect = "standard" | "cpu";

/** An ONNX attribute value as the lowering writes it. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] };

/** A case on which the table-driven tests run an operator. */
export interface OperatorExample {
  readonly shapes: readonly (readonly number[])[];
  readonly attributes?: Attributes;
  /** Values are drawn uniformly from here; default [−1, 1]. Keep off kinks. */
  readonly range?: readonly [number, number];
  /** Values closer to 0 than this are moved away from it; default 0. For operators with a kink at 0. */
  readonly awayFromZero?: number;
  /** The gradient is defined as zero, not as the derivative of the values; default false. */
  readonly stopsGradient?: boolean;
}

/** One entry of the operator table: everything the engine knows about an operator. */
export interface Operator {
  readonly name: string;
  /** One line for the table in the documentation. */
  readonly summary: string;
  /** Output shape; throws `SHAPE_MISMATCH` or `OUT_OF_RANGE`. */
  inferShape(inputShapes: readonly (readonly number[])[], attributes: Attributes): readonly number[];
  /** Writes ONNX nodes and returns the output's value name. */
  lower(context: LoweringContext, inputs: readonly string[], call: OperatorCall): string;
  /**
   * Vector–Jacobian product, written with operators: the gradient for each input given that of the output;
   * null where it is zero everywhere.
   */
  pullBack(call: PullBackCall): readonly (Tensor | null)[];
  /** The definition: plain float64. */
  evaluate(inputs: readonly Float64Array[], call: OperatorCall): Float64Array;
  readonly examples: readonly OperatorExample[];
}

/** What a vector–Jacobian product may use. */
export interface PullBackCall {
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  readonly attributes: Attributes;
  /** Gradient of the loss with respect to the output. */
  readonly upstream: Tensor;
}

/** Number of elements of a shape; 1 for a scalar `[]`. */
export function countElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function checkShape(shape: readonly number[], what: string): void {
  if (shape.some((size) => !Number.isInteger(size) || size < 1)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `${what} has shape ${formatShape(shape)}; every size must be a positive whole number`,
    );
  }
}

/** A value fed at every run. */
export function createInput(name: string, shape: readonly number[]): Tensor {
  checkShape(shape, `input "${name}"`);
  return { shape, dtype: "float32", producer: { kind: "input", name } };
}

/** A trainable value. Its name must be unique in its network. */
export function createParameter(name: string, shape: readonly number[], initialiser: Initialiser): Tensor {
  checkShape(shape, `parameter "${name}"`);
  return { shape, dtype: "float32", producer: { kind: "parameter", name, initialiser } };
}

/**
 * A fixed value.
 *
 * @throws LearnError `SHAPE_MISMATCH` when the number of values does not fit the shape
 */
export function createConstant(values: number | ArrayLike<number>, shape: readonly number[] = []): Tensor {
  checkShape(shape, "constant");
  const data = typeof values === "number" ? Float64Array.of(values) : Float64Array.from(values);
  if (data.length !== countElements(shape)) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `constant has ${data.length} values but shape ${formatShape(shape)} needs ${countElements(shape)}`,
    );
  }
  return { shape, dtype: "float32", producer: { kind: "constant", values: data } };
}

/** Builds a node: infers the shape and throws when the inputs do not fit. */
export function applyOperator(
  operator: Operator,
  inputs: readonly Tensor[],
  attributes: Attributes = {},
): Tensor {
  const shape = operator.inferShape(
    inputs.map((input) => input.shape),
    attributes,
  );
  return { shape, dtype: "float32", producer: { kind: "operator", operator, inputs, attributes } };
}

/** The name of an input or parameter. */
export function getLeafName(tensor: Tensor): string {
  const { producer } = tensor;
  if (producer.kind === "input" || producer.kind === "parameter") return producer.name;
  throw new LearnError(
    "UNKNOWN_TENSOR",
    `a tensor of shape ${formatShape(tensor.shape)} is made by ${producer.kind === "operator" ? producer.operator.name : "a constant"} and has no name; pass an input or a parameter`,
  );
}
