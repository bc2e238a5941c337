/**
 * Ordered subsets: which views go together and in which order the subsets are visited, so that each brings directions
 * far from those just seen. Golden-ratio order: Köhler 2004, doi 10.1109/NSSMIC.2004.1466745; bit reversal:
 * Herman & Meyer 1993 use the like. Does not build operators.
 */
import { ReconError } from "../errors.ts";

/** Orders of visiting subsets. */
export type SubsetOrder = "golden-ratio" | "bit-reversal" | "sequential";

/**
 * The order of visiting `count` subsets.
 *
 * @param order - default `"golden-ratio"`: always the one left that is nearest to a step of 0.618 of the range
 * @returns a permutation of 0..count − 1
 * @throws ReconError `OUT_OF_RANGE`
 */
export function orderSubsets(count: number, order: SubsetOrder = "golden-ratio"): readonly number[] {
  if (!(Number.isInteger(count) && count >= 1)) {
    throw new ReconError("OUT_OF_RANGE", `${count} subsets; pass an integer ≥ 1`);
  }
  if (order === "sequential") return Array.from({ length: count }, (_, i) => i);
  if (order === "bit-reversal") {
    const bits = Math.ceil(Math.log2(count));
    const reversed: number[] = [];
    for (let i = 0; i < 2 ** bits; i++) {
      let value = 0;
      for (let bit = 0; bit < bits; bit++) value |= ((i >> bit) & 1) << (bits - 1 - bit);
      if (value < count) reversed.push(value);
    }
    return reversed;
  }
  const left = Array.from({ length: count }, (_, i) => i);
  const result: number[] = [];
  const step = count * ((Math.sqrt(5) - 1) / 2);
  for (let k = 0; k < count; k++) {
    const target = (k * step) % count;
    let best = 0;
    let bestDistance = Number.POSITIVE_INFINITY;
    for (let i = 0; i < left.length; i++) {
      const direct = Math.abs(left[i] - target);
      const distance = Math.min(direct, count - direct);
      if (distance < bestDistance) {
        bestDistance = distance;
        best = i;
      }
    }
    result.push(left[best]);
    left.splice(best, 1);
  }
  return result;
}

/**
 * Cuts views into subsets of every n-th view, in the order of visiting.
 *
 * @param views - number of views
 * @param count - number of subsets, at most the views
 * @returns the view numbers of each subset
 * @throws ReconError `OUT_OF_RANGE`
 */
export function divideViews(
  views: number,
  count: number,
  order?: SubsetOrder,
): readonly (readonly number[])[] {
  if (!(count <= views)) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `${count} subsets of ${views} views; pass at most one subset per view`,
    );
  }
  return orderSubsets(count, order).map((first) => {
    const members: number[] = [];
    for (let view = first; view < views; view += count) members.push(view);
    return members;
  });
}
