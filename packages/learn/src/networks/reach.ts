/**
 * How far a pixel sees: interval arithmetic along one axis. Pixel i of a feature image depends on input pixels
 * step·i − before … step·i + after. Not here: what makes whole images meet (normalisation over the image).
 */

/** Which input pixels a feature pixel depends on. */
export interface Reach {
  /** Input pixels per feature pixel. */
  readonly step: number;
  readonly before: number;
  readonly after: number;
}

/** Of the input itself. */
export const OWN_PIXEL: Reach = { step: 1, before: 0, after: 0 };

/** Through a convolution or pool with `kernel` taps; default padding keeps the size. */
export function reachThroughKernel(
  reach: Reach,
  kernel: number,
  options: { readonly stride?: number; readonly padding?: number; readonly repeats?: number } = {},
): Reach {
  const { stride = 1, padding = Math.floor((kernel - 1) / 2), repeats = 1 } = options;
  return {
    step: reach.step * stride,
    before: reach.before + repeats * reach.step * padding,
    after: reach.after + repeats * reach.step * (kernel - 1 - padding),
  };
}

/** Through folding, or pooling over, cells of `factor` pixels. */
export function reachThroughFolding(reach: Reach, factor: number): Reach {
  return reachThroughKernel(reach, factor, { stride: factor, padding: 0 });
}

/** Through repeating each pixel, or unfolding its channels, `factor` times: output i sees ⌊i/factor⌋. */
export function reachThroughUnfolding(reach: Reach, factor: number): Reach {
  const step = reach.step / factor;
  return { step, before: reach.before + step * (factor - 1), after: reach.after };
}

/** Through linear enlarging by two with half-pixel centres: output i sees i/2 − 1 … i/2 + ½. */
export function reachThroughDoubling(reach: Reach): Reach {
  return { step: reach.step / 2, before: reach.before + reach.step, after: reach.after + reach.step / 2 };
}

/** Of a sum or concatenation of images of one size. */
export function joinReaches(...reaches: readonly Reach[]): Reach {
  return {
    step: reaches[0].step,
    before: Math.max(...reaches.map(({ before }) => before)),
    after: Math.max(...reaches.map(({ after }) => after)),
  };
}

/** Input pixels on each side: the halo that a tile needs. */
export function computeRadius(reach: Reach): number {
  return Math.ceil(Math.max(reach.before, reach.after));
}
