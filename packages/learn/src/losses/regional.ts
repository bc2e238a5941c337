/**
 * `hu-bias`: punishes shifts of local means, which is what noise-blind pixel losses allow and HU law forbids.
 */
import { LearnError } from "../errors.ts";
import { reduceMean, square } from "../operators/arithmetic.ts";
import { averagePool } from "../operators/resample.ts";
import { slice } from "../operators/structure.ts";
import { defineLoss, foldPlanes, type Loss, scaleDifference } from "./loss.ts";

/**
 * `hu-bias` mean over windows of (mean of p − t in the window)² / scale². Windows are squares of `window` pixels side
 * by side; rows and columns left over at the far edges are not counted. Noise that averages out over a window costs
 * σ²/window², a shift of b HU costs b².
 */
const huBias: readonly [string, Loss] = defineLoss("hu-bias", {
  summary: "mean squared shift of local means",
  unit: "HU²",
  options: ["scale", "window"],
  build(p, t, options) {
    const { window = 16 } = options;
    const difference = foldPlanes(scaleDifference(p, t, options), "hu-bias");
    const [planes, channels, rows, columns] = difference.shape;
    if (!Number.isInteger(window) || window < 2 || window > Math.min(rows, columns)) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `loss "hu-bias": window ${window} must be a whole number from 2 to the image's ${Math.min(rows, columns)} pixels`,
      );
    }
    const ends = [planes, channels, rows - (rows % window), columns - (columns % window)];
    const whole = slice(difference, { starts: [0, 0, 0, 0], ends });
    return reduceMean(square(averagePool(whole, { block: window })));
  },
});

/** Entries of the registry. */
export const regionalLosses: readonly (readonly [string, Loss])[] = [huBias];
