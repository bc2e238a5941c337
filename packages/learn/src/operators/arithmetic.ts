/**
 * Element-wise operators with numpy broadcasting, and the mean. Their gradients close over this file and
 * `structure.ts`. Kinks: the derivative of relu, abs and clip at the kink is taken as 0.
 */
import {
  type Attributes,
  applyOperator,
  countElements,
  createConstant,
  type Operator,
  type OperatorExample,
  type Tensor,
} from "../tensor.ts";
import {
  broadcastShapes,
  computeBroadcastStrides,
  expand,
  forEachReduced,
  forEachStrided,
  getKeptShape,
  getList,
  getReductionAttributes,
  inferReducedShape,
  type ReductionOptions,
  reshape,
  sumTo,
} from "./structure.ts";

type Binary = (a: number, b: number) => number;

function evaluateBinary(compute: Binary): Operator["evaluate"] {
  return ([a, b], { inputShapes, outputShape }) => {
    const output = new Float64Array(countElements(outputShape));
    const right = new Uint32Array(output.length);
    forEachStrided(outputShape, computeBroadcastStrides(inputShapes[1], outputShape), 0, (p, linear) => {
      right[linear] = p;
    });
    forEachStrided(outputShape, computeBroadcastStrides(inputShapes[0], outputShape), 0, (p, linear) => {
      output[linear] = compute(a[p], b[right[linear]]);
    });
    return output;
  };
}

const BINARY_EXAMPLES: readonly OperatorExample[] = [
  {
    shapes: [
      [2, 3, 4],
      [3, 1],
    ],
    awayFromZero: 0.3,
  },
  { shapes: [[2, 2], []], awayFromZero: 0.3 },
];

/** An element-wise operator of two broadcast operands. */
export function defineBinary(
  name: string,
  onnx: string,
  summary: string,
  compute: Binary,
  pullBack: (a: Tensor, b: Tensor, upstream: Tensor, output: Tensor) => readonly [Tensor, Tensor],
): Operator {
  return {
    name,
    summary,
    inferShape: ([a, b]) => broadcastShapes(a, b, name),
    lower: (context, inputs) => context.addNode(onnx, inputs),
    pullBack({ inputs: [a, b], upstream, output }) {
      const [left, right] = pullBack(a, b, upstream, output);
      return [sumTo(left, a.shape), sumTo(right, b.shape)];
    },
    evaluate: evaluateBinary(compute),
    examples: BINARY_EXAMPLES,
  };
}

/** A number as a scalar constant. */
export function asTensor(value: Tensor | number): Tensor {
  return typeof value === "number" ? createConstant(value) : value;
}

const addOperator: Operator = defineBinary(
  "add",
  "Add",
  "a + b",
  (a, b) => a + b,
  (_a, _b, g) => [g, g],
);
/** a + b, broadcasting. */
export function add(a: Tensor, b: Tensor | number): Tensor {
  return applyOperator(addOperator, [a, asTensor(b)]);
}

const subOperator: Operator = defineBinary(
  "sub",
  "Sub",
  "a − b",
  (a, b) => a - b,
  (_a, _b, g) => [g, neg(g)],
);
/** a − b, broadcasting. */
export function sub(a: Tensor | number, b: Tensor | number): Tensor {
  return applyOperator(subOperator, [asTensor(a), asTensor(b)]);
}

const mulOperator: Operator = defineBinary(
  "mul",
  "Mul",
  "a · b",
  (a, b) => a * b,
  (a, b, g) => [mul(g, b), mul(g, a)],
);
/** a · b, broadcasting. */
export function mul(a: Tensor, b: Tensor | number): Tensor {
  return applyOperator(mulOperator, [a, asTensor(b)]);
}

const divOperator: Operator = defineBinary(
  "div",
  "Div",
  "a / b",
  (a, b) => a / b,
  (_a, b, g, output) => [div(g, b), neg(div(mul(g, output), b))],
);
/** a / b, broadcasting. */
export function div(a: Tensor | number, b: Tensor | number): Tensor {
  return applyOperator(divOperator, [asTensor(a), asTensor(b)]);
}

/** What makes an element-wise operator of one operand. */
export interface UnaryRule {
  readonly name: string;
  readonly summary: string;
  readonly lower: Operator["lower"];
  readonly compute: (x: number, attributes: Attributes) => number;
  readonly pullBack: (x: Tensor, output: Tensor, upstream: Tensor, attributes: Attributes) => Tensor | null;
  readonly example?: Omit<OperatorExample, "shapes">;
}

/** An element-wise operator of one operand. */
export function defineUnary(rule: UnaryRule): Operator {
  return {
    name: rule.name,
    summary: rule.summary,
    inferShape: ([input]) => input,
    lower: rule.lower,
    pullBack: ({ inputs, output, upstream, attributes }) => [
      rule.pullBack(inputs[0], output, upstream, attributes),
    ],
    evaluate: ([input], { attributes }) => input.map((x) => rule.compute(x, attributes)),
    examples: [{ shapes: [[2, 3, 4]], ...rule.example }],
  };
}

const negOperator: Operator = defineUnary({
  name: "neg",
  summary: "−x",
  lower: (context, inputs) => context.addNode("Neg", inputs),
  compute: (x) => -x,
  pullBack: (_x, _y, g) => neg(g),
});
/** −x. */
export function neg(x: Tensor): Tensor {
  return applyOperator(negOperator, [x]);
}

const signOperator: Operator = defineUnary({
  name: "sign",
  summary: "−1, 0 or 1; gradient 0. Lowered to Clip(10³⁰x, −1, 1), which runs on all threads and providers",
  lower(context, [input]) {
    const huge = context.addNode("Mul", [input, context.addConstant("float32", [], [1e30])]);
    return context.addNode("Clip", [
      huge,
      context.addConstant("float32", [], [-1]),
      context.addConstant("float32", [], [1]),
    ]);
  },
  compute: (x) => Math.sign(x),
  pullBack: () => null,
  example: { awayFromZero: 0.1 },
});
/** −1, 0 or 1. */
export function sign(x: Tensor): Tensor {
  return applyOperator(signOperator, [x]);
}

const absOperator: Operator = defineUnary({
  name: "abs",
  summary: "|x|",
  lower: (context, inputs) => context.addNode("Abs", inputs),
  compute: Math.abs,
  pullBack: (x, _y, g) => mul(g, sign(x)),
  example: { awayFromZero: 0.1 },
});
/** |x|. */
export function abs(x: Tensor): Tensor {
  return applyOperator(absOperator, [x]);
}

const sqrtOperator: Operator = defineUnary({
  name: "sqrt",
  summary: "√x",
  lower: (context, inputs) => context.addNode("Sqrt", inputs),
  compute: Math.sqrt,
  pullBack: (_x, y, g) => mul(div(g, y), 0.5),
  example: { range: [0.2, 2] },
});
/** √x. */
export function sqrt(x: Tensor): Tensor {
  return applyOperator(sqrtOperator, [x]);
}

const squareOperator: Operator = defineUnary({
  name: "square",
  summary: "x²",
  lower: (context, [input]) => context.addNode("Mul", [input, input]),
  compute: (x) => x * x,
  pullBack: (x, _y, g) => mul(mul(g, x), 2),
});
/** x². */
export function square(x: Tensor): Tensor {
  return applyOperator(squareOperator, [x]);
}

const expOperator: Operator = defineUnary({
  name: "exp",
  summary: "eˣ",
  lower: (context, inputs) => context.addNode("Exp", inputs),
  compute: Math.exp,
  pullBack: (_x, y, g) => mul(g, y),
});
/** eˣ. */
export function exp(x: Tensor): Tensor {
  return applyOperator(expOperator, [x]);
}

const logOperator: Operator = defineUnary({
  name: "log",
  summary: "ln x",
  lower: (context, inputs) => context.addNode("Log", inputs),
  compute: Math.log,
  pullBack: (x, _y, g) => div(g, x),
  example: { range: [0.3, 3] },
});
/** ln x. */
export function log(x: Tensor): Tensor {
  return applyOperator(logOperator, [x]);
}

const sigmoidOperator: Operator = defineUnary({
  name: "sigmoid",
  summary: "1/(1 + e⁻ˣ)",
  lower: (context, inputs) => context.addNode("Sigmoid", inputs),
  compute: (x) => 1 / (1 + Math.exp(-x)),
  pullBack: (_x, y, g) => mul(g, mul(y, sub(1, y))),
});
/** 1/(1 + e⁻ˣ). */
export function sigmoid(x: Tensor): Tensor {
  return applyOperator(sigmoidOperator, [x]);
}

const tanhOperator: Operator = defineUnary({
  name: "tanh",
  summary: "tanh x",
  lower: (context, inputs) => context.addNode("Tanh", inputs),
  compute: Math.tanh,
  pullBack: (_x, y, g) => mul(g, sub(1, square(y))),
});
/** tanh x. */
export function tanh(x: Tensor): Tensor {
  return applyOperator(tanhOperator, [x]);
}

const stepOperator: Operator = defineUnary({
  name: "step",
  summary: "1 above 0, else 0; gradient 0. Lowered to HardSigmoid(10³⁰x), one operator on all threads",
  lower: (context, inputs) =>
    context.addNode("HardSigmoid", inputs, { alpha: { float: 1e30 }, beta: { float: 0 } }),
  compute: (x) => (x > 0 ? 1 : 0),
  pullBack: () => null,
  example: { awayFromZero: 0.1 },
});
/** 1 above 0, else 0. */
export function step(x: Tensor): Tensor {
  return applyOperator(stepOperator, [x]);
}

const reluOperator: Operator = defineUnary({
  name: "relu",
  summary: "max(x, 0)",
  lower: (context, inputs) => context.addNode("Relu", inputs),
  compute: (x) => Math.max(x, 0),
  pullBack: (_x, y, g) => mul(g, step(y)),
  example: { awayFromZero: 0.1 },
});
/** max(x, 0). */
export function relu(x: Tensor): Tensor {
  return applyOperator(reluOperator, [x]);
}

const leakyReluOperator: Operator = defineUnary({
  name: "leakyRelu",
  summary: "x above 0, slope·x below",
  lower: (context, inputs, { attributes }) =>
    context.addNode("LeakyRelu", inputs, { alpha: { float: attributes.slope as number } }),
  compute: (x, attributes) => (x > 0 ? x : x * (attributes.slope as number)),
  pullBack(x, _y, g, attributes) {
    const slope = attributes.slope as number;
    return mul(g, add(mul(step(x), 1 - slope), slope));
  },
  example: { awayFromZero: 0.1, attributes: { slope: 0.2 } },
});
/** x above 0, `options.slope`·x below. */
export function leakyRelu(x: Tensor, options: { slope: number }): Tensor {
  return applyOperator(leakyReluOperator, [x], { slope: options.slope });
}

const clipOperator: Operator = defineUnary({
  name: "clip",
  summary: "x held between `low` and `high`",
  lower: (context, [input], { attributes }) =>
    context.addNode("Clip", [
      input,
      context.addConstant("float32", [], [attributes.low as number]),
      context.addConstant("float32", [], [attributes.high as number]),
    ]),
  compute: (x, attributes) => Math.min(Math.max(x, attributes.low as number), attributes.high as number),
  pullBack(x, _y, g, attributes) {
    const inside = mul(step(sub(x, attributes.low as number)), step(sub(attributes.high as number, x)));
    return mul(g, inside);
  },
  example: { range: [-1, 1], attributes: { low: -0.5001, high: 0.4003 } },
});
/** x held between `options.low` and `options.high`. */
export function clip(x: Tensor, options: { low: number; high: number }): Tensor {
  return applyOperator(clipOperator, [x], { low: options.low, high: options.high });
}

const reduceMeanOperator: Operator = {
  name: "reduceMean",
  summary: "mean over axes, which are dropped or kept with size 1",
  inferShape: ([input], attributes) => inferReducedShape(input, attributes, "reduceMean"),
  lower: (context, inputs, { attributes }) =>
    context.addNode("ReduceMean", inputs, {
      axes: { ints: getList(attributes, "axes") },
      keepdims: { int: attributes.keepDims === 1 ? 1 : 0 },
    }),
  pullBack({ inputs, output, attributes, upstream }) {
    const { shape } = inputs[0];
    const scaled = mul(upstream, countElements(output.shape) / countElements(shape));
    return [expand(reshape(scaled, getKeptShape(shape, getList(attributes, "axes"))), shape)];
  },
  evaluate([input], { inputShapes, outputShape, attributes }) {
    const output = new Float64Array(countElements(outputShape));
    forEachReduced(inputShapes[0], getList(attributes, "axes"), (from, to) => {
      output[to] += input[from];
    });
    return output.map((sum) => (sum * output.length) / input.length);
  },
  examples: [
    { shapes: [[2, 3, 4]], attributes: { axes: [0, 1, 2] } },
    { shapes: [[2, 3, 4]], attributes: { axes: [1, 2], keepDims: 1 } },
    { shapes: [[2, 3, 4]], attributes: { axes: [1] } },
  ],
};
/** Mean over `axes` (default all); the averaged axes are dropped unless `keepDims`. */
export function reduceMean(input: Tensor, options: ReductionOptions = {}): Tensor {
  const attributes = getReductionAttributes(input, options);
  if (getList(attributes, "axes").length === 0) return input;
  return applyOperator(reduceMeanOperator, [input], attributes);
}

/** Element-wise operators and the mean. Entries of the operator table. */
export const arithmeticOperators: readonly Operator[] = [
  addOperator,
  subOperator,
  mulOperator,
  divOperator,
  negOperator,
  signOperator,
  absOperator,
  sqrtOperator,
  squareOperator,
  expOperator,
  logOperator,
  sigmoidOperator,
  tanhOperator,
  stepOperator,
  reluOperator,
  leakyReluOperator,
  clipOperator,
  reduceMeanOperator,
];
