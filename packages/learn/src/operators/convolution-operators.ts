/**
 * Convolution (correlation, as networks say it) in any number of spatial axes, and its two adjoints:
 * y[n, o, r] = Σ x[n, i, stride·r + dilation·u − before]·w[o, i, u], x̄ and w̄ likewise. Each of the three is linear
 * in both its operands and its derivatives are the other two, so they are closed under differentiation.
 * The functions that networks call are in `convolution.ts`.
 */
import { formatShape, LearnError } from "../errors.ts";
import { applyOperator, countElements, type Operator, type Tensor } from "../tensor.ts";
import { forEachProduct } from "./convolution-evaluation.ts";
import { ADJOINT_EXAMPLES, CONVOLUTION_EXAMPLES, WEIGHT_GRADIENT_EXAMPLES } from "./convolution-examples.ts";
import {
  type ConvolutionGeometry,
  checkChannels,
  checkGeometry,
  checkRank,
  computeInputSizes,
  computeOutputPadding,
  computeOutputSizes,
  getGeometry,
  toAttributes,
} from "./convolution-geometry.ts";
import { lowerConv, lowerInputGradient } from "./convolution-lowering.ts";
import {
  lowerWeightGradientAsConvolution,
  lowerWeightGradientAsProducts,
} from "./convolution-weight-lowering.ts";
import { getList, reduceSum } from "./structure.ts";

function nameFor(axes: number, what = ""): string {
  return `conv${axes}d${what}`;
}

const convolutionOperator: Operator = {
  name: "convolution",
  summary:
    "correlation of x[N,I,…] with w[O,I/groups,…], optional bias[O]; stride, dilation, zero padding, groups",
  inferShape([input, weight, bias], attributes) {
    const geometry = getGeometry(attributes);
    const axes = geometry.stride.length;
    const name = nameFor(axes);
    checkRank(input, axes, `${name}: input`);
    checkRank(weight, axes, `${name}: weight`);
    const kernel = weight.slice(2);
    checkGeometry(kernel, geometry, name);
    const { groups } = geometry;
    checkChannels(
      input[1],
      weight,
      groups,
      () =>
        `${name}: input ${formatShape(input)} has ${input[1]} channels but weight ${formatShape(weight)} expects ${weight[1] * groups}`,
    );
    if (bias !== undefined && (bias.length !== 1 || bias[0] !== weight[0])) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `${name}: bias ${formatShape(bias)} must be [${weight[0]}] for weight ${formatShape(weight)}`,
      );
    }
    const sizes = computeOutputSizes(input.slice(2), kernel, geometry);
    if (sizes.some((size) => size < 1)) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `${name}: input ${formatShape(input)} is smaller than weight ${formatShape(weight)} with its dilation`,
      );
    }
    return [input[0], weight[0], ...sizes];
  },
  lower: (context, inputs, { inputShapes, attributes }) =>
    lowerConv(context, inputs, inputShapes[1], getGeometry(attributes)),
  pullBack({ inputs: [input, weight, bias], attributes, upstream }) {
    const geometry = getGeometry(attributes);
    const kernel = weight.shape.slice(2);
    const outputPadding = computeOutputPadding(input.shape.slice(2), kernel, geometry);
    const gradients = [
      computeInputGradient(upstream, weight, geometry, outputPadding),
      computeWeightGradient(input, upstream, geometry, kernel),
    ];
    if (bias === undefined) return gradients;
    return [...gradients, reduceSum(upstream, { axes: [0, ...kernel.map((_, k) => k + 2)] })];
  },
  evaluate([input, weight, bias], { inputShapes: [x, w], outputShape, attributes }) {
    const output = new Float64Array(countElements(outputShape));
    if (bias !== undefined) {
      const plane = countElements(outputShape.slice(2));
      for (let p = 0; p < output.length; p++) output[p] = bias[Math.floor(p / plane) % w[0]];
    }
    const shapes = { input: x, weight: w, output: outputShape };
    forEachProduct(shapes, getGeometry(attributes), (i, k, o) => {
      output[o] += input[i] * weight[k];
    });
    return output;
  },
  examples: CONVOLUTION_EXAMPLES,
};

const inputGradientOperator: Operator = {
  name: "convolutionInputGradient",
  summary: "adjoint of convolution in its input; transposed convolution of y[N,O,…] with w[O,I/groups,…]",
  inferShape([upstream, weight], attributes) {
    const geometry = getGeometry(attributes);
    const { stride, groups } = geometry;
    const axes = stride.length;
    const name = nameFor(axes, "InputGradient");
    checkRank(upstream, axes, `${name}: upstream`);
    checkRank(weight, axes, `${name}: weight`);
    const kernel = weight.slice(2);
    checkGeometry(kernel, geometry, name);
    if (upstream[1] !== weight[0] || weight[0] % groups !== 0) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `${name}: upstream ${formatShape(upstream)} has ${upstream[1]} channels but weight ${formatShape(weight)} makes ${weight[0]} in ${groups} groups`,
      );
    }
    const outputPadding = getList(attributes, "outputPadding");
    const isBad = outputPadding.some((amount, k) => !(amount >= 0 && amount < stride[k]));
    if (outputPadding.length !== axes || isBad) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `${name}: output padding ${formatShape(outputPadding)} must be from 0 to below stride ${formatShape(stride)}`,
      );
    }
    const sizes = computeInputSizes(upstream.slice(2), kernel, geometry, outputPadding);
    if (sizes.some((size) => size < 1)) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `${name}: upstream ${formatShape(upstream)} with weight ${formatShape(weight)} leaves sizes ${formatShape(sizes)}; use less padding`,
      );
    }
    return [upstream[0], weight[1] * groups, ...sizes];
  },
  lower: lowerInputGradient,
  pullBack({ inputs: [gradient, weight], attributes, upstream }) {
    const geometry = getGeometry(attributes);
    return [
      convolve([upstream, weight], geometry),
      computeWeightGradient(upstream, gradient, geometry, weight.shape.slice(2)),
    ];
  },
  evaluate([upstream, weight], { inputShapes: [g, w], outputShape, attributes }) {
    const output = new Float64Array(countElements(outputShape));
    const shapes = { input: outputShape, weight: w, output: g };
    forEachProduct(shapes, getGeometry(attributes), (i, k, o) => {
      output[i] += upstream[o] * weight[k];
    });
    return output;
  },
  examples: ADJOINT_EXAMPLES,
};

const weightGradientOperator: Operator = {
  name: "convolutionWeightGradient",
  summary: "adjoint of convolution in its weights",
  inferShape([input, upstream], attributes) {
    const geometry = getGeometry(attributes);
    const { groups } = geometry;
    const axes = geometry.stride.length;
    const name = nameFor(axes, "WeightGradient");
    checkRank(input, axes, `${name}: input`);
    checkRank(upstream, axes, `${name}: upstream`);
    const kernel = getList(attributes, "kernel");
    checkGeometry(kernel, geometry, name);
    const sizes = computeOutputSizes(input.slice(2), kernel, geometry);
    const fits = sizes.every((size, k) => upstream[k + 2] === size);
    if (input[0] !== upstream[0] || !fits) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `${name}: upstream ${formatShape(upstream)} does not fit input ${formatShape(input)}; expected [${[input[0], "·", ...sizes].join(", ")}] for kernel ${formatShape(kernel)}`,
      );
    }
    if (input[1] % groups !== 0 || upstream[1] % groups !== 0) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `${name}: channels of input ${formatShape(input)} and upstream ${formatShape(upstream)} must be multiples of ${groups} groups`,
      );
    }
    return [upstream[1], input[1] / groups, ...kernel];
  },
  lower: (context, inputs, call) =>
    context.dialect === "cpu"
      ? lowerWeightGradientAsConvolution(context, inputs, call)
      : lowerWeightGradientAsProducts(context, inputs, call),
  pullBack({ inputs: [input, gradient], attributes, upstream }) {
    const geometry = getGeometry(attributes);
    const kernel = upstream.shape.slice(2);
    const outputPadding = computeOutputPadding(input.shape.slice(2), kernel, geometry);
    return [
      computeInputGradient(gradient, upstream, geometry, outputPadding),
      convolve([input, upstream], geometry),
    ];
  },
  evaluate([input, upstream], { inputShapes: [x, g], outputShape, attributes }) {
    const output = new Float64Array(countElements(outputShape));
    const shapes = { input: x, weight: outputShape, output: g };
    forEachProduct(shapes, getGeometry(attributes), (i, k, o) => {
      output[k] += input[i] * upstream[o];
    });
    return output;
  },
  examples: WEIGHT_GRADIENT_EXAMPLES,
};

/** Convolution of [input, weight] or [input, weight, bias]. */
export function convolve(operands: readonly Tensor[], geometry: ConvolutionGeometry): Tensor {
  return applyOperator(convolutionOperator, operands, toAttributes(geometry));
}

/** Adjoint of {@link convolve} in its input; `outputPadding` are the pixels that the stride left over. */
export function computeInputGradient(
  upstream: Tensor,
  weight: Tensor,
  geometry: ConvolutionGeometry,
  outputPadding: readonly number[],
): Tensor {
  return applyOperator(inputGradientOperator, [upstream, weight], {
    ...toAttributes(geometry),
    outputPadding,
  });
}

/** Adjoint of {@link convolve} in its weights. */
export function computeWeightGradient(
  input: Tensor,
  upstream: Tensor,
  geometry: ConvolutionGeometry,
  kernel: readonly number[],
): Tensor {
  return applyOperator(weightGradientOperator, [input, upstream], { ...toAttributes(geometry), kernel });
}

/** Convolution and its two adjoints. Entries of the operator table. */
export const convolutionOperators: readonly Operator[] = [
  convolutionOperator,
  inputGradientOperator,
  weightGradientOperator,
];
