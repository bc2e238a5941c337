/**
 * Networks that know a window of HU only (their output lies inside it, such as the generators of Ozaki & Kaji 2022): what
 * lies outside passes through, so that bone above the window stays bone and lung below it lung.
 */

/** Share of the window's width, at each end, over which the network's change fades out. */
export const WINDOW_FEATHER_SHARE = 0.05;

/**
 * result = x + w(x) · (network(x) − x), with w = 0 outside the window, 1 inside it, and linear over the outermost
 * {@link WINDOW_FEATHER_SHARE} of its width at each end: continuous in x, so no edge appears where tissue crosses an end.
 *
 * @param base - x, HU, on the result's grid
 * @param result - what the network gave; changed in place
 * @param window - [low, high], HU
 * @remarks Decided pixel by pixel: in tissue whose mean lies within its noise of an end, pixels beyond the end keep their
 * noise while the others lose it, which moves the mean towards the end, by less than half the noise. Tested at both ends.
 */
export function keepOutsideWindow(
  base: Float32Array,
  result: Float32Array,
  [low, high]: readonly [number, number],
): void {
  const feather = WINDOW_FEATHER_SHARE * (high - low);
  for (let i = 0; i < base.length; i++) {
    const x = base[i];
    const inside = Math.min(x - low, high - x);
    if (inside >= feather) continue;
    result[i] = inside <= 0 ? x : x + (inside / feather) * (result[i] - x);
  }
}
