/**
 * The structural similarity map of one slice: Wang, Bovik, Sheikh & Simoncelli 2004 (doi 10.1109/TIP.2003.819861),
 * eq. 13, with their 11 × 11 Gaussian of σ 1.5, K1 0.01, K2 0.03 and population covariance. Float64 throughout.
 * Not here: multi-scale SSIM, windows that leave the image (a border of 5 pixels has no value).
 */

/** Pixels at each side that the 11 × 11 window cannot reach. */
export const SSIM_BORDER = 5;
const TAPS = 2 * SSIM_BORDER + 1;
const K1 = 0.01;
const K2 = 0.03;

/** Normalised Gaussian weights of σ 1.5, centre first: w[0], w[±1], … w[±5]. */
function computeWeights(): Float64Array {
  const half = new Float64Array(SSIM_BORDER + 1);
  let sum = 0;
  for (let k = 0; k <= SSIM_BORDER; k++) {
    half[k] = Math.exp(-(k * k) / (2 * 1.5 * 1.5));
    sum += k === 0 ? half[k] : 2 * half[k];
  }
  return half.map((w) => w / sum);
}

/** Fields that are filtered: x, y, x², y², xy. */
const FIELDS = 5;

/**
 * SSIM of each pixel at least `SSIM_BORDER` from the edge, row by row.
 *
 * @param x - first image, `rows × columns`
 * @param y - second image, same size
 * @param dataRange - L of eq. 6 and 7, in the unit of the images
 * @returns `(rows − 10) × (columns − 10)` values; empty when a side is shorter than 11
 * @remarks Two passes of 11 symmetric taps over rings of lines: no image-sized scratch. The images are shifted
 * by their common mean before products are formed, so that variances keep full precision; L and the constants
 * do not see the shift except in the luminance term, where it is added back.
 * Tested against scikit-image `structural_similarity(gaussian_weights=True, sigma=1.5,
 * use_sample_covariance=False)` to 1e-9.
 */
export function computeSsimMap(
  x: Float32Array | Float64Array,
  y: Float32Array | Float64Array,
  rows: number,
  columns: number,
  dataRange: number,
): Float64Array {
  const outRows = rows - 2 * SSIM_BORDER;
  const outColumns = columns - 2 * SSIM_BORDER;
  if (outRows < 1 || outColumns < 1) return new Float64Array(0);
  const w = computeWeights();
  const [w0, w1, w2, w3, w4, w5] = w;
  const c1 = (K1 * dataRange) ** 2;
  const c2 = (K2 * dataRange) ** 2;

  let shift = 0;
  for (let i = 0; i < rows * columns; i++) shift += x[i];
  shift /= rows * columns;

  const lines = Array.from({ length: FIELDS }, () => new Float64Array(columns));
  const ring = Array.from({ length: TAPS }, () =>
    Array.from({ length: FIELDS }, () => new Float64Array(outColumns)),
  );
  const filtered = Array.from({ length: FIELDS }, () => new Float64Array(outColumns));
  const map = new Float64Array(outRows * outColumns);

  for (let row = 0; row < rows; row++) {
    const [lx, ly, lxx, lyy, lxy] = lines;
    for (let c = 0, i = row * columns; c < columns; c++, i++) {
      const p = x[i] - shift;
      const q = y[i] - shift;
      lx[c] = p;
      ly[c] = q;
      lxx[c] = p * p;
      lyy[c] = q * q;
      lxy[c] = p * q;
    }
    const slot = ring[row % TAPS];
    for (let f = 0; f < FIELDS; f++) {
      const line = lines[f];
      const out = slot[f];
      for (let c = 0; c < outColumns; c++) {
        out[c] =
          w0 * line[c + 5] +
          w1 * (line[c + 4] + line[c + 6]) +
          w2 * (line[c + 3] + line[c + 7]) +
          w3 * (line[c + 2] + line[c + 8]) +
          w4 * (line[c + 1] + line[c + 9]) +
          w5 * (line[c] + line[c + 10]);
      }
    }
    if (row < TAPS - 1) continue;
    const top = row - TAPS + 1;
    for (let f = 0; f < FIELDS; f++) {
      const out = filtered[f];
      const r = Array.from({ length: TAPS }, (_, k) => ring[(top + k) % TAPS][f]);
      const [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10] = r;
      for (let c = 0; c < outColumns; c++) {
        out[c] =
          w0 * r5[c] +
          w1 * (r4[c] + r6[c]) +
          w2 * (r3[c] + r7[c]) +
          w3 * (r2[c] + r8[c]) +
          w4 * (r1[c] + r9[c]) +
          w5 * (r0[c] + r10[c]);
      }
    }
    const [fx, fy, fxx, fyy, fxy] = filtered;
    const base = top * outColumns;
    for (let c = 0; c < outColumns; c++) {
      const mx = fx[c];
      const my = fy[c];
      const varX = fxx[c] - mx * mx;
      const varY = fyy[c] - my * my;
      const cov = fxy[c] - mx * my;
      const ux = mx + shift;
      const uy = my + shift;
      map[base + c] = ((2 * ux * uy + c1) * (2 * cov + c2)) / ((ux * ux + uy * uy + c1) * (varX + varY + c2));
    }
  }
  return map;
}
