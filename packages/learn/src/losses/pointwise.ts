/**
 * Losses that compare pixel by pixel: l1, l2, charbonnier, and l1 with more weight on the target's edges.
 */
import { abs, add, div, mul, reduceMean, sqrt, square } from "../operators/arithmetic.ts";
import { stopGradient } from "../operators/stop-gradient.ts";
import { pad } from "../operators/structure.ts";
import { differenceAlong } from "./differences.ts";
import { checkPositive, defineLoss, foldPlanes, type Loss, scaleDifference } from "./loss.ts";

/** `l1` mean |p − t| / scale. */
const l1: readonly [string, Loss] = defineLoss("l1", {
  summary: "mean absolute error",
  unit: "HU",
  options: ["scale"],
  build: (p, t, options) => reduceMean(abs(scaleDifference(p, t, options))),
});

/** `l2` mean ((p − t) / scale)². */
const l2: readonly [string, Loss] = defineLoss("l2", {
  summary: "mean squared error",
  unit: "HU²",
  options: ["scale"],
  build: (p, t, options) => reduceMean(square(scaleDifference(p, t, options))),
});

/** `charbonnier` mean √(((p − t) / scale)² + ε²); Charbonnier et al. 1994, ICIP, eq. 8 family. */
const charbonnier: readonly [string, Loss] = defineLoss("charbonnier", {
  summary: "mean √(difference² + ε²), smooth L1",
  unit: "HU",
  options: ["scale", "epsilon"],
  build(p, t, options) {
    const epsilon = options.epsilon ?? 1e-3;
    return reduceMean(sqrt(add(square(scaleDifference(p, t, options)), epsilon * epsilon)));
  },
});

/**
 * `edge-l1` mean w·|p − t| / scale with w = 1 + edgeGain · g/(g + edgeHu), where g = |∂ₓt| + |∂ᵧt| in HU per pixel by
 * forward differences in the slice (0 at the last row and column). No gradient passes through w.
 */
const edgeL1: readonly [string, Loss] = defineLoss("edge-l1", {
  summary: "mean absolute error, weighted towards the target's edges",
  unit: "HU",
  options: ["scale", "edgeGain", "edgeHu"],
  build(p, t, options) {
    const { edgeGain = 4, edgeHu = 50 } = options;
    checkPositive("edge-l1", "edgeHu", edgeHu);
    checkPositive("edge-l1", "edgeGain", edgeGain);
    const difference = foldPlanes(scaleDifference(p, t, options), "edge-l1");
    const target = foldPlanes(t, "edge-l1");
    const after = (axis: number): number[] => [0, 0, 0, 0].map((_, k) => (k === axis ? 1 : 0));
    const steps = [2, 3].map((axis) =>
      pad(abs(differenceAlong(target, axis)), { before: [0, 0, 0, 0], after: after(axis) }),
    );
    const gradient = add(steps[0], steps[1]);
    const weight = add(mul(div(gradient, add(gradient, edgeHu)), edgeGain), 1);
    return reduceMean(mul(stopGradient(weight), abs(difference)));
  },
});

/** Entries of the registry. */
export const pointwiseLosses: readonly (readonly [string, Loss])[] = [l1, l2, charbonnier, edgeL1];
