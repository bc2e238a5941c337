/**
 * Tissue classes by HU range, found on one guide volume (the reference where there is one) so that every volume
 * is judged on the same voxels. Steps per slice: clamp, Gaussian smoothing, body = largest opened components
 * above −500 HU with holes filled, HU ranges on the smoothed slice, square erosion, padding excluded.
 * Not an organ segmentation: "bone" takes dense contrast in, bowel gas and trachea belong to no class.
 */
import { getSliceData, type Volume } from "@alara/core";
import { findBodySlice } from "./body.ts";
import { EvaluateError } from "./errors.ts";
import { dilate, erodeLabels } from "./morphology.ts";
import type { Region } from "./region.ts";
import { smoothGaussian } from "./smooth.ts";

/** One class: where it may lie, its HU range, and how far its mean may move. */
export interface TissueClass {
  readonly name: string;
  /** Inside the body, or at least 5 pixels away from it. */
  readonly place: "body" | "outside";
  readonly lowHu: number;
  readonly highHu: number;
  /** Largest |mean HU difference| that passes; `null` when it is shown but not judged. */
  readonly limitHu: number | null;
}

/**
 * The default classes. Limits are those the shipped model must keep: 1 HU in soft tissue, fat and bone, 2 HU in
 * lung. Air outside the body is not judged: scanners clip it at −1024 HU, so its mean moves with noise alone.
 */
export const TISSUE_CLASSES: readonly TissueClass[] = [
  { name: "air outside", place: "outside", lowHu: -1100, highHu: -900, limitHu: null },
  { name: "lung", place: "body", lowHu: -950, highHu: -500, limitHu: 2 },
  { name: "fat", place: "body", lowHu: -150, highHu: -50, limitHu: 1 },
  { name: "soft tissue", place: "body", lowHu: -20, highHu: 150, limitHu: 1 },
  { name: "bone", place: "body", lowHu: 250, highHu: 3071, limitHu: 1 },
];

/** How tissue is found; every value is stated in reports. */
export interface TissueOptions {
  /** Default `TISSUE_CLASSES`; ranges must not overlap. At most 255. */
  readonly classes?: readonly TissueClass[];
  /** σ of the Gaussian before thresholds, pixels; default 1.5. Pass 0 for noise-free truth. */
  readonly smoothingPx?: number;
  /** Erosion of every class, pixels (chessboard distance); default 2. */
  readonly erosionPx?: number;
  /** Voxels below are padding and belong to no class; default −1500 HU. */
  readonly paddingBelowHu?: number;
}

/** Which voxel belongs to which class. */
export interface TissueMap {
  readonly classes: readonly TissueClass[];
  /** 0 = no class, k = `classes[k − 1]`. */
  readonly labels: Uint8Array;
  /** Voxels per class, in the order of `classes`. */
  readonly voxels: readonly number[];
  /** The body with lungs and gas filled in, not eroded. */
  readonly body: Region;
  readonly smoothingPx: number;
  readonly erosionPx: number;
  readonly paddingBelowHu: number;
}

const AIR_DISTANCE_PX = 5;

/**
 * Finds body and tissue classes.
 *
 * @param guide - HU; the reference where there is one, else the input
 * @param options - see `TissueOptions`
 * @returns labels and body for every voxel; a class may be empty
 * @throws EvaluateError `OUT_OF_RANGE` for a negative smoothing or erosion or more than 255 classes
 * @remarks Thresholds on a noisy guide pick voxels by their noise; the smoothing keeps that selection bias well
 * below 0.1 HU for noise below 50 HU, except near the ends of a class that is not a plateau (lung).
 * Tested on constructed volumes.
 */
export function classifyTissues(guide: Volume<"HU">, options: TissueOptions = {}): TissueMap {
  const classes = options.classes ?? TISSUE_CLASSES;
  const smoothingPx = options.smoothingPx ?? 1.5;
  const erosionPx = options.erosionPx ?? 2;
  const paddingBelowHu = options.paddingBelowHu ?? -1500;
  if (!(smoothingPx >= 0) || !(erosionPx >= 0) || !Number.isInteger(erosionPx) || classes.length > 255) {
    throw new EvaluateError(
      "OUT_OF_RANGE",
      `smoothing ${smoothingPx} px, erosion ${erosionPx} px, ${classes.length} classes; smoothing must be ≥ 0, erosion a whole number ≥ 0, classes at most 255`,
    );
  }
  const [slices, rows, columns] = guide.geometry.size;
  const plane = rows * columns;
  const labels = new Uint8Array(guide.data.length);
  const bodyMask = new Uint8Array(guide.data.length);
  const voxels = new Array<number>(classes.length).fill(0);
  const clamped = new Float32Array(plane);
  const found = new Uint8Array(plane);
  for (let s = 0; s < slices; s++) {
    const slice = getSliceData(guide, s);
    for (let i = 0; i < plane; i++) clamped[i] = Math.min(Math.max(slice[i], -1024), 3071);
    const smooth = smoothGaussian(clamped, rows, columns, smoothingPx);
    const body = findBodySlice(smooth, rows, columns);
    bodyMask.set(body, s * plane);
    const nearBody = dilate(body, rows, columns, AIR_DISTANCE_PX);
    for (let i = 0; i < plane; i++) {
      const place = body[i] !== 0 ? "body" : nearBody[i] === 0 ? "outside" : "between";
      let label = 0;
      for (let k = 0; k < classes.length && slice[i] >= paddingBelowHu; k++) {
        const { place: wanted, lowHu, highHu } = classes[k];
        if (wanted === place && smooth[i] >= lowHu && smooth[i] <= highHu) label = k + 1;
      }
      found[i] = label;
    }
    const eroded = erodeLabels(found, rows, columns, erosionPx);
    labels.set(eroded, s * plane);
    for (let i = 0; i < plane; i++) if (eroded[i] !== 0) voxels[eroded[i] - 1]++;
  }
  return {
    classes,
    labels,
    voxels,
    body: { name: "body", mask: bodyMask },
    smoothingPx,
    erosionPx,
    paddingBelowHu,
  };
}

/**
 * One class as a region.
 *
 * @throws EvaluateError `OUT_OF_RANGE` when the map has no class of that name
 */
export function selectTissue(tissues: TissueMap, name: string): Region {
  const label = tissues.classes.findIndex((tissue) => tissue.name === name) + 1;
  if (label === 0) {
    throw new EvaluateError(
      "OUT_OF_RANGE",
      `no tissue class "${name}"; known: ${tissues.classes.map((tissue) => tissue.name).join(", ")}`,
    );
  }
  return { name, mask: tissues.labels.map((v) => (v === label ? 1 : 0)) };
}
