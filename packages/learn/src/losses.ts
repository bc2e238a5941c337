/**
 * Losses between a prediction and a target, as scalars of the graph; chosen by name in recipes.
 */
import { createRegistry, type Registry } from "@alara/core";
import { abs, add, mul, reduceMean, sqrt, square, sub } from "./operators/arithmetic.ts";
import type { Tensor } from "./tensor.ts";

/** Builds a scalar from two tensors of one shape. */
export interface Loss {
  readonly summary: string;
  build(prediction: Tensor, target: Tensor, options?: LossOptions): Tensor;
}

/** Options of losses. */
export interface LossOptions {
  /** Divides the difference first, so that losses in HU have a size near 1; default 1. */
  readonly scale?: number;
  /** Charbonnier's ε, in units of the scaled difference; default 10⁻³. */
  readonly epsilon?: number;
}

function scaleDifference(prediction: Tensor, target: Tensor, options: LossOptions): Tensor {
  const difference = sub(prediction, target);
  return options.scale === undefined || options.scale === 1 ? difference : mul(difference, 1 / options.scale);
}

/**
 * Losses by name: `l1` mean |p − t|, `l2` mean (p − t)², `charbonnier` mean √((p − t)² + ε²)
 * (Charbonnier et al. 1994, ICIP, eq. 8 family). Gradients are tested against finite differences and PyTorch.
 */
export const losses: Registry<Loss> = createRegistry<Loss>("loss", [
  [
    "l1",
    {
      summary: "mean absolute error",
      build: (p, t, options = {}) => reduceMean(abs(scaleDifference(p, t, options))),
    },
  ],
  [
    "l2",
    {
      summary: "mean squared error",
      build: (p, t, options = {}) => reduceMean(square(scaleDifference(p, t, options))),
    },
  ],
  [
    "charbonnier",
    {
      summary: "mean √(difference² + ε²), smooth L1",
      build(p, t, options = {}) {
        const epsilon = options.epsilon ?? 1e-3;
        return reduceMean(sqrt(add(square(scaleDifference(p, t, options)), epsilon * epsilon)));
      },
    },
  ],
]);
