/**
 * Keeps the middle slices of stacks that were built whole: pairs are aligned and compared before anything is cut off.
 */
import type { ExplicitPair, RepeatSet, TrainingImage } from "@alara/learn";

type Samples = Float32Array | Int16Array;

/** First and one past the last of the slices to keep. */
function findRange(slices: number, most: number): readonly [number, number] {
  const start = Math.max(0, Math.floor((slices - most) / 2));
  return [start, Math.min(slices, start + most)];
}

/** Slices of one array, whatever its matrix. */
function cut<T extends Samples | Uint8Array>(
  data: T,
  slices: number,
  [start, end]: readonly [number, number],
): T {
  const plane = data.length / slices;
  return data.subarray(start * plane, end * plane) as T;
}

function weigh(slices: number): number {
  return slices ** 0.75;
}

/** The middle slices of a pair. */
export function limitPair(pair: ExplicitPair, most: number): ExplicitPair {
  const { slices = 1, region, noises } = pair;
  if (slices <= most) return pair;
  const range = findRange(slices, most);
  return {
    ...pair,
    slices: most,
    input: cut(pair.input, slices, range),
    target: cut(pair.target, slices, range),
    weight: weigh(most),
    ...(noises && { noises: noises.map((noise) => cut(noise, slices, range)) }),
    ...(region && { region: cut(region, slices, range) }),
  };
}

/** The middle slices of repeats. */
export function limitRepeats(set: RepeatSet, most: number): RepeatSet {
  const { slices = 1, region } = set;
  if (slices <= most) return set;
  const range = findRange(slices, most);
  return {
    ...set,
    slices: most,
    repeats: set.repeats.map((data) => cut(data, slices, range)),
    weight: weigh(most),
    ...(region && { region: cut(region, slices, range) }),
  };
}

/** The middle slices of an image. */
export function limitImage(image: TrainingImage, most: number): TrainingImage {
  const { slices = 1, region } = image;
  if (slices <= most) return image;
  const range = findRange(slices, most);
  return {
    ...image,
    slices: most,
    data: cut(image.data, slices, range),
    weight: weigh(most),
    ...(region && { region: cut(region, slices, range) }),
  };
}
