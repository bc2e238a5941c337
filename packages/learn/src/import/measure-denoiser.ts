/**
 * What has to be known of a foreign image-to-image model before it is run in tiles, measured by running it: which sizes
 * it takes, and how far an output pixel sees.
 */
import type { Random } from "@alara/core";
import { LearnError } from "../errors.ts";
import { createFloatData, type Session } from "../runtime.ts";

/** A model and its signature. */
export interface MeasuredModel {
  readonly session: Session;
  /** Value names. */
  readonly input: string;
  readonly output: string;
  /** Default 1. */
  readonly inputChannels?: number;
}

/** Sizes tried by {@link measureSizeMultiple}, in this order. */
const MULTIPLES: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 56, 64];

async function runModel(model: MeasuredModel, data: Float32Array, side: number): Promise<Float32Array> {
  const { session, input, output, inputChannels = 1 } = model;
  const results = await session.run({ [input]: createFloatData(data, [1, inputChannels, side, side]) });
  const result = results[output];
  if (result?.dtype !== "float32" || result.data.length !== side * side) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `the model gives [${result?.dims.join(", ") ?? "nothing"}] for an image of ${side} × ${side}; an image of the same size is needed`,
    );
  }
  return result.data;
}

/**
 * Finds the smallest number up to 64 of which sizes must be multiples: odd multiples of 1, 2, 3 … are tried until the
 * model gives an image of its input's size. A runtime may log the sizes that the model refuses.
 *
 * @throws LearnError `FIXED_SIZE` when none works, with the runtime's last word
 * Tested with networks of one to three halvings.
 */
export async function measureSizeMultiple(model: MeasuredModel): Promise<number> {
  let last: unknown;
  for (const multiple of MULTIPLES) {
    try {
      for (const blocks of [Math.ceil(48 / multiple) | 1, (Math.ceil(48 / multiple) | 1) + 2]) {
        const side = blocks * multiple;
        await runModel(model, new Float32Array((model.inputChannels ?? 1) * side * side), side);
      }
      return multiple;
    } catch (error) {
      if (!(error instanceof LearnError)) throw error;
      last = error;
    }
  }
  throw new LearnError(
    "FIXED_SIZE",
    `the model runs on no tried image size: ${last instanceof Error ? last.message : String(last)}; export it with free image axes`,
    { cause: last },
  );
}

/** Options of {@link measureReceptiveRadius}. */
export interface MeasureRadiusOptions {
  /** Backgrounds and impulses are drawn from it. */
  readonly random: Random;
  /** Sizes must be multiples of this; default 1. */
  readonly sizeMultiple?: number;
  /** Level and standard deviation of the backgrounds, HU; default 40 and 60. */
  readonly backgroundHu?: readonly [number, number];
  /** Changes of the output up to this count as none, HU; default 0: every bit counts. */
  readonly toleranceHu?: number;
  /** Larger radii are not looked for, pixels; default 256. */
  readonly largestRadius?: number;
}

/** Impulses are as large as this, of either sign, HU. */
const IMPULSE_HU = 150;
/** Backgrounds per position, so that a pixel behind an idle rectifier shows in another one. */
const BACKGROUNDS = 3;

/**
 * Measures how many pixels on each side an output pixel sees: single pixels of noise images are changed, at every
 * position within a block of `sizeMultiple`, and the farthest change of the output is taken.
 *
 * @returns the radius in pixels; null when a change is seen as far as `largestRadius`, as with statistics of the image
 * @throws LearnError `RUN_FAILED`, `SHAPE_MISMATCH`
 * @remarks A lower bound by construction: paths that no background opens are not seen.
 * Tested with networks of known radius, strided ones too.
 */
export async function measureReceptiveRadius(
  model: MeasuredModel,
  options: MeasureRadiusOptions,
): Promise<number | null> {
  const { random, sizeMultiple = 1, backgroundHu = [40, 60], toleranceHu = 0, largestRadius = 256 } = options;
  const channels = model.inputChannels ?? 1;
  for (let half = 32; ; half *= 2) {
    const blocks = Math.ceil((2 * half) / sizeMultiple);
    const side = blocks * sizeMultiple;
    const middle = Math.floor(blocks / 2) * sizeMultiple;
    const reach = Math.min(middle, side - middle - sizeMultiple) - 1;
    let farthest = 0;
    for (let round = 0; round < BACKGROUNDS; round++) {
      const background = Float32Array.from(
        { length: channels * side * side },
        () => backgroundHu[0] + backgroundHu[1] * random.nextNormal(),
      );
      const before = await runModel(model, background, side);
      const offsets = Array.from({ length: Math.min(sizeMultiple, 8) }, (_, k) =>
        Math.floor((k * sizeMultiple) / Math.min(sizeMultiple, 8)),
      );
      for (const offset of offsets) {
        const row = middle + offset;
        const column = middle + ((offset * 5 + round) % sizeMultiple);
        const changed = background.slice();
        for (let channel = 0; channel < channels; channel++) {
          changed[(channel * side + row) * side + column] +=
            (round + offset) % 2 === 0 ? IMPULSE_HU : -IMPULSE_HU;
        }
        const after = await runModel(model, changed, side);
        for (let p = 0; p < after.length; p++) {
          if (!(Math.abs(after[p] - before[p]) > toleranceHu)) continue;
          farthest = Math.max(farthest, Math.abs(Math.floor(p / side) - row), Math.abs((p % side) - column));
        }
      }
    }
    if (farthest < reach) return farthest;
    if (half >= largestRadius) return null;
  }
}
