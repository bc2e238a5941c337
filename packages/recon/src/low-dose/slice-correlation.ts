/**
 * Weights that turn independent slices into slices with a wanted correlation along z: the zero-phase root of the
 * wanted correlation's spectrum, Σ_j c_j c_{j+k} = ρ_k with Σ c² = 1.
 */

/** Farthest slice that enters a weighted sum. */
const REACH = 6;

/**
 * Symmetric weights c_{−J}..c_J for correlations ρ_0 = 1, ρ_1, ….
 *
 * @param correlation - wanted correlation by slice distance; negative spectral values are set to zero, which
 *   brings impossible sequences to the nearest possible one
 * @returns odd number of weights, the middle one for the slice itself; `[1]` for uncorrelated slices
 */
export function computeSliceWeights(correlation: readonly number[]): Float64Array {
  let last = correlation.length - 1;
  while (last > 0 && correlation[last] === 0) last--;
  if (last <= 0) return Float64Array.of(1);
  const points = 256;
  const weights = new Float64Array(2 * REACH + 1);
  for (let p = 0; p < points; p++) {
    const omega = (2 * Math.PI * (p + 0.5)) / points;
    let spectrum = 1;
    for (let k = 1; k <= last; k++) spectrum += 2 * correlation[k] * Math.cos(k * omega);
    const root = Math.sqrt(Math.max(0, spectrum));
    for (let j = -REACH; j <= REACH; j++) weights[j + REACH] += (root * Math.cos(j * omega)) / points;
  }
  // Small tails are dropped: they cost a slice of random numbers each.
  let reach = REACH;
  while (reach > 1 && Math.abs(weights[REACH + reach]) < 0.01) reach--;
  const kept = weights.slice(REACH - reach, REACH + reach + 1);
  let norm = 0;
  for (const w of kept) norm += w * w;
  return kept.map((w) => w / Math.sqrt(norm));
}
