/**
 * Files with more than three axes: which axes span space, how many volumes the others make, and the bytes of one of
 * them. Axes are listed fastest first, as NRRD and MetaImage do.
 */
import { DicomError } from "../errors.ts";
import { checkSize, type ReadVolumeOptions, resolveVolumeIndex, type VolumeLimits } from "./format.ts";

/** The axes of a file. */
export interface VolumeLayout {
  /** `[slices, rows, columns]`; missing axes count 1. */
  readonly size: readonly [number, number, number];
  /** Which axes of the file span space, fastest first: 1 to 3. */
  readonly spatialAxes: readonly number[];
  readonly volumes: number;
  /** Whether the volumes alternate sample by sample rather than follow one another. */
  readonly interleaved: boolean;
}

/**
 * Sorts axes out.
 *
 * @param sizes - fastest first
 * @param isSpatial - by axis
 * @throws DicomError `INVALID_VALUE`, `LIMIT_EXCEEDED`; `UNSUPPORTED_PIXEL_FORMAT` for volumes on axes in between
 */
export function layOutAxes(
  sizes: readonly number[],
  isSpatial: readonly boolean[],
  limits: VolumeLimits,
): VolumeLayout {
  const spatialAxes = sizes.map((_, axis) => axis).filter((axis) => isSpatial[axis]);
  if (spatialAxes.length < 1 || spatialAxes.length > 3) {
    throw new DicomError(
      "INVALID_VALUE",
      `the file has ${spatialAxes.length} axes in space; 1 to 3 are read`,
    );
  }
  const spatial = spatialAxes.map((axis) => sizes[axis]);
  const size: [number, number, number] = [spatial[2] ?? 1, spatial[1] ?? 1, spatial[0]];
  checkSize(size, limits);
  checkSize(sizes, { ...limits, maxVoxels: limits.maxFileBytes });
  const other = sizes.map((_, axis) => axis).filter((axis) => !isSpatial[axis] && sizes[axis] > 1);
  const volumes = other.reduce((product, axis) => product * sizes[axis], 1);
  const first = spatialAxes[0];
  const last = spatialAxes[spatialAxes.length - 1];
  const interleaved = other.length > 0 && other.every((axis) => axis < first);
  if (!interleaved && !other.every((axis) => axis > last)) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      "axes that are not in space lie between those that are; permute them to one end of the file",
    );
  }
  return { size, spatialAxes, volumes, interleaved };
}

/**
 * The bytes of the chosen volume: a view, or a copy when volumes alternate.
 *
 * @throws DicomError `SEVERAL_VOLUMES`, `OUT_OF_RANGE`
 */
export function selectVolume(
  bytes: Uint8Array,
  layout: VolumeLayout,
  sampleBytes: number,
  options: ReadVolumeOptions,
): Uint8Array {
  const index = resolveVolumeIndex(layout.volumes, options);
  const voxels = layout.size[0] * layout.size[1] * layout.size[2];
  if (layout.volumes === 1) return bytes;
  if (!layout.interleaved) {
    return bytes.subarray(index * voxels * sampleBytes, (index + 1) * voxels * sampleBytes);
  }
  const available = Math.min(voxels, Math.floor(bytes.length / (sampleBytes * layout.volumes)));
  const out = new Uint8Array(available * sampleBytes);
  const stride = sampleBytes * layout.volumes;
  for (let i = 0, from = index * sampleBytes; i < out.length; i += sampleBytes, from += stride) {
    for (let b = 0; b < sampleBytes; b++) out[i + b] = bytes[from + b];
  }
  return out;
}
