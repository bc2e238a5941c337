/**
 * How far the mean HU of each tissue moved. A bias is a systematic shift, so its standard error must not pretend
 * that neighbouring pixels of correlated CT noise are independent: it is the cluster-robust error of the mean
 * (Cochran 1977, Sampling Techniques, §9A, ratio of cluster totals) with square tiles as clusters.
 */
import type { Volume } from "@alara/core";
import { assertSameSize } from "./region.ts";
import type { TissueMap } from "./tissues.ts";

/** Side of a cluster, pixels: longer than the correlation of CT noise. */
export const BIAS_CLUSTER_PX = 16;
/** Classes with fewer voxels are shown but not judged. */
export const BIAS_MINIMUM_VOXELS = 500;

/** The shift of one tissue. */
export interface HuBias {
  readonly tissue: string;
  /** The class's HU range, for the record. */
  readonly rangeHu: readonly [number, number];
  readonly voxels: number;
  /** Tiles of `BIAS_CLUSTER_PX` squared (one slice thick) that hold voxels of the class. */
  readonly clusters: number;
  /** Mean of the reference over the class, HU; `null` without voxels. */
  readonly referenceMeanHu: number | null;
  /** Mean of candidate − reference, HU; `null` without voxels. */
  readonly meanDifferenceHu: number | null;
  /** Standard error of that mean, HU; `null` with fewer than two clusters. */
  readonly standardErrorHu: number | null;
  readonly limitHu: number | null;
  readonly verdict: "pass" | "fail" | "not judged" | "too few voxels";
}

/**
 * Mean HU difference per tissue class.
 *
 * @param candidate - volume to judge
 * @param reference - what its HU are held against: full dose, noise-free truth, or the input
 * @param tissues - from `classifyTissues`, best on the reference
 * @returns one entry per class, in order; passes when |mean difference| ≤ limit
 * @throws EvaluateError `SHAPE_MISMATCH`
 * @remarks Exact for noise-free truth. With a noisy reference the mean contains the mean of its noise over the
 * class, which the standard error covers. Tested on constructed volumes, and the error against repeated noise.
 */
export function measureHuBias(
  candidate: Volume<"HU">,
  reference: Volume<"HU">,
  tissues: TissueMap,
): readonly HuBias[] {
  assertSameSize(candidate, reference);
  const [slices, rows, columns] = reference.geometry.size;
  const across = Math.ceil(columns / BIAS_CLUSTER_PX);
  const tiles = across * Math.ceil(rows / BIAS_CLUSTER_PX);
  const kinds = tissues.classes.length;
  const count = new Float64Array(slices * tiles * kinds);
  const sum = new Float64Array(slices * tiles * kinds);
  const level = new Float64Array(kinds);
  const { labels } = tissues;
  let i = 0;
  for (let s = 0; s < slices; s++) {
    for (let r = 0; r < rows; r++) {
      const tileRow = s * tiles + Math.floor(r / BIAS_CLUSTER_PX) * across;
      for (let c = 0; c < columns; c++, i++) {
        const label = labels[i];
        if (label === 0) continue;
        const cell = (tileRow + Math.floor(c / BIAS_CLUSTER_PX)) * kinds + label - 1;
        count[cell]++;
        sum[cell] += candidate.data[i] - reference.data[i];
        level[label - 1] += reference.data[i];
      }
    }
  }
  return tissues.classes.map((tissue, kind) => {
    let n = 0;
    let total = 0;
    let clusters = 0;
    for (let cell = kind; cell < count.length; cell += kinds) {
      if (count[cell] === 0) continue;
      n += count[cell];
      total += sum[cell];
      clusters++;
    }
    const mean = total / n;
    let squares = 0;
    for (let cell = kind; cell < count.length; cell += kinds)
      squares += (sum[cell] - mean * count[cell]) ** 2;
    const known = n > 0;
    const verdict = !known
      ? "too few voxels"
      : tissue.limitHu === null
        ? "not judged"
        : n < BIAS_MINIMUM_VOXELS
          ? "too few voxels"
          : Math.abs(mean) <= tissue.limitHu
            ? "pass"
            : "fail";
    return {
      tissue: tissue.name,
      rangeHu: [tissue.lowHu, tissue.highHu],
      voxels: n,
      clusters,
      referenceMeanHu: known ? level[kind] / n : null,
      meanDifferenceHu: known ? mean : null,
      standardErrorHu: clusters > 1 ? Math.sqrt((squares * clusters) / (clusters - 1)) / n : null,
      limitHu: tissue.limitHu,
      verdict,
    };
  });
}
