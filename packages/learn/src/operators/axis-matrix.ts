/**
 * A matrix applied along one axis of a tensor of any rank: what separable linear maps (interpolation, Fourier
 * transform) are made of. Linear in both operands.
 */
import { formatShape, LearnError } from "../errors.ts";
import { type Attributes, applyOperator, countElements, type Operator, type Tensor } from "../tensor.ts";
import { matmul } from "./linear.ts";
import { computeStrides, forEachStrided, reduceSum, reshape, transpose } from "./structure.ts";

/** The axis counted from the end: 1 or 2. */
function getPlace(attributes: Attributes): number {
  return attributes.fromEnd as number;
}

const applyMatrixOperator: Operator = {
  name: "applyMatrix",
  summary: "matrix [O,I] applied along the last (`fromEnd` 1) or the last but one axis (2), of size I",
  inferShape([input, matrix], attributes) {
    const axis = input.length - getPlace(attributes);
    if (matrix.length !== 2 || input.length < 2 || matrix[1] !== input[axis]) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `applyMatrix: matrix ${formatShape(matrix)} cannot be applied along axis ${axis} of ${formatShape(input)}; its second size must be that axis's`,
      );
    }
    return input.map((size, k) => (k === axis ? matrix[0] : size));
  },
  lower(context, [input, matrix], { attributes }) {
    if (getPlace(attributes) === 2) return context.addNode("MatMul", [matrix, input]);
    const turned = context.addNode("Transpose", [matrix], { perm: { ints: [1, 0] } });
    return context.addNode("MatMul", [input, turned]);
  },
  pullBack({ inputs: [input, matrix], attributes, upstream }) {
    const place = getPlace(attributes);
    const back = applyOperator(applyMatrixOperator, [upstream, transpose(matrix, [1, 0])], attributes);
    return [back, place === 1 ? pullColumns(input, upstream) : pullRows(input, upstream)];
  },
  evaluate([input, matrix], { inputShapes: [shape, [outputs, inputs]], outputShape, attributes }) {
    const axis = shape.length - getPlace(attributes);
    const step = computeStrides(shape)[axis];
    const base = computeStrides(shape).map((stride, k) => (k === axis ? 0 : stride));
    const outputStep = computeStrides(outputShape)[axis];
    const output = new Float64Array(countElements(outputShape));
    forEachStrided(outputShape, base, 0, (origin, linear) => {
      const row = Math.floor(linear / outputStep) % outputs;
      for (let k = 0; k < inputs; k++) output[linear] += matrix[row * inputs + k] * input[origin + k * step];
    });
    return output;
  },
  examples: [
    {
      shapes: [
        [2, 3, 4],
        [5, 4],
      ],
      attributes: { fromEnd: 1 },
    },
    {
      shapes: [
        [2, 2, 3, 4],
        [2, 3],
      ],
      attributes: { fromEnd: 2 },
    },
  ],
};

/** Σ over everything else of upstream[…, o]·input[…, i]. */
function pullColumns(input: Tensor, upstream: Tensor): Tensor {
  const flat = (tensor: Tensor): Tensor => {
    const size = tensor.shape[tensor.shape.length - 1];
    return reshape(tensor, [countElements(tensor.shape) / size, size]);
  };
  return matmul(transpose(flat(upstream), [1, 0]), flat(input));
}

/** Σ over everything else of upstream[…, o, ·]·input[…, i, ·]. */
function pullRows(input: Tensor, upstream: Tensor): Tensor {
  const axes = input.shape.map((_, axis) => axis);
  const rank = axes.length;
  const turned = transpose(input, [...axes.slice(0, -2), rank - 1, rank - 2]);
  return reduceSum(matmul(upstream, turned), { axes: axes.slice(0, -2) });
}

/**
 * output[…, o, …] = Σᵢ matrix[o, i]·input[…, i, …] along one axis.
 *
 * @param matrix - [outputs, size of the axis]
 * @throws LearnError `SHAPE_MISMATCH`
 */
export function applyMatrix(input: Tensor, matrix: Tensor, options: { axis: number }): Tensor {
  const { shape } = input;
  const fromEnd = shape.length - options.axis;
  if (fromEnd === 1 || fromEnd === 2) return applyOperator(applyMatrixOperator, [input, matrix], { fromEnd });
  if (!(fromEnd > 0 && fromEnd <= shape.length)) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `applyMatrix: axis ${options.axis} is no axis of ${formatShape(shape)}`,
    );
  }
  const lead = shape.slice(0, options.axis);
  const rest = shape.slice(options.axis + 1);
  const folded = reshape(input, [countElements(lead), shape[options.axis], countElements(rest)]);
  const applied = applyOperator(applyMatrixOperator, [folded, matrix], { fromEnd: 2 });
  return reshape(applied, [...lead, applied.shape[1], ...rest]);
}

/** Entries of the operator table. */
export const axisMatrixOperators: readonly Operator[] = [applyMatrixOperator];
