/**
 * The NIfTI-1 (nifti1.h) and NIfTI-2 (nifti2.h) header of 348 or 540 bytes, both byte orders: size, sample type,
 * scaling, place in space. Extensions after it are skipped by vox_offset. Not ANALYZE 7.5, which has no orientation.
 */
import type { Unit, Vector3 } from "@alara/core";
import { DicomError } from "../errors.ts";
import {
  checkSize,
  type FormatFinding,
  parseDescription,
  parseUnitComment,
  type VolumeLimits,
} from "./format.ts";
import { createGridOfSteps, expandQuaternion, flipRasLps, type GridSteps } from "./orientation.ts";
import type { SampleType } from "./samples.ts";

/** Datatype codes of nifti1.h; RGB, complex, binary and 128-bit floats are not volumes of one number per voxel. */
export const NIFTI_DATATYPES: Readonly<Record<number, SampleType>> = {
  2: "uint8",
  4: "int16",
  8: "int32",
  16: "float32",
  64: "float64",
  256: "int8",
  512: "uint16",
  768: "uint32",
  1024: "int64",
  1280: "uint64",
};

/** Bytes of both headers: enough to tell one from the other and to read either. */
export const NIFTI_HEADER_BYTES = 540;

/** What a header says. */
export interface NiftiHeader {
  readonly version: 1 | 2;
  readonly littleEndian: boolean;
  /** Header and samples in one file, or samples in an `.img` of their own. */
  readonly isSingleFile: boolean;
  readonly sampleType: SampleType;
  /** `[slices, rows, columns]` */
  readonly size: readonly [number, number, number];
  /** Product of all dimensions beyond the third. */
  readonly volumes: number;
  /** Where the samples begin in their file. */
  readonly dataOffset: number;
  readonly slope: number;
  readonly intercept: number;
  readonly geometry: ReturnType<typeof createGridOfSteps>;
  readonly unit: Unit | undefined;
  readonly findings: readonly FormatFinding[];
  readonly description?: string;
}

/** Reads header fields that lie elsewhere and are wider in version 2. */
interface HeaderFields {
  readonly dim: readonly number[];
  readonly pixdim: readonly number[];
  readonly datatype: number;
  readonly voxOffset: number;
  readonly slope: number;
  readonly intercept: number;
  readonly xyztUnits: number;
  readonly qformCode: number;
  readonly sformCode: number;
  readonly quatern: readonly [number, number, number];
  readonly qoffset: Vector3;
  readonly srow: readonly (readonly number[])[];
  readonly description: string;
}

/** Whether bytes begin with a NIfTI header, of a single file or of a pair. */
export function isNifti(bytes: Uint8Array): boolean {
  return findVariant(bytes) !== undefined;
}

interface Variant {
  readonly version: 1 | 2;
  readonly littleEndian: boolean;
  readonly isSingleFile: boolean;
}

function findVariant(bytes: Uint8Array): Variant | undefined {
  if (bytes.length < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const littleEndian of [true, false]) {
    const size = view.getInt32(0, littleEndian);
    const version = size === 348 ? 1 : size === 540 ? 2 : undefined;
    if (version === undefined) continue;
    const magicAt = version === 1 ? 344 : 4;
    if (bytes.length < magicAt + 4) return undefined;
    const magic = String.fromCharCode(...bytes.subarray(magicAt, magicAt + 3));
    if (bytes[magicAt + 3] !== 0) return undefined;
    if (magic === `n+${version}`) return { version, littleEndian, isSingleFile: true };
    if (magic === `ni${version}`) return { version, littleEndian, isSingleFile: false };
  }
  return undefined;
}

/**
 * Reads a header.
 *
 * The place in space is that of `sform` when its code is positive and it spans space, else of `qform` when its code
 * is positive, else unknown: then axes are taken for an axial LPS stack at the origin, and a finding says so.
 * Coordinates in metres or micrometres (xyzt_units) become mm.
 *
 * @param bytes - the file, or at least its header
 * @throws DicomError `UNSUPPORTED_FORMAT`, `TRUNCATED`, `INVALID_VALUE`, `UNSUPPORTED_PIXEL_FORMAT`, `LIMIT_EXCEEDED`
 * @remarks nifti1.h, "3D image (volume) orientation and location". Tested against nibabel.
 */
export function readNiftiHeader(bytes: Uint8Array, limits: VolumeLimits): NiftiHeader {
  const variant = findVariant(bytes);
  if (variant === undefined) {
    throw new DicomError(
      "UNSUPPORTED_FORMAT",
      "this is not NIfTI-1 or NIfTI-2 (ANALYZE 7.5 has no orientation and is not read); convert it to NIfTI",
    );
  }
  const headerBytes = variant.version === 1 ? 348 : 540;
  if (bytes.length < headerBytes) {
    throw new DicomError("TRUNCATED", `the header has ${bytes.length} of ${headerBytes} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fields = (variant.version === 1 ? readFields1 : readFields2)(view, variant.littleEndian);
  const rank = fields.dim[0];
  if (!(rank >= 1 && rank <= 7)) {
    throw new DicomError("INVALID_VALUE", `the header declares ${rank} dimensions; 1 to 7 exist`);
  }
  const extent = (axis: number): number => (axis <= rank ? fields.dim[axis] : 1);
  const size: [number, number, number] = [extent(3), extent(2), extent(1)];
  checkSize(size, limits);
  let volumes = 1;
  for (let axis = 4; axis <= rank; axis++) volumes *= extent(axis);
  checkSize([volumes], { ...limits, maxVoxels: Number.MAX_SAFE_INTEGER });
  const sampleType = NIFTI_DATATYPES[fields.datatype];
  if (sampleType === undefined) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      `datatype ${fields.datatype} is not one number per voxel (RGB, complex, bits) or wider than 64 bits`,
    );
  }
  const minimumOffset = variant.isSingleFile ? headerBytes + 4 : 0;
  const dataOffset = fields.voxOffset === 0 ? minimumOffset : fields.voxOffset;
  if (!(Number.isSafeInteger(dataOffset) && dataOffset >= minimumOffset)) {
    throw new DicomError(
      "INVALID_VALUE",
      `vox_offset is ${dataOffset}; it must be a whole number ≥ ${minimumOffset}`,
    );
  }
  return {
    ...variant,
    sampleType,
    size,
    volumes,
    dataOffset,
    ...readScaling(fields),
    ...readPlace(fields, size),
    unit: parseUnitComment(fields.description),
    ...parseDescription(fields.description),
  };
}

/** A slope of 0 means no scaling; so does one that is not finite, as files without scaling carry it. */
function readScaling({ slope, intercept }: HeaderFields): { slope: number; intercept: number } {
  if (slope === 0 || !Number.isFinite(slope)) return { slope: 1, intercept: 0 };
  if (!Number.isFinite(intercept)) {
    throw new DicomError("INVALID_VALUE", `scl_slope is ${slope} but scl_inter is ${intercept}`);
  }
  return { slope, intercept };
}

/** mm of xyzt_units' spatial code; unknown counts as mm. */
function getUnitMm(xyztUnits: number): number {
  const code = xyztUnits & 7;
  return code === 1 ? 1000 : code === 3 ? 0.001 : 1;
}

function readPlace(
  fields: HeaderFields,
  size: readonly [number, number, number],
): Pick<NiftiHeader, "geometry" | "findings"> {
  const mm = getUnitMm(fields.xyztUnits);
  const place = (x: Vector3, y: Vector3, z: Vector3, origin: Vector3): NiftiHeader["geometry"] => {
    const inLps = (vector: Vector3): Vector3 => flipRasLps([vector[0] * mm, vector[1] * mm, vector[2] * mm]);
    const steps: GridSteps = { column: inLps(x), row: inLps(y), slice: inLps(z) };
    return createGridOfSteps(size, steps, inLps(origin));
  };
  const { srow, quatern, qoffset, pixdim } = fields;
  if (fields.sformCode > 0) {
    const axis = (k: number): Vector3 => [srow[0][k], srow[1][k], srow[2][k]];
    try {
      return { geometry: place(axis(0), axis(1), axis(2), axis(3)), findings: [] };
    } catch (error) {
      if (!(error instanceof DicomError) || fields.qformCode <= 0) throw error;
    }
  }
  const spacing = [1, 2, 3].map((axis) => (pixdim[axis] === 0 ? 1 : Math.abs(pixdim[axis])));
  if (fields.qformCode > 0) {
    const axes = expandQuaternion({
      b: quatern[0],
      c: quatern[1],
      d: quatern[2],
      sense: pixdim[0] < 0 ? -1 : 1,
    });
    const [x, y, z] = axes.map(
      (axis, i): Vector3 => [axis[0] * spacing[i], axis[1] * spacing[i], axis[2] * spacing[i]],
    );
    return { geometry: place(x, y, z, qoffset), findings: [] };
  }
  return {
    geometry: createGridOfSteps(
      size,
      { column: [spacing[0] * mm, 0, 0], row: [0, spacing[1] * mm, 0], slice: [0, 0, spacing[2] * mm] },
      [0, 0, 0],
    ),
    findings: [
      {
        code: "ORIENTATION_UNKNOWN",
        message: "neither sform nor qform is set: taken for an axial stack, left and right may be swapped",
      },
    ],
  };
}

function readText(view: DataView, at: number, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) {
    const code = view.getUint8(at + i);
    if (code === 0) break;
    text += String.fromCharCode(code);
  }
  return text;
}

function readFields1(view: DataView, le: boolean): HeaderFields {
  const floats = (at: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => view.getFloat32(at + 4 * i, le));
  const triple = (at: number): [number, number, number] => {
    const [x, y, z] = floats(at, 3);
    return [x, y, z];
  };
  return {
    dim: Array.from({ length: 8 }, (_, i) => view.getInt16(40 + 2 * i, le)),
    datatype: view.getInt16(70, le),
    pixdim: floats(76, 8),
    voxOffset: view.getFloat32(108, le),
    slope: view.getFloat32(112, le),
    intercept: view.getFloat32(116, le),
    xyztUnits: view.getUint8(123),
    description: readText(view, 148, 80),
    qformCode: view.getInt16(252, le),
    sformCode: view.getInt16(254, le),
    quatern: triple(256),
    qoffset: triple(268),
    srow: [floats(280, 4), floats(296, 4), floats(312, 4)],
  };
}

function readFields2(view: DataView, le: boolean): HeaderFields {
  const doubles = (at: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => view.getFloat64(at + 8 * i, le));
  const triple = (at: number): [number, number, number] => {
    const [x, y, z] = doubles(at, 3);
    return [x, y, z];
  };
  return {
    datatype: view.getInt16(12, le),
    dim: Array.from({ length: 8 }, (_, i) => Number(view.getBigInt64(16 + 8 * i, le))),
    pixdim: doubles(104, 8),
    voxOffset: Number(view.getBigInt64(168, le)),
    slope: view.getFloat64(176, le),
    intercept: view.getFloat64(184, le),
    description: readText(view, 240, 80),
    qformCode: view.getInt32(344, le),
    sformCode: view.getInt32(348, le),
    quatern: triple(352),
    qoffset: triple(376),
    srow: [doubles(400, 4), doubles(432, 4), doubles(464, 4)],
    xyztUnits: view.getInt32(500, le),
  };
}
