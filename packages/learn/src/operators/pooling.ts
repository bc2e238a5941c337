/**
 * Maximum pooling in two and three axes, and the two operators that close it under differentiation: the gradient, which
 * sends each value back to where its maximum came from, and its adjoint, which selects there. Among equal values the
 * first in row-major order wins, as in PyTorch. Without padding; what does not fill a window is left out.
 */
import { formatShape, LearnError } from "../errors.ts";
import {
  type Attributes,
  applyOperator,
  countElements,
  type Operator,
  type OperatorCall,
  type Tensor,
} from "../tensor.ts";
import {
  isTiling,
  lowerFlat,
  lowerGradientByPlaces,
  lowerPool,
  lowerRepeat,
  lowerSelectionByPlaces,
  lowerWinnerMask,
} from "./pooling-lowering.ts";
import { forEachCellOf, type SpatialSizes, toSpatialList } from "./spatial.ts";
import { getList } from "./structure.ts";

function inferPooled(input: readonly number[], attributes: Attributes, name: string): number[] {
  const size = getList(attributes, "size");
  const stride = getList(attributes, "stride");
  const spatial = input.slice(2);
  const isBad = size.length !== spatial.length || stride.length !== spatial.length;
  if (input.length < 4 || input.length > 5 || isBad || spatial.some((length, k) => length < size[k])) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `${name}: window ${formatShape(size)} with stride ${formatShape(stride)} does not fit ${formatShape(input)}; needs [batch, channel, row, column] or [batch, channel, slice, row, column]`,
    );
  }
  if ([...size, ...stride].some((value) => !Number.isInteger(value) || value < 1)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `${name}: window ${formatShape(size)} and stride ${formatShape(stride)} must be whole numbers from 1`,
    );
  }
  return [
    ...input.slice(0, 2),
    ...spatial.map((length, k) => Math.floor((length - size[k]) / stride[k]) + 1),
  ];
}

/** Input position of each window's first maximum. */
function findWinners(values: Float64Array, call: OperatorCall): Uint32Array {
  const pooled = inferPooled(call.inputShapes[0], call.attributes, "maxPool");
  const winners = new Uint32Array(countElements(pooled)).fill(0xffffffff);
  forEachCellOf(
    call.inputShapes[0],
    pooled,
    { size: getList(call.attributes, "size"), stride: getList(call.attributes, "stride") },
    (fine, coarse) => {
      if (winners[coarse] === 0xffffffff || values[fine] > values[winners[coarse]]) winners[coarse] = fine;
    },
  );
  return winners;
}

const TILING = { size: [2, 2], stride: [2, 2] };
const OVERLAPPING = { size: [3, 2], stride: [2, 1] };
const TILING_3D = { size: [1, 2, 2], stride: [1, 2, 2] };

const maxPoolOperator: Operator = {
  name: "maxPool",
  summary: "largest value of each window; ties: the first",
  inferShape: ([input], attributes) => inferPooled(input, attributes, "maxPool"),
  lower: (context, [input], { attributes }) => lowerPool(context, input, attributes, 0),
  pullBack: ({ inputs, attributes, upstream }) => [
    applyOperator(maxPoolGradientOperator, [inputs[0], upstream], attributes),
  ],
  evaluate([input], call) {
    return Float64Array.from(findWinners(input, call), (winner) => input[winner]);
  },
  examples: [
    { shapes: [[2, 2, 4, 6]], attributes: TILING },
    { shapes: [[1, 2, 5, 5]], attributes: OVERLAPPING },
    { shapes: [[1, 2, 5, 4]], attributes: TILING },
    { shapes: [[1, 2, 2, 4, 2]], attributes: TILING_3D },
  ],
};

/** Options of {@link maxPool}. */
export interface MaxPoolOptions {
  /** Window, one size for all spatial axes or one per axis. */
  readonly size: SpatialSizes;
  /** Default: `size`. */
  readonly stride?: SpatialSizes;
}

/**
 * Largest value of each window of the spatial axes, as PyTorch's `max_pool2d` and `max_pool3d`.
 *
 * @param input - [N, C, rows, columns] or [N, C, slices, rows, columns]
 * @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 * Gradient tested against finite differences and, with ties, against PyTorch.
 */
export function maxPool(input: Tensor, options: MaxPoolOptions): Tensor {
  const size = toSpatialList(input, options.size);
  const stride = toSpatialList(input, options.stride ?? size);
  return applyOperator(maxPoolOperator, [input], { size, stride });
}

const maxPoolGradientOperator: Operator = {
  name: "maxPoolGradient",
  summary: "adjoint of maxPool: each upstream value at the place of its window's first maximum in x",
  inferShape([input, upstream], attributes) {
    const pooled = inferPooled(input, attributes, "maxPoolGradient");
    if (formatShape(pooled) !== formatShape(upstream)) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `maxPoolGradient: upstream ${formatShape(upstream)} must be ${formatShape(pooled)}, the pooled input ${formatShape(input)}`,
      );
    }
    return input;
  },
  lower(context, [input, upstream], call) {
    const { attributes, outputShape } = call;
    const target = context.addConstant("int64", [outputShape.length], outputShape);
    const tiles = isTiling(call);
    if (tiles && context.dialect === "standard") {
      const spread = lowerRepeat(context, upstream, getList(attributes, "size"));
      return context.addNode("Mul", [lowerWinnerMask(context, input, call), spread]);
    }
    if (context.dialect === "standard") return lowerGradientByPlaces(context, [input, upstream], call);
    const places = lowerPool(context, input, attributes, 1);
    if (tiles) {
      return context.addNode("MaxUnpool", [upstream, places, target], {
        kernel_shape: { ints: getList(attributes, "size") },
        strides: { ints: getList(attributes, "stride") },
      });
    }
    const count = countElements(outputShape);
    const zeros = context.addNode("Expand", [
      context.addConstant("float32", [1], [0]),
      context.addConstant("int64", [1], [count]),
    ]);
    const sums = context.addNode(
      "ScatterElements",
      [zeros, lowerFlat(context, places), lowerFlat(context, upstream)],
      { axis: { int: 0 }, reduction: { string: "add" } },
    );
    return context.addNode("Reshape", [sums, target]);
  },
  pullBack: ({ inputs, attributes, upstream }) => [
    null,
    applyOperator(maxPoolSelectOperator, [inputs[0], upstream], attributes),
  ],
  evaluate([input, upstream], call) {
    const output = new Float64Array(input.length);
    findWinners(input, call).forEach((winner, k) => {
      output[winner] += upstream[k];
    });
    return output;
  },
  examples: [
    {
      shapes: [
        [2, 2, 4, 6],
        [2, 2, 2, 3],
      ],
      attributes: TILING,
    },
    {
      shapes: [
        [1, 2, 5, 5],
        [1, 2, 2, 4],
      ],
      attributes: OVERLAPPING,
    },
    {
      shapes: [
        [1, 2, 2, 4, 2],
        [1, 2, 2, 2, 1],
      ],
      attributes: TILING_3D,
    },
  ],
};

const maxPoolSelectOperator: Operator = {
  name: "maxPoolSelect",
  summary: "adjoint of maxPoolGradient: the values of v at the places of the windows' first maxima in x",
  inferShape([input, values], attributes) {
    if (formatShape(input) !== formatShape(values)) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `maxPoolSelect: values ${formatShape(values)} must have the shape of the input ${formatShape(input)}`,
      );
    }
    return inferPooled(input, attributes, "maxPoolSelect");
  },
  lower(context, [input, values], call) {
    const { attributes } = call;
    if (isTiling(call) && context.dialect === "standard") {
      const size = getList(attributes, "size");
      const kept = context.addNode("Mul", [lowerWinnerMask(context, input, call), values]);
      const mean = context.addNode("AveragePool", [kept], {
        kernel_shape: { ints: size },
        strides: { ints: size },
      });
      return context.addNode("Mul", [mean, context.addConstant("float32", [], [countElements(size)])]);
    }
    if (context.dialect === "standard") return lowerSelectionByPlaces(context, [input, values], call);
    return context.addNode("Gather", [lowerFlat(context, values), lowerPool(context, input, attributes, 1)]);
  },
  pullBack: ({ inputs, attributes, upstream }) => [
    null,
    applyOperator(maxPoolGradientOperator, [inputs[0], upstream], attributes),
  ],
  evaluate([input, values], call) {
    return Float64Array.from(findWinners(input, call), (winner) => values[winner]);
  },
  examples: [
    {
      shapes: [
        [2, 2, 4, 6],
        [2, 2, 4, 6],
      ],
      attributes: TILING,
    },
    {
      shapes: [
        [1, 2, 5, 5],
        [1, 2, 5, 5],
      ],
      attributes: OVERLAPPING,
    },
  ],
};

/** Maximum pooling and its adjoints. Entries of the operator table. */
export const maxPoolOperators: readonly Operator[] = [
  maxPoolOperator,
  maxPoolGradientOperator,
  maxPoolSelectOperator,
];
