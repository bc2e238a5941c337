/**
 * Sources without a paired target: single images (self-supervised methods), unpaired pools (x from one, y from the
 * other; Ozaki & Kaji 2022), and repeats, two realisations of one slice (Noise2Noise, Lehtinen 2018, arXiv 1803.04189).
 */
import type { Random } from "@alara/core";
import { LearnError } from "../errors.ts";
import { augmentIntensity, drawLogUniform } from "./augmentation.ts";
import { type BatchArrays, type BatchRequest, type BatchSource, createBatchArrays } from "./batch-source.ts";
import { checkContext } from "./pair-source.ts";
import { createPatchDrawer, type DrawOptions } from "./patch-drawer.ts";
import { readPatch } from "./patch-reader.ts";

/** An image, or a stack of neighbouring slices. */
export interface TrainingImage {
  /** Stable name, free of patient data. */
  readonly id: string;
  /** Default 1. */
  readonly slices?: number;
  readonly rows: number;
  readonly columns: number;
  /** HU, `[slice][row][column]`. */
  readonly data: Float32Array | Int16Array;
  /** How often it is drawn relative to others; default 1. */
  readonly weight?: number;
  /** Not 0 where patch centres may lie; default everywhere. */
  readonly region?: Uint8Array;
}

/** Options of {@link createImageSource}. */
export interface ImageSourceOptions extends DrawOptions {
  /** Slices on each side that become further channels; default 0. */
  readonly contextSlices?: number;
  /** Name of the field; default `"input"`. */
  readonly field?: string;
}

/**
 * A source of single images, one field.
 *
 * @throws LearnError `NO_DATA`, `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 * Tested: patches are those of the image, context slices, 3D, regions.
 */
export function createImageSource(
  images: readonly TrainingImage[],
  options: ImageSourceOptions = {},
): BatchSource {
  const { contextSlices = 0, field = "input" } = options;
  const stacks = images.map((image) => ({ ...image, slices: image.slices ?? 1 }));
  const drawer = createPatchDrawer(stacks, options);
  const { augmentation } = drawer;
  const fields = { [field]: { channels: 2 * contextSlices + 1, scale: 1 } };
  return {
    fields,
    drawBatch(random, request) {
      const { batch, patch } = request;
      checkContext(contextSlices, patch);
      const out = createBatchArrays(fields, request);
      const size = out[field].length / batch;
      for (let n = 0; n < batch; n++) {
        const { item, drawPlace } = drawer.drawItem(random);
        const sample = out[field].subarray(n * size, (n + 1) * size);
        const place = drawPlace(patch);
        const { interpolation } = augmentation;
        readPatch(stacks[item], place, { patch, scale: 1, contextSlices, interpolation }, sample, 0);
        augmentIntensity(random, augmentation, [sample]);
      }
      return out;
    },
  };
}

/** Two pools that share no patients or slices. */
export interface UnpairedPools {
  readonly x: readonly TrainingImage[];
  readonly y: readonly TrainingImage[];
}

/**
 * A source of unpaired patches, fields `x` and `y`, drawn independently.
 *
 * @param options - for both pools, or per pool
 * @throws LearnError `NO_DATA`, `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 */
export function createUnpairedSource(
  pools: UnpairedPools,
  options:
    | Omit<ImageSourceOptions, "field">
    | { readonly x: Omit<ImageSourceOptions, "field">; readonly y: Omit<ImageSourceOptions, "field"> } = {},
): BatchSource {
  const [optionsX, optionsY] = "x" in options && "y" in options ? [options.x, options.y] : [options, options];
  return joinSources([
    createImageSource(pools.x, { ...optionsX, field: "x" }),
    createImageSource(pools.y, { ...optionsY, field: "y" }),
  ]);
}

/**
 * One source whose batches hold the fields of several, each drawn on its own.
 *
 * @throws LearnError `SHAPE_MISMATCH` when two have a field of the same name
 */
export function joinSources(sources: readonly BatchSource[]): BatchSource {
  const names = sources.flatMap((source) => Object.keys(source.fields));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new LearnError("SHAPE_MISMATCH", `two joined sources have a field "${twice}"; rename one`);
  }
  return {
    fields: Object.assign({}, ...sources.map(({ fields }) => fields)),
    drawBatch: (random: Random, request: BatchRequest): BatchArrays =>
      Object.assign({}, ...sources.map((source) => source.drawBatch(random, request))),
  };
}

/** Two or more realisations of the same slices. */
export interface RepeatSet {
  /** Stable name, free of patient data. */
  readonly id: string;
  /** Default 1. */
  readonly slices?: number;
  readonly rows: number;
  readonly columns: number;
  /**
   * HU, `[slice][row][column]` each: whole images, or, with `base`, noise fields. At least two with independent noise.
   */
  readonly repeats: readonly (Float32Array | Int16Array)[];
  /**
   * Noise-free image to which the repeats are added. An image with noise of its own must not stand here: both
   * realisations would share it, and a network trained on them learns to keep it.
   */
  readonly base?: Float32Array | Int16Array;
  /** With `base`: factors on the noise, > 0, one for both realisations; default `[1, 1]`. */
  readonly levelRange?: readonly [number, number];
  /** Default 1. */
  readonly weight?: number;
  /** Not 0 where patch centres may lie; default everywhere. */
  readonly region?: Uint8Array;
}

function checkRepeats(sets: readonly RepeatSet[]): void {
  for (const { id, slices = 1, rows, columns, repeats, base, levelRange = [1, 1] } of sets) {
    const lengths = [...repeats, ...(base ? [base] : [])].map(({ length }) => length);
    if (repeats.length < 2 || lengths.some((length) => length !== slices * rows * columns)) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `repeats "${id}" are ${slices} × ${rows} × ${columns}, ${repeats.length} of them, with ${lengths.join(", ")} samples; pass two or more of that size`,
      );
    }
    const isUsed = base !== undefined || (levelRange[0] === 1 && levelRange[1] === 1);
    if (!(levelRange[0] > 0 && levelRange[0] <= levelRange[1]) || !isUsed) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `repeats "${id}": levels ${levelRange.join("..")} must be 0 < least ≤ most, and need a base`,
      );
    }
  }
}

/**
 * A source of two realisations of the same place, fields `a` and `b`: two different repeats, in random order.
 *
 * @throws LearnError `NO_DATA`, `SHAPE_MISMATCH` for fewer than two repeats, `OUT_OF_RANGE`
 * Tested: same place and turn, never the same repeat twice, every ordered pair occurs.
 */
export function createRepeatSource(
  sets: readonly RepeatSet[],
  options: Omit<ImageSourceOptions, "field"> = {},
): BatchSource {
  const { contextSlices = 0 } = options;
  checkRepeats(sets);
  const drawer = createPatchDrawer(
    sets.map(({ id, slices = 1, rows, columns, repeats, base, weight, region }) => ({
      id,
      slices,
      rows,
      columns,
      data: base ?? repeats[0],
      ...(weight !== undefined && { weight }),
      ...(region && { region }),
    })),
    options,
  );
  const { augmentation } = drawer;
  const fields = {
    a: { channels: 2 * contextSlices + 1, scale: 1 },
    b: { channels: 2 * contextSlices + 1, scale: 1 },
  };
  return {
    fields,
    drawBatch(random, request) {
      const { batch, patch } = request;
      checkContext(contextSlices, patch);
      const out = createBatchArrays(fields, request);
      const size = out.a.length / batch;
      for (let n = 0; n < batch; n++) {
        const { item, drawPlace } = drawer.drawItem(random);
        const { slices = 1, rows, columns, repeats, base, levelRange = [1, 1] } = sets[item];
        const first = random.nextInteger(repeats.length);
        const second = (first + 1 + random.nextInteger(repeats.length - 1)) % repeats.length;
        const gain = drawLogUniform(random, levelRange);
        const place = drawPlace(patch);
        const read = { patch, scale: 1, contextSlices, interpolation: augmentation.interpolation };
        const samples = [out.a, out.b].map((array) => array.subarray(n * size, (n + 1) * size));
        [first, second].forEach((index, k) => {
          const noise = { slices, rows, columns, data: repeats[index] };
          readPatch(noise, place, { ...read, gain }, samples[k], 0);
          if (!base) return;
          readPatch({ slices, rows, columns, data: base }, place, { ...read, mode: "add" }, samples[k], 0);
        });
        augmentIntensity(random, augmentation, samples);
      }
      return out;
    },
  };
}
