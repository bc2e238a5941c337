/**
 * Pairs for super-resolution (H3, H4, H6): high-quality images are blurred by a stated MTF, put on a coarser matrix and
 * given noise; the original is the truth, on the same matrix or on one twice as fine. As the pairs of doi
 * 10.1177/08953996261433951 (normal-resolution, high-noise inputs from ultra-high-resolution CT).
 */
import {
  createRandom,
  createVolume,
  type GridGeometry,
  getSliceData,
  type LongWorkOptions,
  type Volume,
} from "@alara/core";
import type { ExplicitPair } from "@alara/learn";
import { type Blur, degradeResolution } from "@alara/recon";
import { EnhanceError } from "../errors.ts";
import { type AddedNoise, makeNoiseFields } from "./noise-fields.ts";
import { roundToInt16, type TrainingSeries } from "./training-series.ts";

/** Options of {@link buildResolutionPairs}. */
export interface ResolutionPairOptions extends LongWorkOptions {
  /** How much finer the target's matrix is than the input's; default 2. */
  readonly scale?: 1 | 2 | 3 | 4;
  /** What the input has lost in the plane; default none beyond the coarser matrix. */
  readonly blur?: Blur;
  /** Gaussian along z, full width at half maximum in mm; default 0. */
  readonly sliceFwhmMm?: number;
  /** With `scale` 1: means over blocks of so many pixels and back; default 1. */
  readonly binning?: number;
  /** Noise on the input, made on its own matrix; default none. */
  readonly noise?: AddedNoise;
  /** Seed of the noise. */
  readonly seed: number;
}

/** Block means in the plane; the grid keeps its field of view. */
export function binVolume(volume: Volume<"HU">, factor: number): Volume<"HU"> {
  const { size, spacingMm, originMm, direction } = volume.geometry;
  const [slices, rows, columns] = size;
  if (rows % factor !== 0 || columns % factor !== 0) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `${rows} × ${columns} cannot be binned by ${factor}; crop to a multiple`,
    );
  }
  // The first coarse sample's centre lies in the middle of its block.
  const shift = (factor - 1) / 2;
  const at = (axis: 0 | 1 | 2): number =>
    originMm[axis] + shift * (spacingMm[1] * direction.row[axis] + spacingMm[2] * direction.column[axis]);
  const geometry: GridGeometry = {
    size: [slices, rows / factor, columns / factor],
    spacingMm: [spacingMm[0], spacingMm[1] * factor, spacingMm[2] * factor],
    originMm: [at(0), at(1), at(2)],
    direction,
  };
  const out = createVolume("HU", geometry);
  const [height, width] = [rows / factor, columns / factor];
  const sums = new Float64Array(height * width);
  for (let s = 0; s < slices; s++) {
    const data = getSliceData(volume, s);
    sums.fill(0);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        sums[Math.floor(r / factor) * width + Math.floor(c / factor)] += data[r * columns + c];
      }
    }
    getSliceData(out, s).set(sums.map((sum) => sum / (factor * factor)));
  }
  return out;
}

/**
 * Input and target of one series, without added noise.
 *
 * @throws EnhanceError `OUT_OF_RANGE` for a matrix that cannot be binned; ReconError as `degradeResolution`
 */
export async function renderResolution(
  volume: Volume<"HU">,
  options: Pick<ResolutionPairOptions, "scale" | "blur" | "sliceFwhmMm" | "binning" | "signal">,
): Promise<{ readonly input: Volume<"HU">; readonly target: Volume<"HU"> }> {
  const { scale = 2, blur, sliceFwhmMm = 0, binning = 1, signal } = options;
  if (scale !== 1 && binning !== 1) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `binning ${binning} is for scale 1; scale ${scale} bins by itself`,
    );
  }
  const { clean, degraded } = await degradeResolution(volume, {
    sliceFwhmMm,
    binning,
    ...(blur && { blur }),
    ...(signal && { signal }),
  });
  return { input: scale === 1 ? degraded : binVolume(degraded, scale), target: clean };
}

/**
 * Builds pairs for super-resolution.
 *
 * @returns one pair per series for `createPairSource(…, { scale })`, HU rounded to whole numbers
 * @throws EnhanceError `OUT_OF_RANGE`; what {@link renderResolution} and `createLowDoseSimulator` throw
 * @remarks The target keeps the source's noise, the input keeps what the blur leaves of it. Tested: MTF and means of the
 *   input, equal fields of view, noise on the coarse matrix.
 */
export async function buildResolutionPairs(
  series: readonly TrainingSeries[],
  options: ResolutionPairOptions,
): Promise<ExplicitPair[]> {
  const { noise, signal } = options;
  const seeds = createRandom(options.seed).derive("resolution");
  const pairs: ExplicitPair[] = [];
  for (const { id, volume } of series) {
    signal?.throwIfAborted();
    const { input, target } = await renderResolution(volume, options);
    const seed = seeds.derive(id).nextUint32();
    const fields = noise ? await makeNoiseFields(input, noise, { seed, ...(signal && { signal }) }) : {};
    const [slices, rows, columns] = input.geometry.size;
    pairs.push({
      id,
      slices,
      rows,
      columns,
      input: roundToInt16(input.data),
      target: roundToInt16(target.data),
      ...fields,
    });
    options.onProgress?.({
      phase: "super-resolution",
      done: pairs.length,
      total: series.length,
      unit: "pairs",
    });
  }
  return pairs;
}
