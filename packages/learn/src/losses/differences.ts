/**
 * Losses on differences between neighbouring pixels: the gradient loss and total variation. In the slice only; a
 * volume's slices count as images.
 */
import { LearnError } from "../errors.ts";
import { abs, add, mul, reduceMean, sqrt, square, sub } from "../operators/arithmetic.ts";
import { slice } from "../operators/structure.ts";
import type { Tensor } from "../tensor.ts";
import { checkPositive, defineLoss, foldPlanes, type Loss, scaleBy, scaleDifference } from "./loss.ts";

/** The part of `x` from `start` to `end` (from the end where ≤ 0) along `axis`. */
function cutAlong(x: Tensor, axis: number, start: number, end: number): Tensor {
  return slice(x, {
    starts: x.shape.map((_, k) => (k === axis ? start : 0)),
    ends: x.shape.map((size, k) => (k === axis && end <= 0 ? size + end : k === axis ? end : size)),
  });
}

/** x[i + 1] − x[i] along `axis`, one element shorter. */
export function differenceAlong(x: Tensor, axis: number): Tensor {
  if (x.shape[axis] < 2) {
    throw new LearnError("OUT_OF_RANGE", `differences need at least 2 pixels a side, got ${x.shape[axis]}`);
  }
  return sub(cutAlong(x, axis, 1, 0), cutAlong(x, axis, 0, -1));
}

/** (x[i − 1] + 2x[i] + x[i + 1]) / 4 along `axis`, two elements shorter. */
function smoothAlong(x: Tensor, axis: number): Tensor {
  const sides = add(cutAlong(x, axis, 0, -2), cutAlong(x, axis, 2, 0));
  return add(mul(sides, 0.25), mul(cutAlong(x, axis, 1, -1), 0.5));
}

/** Sobel's operator over 8, so that a ramp of 1 HU per pixel gives 1: central difference × [1 2 1]/4 across. */
function sobelAlong(x: Tensor, axis: number): Tensor {
  const central = mul(sub(cutAlong(x, axis, 2, 0), cutAlong(x, axis, 0, -2)), 0.5);
  return smoothAlong(central, 5 - axis);
}

/**
 * `gradient` mean |∂ₓ(p − t)| + mean |∂ᵧ(p − t)|, over scale, by forward differences or Sobel's operator (divided by 8;
 * inner pixels only). The gradient loss in the public code of Ozaki et al. 2022.
 */
const gradient: readonly [string, Loss] = defineLoss("gradient", {
  summary: "mean absolute difference of image gradients",
  unit: "HU/pixel",
  options: ["scale", "sobel"],
  build(p, t, options) {
    const { sobel = 0 } = options;
    if (sobel !== 0 && sobel !== 1) {
      throw new LearnError("OUT_OF_RANGE", `loss "gradient": sobel ${sobel} must be 0 or 1`);
    }
    const difference = foldPlanes(scaleDifference(p, t, options), "gradient");
    const [rows, columns] = difference.shape.slice(2);
    if (sobel === 1 && Math.min(rows, columns) < 3) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `loss "gradient": Sobel needs 3 × 3 pixels, got ${rows} × ${columns}`,
      );
    }
    const along = sobel === 1 ? sobelAlong : differenceAlong;
    return add(reduceMean(abs(along(difference, 3))), reduceMean(abs(along(difference, 2))));
  },
});

/**
 * `total-variation` mean √((∂ₓp)² + (∂ᵧp)² + ε²) of the prediction over scale, forward differences; the target is not
 * used. Rudin, Osher & Fatemi 1992 (Physica D 60:259), eq. 2.4 with the norm smoothed at 0.
 */
const totalVariation: readonly [string, Loss] = defineLoss("total-variation", {
  summary: "mean gradient magnitude of the prediction; the target is not used",
  unit: "HU/pixel",
  options: ["scale", "epsilon"],
  build(p, _t, options) {
    const epsilon = options.epsilon ?? 1e-3;
    checkPositive("total-variation", "epsilon", epsilon);
    const image = foldPlanes(scaleBy(p, options.scale), "total-variation");
    const right = cutAlong(differenceAlong(image, 3), 2, 0, -1);
    const down = cutAlong(differenceAlong(image, 2), 3, 0, -1);
    return reduceMean(sqrt(add(add(square(right), square(down)), epsilon * epsilon)));
  },
});

/** Entries of the registry. */
export const differenceLosses: readonly (readonly [string, Loss])[] = [gradient, totalVariation];
