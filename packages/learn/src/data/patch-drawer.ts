/**
 * Draws, for each sample of a batch, an image and a place in it: by the sampler when one is asked for, else uniformly
 * with a preference for patches that are not mostly air. Shared by all image sources.
 */
import type { Random } from "@alara/core";
import { LearnError } from "../errors.ts";
import {
  type AugmentationOptions,
  type AugmentationSettings,
  drawPlacement,
  resolveAugmentation,
} from "./augmentation.ts";
import { findAbove } from "./batch-source.ts";
import type { PatchPlace } from "./patch-reader.ts";
import { createPatchSampler, type SampledStack, type SamplingOptions } from "./sampling.ts";

/** Options that all image sources share. */
export interface DrawOptions {
  /** Share of patches that must not be mostly air, where an image has such; default 0.9. Without `sampling` only. */
  readonly tissueFraction?: number;
  /** A sample above this is not air, HU; default −950 (keeps lung). Without `sampling` only. */
  readonly airHu?: number;
  /** Choice of places by tissue and informativeness; default none (uniform but for `tissueFraction`). */
  readonly sampling?: SamplingOptions;
  /** Default `"all"`: flips and quarter turns alone. */
  readonly augmentation?: "all" | "none" | AugmentationOptions;
}

/** An image as the drawer sees it: the guide decides what is tissue. */
export interface DrawnImage extends SampledStack {
  /** Stable name, free of patient data. */
  readonly id: string;
}

/** A drawn image and place. */
export interface DrawnPlace {
  readonly item: number;
  readonly place: PatchPlace;
}

/** Draws images and places. */
export interface PatchDrawer {
  readonly augmentation: AugmentationSettings;
  /**
   * Draws the image first and then, by calling the second step, the place in it: what a source draws in between
   * (realisation, level) has its own part of the random stream.
   */
  drawItem(random: Random): { readonly item: number; drawPlace(patch: readonly number[]): PatchPlace };
}

const POSITION_TRIES = 8;
const PROBES_PER_SIDE = 5;

/** Whether at least half of a grid of probe samples lies above `airHu`. */
function isMostlyTissue(
  image: DrawnImage,
  corner: { readonly slice: number; readonly top: number; readonly left: number },
  size: readonly [number, number],
  airHu: number,
): boolean {
  let above = 0;
  const base = corner.slice * image.rows * image.columns;
  for (let r = 0; r < PROBES_PER_SIDE; r++) {
    const y = corner.top + Math.floor(((r + 0.5) * size[0]) / PROBES_PER_SIDE);
    for (let c = 0; c < PROBES_PER_SIDE; c++) {
      const x = corner.left + Math.floor(((c + 0.5) * size[1]) / PROBES_PER_SIDE);
      if (image.data[base + y * image.columns + x] > airHu) above++;
    }
  }
  return 2 * above >= PROBES_PER_SIDE * PROBES_PER_SIDE;
}

/**
 * Checks that arrays fit their sizes.
 *
 * @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE` for a negative weight
 */
export function checkImage(image: DrawnImage): void {
  const { id, slices, rows, columns, data, region, weight = 1 } = image;
  const count = slices * rows * columns;
  const lengths = [data.length, ...(region ? [region.length] : [])];
  if (lengths.some((length) => length !== count)) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `"${id}" is ${slices} × ${rows} × ${columns} but its arrays have ${lengths.join(", ")} samples`,
    );
  }
  if (!(weight >= 0)) throw new LearnError("OUT_OF_RANGE", `"${id}": weight ${weight} must be ≥ 0`);
}

function checkFits(image: DrawnImage, patch: readonly number[]): void {
  const { id, slices, rows, columns } = image;
  const [patchRows, patchColumns] = patch.slice(-2);
  const patchSlices = patch.length === 3 ? patch[0] : 1;
  if (patchRows > rows || patchColumns > columns || patchSlices > slices) {
    const shown = patchSlices > 1 || patchRows !== patchColumns ? patch.join(" × ") : String(patchRows);
    throw new LearnError(
      "OUT_OF_RANGE",
      `patch ${shown} does not fit "${id}" of ${slices > 1 ? `${slices} × ` : ""}${rows} × ${columns}; choose a smaller patch`,
    );
  }
}

/** Moves a centre so that a footprint of this half extent lies inside, or to the middle where it cannot. */
function keepInside(centre: number, half: number, count: number): number {
  return 2 * half > count - 1 ? (count - 1) / 2 : Math.min(count - 1 - half, Math.max(half, centre));
}

/**
 * Prepares drawing.
 *
 * @throws LearnError `NO_DATA` without images or with all weights 0, `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 * @remarks Freely rotated patches are moved so that their corners lie inside the image; where they cannot, edges are
 *   replicated.
 */
export function createPatchDrawer(images: readonly DrawnImage[], options: DrawOptions = {}): PatchDrawer {
  const { tissueFraction = 0.9, airHu = -950, sampling } = options;
  const augmentation = resolveAugmentation(options.augmentation ?? "all");
  if (images.length === 0) throw new LearnError("NO_DATA", "no training images given; pass at least one");
  for (const image of images) checkImage(image);
  let total = 0;
  const cumulative = images.map(({ weight = 1 }) => {
    total += weight;
    return total;
  });
  if (!(total > 0)) throw new LearnError("NO_DATA", "the weights of all training images are 0");
  const sampler =
    sampling !== undefined || images.some(({ region }) => region !== undefined)
      ? createPatchSampler(images, sampling)
      : null;

  /** Corner of a patch: by the sampler's centre, or drawn. */
  const drawCorner = (
    random: Random,
    image: DrawnImage,
    patch: readonly number[],
    centre: { readonly slice: number; readonly row: number; readonly column: number } | null,
  ): { slice: number; top: number; left: number } => {
    const [rows, columns] = patch.slice(-2);
    const slices = patch.length === 3 ? patch[0] : 1;
    const clamp = (start: number, room: number): number => Math.max(0, Math.min(room, start));
    if (centre !== null) {
      return {
        slice: clamp(centre.slice - Math.floor(slices / 2), image.slices - slices),
        top: clamp(centre.row - Math.floor(rows / 2), image.rows - rows),
        left: clamp(centre.column - Math.floor(columns / 2), image.columns - columns),
      };
    }
    const tries = random.nextUniform() < tissueFraction ? POSITION_TRIES : 1;
    const corner = { slice: 0, top: 0, left: 0 };
    for (let k = 0; k < tries; k++) {
      if (image.slices > slices) corner.slice = random.nextInteger(image.slices - slices + 1);
      corner.top = random.nextInteger(image.rows - rows + 1);
      corner.left = random.nextInteger(image.columns - columns + 1);
      if (tries === 1) break;
      const middle = { ...corner, slice: corner.slice + Math.floor(slices / 2) };
      if (isMostlyTissue(image, middle, [rows, columns], airHu)) break;
    }
    return corner;
  };

  return {
    augmentation,
    drawItem(random) {
      const centre = sampler?.draw(random) ?? null;
      const item = centre?.item ?? findAbove(cumulative, random.nextUniform() * total);
      return {
        item,
        drawPlace(patch) {
          const image = images[item];
          checkFits(image, patch);
          const corner = drawCorner(random, image, patch, centre);
          const { matrix, sliceStep, shiftRow, shiftColumn } = drawPlacement(random, augmentation, patch);
          const [i, j] = patch.slice(-2).map((n) => (n - 1) / 2);
          const halfRow = Math.abs(matrix[0]) * i + Math.abs(matrix[1]) * j;
          const halfColumn = Math.abs(matrix[2]) * i + Math.abs(matrix[3]) * j;
          return {
            slice: corner.slice,
            sliceStep,
            centreRow: keepInside(corner.top + i + shiftRow, halfRow, image.rows),
            centreColumn: keepInside(corner.left + j + shiftColumn, halfColumn, image.columns),
            matrix,
          };
        },
      };
    },
  };
}
