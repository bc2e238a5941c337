/**
 * The definition of convolution in float64: every (input, weight, output) triple of
 * y[n, o, r] += x[n, i, stride·r + dilation·u − before] · w[o, i, u], visited in plain loops. The three operators
 * differ only in which of the three they sum up.
 */
import type { ConvolutionGeometry } from "./convolution-geometry.ts";

/** Shapes of the three operands. */
export interface ConvolutionShapes {
  /** [N, I, …] */
  readonly input: readonly number[];
  /** [O, I/groups, …] */
  readonly weight: readonly number[];
  /** [N, O, …] */
  readonly output: readonly number[];
}

type Triple = readonly [number, number, number];

/** Spatial entries as exactly three, filled up in front. */
function asTriple(list: readonly number[], fill: number): Triple {
  const [a, b, c] = [...new Array<number>(3 - list.length).fill(fill), ...list];
  return [a, b, c];
}

/** Pairs of (input position, output position) that one tap joins along one axis. */
function listPairs(
  inputSize: number,
  outputSize: number,
  tap: number,
  { stride, dilation, before }: { stride: number; dilation: number; before: number },
): (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  for (let r = 0; r < outputSize; r++) {
    const position = stride * r + dilation * tap - before;
    if (position >= 0 && position < inputSize) pairs.push([position, r]);
  }
  return pairs;
}

/** Visits every triple of linear positions of a convolution with one to three spatial axes. */
export function forEachProduct(
  shapes: ConvolutionShapes,
  geometry: ConvolutionGeometry,
  visit: (input: number, weight: number, output: number) => void,
): void {
  const x = asTriple(shapes.input.slice(2), 1);
  const y = asTriple(shapes.output.slice(2), 1);
  const kernel = asTriple(shapes.weight.slice(2), 1);
  const stride = asTriple(geometry.stride, 1);
  const dilation = asTriple(geometry.dilation, 1);
  const before = asTriple(geometry.before, 0);
  const pairs = kernel.map((taps, axis) =>
    Array.from({ length: taps }, (_, tap) =>
      listPairs(x[axis], y[axis], tap, {
        stride: stride[axis],
        dilation: dilation[axis],
        before: before[axis],
      }),
    ),
  );
  const [batch, outputs] = shapes.output;
  const perGroup = shapes.weight[1];
  const outputsPerGroup = outputs / geometry.groups;
  let weight = 0;
  for (let o = 0; o < outputs; o++) {
    const firstInput = Math.floor(o / outputsPerGroup) * perGroup;
    for (let i = 0; i < perGroup; i++) {
      for (let u = 0; u < kernel[0]; u++) {
        for (let v = 0; v < kernel[1]; v++) {
          for (let w = 0; w < kernel[2]; w++, weight++) {
            for (let n = 0; n < batch; n++) {
              const inputPlane = n * shapes.input[1] + firstInput + i;
              const outputPlane = n * outputs + o;
              for (const [xa, ya] of pairs[0][u]) {
                for (const [xb, yb] of pairs[1][v]) {
                  const inputRow = ((inputPlane * x[0] + xa) * x[1] + xb) * x[2];
                  const outputRow = ((outputPlane * y[0] + ya) * y[1] + yb) * y[2];
                  for (const [xc, yc] of pairs[2][w]) visit(inputRow + xc, weight, outputRow + yc);
                }
              }
            }
          }
        }
      }
    }
  }
}
