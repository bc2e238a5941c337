/**
 * Statistical smoothing of line integrals: along every detector row, the exact minimum of
 * Σ w_i (q_i − p_i)² + β Σ (q_i − q_{i+1})² with w = (mean variance)/(variance): noisy rays lean on their neighbours,
 * good ones stay. A linear filter once the weights are fixed. In the manner of La Rivière 2005 (doi 10.1118/1.1915015)
 * with a quadratic penalty; not a vendor's.
 */
import { ReconError } from "../errors.ts";
import { checkAtLeast } from "./problem.ts";

/**
 * Smooths rows in place.
 *
 * @param rows - `[...][channel]`, any number of rows
 * @param variances - of each sample, > 0
 * @param channels - samples of a row
 * @param strength - β ≥ 0; 0.1 moves a tenth of a sample of mean variance to either neighbour; 0 changes nothing
 * @throws ReconError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 * Tested: keeps lines of any slope where weights are even, the mean of the data under its weights, and the solution of
 * the dense system.
 */
export function smoothRows(
  rows: Float32Array | Float64Array,
  variances: ArrayLike<number>,
  channels: number,
  strength: number,
): void {
  checkAtLeast("strength", strength, 0);
  if (rows.length !== variances.length || rows.length % channels !== 0) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `${rows.length} samples and ${variances.length} variances in rows of ${channels}; make them agree`,
    );
  }
  if (strength === 0) return;
  let typical = 0;
  for (let i = 0; i < variances.length; i++) {
    if (!(variances[i] > 0)) {
      throw new ReconError("OUT_OF_RANGE", `variances[${i}] is ${variances[i]}; pass finite variances > 0`);
    }
    typical += variances[i] / variances.length;
  }
  const upper = new Float64Array(channels);
  const right = new Float64Array(channels);
  for (let start = 0; start < rows.length; start += channels) {
    // Thomas: the matrix is diag(w) + β·(second difference), symmetric and diagonally dominant.
    for (let c = 0; c < channels; c++) {
      const weight = typical / variances[start + c];
      const neighbours = (c > 0 ? 1 : 0) + (c + 1 < channels ? 1 : 0);
      const previous = c > 0 ? upper[c - 1] : 0;
      const pivot = weight + strength * neighbours + (c > 0 ? strength * previous : 0);
      upper[c] = -strength / pivot;
      right[c] = (weight * rows[start + c] + (c > 0 ? strength * right[c - 1] : 0)) / pivot;
    }
    rows[start + channels - 1] = right[channels - 1];
    for (let c = channels - 2; c >= 0; c--) rows[start + c] = right[c] - upper[c] * rows[start + c + 1];
  }
}
