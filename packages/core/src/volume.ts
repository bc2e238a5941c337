/**
 * The value types that cross every package boundary: data + geometry + unit.
 * Plain readonly data; the unit is a type tag, so feeding HU to a projector does not compile.
 */
import { CoreError } from "./errors.ts";
import { countVoxels, type GridGeometry, type ScanGeometry } from "./geometry.ts";

/**
 * Units of samples: Hounsfield units, linear attenuation per mm, detector counts, line integrals (unitless),
 * or arbitrary scanner units (MR, uncalibrated CT).
 */
export type Unit = "HU" | "1/mm" | "counts" | "line integral" | "arbitrary";

/** A stack of slices `[slice][row][column]` with its place in space. */
export interface Volume<U extends Unit = Unit> {
  readonly unit: U;
  readonly geometry: GridGeometry;
  /** `geometry.size` samples, row-major. */
  readonly data: Float32Array;
}

/** A volume of exactly one slice. */
export type Image<U extends Unit = Unit> = Volume<U> & {
  readonly geometry: { readonly size: readonly [1, number, number] };
};

/** Measured or simulated projections, `[view][channel]` for one detector row, repeated per slice. */
export interface Sinogram<U extends Unit = Unit> {
  readonly unit: U;
  readonly geometry: ScanGeometry;
  /** Number of slices stacked in `data` (each `[view][channel]`). */
  readonly slices: number;
  /** `slices × views × channels` samples, row-major. */
  readonly data: Float32Array;
}

/**
 * Makes a volume and checks that data and geometry agree.
 *
 * @throws CoreError `SHAPE_MISMATCH`
 */
export function createVolume<U extends Unit>(
  unit: U,
  geometry: GridGeometry,
  data: Float32Array = new Float32Array(countVoxels(geometry)),
): Volume<U> {
  if (data.length !== countVoxels(geometry)) {
    throw new CoreError(
      "SHAPE_MISMATCH",
      `volume data has ${data.length} samples but its geometry says ${geometry.size.join(" × ")} = ${countVoxels(geometry)}; pass data of that length or the right geometry`,
    );
  }
  return { unit, geometry, data };
}

/**
 * The samples of one slice, a view on the volume's data (no copy).
 *
 * @throws CoreError `OUT_OF_RANGE`
 */
export function getSliceData(volume: Volume, slice: number): Float32Array {
  const [slices, rows, columns] = volume.geometry.size;
  if (!(Number.isInteger(slice) && slice >= 0 && slice < slices)) {
    throw new CoreError("OUT_OF_RANGE", `slice ${slice} is not one of 0..${slices - 1}`);
  }
  return volume.data.subarray(slice * rows * columns, (slice + 1) * rows * columns);
}

/**
 * A run of neighbouring slices as a volume that shares the data (no copy).
 *
 * @param start - first slice
 * @param end - one past the last slice
 * @throws CoreError `OUT_OF_RANGE`
 */
export function getSlab<U extends Unit>(volume: Volume<U>, start: number, end: number): Volume<U> {
  const { size, spacingMm, originMm, direction } = volume.geometry;
  if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end && end <= size[0])) {
    throw new CoreError("OUT_OF_RANGE", `slab ${start}..${end} is not a run of slices within 0..${size[0]}`);
  }
  const shift = start * spacingMm[0];
  const plane = size[1] * size[2];
  return {
    unit: volume.unit,
    geometry: {
      size: [end - start, size[1], size[2]],
      spacingMm,
      originMm: [
        originMm[0] + shift * direction.slice[0],
        originMm[1] + shift * direction.slice[1],
        originMm[2] + shift * direction.slice[2],
      ],
      direction,
    },
    data: volume.data.subarray(start * plane, end * plane),
  };
}
