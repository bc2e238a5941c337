/**
 * Augmentation: what is drawn for each sample and applied to all its arrays alike. Turns and flips move samples and
 * change no statistics; free rotation, shift and scale interpolate, and interpolation smooths noise: on average over
 * sub-pixel positions, bilinear leaves 4/9 of the variance of white noise and cubic 0.68, evenly over all arrays of
 * the sample. So they are off unless asked for.
 */
import type { Random } from "@alara/core";
import { LearnError } from "../errors.ts";
import type { Interpolation } from "./patch-reader.ts";

/** What may be changed about a sample; every amount is drawn anew for each. */
export interface AugmentationOptions {
  /** Flips and quarter turns, in 3D flips along the slices too; default `"all"`. */
  readonly turns?: "all" | "none";
  /** Largest free rotation in the plane, rad, either way, uniform; default 0. Ozaki 2022 used 0.35 (20°). */
  readonly rotationRad?: number;
  /** Largest shift along rows and columns, samples, uniform, sub-sample; default 0. */
  readonly shiftPx?: number;
  /** Magnification `[least, most]`, log-uniform, within ½ to 2; default `[1, 1]`. */
  readonly scale?: readonly [number, number];
  /** For everything but turns; default `"cubic"`. */
  readonly interpolation?: Interpolation;
  /** Added to all images of the sample, HU, `[least, most]`, uniform; default `[0, 0]`. */
  readonly offsetHu?: readonly [number, number];
  /** Contrast about air: HU′ = gain·(HU + 1000) − 1000, uniform; default `[1, 1]`. */
  readonly gain?: readonly [number, number];
  /**
   * Pairs with their own input only: input′ = target + level·(input − target), log-uniform; default `[1, 1]`. Scales
   * what separates the two, so use it on registered pairs. Noise fields have `levelRange` instead.
   */
  readonly noiseLevel?: readonly [number, number];
}

/** Options with defaults filled in. */
export interface AugmentationSettings {
  readonly turns: "all" | "none";
  readonly rotationRad: number;
  readonly shiftPx: number;
  readonly scale: readonly [number, number];
  readonly interpolation: Interpolation;
  readonly offsetHu: readonly [number, number];
  readonly gain: readonly [number, number];
  readonly noiseLevel: readonly [number, number];
}

/**
 * Fills in defaults and checks ranges.
 *
 * @param options - `"all"`: turns and flips alone; `"none"`: nothing
 * @throws LearnError `OUT_OF_RANGE`
 */
export function resolveAugmentation(options: "all" | "none" | AugmentationOptions): AugmentationSettings {
  const given: AugmentationOptions = typeof options === "string" ? { turns: options } : options;
  const settings: AugmentationSettings = {
    turns: given.turns ?? "all",
    rotationRad: given.rotationRad ?? 0,
    shiftPx: given.shiftPx ?? 0,
    scale: given.scale ?? [1, 1],
    interpolation: given.interpolation ?? "cubic",
    offsetHu: given.offsetHu ?? [0, 0],
    gain: given.gain ?? [1, 1],
    noiseLevel: given.noiseLevel ?? [1, 1],
  };
  const isRange = ([low, high]: readonly [number, number], least: number, most: number): boolean =>
    low >= least && low <= high && high <= most;
  const faults = [
    !(settings.rotationRad >= 0 && settings.rotationRad <= Math.PI) &&
      `rotationRad ${settings.rotationRad} must lie in 0..π`,
    !(settings.shiftPx >= 0 && settings.shiftPx <= 1e4) && `shiftPx ${settings.shiftPx} must lie in 0..10000`,
    !isRange(settings.scale, 0.5, 2) && `scale ${settings.scale.join("..")} must ascend within 0.5..2`,
    !isRange(settings.offsetHu, -2000, 2000) &&
      `offsetHu ${settings.offsetHu.join("..")} must ascend within ±2000`,
    !isRange(settings.gain, 0.1, 10) && `gain ${settings.gain.join("..")} must ascend within 0.1..10`,
    !(isRange(settings.noiseLevel, 0, 100) && settings.noiseLevel[0] > 0) &&
      `noiseLevel ${settings.noiseLevel.join("..")} must ascend from above 0 to at most 100`,
  ].filter((fault) => fault !== false);
  if (faults.length > 0) throw new LearnError("OUT_OF_RANGE", `augmentation: ${faults.join("; ")}`);
  return settings;
}

/** Largest multiple of the patch's half size by which a drawn placement reaches out, for choosing positions. */
export interface DrawnPlacement {
  /** In-plane matrix of the patch, see `PatchPlace`. */
  readonly matrix: readonly [number, number, number, number];
  readonly sliceStep: 1 | -1;
  readonly shiftRow: number;
  readonly shiftColumn: number;
}

const TURN_FLIP_ROWS = 1;
const TURN_FLIP_COLUMNS = 2;
const TURN_TRANSPOSE = 4;
const TURN_FLIP_SLICES = 8;

/** Draws turn, rotation, scale and shift. A patch that is not square is flipped but not transposed. */
export function drawPlacement(
  random: Random,
  settings: AugmentationSettings,
  patch: readonly number[],
): DrawnPlacement {
  const [rows, columns] = patch.slice(-2);
  let turn = 0;
  if (settings.turns === "all") {
    const inPlane = rows === columns ? 8 : 4;
    const drawn = random.nextInteger(patch.length === 3 ? 2 * inPlane : inPlane);
    turn = (drawn % inPlane) + (drawn >= inPlane ? TURN_FLIP_SLICES : 0);
  }
  const i = (turn & TURN_FLIP_ROWS) !== 0 ? -1 : 1;
  const j = (turn & TURN_FLIP_COLUMNS) !== 0 ? -1 : 1;
  let matrix: readonly [number, number, number, number] =
    (turn & TURN_TRANSPOSE) !== 0 ? [0, j, i, 0] : [i, 0, 0, j];
  const [least, most] = settings.scale;
  if (settings.rotationRad > 0 || least !== 1 || most !== 1) {
    const angle = settings.rotationRad > 0 ? settings.rotationRad * (2 * random.nextUniform() - 1) : 0;
    const magnification = least * (most / least) ** random.nextUniform();
    const c = Math.cos(angle) / magnification;
    const s = Math.sin(angle) / magnification;
    const [a, b, d, e] = matrix;
    matrix = [c * a - s * d, c * b - s * e, s * a + c * d, s * b + c * e];
  }
  const shift = (): number => (settings.shiftPx > 0 ? settings.shiftPx * (2 * random.nextUniform() - 1) : 0);
  return {
    matrix,
    sliceStep: (turn & TURN_FLIP_SLICES) !== 0 ? -1 : 1,
    shiftRow: shift(),
    shiftColumn: shift(),
  };
}

/** Draws gain and offset and applies them to a sample's images in place: HU′ = gain·(HU + 1000) − 1000 + offset. */
export function augmentIntensity(
  random: Random,
  settings: AugmentationSettings,
  images: readonly Float32Array[],
): void {
  const { gain, offsetHu } = settings;
  if (gain[0] === 1 && gain[1] === 1 && offsetHu[0] === 0 && offsetHu[1] === 0) return;
  const factor = gain[0] + (gain[1] - gain[0]) * random.nextUniform();
  const offset = offsetHu[0] + (offsetHu[1] - offsetHu[0]) * random.nextUniform();
  for (const image of images) {
    for (let k = 0; k < image.length; k++) image[k] = factor * (image[k] + 1000) - 1000 + offset;
  }
}

/** Draws from a log-uniform range; a range of one value draws nothing. */
export function drawLogUniform(random: Random, [least, most]: readonly [number, number]): number {
  return least === most ? least : least * (most / least) ** random.nextUniform();
}
