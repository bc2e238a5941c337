/**
 * Where something is measured: named voxel masks and named HU windows, both stated in every result.
 */
import type { Volume } from "@alara/core";
import { EvaluateError } from "./errors.ts";

/** A named set of voxels. */
export interface Region {
  /** How results and reports call it, e.g. "body". */
  readonly name: string;
  /** One byte per voxel, `[slice][row][column]`; 0 outside, anything else inside. */
  readonly mask: Uint8Array;
}

/** A range of HU that is shown or compared. */
export interface HuWindow {
  readonly name: string;
  readonly lowHu: number;
  readonly highHu: number;
}

/** Soft-tissue window, level 40, width 400: −160 to 240 HU. The default of PSNR and SSIM. */
export const SOFT_TISSUE_WINDOW: HuWindow = { name: "soft tissue 40/400", lowHu: -160, highHu: 240 };
/** Lung window, level −600, width 1500: −1350 to 150 HU. */
export const LUNG_WINDOW: HuWindow = { name: "lung -600/1500", lowHu: -1350, highHu: 150 };
/** Nearly everything that occurs in patients without metal: −1024 to 1976 HU, width 3000. */
export const WIDE_WINDOW: HuWindow = { name: "wide 476/3000", lowHu: -1024, highHu: 1976 };

/** @throws EvaluateError `SHAPE_MISMATCH` when the two volumes differ in slices, rows or columns */
export function assertSameSize(a: Volume, b: Volume): void {
  const left = a.geometry.size;
  const right = b.geometry.size;
  if (left.some((n, axis) => n !== right[axis])) {
    throw new EvaluateError(
      "SHAPE_MISMATCH",
      `cannot compare ${left.join(" × ")} with ${right.join(" × ")} voxels; resample one onto the grid of the other`,
    );
  }
}

/** @throws EvaluateError `SHAPE_MISMATCH` when the mask has another number of voxels than the volume */
export function assertRegionFits(volume: Volume, region: Region | undefined): void {
  if (region !== undefined && region.mask.length !== volume.data.length) {
    throw new EvaluateError(
      "SHAPE_MISMATCH",
      `region "${region.name}" has ${region.mask.length} voxels but the volume has ${volume.data.length}; pass a mask of the whole volume`,
    );
  }
}

/** Number of voxels inside a mask. */
export function countInside(mask: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i] !== 0) count++;
  return count;
}
