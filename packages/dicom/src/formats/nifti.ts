/**
 * NIfTI-1 and NIfTI-2 files: `.nii`, `.nii.gz` and pairs of `.hdr` and `.img` (or `.img.gz`). The header is in
 * nifti-header.ts.
 */
import type { Unit, Volume } from "@alara/core";
import { DicomError } from "../errors.ts";
import { readCompanion } from "./companions.ts";
import { compress, inflateBounded, inflateSamples, isGzip } from "./compression.ts";
import {
  DEFAULT_VOLUME_LIMITS,
  formatDescription,
  formatUnitComment,
  isOrientationUnsaid,
  type ReadVolumeOptions,
  resolveVolumeIndex,
  type StoredVolume,
  type VolumeFile,
  type WriteVolumeOptions,
} from "./format.ts";
import { NIFTI_DATATYPES, NIFTI_HEADER_BYTES, type NiftiHeader, readNiftiHeader } from "./nifti-header.ts";
import { computeQuaternion, flipRasLps, getGridSteps, isOrthogonal } from "./orientation.ts";
import {
  chooseSampleType,
  countSampleBytes,
  encodeSamples,
  encodeSamplesInto,
  requireBytes,
  type SampleType,
} from "./samples.ts";
import { createStoredVolume } from "./stored-volume.ts";

/** Bytes of extensions between header and samples that are skipped. */
const MAXIMUM_EXTENSION_BYTES = 2 ** 26;

/**
 * Reads NIfTI. Voxels stay in the file's order: the first index is the column, the second the row, the third the
 * slice.
 *
 * @param bytes - `.nii`, `.nii.gz`, or the `.hdr` of a pair (then `options.name` and `openCompanion` are needed)
 * @throws DicomError `UNSUPPORTED_FORMAT`, `TRUNCATED`, `INVALID_VALUE`, `UNSUPPORTED_PIXEL_FORMAT`,
 *   `SEVERAL_VOLUMES`, `OUT_OF_RANGE`, `INVALID_COMPRESSED_DATA`, `LIMIT_EXCEEDED`, `UNSAFE_PATH`, `INPUT_NOT_FOUND`
 * @remarks Tested against nibabel: affine and marked voxels of every datatype, both byte orders, both versions.
 */
export async function readNifti(bytes: Uint8Array, options: ReadVolumeOptions = {}): Promise<StoredVolume> {
  const limits = options.limits ?? DEFAULT_VOLUME_LIMITS;
  const start = isGzip(bytes) ? await inflateStart(bytes) : bytes;
  const header = readNiftiHeader(start, limits);
  const index = resolveVolumeIndex(header.volumes, options);
  const voxels = header.size[0] * header.size[1] * header.size[2];
  const sampleBytes = countSampleBytes(header.sampleType);
  const offset = header.dataOffset + index * voxels * sampleBytes;
  const end = header.dataOffset + header.volumes * voxels * sampleBytes;
  if (header.dataOffset > MAXIMUM_EXTENSION_BYTES) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `${header.dataOffset} bytes before the samples, more than ${MAXIMUM_EXTENSION_BYTES}`,
    );
  }
  if (end > limits.maxFileBytes) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `the samples of all volumes end at byte ${end}, beyond limits.maxFileBytes = ${limits.maxFileBytes}`,
    );
  }
  const file = header.isSingleFile ? bytes : await readImageFile(options, limits);
  const plain = isGzip(file) ? await inflateSamples(file, "gzip", end) : file;
  requireBytes(plain, end);
  return createStoredVolume(plain.subarray(offset, offset + voxels * sampleBytes), header, options);
}

async function inflateStart(bytes: Uint8Array): Promise<Uint8Array> {
  return inflateBounded(bytes, {
    wrapper: "gzip",
    maxBytes: Number.POSITIVE_INFINITY,
    stopAfterBytes: NIFTI_HEADER_BYTES,
  });
}

function readImageFile(
  options: ReadVolumeOptions,
  limits: typeof DEFAULT_VOLUME_LIMITS,
): Promise<Uint8Array> {
  const match = /^(.+)\.hdr(\.gz)?$/i.exec(options.name ?? "");
  if (match === null) {
    throw new DicomError(
      "INPUT_NOT_FOUND",
      "this header belongs to an .img file, which cannot be found without the header's own name ending in .hdr",
    );
  }
  return readCompanion(`${match[1]}.img${match[2] ?? ""}`, options, limits);
}

/**
 * Writes one `.nii` file: NIfTI-1, or NIfTI-2 when a dimension exceeds 32 767. `sform` holds the grid; `qform` too
 * when its axes are perpendicular; both codes are 0 when the orientation is unknown. The unit goes into `descrip` as
 * `unit=HU`, a description behind it as `Alara: …`.
 */
export function writeNifti(volume: Volume, options: WriteVolumeOptions = {}): readonly VolumeFile[] {
  const { header, sampleType } = encodeHeader(volume, options, "single");
  const bytes = new Uint8Array(header.length + volume.data.length * countSampleBytes(sampleType));
  bytes.set(header);
  encodeSamplesInto(bytes.subarray(header.length), volume.data, sampleType);
  return [{ name: `${options.baseName ?? "volume"}.nii`, bytes }];
}

/** Writes one `.nii.gz` file; no moment is written into it, so that equal volumes give equal bytes. */
export function writeGzippedNifti(volume: Volume, options: WriteVolumeOptions = {}): readonly VolumeFile[] {
  const [{ name, bytes }] = writeNifti(volume, options);
  return [{ name: `${name}.gz`, bytes: compress(bytes, "gzip") }];
}

/** Writes a pair of `.hdr` and `.img`. */
export function writeNiftiPair(volume: Volume, options: WriteVolumeOptions = {}): readonly VolumeFile[] {
  const { header, sampleType } = encodeHeader(volume, options, "pair");
  const baseName = options.baseName ?? "volume";
  return [
    { name: `${baseName}.hdr`, bytes: header },
    { name: `${baseName}.img`, bytes: encodeSamples(volume.data, sampleType) },
  ];
}

function findDatatype(sampleType: SampleType): number {
  const entry = Object.entries(NIFTI_DATATYPES).find(([, type]) => type === sampleType);
  if (entry === undefined) {
    throw new DicomError("UNSUPPORTED_PIXEL_FORMAT", `NIfTI has no ${sampleType}; write float32`);
  }
  return Number(entry[0]);
}

function encodeHeader(
  volume: Volume,
  options: WriteVolumeOptions,
  layout: "single" | "pair",
): { readonly header: Uint8Array; readonly sampleType: SampleType } {
  const { geometry } = volume;
  const sampleType = options.sampleType ?? chooseSampleType(volume.data);
  const version: NiftiHeader["version"] = Math.max(...geometry.size) > 32767 ? 2 : 1;
  const headerBytes = version === 1 ? 348 : 540;
  const isSingle = layout === "single";
  const dataOffset = isSingle ? headerBytes + 4 : 0;
  const bytes = new Uint8Array(headerBytes + (isSingle ? 4 : 0));
  const view = new DataView(bytes.buffer);
  const steps = getGridSteps(geometry);
  const [x, y, z] = [steps.column, steps.row, steps.slice].map(flipRasLps);
  const origin = flipRasLps(geometry.originMm);
  const isUnsaid = isOrientationUnsaid(geometry, options);
  const hasQform = !isUnsaid && isOrthogonal(geometry);
  const { direction } = geometry;
  const quaternion = hasQform
    ? computeQuaternion([
        flipRasLps(direction.column),
        flipRasLps(direction.row),
        flipRasLps(direction.slice),
      ])
    : { b: 0, c: 0, d: 0, sense: 1 };
  const dim = [3, geometry.size[2], geometry.size[1], geometry.size[0], 1, 1, 1, 1];
  const pixdim = [
    quaternion.sense,
    geometry.spacingMm[2],
    geometry.spacingMm[1],
    geometry.spacingMm[0],
    1,
    1,
    1,
    1,
  ];
  const srow = [0, 1, 2].map((axis) => [x[axis], y[axis], z[axis], origin[axis]]);
  const description = describe(volume.unit, options.description);
  const magic = `n${isSingle ? "+" : "i"}${version}\0${version === 2 ? "\r\n\x1a\n" : ""}`;
  const putText = (at: number, text: string): void => {
    for (let i = 0; i < text.length; i++) view.setUint8(at + i, text.charCodeAt(i));
  };
  view.setInt32(0, headerBytes, true);
  if (version === 1) {
    const putFloats = (at: number, values: readonly number[]): void => {
      values.forEach((value, i) => {
        view.setFloat32(at + 4 * i, value, true);
      });
    };
    view.setUint8(38, 114); // `regular`, which ANALYZE readers look for
    dim.forEach((value, i) => {
      view.setInt16(40 + 2 * i, value, true);
    });
    view.setInt16(70, findDatatype(sampleType), true);
    view.setInt16(72, 8 * countSampleBytes(sampleType), true);
    putFloats(76, pixdim);
    putFloats(108, [dataOffset, 1, 0]);
    view.setUint8(123, 2);
    putText(148, description);
    view.setInt16(252, hasQform ? 1 : 0, true);
    view.setInt16(254, isUnsaid ? 0 : 1, true);
    if (!isUnsaid) putFloats(256, [quaternion.b, quaternion.c, quaternion.d, ...origin, ...srow.flat()]);
    putText(344, magic);
  } else {
    const putDoubles = (at: number, values: readonly number[]): void => {
      values.forEach((value, i) => {
        view.setFloat64(at + 8 * i, value, true);
      });
    };
    putText(4, magic);
    view.setInt16(12, findDatatype(sampleType), true);
    view.setInt16(14, 8 * countSampleBytes(sampleType), true);
    dim.forEach((value, i) => {
      view.setBigInt64(16 + 8 * i, BigInt(value), true);
    });
    putDoubles(104, pixdim);
    view.setBigInt64(168, BigInt(dataOffset), true);
    putDoubles(176, [1, 0]);
    putText(240, description);
    view.setInt32(344, hasQform ? 1 : 0, true);
    view.setInt32(348, isUnsaid ? 0 : 1, true);
    if (!isUnsaid) putDoubles(352, [quaternion.b, quaternion.c, quaternion.d, ...origin, ...srow.flat()]);
    view.setInt32(500, 2, true);
  }
  return { header: bytes, sampleType };
}

/** At most 79 characters for `descrip`, the unit before what may be cut. */
function describe(unit: Unit, description: string | undefined): string {
  const parts =
    description === undefined
      ? ["Alara", formatUnitComment(unit)]
      : [formatUnitComment(unit), formatDescription(description)];
  return parts
    .filter((part) => part !== "")
    .join(" ")
    .slice(0, 79);
}
