/**
 * Paired training data: input and target of the same place, in 2D, 2.5D (neighbouring slices as channels) or 3D, the
 * target optionally on a finer grid. The input is either the target with a noise field, input = target + s·noise, which
 * serves many dose levels, or an image of its own (a real low-dose scan, a degraded or less contrasted one), again with
 * added noise if wanted. Not here: making noise or faults (enhance, recon), reading images (dicom).
 */
import type { Random } from "@alara/core";
import { LearnError } from "../errors.ts";
import { augmentIntensity, drawLogUniform } from "./augmentation.ts";
import {
  type BatchField,
  type BatchRequest,
  type BatchSource,
  countFieldSamples,
  createBatchArrays,
} from "./batch-source.ts";
import { createPatchDrawer, type DrawOptions } from "./patch-drawer.ts";
import { type PatchPlace, readPatch, type Samples, type Stack } from "./patch-reader.ts";

/** Full-dose slices and noise fields that can be added to them. */
export interface TrainingPair {
  /** Stable name, free of patient data. */
  readonly id: string;
  /** Neighbouring slices in the arrays; default 1. */
  readonly slices?: number;
  readonly rows: number;
  readonly columns: number;
  /** Full-dose slices, HU, `[slice][row][column]`. */
  readonly target: Float32Array | Int16Array;
  /** Realisations of added noise at unit level, HU, like the target. */
  readonly noises: readonly (Float32Array | Int16Array)[];
  /** How often the pair is drawn relative to others; default 1. */
  readonly weight?: number;
  /** Factors on the noise [least, most], > 0; each patch draws one, log-uniformly. */
  readonly levelRange: readonly [number, number];
  /** Not 0 where patch centres may lie (lung, everything but lung); default everywhere. */
  readonly region?: Uint8Array;
}

/** An input with a target of its own. */
export interface ExplicitPair {
  /** Stable name, free of patient data. */
  readonly id: string;
  /** Neighbouring slices in the arrays; default 1. */
  readonly slices?: number;
  /** Size of the input. */
  readonly rows: number;
  readonly columns: number;
  /** HU, `[slice][row][column]`. */
  readonly input: Float32Array | Int16Array;
  /** HU, on a grid `scale` times as fine in rows and columns (for 3D patches in slices too), same field of view. */
  readonly target: Float32Array | Int16Array;
  /** Noise fields of which one is added to the input; default none. */
  readonly noises?: readonly (Float32Array | Int16Array)[];
  /** Factors on the noise, > 0; default `[1, 1]`. */
  readonly levelRange?: readonly [number, number];
  /** Default 1. */
  readonly weight?: number;
  /** On the input's grid; not 0 where patch centres may lie; default everywhere. */
  readonly region?: Uint8Array;
}

/** Options of {@link createPairSource}. */
export interface PairSourceOptions extends DrawOptions {
  /** Slices on each side that become further channels of the input; the target is the middle slice; default 0. */
  readonly contextSlices?: number;
  /** How much finer the targets' grid is; default 1. Above 1 all pairs need their own input. */
  readonly scale?: number;
  /** Name of a further field with the pairs' regions as 0 or 1 (1 where a pair has none); default none. */
  readonly regionField?: string;
}

/** Input and target of a batch. */
export interface Batch {
  readonly input: Float32Array;
  readonly target: Float32Array;
}

/** A source of pairs. */
export interface PairSource extends BatchSource {
  drawBatch(random: Random, options: BatchRequest): Batch & Readonly<Record<string, Float32Array>>;
}

/** A pair with everything filled in. */
interface PreparedPair {
  readonly id: string;
  readonly size: { readonly slices: number; readonly rows: number; readonly columns: number };
  readonly input: Samples;
  readonly target: Samples;
  readonly hasOwnInput: boolean;
  readonly noises: readonly Samples[];
  readonly levelRange: readonly [number, number];
  readonly weight: number;
  readonly region?: Uint8Array;
}

function preparePair(pair: TrainingPair | ExplicitPair, scale: number): PreparedPair {
  const {
    id,
    slices = 1,
    rows,
    columns,
    target,
    noises = [],
    levelRange = [1, 1],
    weight = 1,
    region,
  } = pair;
  const hasOwnInput = "input" in pair;
  const input = hasOwnInput ? pair.input : target;
  const count = slices * rows * columns;
  const lengths = [...(hasOwnInput ? [input.length] : []), ...noises.map((noise) => noise.length)];
  const targetFits =
    target.length === count * scale * scale || target.length === count * scale * scale * scale;
  if ((!hasOwnInput && noises.length === 0) || lengths.some((length) => length !== count) || !targetFits) {
    const size = slices > 1 ? `${slices} × ${rows} × ${columns}` : `${rows} × ${columns}`;
    throw new LearnError(
      "SHAPE_MISMATCH",
      hasOwnInput
        ? `pair "${id}" is ${size} with a target ${scale} times as fine but its arrays have ${[target.length, ...lengths].join(", ")} samples (target, input, then ${noises.length} noise fields)`
        : `pair "${id}" is ${size} but its arrays have ${[target.length, ...lengths].join(", ")} samples (target, then ${noises.length} noise fields, at least one)`,
    );
  }
  if (!hasOwnInput && scale !== 1) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `pair "${id}" has noise fields alone, but a target ${scale} times as fine needs an input of its own`,
    );
  }
  if (!(levelRange[0] > 0 && levelRange[0] <= levelRange[1]) || !(weight >= 0)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `pair "${id}": levels ${levelRange.join("..")} must be 0 < least ≤ most and weight ${weight} ≥ 0`,
    );
  }
  return {
    id,
    size: { slices, rows, columns },
    input,
    target,
    hasOwnInput,
    noises,
    levelRange,
    weight,
    ...(region && { region }),
  };
}

function checkOptions(contextSlices: number, scale: number): void {
  if (!(Number.isInteger(contextSlices) && contextSlices >= 0 && contextSlices <= 50)) {
    throw new LearnError("OUT_OF_RANGE", `contextSlices ${contextSlices} must be a whole number in 0..50`);
  }
  if (!(Number.isInteger(scale) && scale >= 1 && scale <= 8)) {
    throw new LearnError("OUT_OF_RANGE", `scale ${scale} must be a whole number in 1..8`);
  }
}

/** @throws LearnError `OUT_OF_RANGE` for 3D patches of a source with neighbouring slices as channels */
export function checkContext(contextSlices: number, patch: readonly number[]): void {
  if (contextSlices > 0 && patch.length === 3) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `a 3D patch ${patch.join(" × ")} of a source with ${contextSlices} context slices; use one or the other`,
    );
  }
}

/** The target's grid for this kind of patch: slices are finer in 3D only. */
function describeTarget(pair: PreparedPair, scale: number, patch: readonly number[]): Stack {
  const { slices, rows, columns } = pair.size;
  const size = {
    slices: patch.length === 3 ? slices * scale : slices,
    rows: rows * scale,
    columns: columns * scale,
  };
  if (size.slices * size.rows * size.columns !== pair.target.length) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `pair "${pair.id}": a ${patch.length}D patch needs a target of ${size.slices} × ${size.rows} × ${size.columns}, got ${pair.target.length} samples`,
    );
  }
  return { ...size, data: pair.target };
}

/**
 * A source of pairs, fields `input` and `target`.
 *
 * Each patch draws: a pair (by weight), a noise field, a level (log-uniform in the pair's range), a place (with
 * probability `tissueFraction`, up to eight tries for one that is not mostly air; or by `sampling` and regions), a turn,
 * what else `augmentation` asks for.
 *
 * @throws LearnError `NO_DATA`, `SHAPE_MISMATCH`, `OUT_OF_RANGE`; when drawing, `OUT_OF_RANGE` for a patch
 *   larger than a slice
 * @remarks Noise fields are placed like their image, so a freely rotated pair has its noise rotated, and smoothed by
 *   interpolation, with it. Tested: seeded repetition, input − target is the scaled noise at the same place, all turns
 *   occur, slices as channels, 3D, doubled targets, regions.
 */
export function createPairSource(
  pairs: readonly (TrainingPair | ExplicitPair)[],
  options: PairSourceOptions = {},
): PairSource {
  const { contextSlices = 0, scale = 1, regionField } = options;
  checkOptions(contextSlices, scale);
  if (pairs.length === 0) throw new LearnError("NO_DATA", "no training pairs given; pass at least one");
  const prepared = pairs.map((pair) => preparePair(pair, scale));
  // Tissue is judged on the target where its grid is the input's: it has less noise.
  const drawer = createPatchDrawer(
    prepared.map(({ id, size, input, target, weight, region }) => ({
      id,
      ...size,
      data: scale === 1 ? target : input,
      weight,
      ...(region && { region }),
    })),
    options,
  );
  const fields: Record<string, BatchField> = {
    input: { channels: 2 * contextSlices + 1, scale: 1 },
    target: { channels: 1, scale },
    ...(regionField !== undefined && { [regionField]: { channels: 1, scale: 1 } }),
  };
  const { augmentation } = drawer;

  function drawSample(
    random: Random,
    patch: readonly number[],
    input: Float32Array,
    target: Float32Array,
    region: Float32Array | null,
  ): void {
    const { item, drawPlace } = drawer.drawItem(random);
    const pair = prepared[item];
    const noise = pair.noises.length > 0 ? pair.noises[random.nextInteger(pair.noises.length)] : null;
    const [least, most] = pair.levelRange;
    const level = noise === null ? 0 : least * (most / least) ** random.nextUniform();
    const place: PatchPlace = drawPlace(patch);
    const read = { patch, scale: 1, contextSlices, interpolation: augmentation.interpolation };
    readPatch({ ...pair.size, data: pair.input }, place, read, input, 0);
    const fine = describeTarget(pair, scale, patch);
    readPatch(fine, place, { ...read, scale, contextSlices: 0 }, target, 0);
    if (pair.hasOwnInput && scale === 1) {
      const change = drawLogUniform(random, augmentation.noiseLevel);
      if (change !== 1) rescaleDifference(pair, place, read, change, input);
    }
    if (noise !== null) {
      readPatch({ ...pair.size, data: noise }, place, { ...read, gain: level, mode: "add" }, input, 0);
    }
    augmentIntensity(random, augmentation, [input, target]);
    if (region === null) return;
    if (pair.region === undefined) region.fill(1);
    else readPatch({ ...pair.size, data: pair.region }, place, { ...read, contextSlices: 0 }, region, 0);
  }

  /** input′ = target + level·(input − target), on every channel. */
  function rescaleDifference(
    pair: PreparedPair,
    place: PatchPlace,
    read: Parameters<typeof readPatch>[2],
    level: number,
    input: Float32Array,
  ): void {
    for (let k = 0; k < input.length; k++) input[k] *= level;
    readPatch(
      { ...pair.size, data: pair.target },
      place,
      { ...read, gain: 1 - level, mode: "add" },
      input,
      0,
    );
  }

  function drawBatch(random: Random, request: BatchRequest): Batch & Readonly<Record<string, Float32Array>> {
    const { batch, patch } = request;
    checkContext(contextSlices, patch);
    const out = createBatchArrays(fields, request);
    const view = (name: string, n: number): Float32Array => {
      const size = countFieldSamples(fields[name], patch);
      return out[name].subarray(n * size, (n + 1) * size);
    };
    for (let n = 0; n < batch; n++) {
      const region = regionField === undefined ? null : view(regionField, n);
      drawSample(random, patch, view("input", n), view("target", n), region);
    }
    return { ...out, input: out.input, target: out.target };
  }
  return { fields, drawBatch };
}
