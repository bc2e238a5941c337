/**
 * Matrix products. `matmul` multiplies the last two axes, batching over equal leading axes.
 */
import { formatShape, LearnError } from "../errors.ts";
import { applyOperator, countElements, type Operator, type Tensor } from "../tensor.ts";
import { transpose } from "./structure.ts";

function swapLastAxes(input: Tensor): Tensor {
  const axes = input.shape.map((_, axis) => axis);
  const rank = axes.length;
  [axes[rank - 2], axes[rank - 1]] = [axes[rank - 1], axes[rank - 2]];
  return transpose(input, axes);
}

const matmulOperator: Operator = {
  name: "matmul",
  summary: "matrix product over the last two axes, batched over equal leading axes",
  inferShape([a, b]) {
    const rank = a.length;
    const isBad = rank < 2 || b.length !== rank || a[rank - 1] !== b[rank - 2];
    if (isBad || a.slice(0, -2).some((size, axis) => size !== b[axis])) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `matmul: ${formatShape(a)} and ${formatShape(b)} do not fit; the last size of the first must equal the second-last of the second, leading sizes must be equal`,
      );
    }
    return [...a.slice(0, -1), b[rank - 1]];
  },
  lower: (context, inputs) => context.addNode("MatMul", inputs),
  pullBack: ({ inputs: [a, b], upstream }) => [
    matmul(upstream, swapLastAxes(b)),
    matmul(swapLastAxes(a), upstream),
  ],
  evaluate([a, b], { inputShapes, outputShape }) {
    const rank = outputShape.length;
    const [rows, columns] = [outputShape[rank - 2], outputShape[rank - 1]];
    const inner = inputShapes[0][rank - 1];
    const output = new Float64Array(countElements(outputShape));
    const batches = output.length / (rows * columns);
    for (let n = 0; n < batches; n++) {
      for (let r = 0; r < rows; r++) {
        for (let k = 0; k < inner; k++) {
          const left = a[(n * rows + r) * inner + k];
          for (let c = 0; c < columns; c++) {
            output[(n * rows + r) * columns + c] += left * b[(n * inner + k) * columns + c];
          }
        }
      }
    }
    return output;
  },
  examples: [
    {
      shapes: [
        [3, 4],
        [4, 2],
      ],
    },
    {
      shapes: [
        [2, 3, 4],
        [2, 4, 5],
      ],
    },
  ],
};

/** Matrix product over the last two axes; leading axes must be equal. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  return applyOperator(matmulOperator, [a, b]);
}

/** Matrix products. Entries of the operator table. */
export const linearOperators: readonly Operator[] = [matmulOperator];
