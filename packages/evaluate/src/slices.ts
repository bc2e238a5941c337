/** Which slices stand for a series when not all can be measured or shown. */

/**
 * Evenly spread slice numbers, ends included.
 *
 * @param maximum - all slices when there are no more than this
 */
export function spreadSlices(slices: number, maximum: number): readonly number[] {
  if (slices <= maximum) return Array.from({ length: slices }, (_, i) => i);
  if (maximum === 1) return [Math.floor(slices / 2)];
  return Array.from({ length: maximum }, (_, i) => Math.round((i * (slices - 1)) / (maximum - 1)));
}
