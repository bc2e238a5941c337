/**
 * From the sheared grid of a tilted gantry (PS3.3 C.8.2.1: Gantry/Detector Tilt) to an orthogonal one: every slice
 * stays where it is along the normal and is shifted within its plane. For methods and viewers that need right
 * angles; derived series are written on the native slices, which need no resampling.
 */
import {
  createVolume,
  crossVectors,
  dotVectors,
  type GridGeometry,
  type LongWorkOptions,
  type Vector3,
  type Volume,
} from "@alara/core";
import { DicomError } from "../errors.ts";

/** Options of {@link shearToOrthogonal}. */
export interface ShearOptions extends LongWorkOptions {
  /**
   * Interpolation between rows and between columns: `cubic` (Catmull–Rom, default) keeps noise nearly as it is,
   * `linear` overshoots nowhere and lowers noise by an amount that differs from slice to slice.
   */
  readonly interpolation?: "cubic" | "linear";
  /** Value where the shifted slice has no pixels; default −1000. */
  readonly outsideValue?: number;
  /** Largest result, voxels; default 2²⁹. */
  readonly maximumVoxels?: number;
}

/** An orthogonal volume and what was done for it. */
export interface OrthogonalVolume<V extends Volume = Volume> {
  readonly volume: V;
  /** One byte per voxel, 1 where the value is `outsideValue` because no source pixel was there. */
  readonly outsideMask: Uint8Array;
  readonly interpolation: "cubic" | "linear";
  /** Shift of the last slice against the first, mm, along `[row, column]`. */
  readonly shiftMm: readonly [number, number];
  /** What was done, for reports. */
  readonly description: string;
}

/** Four weights of the samples at −1, 0, 1, 2 for a point at `t` in 0..1. */
function computeWeights(t: number, interpolation: "cubic" | "linear"): readonly number[] {
  if (interpolation === "linear") return [0, 1 - t, t, 0];
  return [
    t * (-0.5 + t * (1 - 0.5 * t)),
    1 + t * t * (-2.5 + 1.5 * t),
    t * (0.5 + t * (2 - 1.5 * t)),
    t * t * (-0.5 + 0.5 * t),
  ];
}

/**
 * Shifts the slices of a sheared volume onto an orthogonal grid that holds all of them.
 *
 * @param volume - its slice direction may lean against its slice plane; row and column directions are perpendicular
 * @returns as many slices, each with more rows or columns; a volume that is orthogonal already comes back unshifted
 * @throws DicomError `LIMIT_EXCEEDED` for more than `maximumVoxels`; the signal's reason
 * @remarks Keys 1981 for the cubic kernel (a = −1/2): exact for polynomials up to degree 2 within a slice. Samples
 * beyond the source's edge repeat it. Tested on quadratics in patient space and on zero shear.
 */
export function shearToOrthogonal<V extends Volume>(
  volume: V,
  options: ShearOptions = {},
): OrthogonalVolume<V> {
  const interpolation = options.interpolation ?? "cubic";
  const outsideValue = options.outsideValue ?? -1000;
  const { size, spacingMm, originMm, direction } = volume.geometry;
  const { row, column, slice } = direction;
  const normal = crossVectors(column, row);
  const along = dotVectors(slice, normal);
  const sign = along < 0 ? -1 : 1;
  // Position of the next slice's first pixel in the plane, in pixels.
  const rowsPerSlice = (spacingMm[0] * dotVectors(slice, row)) / spacingMm[1];
  const columnsPerSlice = (spacingMm[0] * dotVectors(slice, column)) / spacingMm[2];
  const last = size[0] - 1;
  const clean = (value: number): number => (Math.abs(value * last) < 1e-4 ? 0 : value);
  const perSlice = [clean(rowsPerSlice), clean(columnsPerSlice)];
  const before = perSlice.map((step) => Math.ceil(Math.max(0, -step * last) - 1e-6));
  const after = perSlice.map((step) => Math.ceil(Math.max(0, step * last) - 1e-6));
  const rows = size[1] + before[0] + after[0];
  const columns = size[2] + before[1] + after[1];
  const maximumVoxels = options.maximumVoxels ?? 2 ** 29;
  if (!(size[0] * rows * columns <= maximumVoxels)) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `the orthogonal grid would have ${size[0]} × ${rows} × ${columns} voxels, more than ${maximumVoxels}; take fewer slices or raise maximumVoxels`,
    );
  }
  const shift = (axis: Vector3, mm: number, from: Vector3): Vector3 => [
    from[0] + mm * axis[0],
    from[1] + mm * axis[1],
    from[2] + mm * axis[2],
  ];
  const geometry: GridGeometry = {
    size: [size[0], rows, columns],
    spacingMm: [spacingMm[0] * Math.abs(along), spacingMm[1], spacingMm[2]],
    originMm: shift(column, -before[1] * spacingMm[2], shift(row, -before[0] * spacingMm[1], originMm)),
    direction: {
      slice: [sign * normal[0] + 0, sign * normal[1] + 0, sign * normal[2] + 0],
      row,
      column,
    },
  };
  const data = new Float32Array(size[0] * rows * columns).fill(outsideValue);
  const outsideMask = new Uint8Array(data.length).fill(1);
  for (let s = 0; s < size[0]; s++) {
    options.signal?.throwIfAborted();
    const target = { rows, columns, offset: s * rows * columns };
    const offsets = [before[0] + s * perSlice[0], before[1] + s * perSlice[1]] as const;
    shiftSlice(
      volume.data,
      s * size[1] * size[2],
      size[1],
      size[2],
      data,
      outsideMask,
      target,
      offsets,
      interpolation,
    );
    options.onProgress?.({ phase: "shearing", done: s + 1, total: size[0], unit: "slices" });
  }
  const shiftMm: readonly [number, number] = [
    perSlice[0] * last * spacingMm[1],
    perSlice[1] * last * spacingMm[2],
  ];
  const total = Math.hypot(...shiftMm);
  return {
    volume: { ...volume, ...createVolume(volume.unit, geometry, data) },
    outsideMask,
    interpolation,
    shiftMm,
    description:
      total === 0
        ? "the grid was orthogonal already; no value was interpolated"
        : `slices shifted within their planes by up to ${total.toFixed(1)} mm onto an orthogonal grid, ${interpolation} interpolation`,
  };
}

/** Writes one slice at a fractional offset (rows, columns) into a larger one. */
function shiftSlice(
  source: Float32Array,
  sourceOffset: number,
  rows: number,
  columns: number,
  target: Float32Array,
  outsideMask: Uint8Array,
  to: { readonly rows: number; readonly columns: number; readonly offset: number },
  offsets: readonly [number, number],
  interpolation: "cubic" | "linear",
): void {
  // Target pixel k shows source pixel k − offset = (k − ceil) + t, one fraction t for the whole slice.
  const [rowShift, columnShift] = offsets.map((value) => Math.ceil(value - 1e-9));
  const [rowWeights, columnWeights] = offsets.map((value) =>
    computeWeights(Math.max(0, Math.ceil(value - 1e-9) - value), interpolation),
  );
  const rowFraction = rowShift - offsets[0] > 1e-9;
  const columnFraction = columnShift - offsets[1] > 1e-9;
  const across = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      let value = 0;
      for (let k = 0; k < 4; k++) {
        if (columnWeights[k] === 0) continue;
        const at = Math.min(Math.max(c + k - 1, 0), columns - 1);
        value += columnWeights[k] * source[sourceOffset + r * columns + at];
      }
      across[r * columns + c] = value;
    }
  }
  // With a fraction the last source pixel has no neighbour beyond it, so one pixel fewer is inside.
  const lastRow = rows - (rowFraction ? 1 : 0);
  const lastColumn = columns - (columnFraction ? 1 : 0);
  for (let r = 0; r < lastRow; r++) {
    for (let c = 0; c < lastColumn; c++) {
      let value = 0;
      for (let k = 0; k < 4; k++) {
        if (rowWeights[k] === 0) continue;
        const at = Math.min(Math.max(r + k - 1, 0), rows - 1);
        value += rowWeights[k] * across[at * columns + c];
      }
      const i = to.offset + (r + rowShift) * to.columns + c + columnShift;
      target[i] = value;
      outsideMask[i] = 0;
    }
  }
}
