/**
 * Derived images on another grid than their source (super-resolution, thinner slices): where the new pixels lie in
 * patient coordinates (PS3.3 C.7.6.2.1.1) and which of them inherit padding. Moves no values: those are the method's.
 */
import { crossVectors, type GridGeometry, type Vector3 } from "@alara/core";
import type { FrameFormat } from "../codecs/frame-format.ts";
import type { DicomDataset, DicomElement } from "../dataset/dataset.ts";
import { createDecimalElement, createIntegerElement, createShortElement } from "../dataset/elements.ts";
import { isOverlayOrCurve, TAG } from "../dataset/tags.ts";
import { DicomError } from "../errors.ts";
import type { Series } from "../series/series.ts";

/**
 * A grid of smaller voxels that fills the same block of space: each voxel is cut into `factors` parts per axis, so
 * the centre of the first one moves by 1/2 − 1/(2k) of an old spacing towards the corner.
 *
 * @param factors - whole numbers ≥ 1 `[slice, row, column]`
 * @throws DicomError `OUT_OF_RANGE`
 * @remarks Tested with a landmark whose patient position must not move.
 */
export function refineGrid(geometry: GridGeometry, factors: readonly [number, number, number]): GridGeometry {
  if (factors.some((factor) => !(Number.isInteger(factor) && factor >= 1))) {
    throw new DicomError("OUT_OF_RANGE", `factors ${factors.join(", ")} must be whole numbers from 1`);
  }
  const { size, spacingMm, direction } = geometry;
  const axes = [direction.slice, direction.row, direction.column];
  const shifts = factors.map((factor, axis) => (0.5 - 0.5 / factor) * spacingMm[axis]);
  const move = (axis: number): number =>
    geometry.originMm[axis] - axes.reduce((sum, unit, i) => sum + shifts[i] * unit[axis], 0);
  return {
    size: [size[0] * factors[0], size[1] * factors[1], size[2] * factors[2]],
    spacingMm: [spacingMm[0] / factors[0], spacingMm[1] / factors[1], spacingMm[2] / factors[2]],
    originMm: [move(0), move(1), move(2)],
    direction,
  };
}

/** How a new grid lies against a series. */
export interface ResampledGrid {
  readonly geometry: GridGeometry;
  /** Whether new slices lie at the source's positions, one for one. */
  readonly keepsSlices: boolean;
  /** Whether nothing changes at all. */
  readonly isSame: boolean;
}

/**
 * Checks a new grid against the series that it is derived from.
 *
 * @throws DicomError `OUT_OF_RANGE` when it is turned against the series or its matrix is too large, or when slices
 * move in a series that is not regular
 */
export function checkResampledGrid(series: Series, geometry: GridGeometry): ResampledGrid {
  const source = series.geometry;
  const axes = ["slice", "row", "column"] as const;
  if (
    axes.some((axis) =>
      geometry.direction[axis].some((v, i) => Math.abs(v - source.direction[axis][i]) > 1e-4),
    )
  ) {
    throw new DicomError("OUT_OF_RANGE", "the new grid is turned against the series; keep its directions");
  }
  const [slices, rows, columns] = geometry.size;
  if (geometry.size.some((n) => !(Number.isInteger(n) && n >= 1)) || rows > 65535 || columns > 65535) {
    throw new DicomError(
      "OUT_OF_RANGE",
      `a grid of ${slices} × ${rows} × ${columns}: Rows and Columns reach 65535`,
    );
  }
  const shift = geometry.originMm.map((value, i) => value - source.originMm[i]);
  const normal = crossVectors(source.direction.column, source.direction.row);
  const alongSlice = shift.reduce((sum, value, i) => sum + value * normal[i], 0);
  const isClose = (a: number, b: number): boolean => Math.abs(a - b) < 1e-4 * Math.abs(b);
  const keepsSlices =
    slices === source.size[0] &&
    (slices === 1 || isClose(geometry.spacingMm[0], source.spacingMm[0])) &&
    Math.abs(alongSlice) < 1e-3 * source.spacingMm[0];
  if (!keepsSlices && !series.isRegular) {
    throw new DicomError(
      "OUT_OF_RANGE",
      "the series is not evenly spaced, so its slices cannot be put on a new grid; change rows and columns only",
    );
  }
  const isSame =
    keepsSlices &&
    rows === source.size[1] &&
    columns === source.size[2] &&
    isClose(geometry.spacingMm[1], source.spacingMm[1]) &&
    isClose(geometry.spacingMm[2], source.spacingMm[2]) &&
    shift.every((value) => Math.abs(value) < 1e-4);
  return { geometry, keepsSlices, isSame };
}

/** The slice of the series nearest to a slice of the grid, and those on either side of it. */
export function findSourceSlices(
  series: Series,
  grid: ResampledGrid,
  slice: number,
): { readonly nearest: number; readonly sources: readonly number[] } {
  if (grid.keepsSlices) return { nearest: slice, sources: [slice] };
  const source = series.geometry;
  const offset = grid.geometry.originMm.reduce(
    (sum, value, i) => sum + (value - source.originMm[i]) * source.direction.slice[i],
    0,
  );
  const at = (offset + slice * grid.geometry.spacingMm[0]) / source.spacingMm[0];
  const clamp = (index: number): number => Math.max(0, Math.min(series.slices.length - 1, index));
  const isOn = Math.abs(at - Math.round(at)) < 1e-6;
  return {
    nearest: clamp(Math.round(at)),
    sources: isOn ? [clamp(Math.round(at))] : [...new Set([clamp(Math.floor(at)), clamp(Math.ceil(at))])],
  };
}

/** Patient position of the first pixel of a new slice, mm. */
function computeSlicePosition(series: Series, grid: ResampledGrid, slice: number): number[] {
  const { originMm, spacingMm, direction } = grid.geometry;
  if (grid.keepsSlices) {
    return series.slices[slice].summary.positionMm.map((value, i) =>
      roundMm(value + originMm[i] - series.geometry.originMm[i]),
    );
  }
  return originMm.map((value, i) => roundMm(value + slice * spacingMm[0] * direction.slice[i]));
}

/** Nanometres: far below any scanner, and short as a decimal string. */
function roundMm(value: number): number {
  return Number(value.toFixed(6));
}

/** The attributes that a new matrix changes. Reconstruction Diameter stays: the block of space is the same. */
export function createGridElements(
  series: Series,
  grid: ResampledGrid,
  slice: number,
  dataset: DicomDataset,
): Map<number, DicomElement | null> {
  const [, rows, columns] = grid.geometry.size;
  const [sliceMm, rowMm, columnMm] = grid.geometry.spacingMm;
  const elements: DicomElement[] = [
    createShortElement(TAG.Rows, [rows]),
    createShortElement(TAG.Columns, [columns]),
    createDecimalElement(TAG.PixelSpacing, [rowMm, columnMm]),
    createDecimalElement(TAG.ImagePositionPatient, computeSlicePosition(series, grid, slice)),
  ];
  const edits = new Map<number, DicomElement | null>();
  for (const tag of dataset.elements.keys()) if (isOverlayOrCurve(tag)) edits.set(tag, null);
  if (!grid.keepsSlices) {
    elements.push(createIntegerElement(TAG.InstanceNumber, slice + 1));
    if (dataset.elements.has(TAG.SpacingBetweenSlices)) {
      elements.push(createDecimalElement(TAG.SpacingBetweenSlices, [sliceMm]));
    }
    edits.set(TAG.SliceLocation, null);
  }
  for (const element of elements) edits.set(element.tag, element);
  return edits;
}

/**
 * The source's words at the pixels nearest to the new ones: what encodeHu needs to keep padding where it was.
 *
 * @returns native bytes of rows × columns of the new grid
 */
export function resampleWords(
  bytes: Uint8Array,
  format: FrameFormat,
  source: GridGeometry,
  target: GridGeometry,
): Uint8Array {
  const [, rows, columns] = target.size;
  const shift = target.originMm.map((value, i) => value - source.originMm[i]);
  const along = (unit: Vector3): number => shift.reduce((sum, value, i) => sum + value * unit[i], 0);
  const mapAxis = (axis: 1 | 2, count: number, limit: number, offset: number): Int32Array =>
    Int32Array.from({ length: count }, (_, i) => {
      const at = Math.round((offset + i * target.spacingMm[axis]) / source.spacingMm[axis]);
      return Math.max(0, Math.min(limit - 1, at));
    });
  const rowMap = mapAxis(1, rows, format.rows, along(source.direction.row));
  const columnMap = mapAxis(2, columns, format.columns, along(source.direction.column));
  const size = format.bitsAllocated / 8;
  const out = new Uint8Array(rows * columns * size);
  let at = 0;
  for (let r = 0; r < rows; r++) {
    const line = rowMap[r] * format.columns;
    for (let c = 0; c < columns; c++) {
      const from = (line + columnMap[c]) * size;
      for (let b = 0; b < size; b++) out[at++] = bytes[from + b];
    }
  }
  return out;
}
