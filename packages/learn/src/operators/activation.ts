/**
 * Activations beyond relu and leakyRelu (`arithmetic.ts`): prelu, gelu, silu, softplus, softmax.
 * Definitions are PyTorch's; the derivative of prelu at 0 is the slope, as there.
 */
import { formatShape, LearnError } from "../errors.ts";
import {
  type Attributes,
  applyOperator,
  countElements,
  type LoweringContext,
  type Operator,
  type Tensor,
} from "../tensor.ts";
import { add, defineUnary, exp, mul, relu, sigmoid, square, step, sub } from "./arithmetic.ts";
import { computeErf, erf } from "./special-functions.ts";
import {
  broadcastShapes,
  computeBroadcastStrides,
  forEachReduced,
  forEachStrided,
  reduceSum,
  reshape,
  sumTo,
} from "./structure.ts";

const preluOperator: Operator = {
  name: "prelu",
  summary: "x above 0, slope·x below; the slope is a tensor that broadcasts to x",
  inferShape([x, slope]) {
    const shape = broadcastShapes(x, slope, "prelu");
    if (formatShape(shape) !== formatShape(x)) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `prelu: slope ${formatShape(slope)} must broadcast to input ${formatShape(x)}`,
      );
    }
    return x;
  },
  lower: (context, inputs) => context.addNode("PRelu", inputs),
  pullBack({ inputs: [x, slope], upstream }) {
    const above = step(x);
    const below = sub(1, above);
    return [mul(upstream, add(above, mul(below, slope))), sumTo(mul(upstream, sub(x, relu(x))), slope.shape)];
  },
  evaluate([x, slope], { inputShapes }) {
    const output = new Float64Array(x.length);
    const strides = computeBroadcastStrides(inputShapes[1], inputShapes[0]);
    forEachStrided(inputShapes[0], strides, 0, (position, linear) => {
      output[linear] = x[linear] > 0 ? x[linear] : slope[position] * x[linear];
    });
    return output;
  },
  examples: [
    {
      shapes: [
        [2, 3, 2, 2],
        [3, 1, 1],
      ],
      awayFromZero: 0.1,
    },
    { shapes: [[2, 3], [1]], awayFromZero: 0.1 },
  ],
};
/**
 * x above 0, slope·x below (He et al. 2015, eq. 1).
 *
 * @param slope - [C], one per channel (axis 1) of x, or [1] for all
 * @throws LearnError `SHAPE_MISMATCH`
 */
export function prelu(x: Tensor, slope: Tensor): Tensor {
  const isPerChannel = slope.shape.length === 1 && slope.shape[0] === x.shape[1] && x.shape.length > 2;
  const shaped = isPerChannel ? reshape(slope, [slope.shape[0], ...x.shape.slice(2).map(() => 1)]) : slope;
  return applyOperator(preluOperator, [x, shaped]);
}

const geluOperator: Operator = defineUnary({
  name: "gelu",
  summary: "x·Φ(x) with the normal distribution function Φ (exact, by erf)",
  lower(context, [input]) {
    const constant = (value: number): string => context.addConstant("float32", [], [value]);
    // The pattern that onnxruntime fuses into one kernel.
    const scaled = context.addNode("Div", [input, constant(Math.SQRT2)]);
    const twice = context.addNode("Add", [context.addNode("Erf", [scaled]), constant(1)]);
    return context.addNode("Mul", [context.addNode("Mul", [input, twice]), constant(0.5)]);
  },
  compute: (x) => 0.5 * x * (1 + computeErf(x * Math.SQRT1_2)),
  pullBack(x, _y, g) {
    const cdf = add(mul(erf(mul(x, Math.SQRT1_2)), 0.5), 0.5);
    const density = mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return mul(g, add(cdf, mul(x, density)));
  },
  example: { range: [-3, 3] },
});

/** x·Φ(x), exact (Hendrycks & Gimpel 2016, §2). */
export function gelu(x: Tensor): Tensor {
  return applyOperator(geluOperator, [x]);
}

const siluOperator: Operator = defineUnary({
  name: "silu",
  summary: "x·sigmoid(x), also called swish",
  lower: (context, [input]) => context.addNode("Mul", [input, context.addNode("Sigmoid", [input])]),
  compute: (x) => x / (1 + Math.exp(-x)),
  pullBack(x, y, g) {
    const s = sigmoid(x);
    return mul(g, add(y, mul(s, sub(1, y))));
  },
  example: { range: [-3, 3] },
});
/** x·sigmoid(x), also called swish (Ramachandran et al. 2017). */
export function silu(x: Tensor): Tensor {
  return applyOperator(siluOperator, [x]);
}

const softplusOperator: Operator = defineUnary({
  name: "softplus",
  summary:
    "ln(1 + eˣ). Lowered to relu(x) − ln sigmoid(|x|), twice as fast as ONNX Softplus; below −16 it is 0",
  lower(context, [input]) {
    const tail = context.addNode("Log", [context.addNode("Sigmoid", [context.addNode("Abs", [input])])]);
    return context.addNode("Sub", [context.addNode("Relu", [input]), tail]);
  },
  compute: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  pullBack: (x, _y, g) => mul(g, sigmoid(x)),
  example: { range: [-4, 4] },
});
/** ln(1 + eˣ), absolute error below 10⁻⁷ in float32. */
export function softplus(x: Tensor): Tensor {
  return applyOperator(softplusOperator, [x]);
}

function getAxis(attributes: Attributes): number {
  return attributes.axis as number;
}

/** Softmax of five kernels that run on all threads: where the axis is not the last, twice as fast as ONNX's. */
function lowerSoftmaxByParts(context: LoweringContext, input: string, axis: number): string {
  const largest = context.addNode("ReduceMax", [input], { axes: { ints: [axis] }, keepdims: { int: 1 } });
  const raised = context.addNode("Exp", [context.addNode("Sub", [input, largest])]);
  const total = context.addNode("ReduceSum", [raised, context.addConstant("int64", [1], [axis])], {
    keepdims: { int: 1 },
  });
  return context.addNode("Div", [raised, total]);
}

const softmaxOperator: Operator = {
  name: "softmax",
  summary: "eˣ/Σ eˣ along one axis",
  inferShape([input], attributes) {
    const axis = getAxis(attributes);
    if (!(axis >= 0 && axis < input.length)) {
      throw new LearnError("SHAPE_MISMATCH", `softmax: axis ${axis} is no axis of ${formatShape(input)}`);
    }
    return input;
  },
  lower(context, [input], { inputShapes, attributes }) {
    const axis = getAxis(attributes);
    return axis === inputShapes[0].length - 1
      ? context.addNode("Softmax", [input], { axis: { int: axis } })
      : lowerSoftmaxByParts(context, input, axis);
  },
  pullBack({ output, attributes, upstream }) {
    const weighted = mul(upstream, output);
    const total = reduceSum(weighted, { axes: [getAxis(attributes)], keepDims: true });
    return [sub(weighted, mul(output, total))];
  },
  evaluate([input], { outputShape, attributes }) {
    const axes = [getAxis(attributes)];
    const count = countElements(outputShape) / outputShape[axes[0]];
    const largest = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
    const total = new Float64Array(count);
    forEachReduced(outputShape, axes, (from, to) => {
      largest[to] = Math.max(largest[to], input[from]);
    });
    const output = new Float64Array(input.length);
    forEachReduced(outputShape, axes, (from, to) => {
      output[from] = Math.exp(input[from] - largest[to]);
      total[to] += output[from];
    });
    forEachReduced(outputShape, axes, (from, to) => {
      output[from] /= total[to];
    });
    return output;
  },
  examples: [
    { shapes: [[2, 3, 4]], attributes: { axis: 1 }, range: [-3, 3] },
    { shapes: [[2, 5]], attributes: { axis: 1 }, range: [-3, 3] },
  ],
};
/** eˣ/Σ eˣ along `options.axis`. @throws LearnError `SHAPE_MISMATCH` */
export function softmax(x: Tensor, options: { axis: number }): Tensor {
  return applyOperator(softmaxOperator, [x], { axis: options.axis });
}

/** Activations. Entries of the operator table. */
export const activationOperators: readonly Operator[] = [
  preluOperator,
  geluOperator,
  siluOperator,
  softplusOperator,
  softmaxOperator,
];
