/**
 * Two-dimensional convolution (correlation, as networks say it) with stride 1 and zero padding, and its two
 * adjoints. The three operators are closed under differentiation, since each is bilinear:
 * y = x ⋆ w, x̄ = ȳ ⋆ flip(w)ᵀ, w̄(u, v) = Σ ȳ(p)·x(p + (u, v)).
 * Not here: strides and dilation (use spaceToDepth, average pooling).
 */
import { formatShape, LearnError } from "../errors.ts";
import {
  type Attributes,
  applyOperator,
  countElements,
  type Operator,
  type OperatorExample,
  type Tensor,
} from "../tensor.ts";
import {
  lowerFlip,
  lowerWeightGradientAsConvolution,
  lowerWeightGradientAsProducts,
} from "./convolution-lowering.ts";
import { getList, reduceSum } from "./structure.ts";

function checkImage(shape: readonly number[], what: string): void {
  if (shape.length !== 4) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `${what} must be [batch, channel, row, column], got ${formatShape(shape)}`,
    );
  }
}

function getPadding(attributes: Attributes): number {
  return attributes.padding as number;
}

function checkPadding(padding: number, kernel: readonly number[], name: string): void {
  if (!Number.isInteger(padding) || padding < 0 || kernel.some((size) => padding > size - 1)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `${name}: padding ${padding} must be a whole number from 0 to kernel size − 1 for kernel ${formatShape(kernel)}`,
    );
  }
}

/** Loops over every (output, tap, input) triple of a stride-1 correlation. */
function forEachTap(
  sizes: {
    readonly batch: number;
    readonly inputChannels: number;
    readonly outputChannels: number;
    readonly input: readonly [number, number];
    readonly output: readonly [number, number];
    readonly kernel: readonly [number, number];
    readonly padding: number;
  },
  visit: (input: number, weight: number, output: number) => void,
): void {
  const [height, width] = sizes.input;
  const [rows, columns] = sizes.output;
  const [kernelRows, kernelColumns] = sizes.kernel;
  for (let n = 0; n < sizes.batch; n++) {
    for (let o = 0; o < sizes.outputChannels; o++) {
      for (let i = 0; i < sizes.inputChannels; i++) {
        for (let u = 0; u < kernelRows; u++) {
          for (let v = 0; v < kernelColumns; v++) {
            const weight = ((o * sizes.inputChannels + i) * kernelRows + u) * kernelColumns + v;
            for (let r = 0; r < rows; r++) {
              const y = r + u - sizes.padding;
              if (y < 0 || y >= height) continue;
              for (let c = 0; c < columns; c++) {
                const x = c + v - sizes.padding;
                if (x < 0 || x >= width) continue;
                visit(
                  ((n * sizes.inputChannels + i) * height + y) * width + x,
                  weight,
                  ((n * sizes.outputChannels + o) * rows + r) * columns + c,
                );
              }
            }
          }
        }
      }
    }
  }
}

const CONVOLUTION_EXAMPLES: readonly OperatorExample[] = [
  {
    shapes: [
      [2, 2, 5, 4],
      [3, 2, 3, 3],
    ],
    attributes: { padding: 1 },
  },
  { shapes: [[1, 2, 4, 5], [3, 2, 3, 3], [3]], attributes: { padding: 1 } },
  {
    shapes: [
      [2, 3, 5, 6],
      [1, 3, 3, 2],
    ],
    attributes: { padding: 0 },
  },
  {
    shapes: [
      [2, 3, 3, 4],
      [2, 3, 1, 1],
    ],
    attributes: { padding: 0 },
  },
];

const conv2dOperator: Operator = {
  name: "conv2d",
  summary: "stride-1 correlation with zero padding: x[N,I,H,W], w[O,I,kh,kw], optional bias[O]",
  isSizeFree: true,
  inferShape([input, weight, bias], attributes) {
    checkImage(input, "conv2d: input");
    checkImage(weight, "conv2d: weight");
    const padding = getPadding(attributes);
    checkPadding(padding, weight.slice(2), "conv2d");
    if (input[1] !== weight[1]) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `conv2d: input ${formatShape(input)} has ${input[1]} channels but weight ${formatShape(weight)} expects ${weight[1]}`,
      );
    }
    if (bias !== undefined && (bias.length !== 1 || bias[0] !== weight[0])) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `conv2d: bias ${formatShape(bias)} must be [${weight[0]}] for weight ${formatShape(weight)}`,
      );
    }
    const rows = input[2] + 2 * padding - weight[2] + 1;
    const columns = input[3] + 2 * padding - weight[3] + 1;
    if (rows < 1 || columns < 1) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `conv2d: input ${formatShape(input)} is smaller than weight ${formatShape(weight)}`,
      );
    }
    return [input[0], weight[0], rows, columns];
  },
  lower(context, inputs, { inputShapes, attributes }) {
    const padding = getPadding(attributes);
    return context.addNode("Conv", inputs, {
      kernel_shape: { ints: inputShapes[1].slice(2) },
      pads: { ints: [padding, padding, padding, padding] },
    });
  },
  pullBack({ inputs: [input, weight, bias], attributes, upstream }) {
    const padding = getPadding(attributes);
    const gradients = [
      conv2dInputGradient(upstream, weight, { padding }),
      conv2dWeightGradient(input, upstream, { kernel: weight.shape.slice(2), padding }),
    ];
    return bias === undefined ? gradients : [...gradients, reduceSum(upstream, { axes: [0, 2, 3] })];
  },
  evaluate([input, weight, bias], { inputShapes: [x, w], outputShape, attributes }) {
    const output = new Float64Array(countElements(outputShape));
    if (bias !== undefined) {
      const plane = outputShape[2] * outputShape[3];
      for (let p = 0; p < output.length; p++) output[p] = bias[Math.floor(p / plane) % w[0]];
    }
    forEachTap(
      {
        batch: x[0],
        inputChannels: x[1],
        outputChannels: w[0],
        input: [x[2], x[3]],
        output: [outputShape[2], outputShape[3]],
        kernel: [w[2], w[3]],
        padding: getPadding(attributes),
      },
      (i, k, o) => {
        output[o] += input[i] * weight[k];
      },
    );
    return output;
  },
  examples: CONVOLUTION_EXAMPLES,
};

/** Stride-1 correlation; `options.padding` zeros on every side (default: same size for odd square kernels). */
export function conv2d(
  input: Tensor,
  weight: Tensor,
  options: { bias?: Tensor; padding?: number } = {},
): Tensor {
  const padding = options.padding ?? Math.floor((weight.shape[2] - 1) / 2);
  const inputs = options.bias === undefined ? [input, weight] : [input, weight, options.bias];
  return applyOperator(conv2dOperator, inputs, { padding });
}

const conv2dInputGradientOperator: Operator = {
  name: "conv2dInputGradient",
  summary: "adjoint of conv2d in its input: a convolution with flipped, channel-transposed weights",
  isSizeFree: true,
  inferShape([upstream, weight], attributes) {
    checkImage(upstream, "conv2dInputGradient: upstream");
    checkImage(weight, "conv2dInputGradient: weight");
    const padding = getPadding(attributes);
    checkPadding(padding, weight.slice(2), "conv2dInputGradient");
    if (upstream[1] !== weight[0]) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `conv2dInputGradient: upstream ${formatShape(upstream)} has ${upstream[1]} channels but weight ${formatShape(weight)} makes ${weight[0]}`,
      );
    }
    return [
      upstream[0],
      weight[1],
      upstream[2] + weight[2] - 1 - 2 * padding,
      upstream[3] + weight[3] - 1 - 2 * padding,
    ];
  },
  lower(context, [upstream, weight], { inputShapes, attributes }) {
    const kernel = inputShapes[1].slice(2);
    const padding = getPadding(attributes);
    const swapped = context.addNode("Transpose", [weight], { perm: { ints: [1, 0, 2, 3] } });
    const flipped = lowerFlip(context, swapped, [2, 3], kernel);
    const [p, q] = [kernel[0] - 1 - padding, kernel[1] - 1 - padding];
    return context.addNode("Conv", [upstream, flipped], {
      kernel_shape: { ints: kernel },
      pads: { ints: [p, q, p, q] },
    });
  },
  pullBack({ inputs: [gradient, weight], attributes, upstream }) {
    const padding = getPadding(attributes);
    return [
      conv2d(upstream, weight, { padding }),
      conv2dWeightGradient(upstream, gradient, { kernel: weight.shape.slice(2), padding }),
    ];
  },
  evaluate([upstream, weight], { inputShapes: [g, w], outputShape, attributes }) {
    const output = new Float64Array(countElements(outputShape));
    forEachTap(
      {
        batch: g[0],
        inputChannels: w[1],
        outputChannels: w[0],
        input: [outputShape[2], outputShape[3]],
        output: [g[2], g[3]],
        kernel: [w[2], w[3]],
        padding: getPadding(attributes),
      },
      (i, k, o) => {
        output[i] += upstream[o] * weight[k];
      },
    );
    return output;
  },
  examples: [
    {
      shapes: [
        [2, 3, 5, 4],
        [3, 2, 3, 3],
      ],
      attributes: { padding: 1 },
    },
    {
      shapes: [
        [1, 2, 3, 4],
        [2, 3, 3, 2],
      ],
      attributes: { padding: 0 },
    },
  ],
};

/** Adjoint of {@link conv2d} in its input. */
export function conv2dInputGradient(upstream: Tensor, weight: Tensor, options: { padding: number }): Tensor {
  return applyOperator(conv2dInputGradientOperator, [upstream, weight], { padding: options.padding });
}

const conv2dWeightGradientOperator: Operator = {
  name: "conv2dWeightGradient",
  summary: "adjoint of conv2d in its weights",
  isSizeFree: false,
  inferShape([input, upstream], attributes) {
    checkImage(input, "conv2dWeightGradient: input");
    checkImage(upstream, "conv2dWeightGradient: upstream");
    const kernel = getList(attributes, "kernel");
    const padding = getPadding(attributes);
    checkPadding(padding, kernel, "conv2dWeightGradient");
    const rows = input[2] + 2 * padding - kernel[0] + 1;
    const columns = input[3] + 2 * padding - kernel[1] + 1;
    if (input[0] !== upstream[0] || upstream[2] !== rows || upstream[3] !== columns) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `conv2dWeightGradient: upstream ${formatShape(upstream)} does not fit input ${formatShape(input)}; expected [${input[0]}, ·, ${rows}, ${columns}] for kernel ${formatShape(kernel)}, padding ${padding}`,
      );
    }
    return [upstream[1], input[1], ...kernel];
  },
  lower: (context, inputs, call) =>
    context.dialect === "cpu"
      ? lowerWeightGradientAsConvolution(context, inputs, call)
      : lowerWeightGradientAsProducts(context, inputs, call),
  pullBack({ inputs: [input, gradient], attributes, upstream }) {
    const padding = getPadding(attributes);
    return [conv2dInputGradient(gradient, upstream, { padding }), conv2d(input, upstream, { padding })];
  },
  evaluate([input, upstream], { inputShapes: [x, g], outputShape, attributes }) {
    const output = new Float64Array(countElements(outputShape));
    forEachTap(
      {
        batch: x[0],
        inputChannels: x[1],
        outputChannels: g[1],
        input: [x[2], x[3]],
        output: [g[2], g[3]],
        kernel: [outputShape[2], outputShape[3]],
        padding: getPadding(attributes),
      },
      (i, k, o) => {
        output[k] += input[i] * upstream[o];
      },
    );
    return output;
  },
  examples: [
    {
      shapes: [
        [2, 2, 5, 4],
        [2, 3, 5, 4],
      ],
      attributes: { kernel: [3, 3], padding: 1 },
    },
    {
      shapes: [
        [2, 3, 4, 5],
        [2, 1, 4, 5],
      ],
      attributes: { kernel: [3, 3], padding: 1 },
    },
    {
      shapes: [
        [1, 3, 5, 5],
        [1, 2, 3, 4],
      ],
      attributes: { kernel: [3, 2], padding: 0 },
    },
    {
      shapes: [
        [2, 3, 3, 4],
        [2, 2, 3, 4],
      ],
      attributes: { kernel: [1, 1], padding: 0 },
    },
    {
      shapes: [
        [2, 3, 5, 4],
        [2, 2, 3, 4],
      ],
      attributes: { kernel: [3, 1], padding: 0 },
    },
  ],
};

/** Adjoint of {@link conv2d} in its weights. */
export function conv2dWeightGradient(
  input: Tensor,
  upstream: Tensor,
  options: { kernel: readonly number[]; padding: number },
): Tensor {
  return applyOperator(conv2dWeightGradientOperator, [input, upstream], {
    kernel: options.kernel,
    padding: options.padding,
  });
}

/** Convolution and its two adjoints. Entries of the operator table. */
export const convolutionOperators: readonly Operator[] = [
  conv2dOperator,
  conv2dInputGradientOperator,
  conv2dWeightGradientOperator,
];
