/**
 * Gaussian smoothing of one slice, for finding tissue in noise. Separable, truncated at 3σ, mirrored borders.
 * Not an enhancer: `enhance` has those.
 */

/** Weights w[0..radius] of a normalised Gaussian, radius ⌈3σ⌉. */
function computeWeights(sigmaPx: number): Float32Array {
  const radius = Math.ceil(3 * sigmaPx);
  const weights = new Float32Array(radius + 1);
  let sum = 0;
  for (let k = 0; k <= radius; k++) {
    weights[k] = Math.exp(-(k * k) / (2 * sigmaPx * sigmaPx));
    sum += k === 0 ? weights[k] : 2 * weights[k];
  }
  return weights.map((w) => w / sum);
}

/** Index −1, −2, … and n, n+1, … folded back inside, edge sample repeated. */
function mirror(index: number, length: number): number {
  let i = index;
  while (i < 0 || i >= length) i = i < 0 ? -i - 1 : 2 * length - i - 1;
  return i;
}

/**
 * Smooths a slice.
 *
 * @param slice - `rows × columns`; not changed
 * @param sigmaPx - standard deviation in pixels; 0 copies
 * @returns a new slice
 */
export function smoothGaussian(
  slice: Float32Array,
  rows: number,
  columns: number,
  sigmaPx: number,
): Float32Array {
  if (!(sigmaPx > 0)) return Float32Array.from(slice);
  const w = computeWeights(sigmaPx);
  const radius = w.length - 1;
  const across = new Float32Array(slice.length);
  const line = new Float32Array(columns + 2 * radius);
  for (let r = 0; r < rows; r++) {
    const base = r * columns;
    for (let c = -radius; c < columns + radius; c++) line[c + radius] = slice[base + mirror(c, columns)];
    for (let c = 0; c < columns; c++) {
      const centre = c + radius;
      let sum = w[0] * line[centre];
      for (let k = 1; k <= radius; k++) sum += w[k] * (line[centre - k] + line[centre + k]);
      across[base + c] = sum;
    }
  }
  const out = new Float32Array(slice.length);
  for (let r = 0; r < rows; r++) {
    const target = out.subarray(r * columns, (r + 1) * columns);
    for (let k = 0; k <= radius; k++) {
      const above = mirror(r - k, rows) * columns;
      const below = mirror(r + k, rows) * columns;
      const weight = w[k];
      if (k === 0) for (let c = 0; c < columns; c++) target[c] = weight * across[above + c];
      else for (let c = 0; c < columns; c++) target[c] += weight * (across[above + c] + across[below + c]);
    }
  }
  return out;
}
