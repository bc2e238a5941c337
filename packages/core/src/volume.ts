/**
 * The value types that cross every package boundary: data + geometry + unit.
 * Plain readonly data; the unit is a type tag, so feeding HU to a projector does not compile.
 */
import { CoreError } from "./errors.ts";
import { countVoxels, type GridGeometry } from "./geometry.ts";
import { countScanSamples, isPlanarGeometry, type ScanGeometry } from "./scan-geometry.ts";

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

/**
 * Measured or simulated projections. Planar geometries: `[slice][view][channel]`; all others: one scan,
 * `[view][row][channel]`, and `slices` is 1.
 */
export interface Sinogram<U extends Unit = Unit, G extends ScanGeometry = ScanGeometry> {
  readonly unit: U;
  readonly geometry: G;
  /** Number of slices stacked in `data`. */
  readonly slices: number;
  /** `slices ×` {@link countScanSamples} samples, row-major. */
  readonly data: Float32Array;
}

/**
 * Makes a sinogram and checks that data and geometry agree.
 *
 * @throws CoreError `SHAPE_MISMATCH`
 */
export function createSinogram<U extends Unit, G extends ScanGeometry>(
  unit: U,
  geometry: G,
  slices = 1,
  data: Float32Array = new Float32Array(slices * countScanSamples(geometry)),
): Sinogram<U, G> {
  const perSlice = countScanSamples(geometry);
  if (!(Number.isInteger(slices) && slices >= 1 && (slices === 1 || isPlanarGeometry(geometry)))) {
    throw new CoreError(
      "SHAPE_MISMATCH",
      `${slices} slices of a ${geometry.kind} scan: planar scans take an integer ≥ 1, all others exactly 1`,
    );
  }
  if (data.length !== slices * perSlice) {
    throw new CoreError(
      "SHAPE_MISMATCH",
      `sinogram data has ${data.length} samples but ${slices} slices of this ${geometry.kind} scan have ${slices * perSlice}; pass data of that length or the right geometry`,
    );
  }
  return { unit, geometry, slices, data };
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
