/**
 * NPY arrays of NumPy (numpy.lib.format, versions 1 to 3): the samples and their order, without place or spacing.
 * An array of three axes is `[slice][row][column]`. See npz.ts for arrays with their grid.
 */
import { AXIAL_DIRECTION, type GridGeometry, type Volume } from "@alara/core";
import { DicomError } from "../errors.ts";
import {
  checkSize,
  DEFAULT_VOLUME_LIMITS,
  type FormatFinding,
  type ReadVolumeOptions,
  resolveVolumeIndex,
  type StoredVolume,
  type VolumeFile,
  type VolumeLimits,
  type WriteVolumeOptions,
} from "./format.ts";
import {
  chooseSampleType,
  countSampleBytes,
  encodeSamplesInto,
  requireBytes,
  type SampleType,
} from "./samples.ts";
import { createStoredVolume } from "./stored-volume.ts";
import { encodeHeaderText } from "./text-header.ts";

const TYPES: Readonly<Record<string, SampleType>> = {
  b1: "uint8",
  u1: "uint8",
  i1: "int8",
  u2: "uint16",
  i2: "int16",
  u4: "uint32",
  i4: "int32",
  u8: "uint64",
  i8: "int64",
  f2: "float16",
  f4: "float32",
  f8: "float64",
};

/** An array of a NPY file. */
export interface NpyArray {
  /** `undefined` for types that hold no numbers; `text` then is the count of characters per item, if any. */
  readonly sampleType: SampleType | undefined;
  /** Characters per item of an array of text (`U`), else `undefined`. */
  readonly characters: number | undefined;
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** The samples, not decoded; a view. */
  readonly bytes: Uint8Array;
}

/** Whether bytes begin like NPY. */
export function isNpy(bytes: Uint8Array): boolean {
  return bytes.length > 9 && bytes[0] === 0x93 && String.fromCharCode(...bytes.subarray(1, 6)) === "NUMPY";
}

/**
 * Reads a NPY header and finds the samples.
 *
 * @throws DicomError `UNSUPPORTED_FORMAT`, `TRUNCATED`, `INVALID_VALUE`, `LIMIT_EXCEEDED`
 */
export function parseNpy(bytes: Uint8Array, limits: VolumeLimits): NpyArray {
  if (!isNpy(bytes) || bytes[6] < 1 || bytes[6] > 3) {
    throw new DicomError("UNSUPPORTED_FORMAT", "this is not NPY of version 1, 2 or 3");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes[6] > 1 && bytes.length < 12) throw new DicomError("TRUNCATED", "the header ends early");
  const start = bytes[6] === 1 ? 10 : 12;
  const length = bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > limits.maxHeaderBytes) {
    throw new DicomError("LIMIT_EXCEEDED", `the header has ${length} bytes, more than limits.maxHeaderBytes`);
  }
  if (start + length > bytes.length) {
    throw new DicomError("TRUNCATED", `the header has ${length} bytes but the file ends before`);
  }
  const text = String.fromCharCode(...bytes.subarray(start, start + Math.min(length, 4096)));
  const descr = /'descr'\s*:\s*'([<>|=]?)([A-Za-z])(\d{1,6})'/.exec(text);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text);
  const shapeText = /'shape'\s*:\s*\(([\d,\sL]{0,200})\)/.exec(text);
  if (descr === null || order === null || shapeText === null) {
    throw new DicomError(
      "INVALID_VALUE",
      "the header does not hold descr, fortran_order and shape of plain numbers",
    );
  }
  const shape = shapeText[1].match(/\d+/g)?.map(Number) ?? [];
  const name = `${descr[2]}${descr[3]}`;
  return {
    sampleType: Object.hasOwn(TYPES, name) ? TYPES[name] : undefined,
    characters: descr[2] === "U" ? Number(descr[3]) : undefined,
    littleEndian: descr[1] !== ">",
    fortranOrder: order[1] === "True",
    shape,
    bytes: bytes.subarray(start + length),
  };
}

/** The samples in C order and the type of an array of numbers. */
interface OrderedArray {
  readonly sampleType: SampleType;
  readonly littleEndian: boolean;
  readonly bytes: Uint8Array;
}

/**
 * The bytes of one volume of an array, in C order.
 *
 * @returns its size too, `[slices, rows, columns]`
 * @throws DicomError `UNSUPPORTED_PIXEL_FORMAT`, `TRUNCATED`, `SEVERAL_VOLUMES`, `INVALID_VALUE`, `LIMIT_EXCEEDED`
 */
export function selectNpyVolume(
  array: NpyArray,
  options: ReadVolumeOptions,
  limits: VolumeLimits,
): OrderedArray & { readonly size: readonly [number, number, number] } {
  const { sampleType, shape, littleEndian } = array;
  if (sampleType === undefined) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      "the array holds no integers or floats of up to 64 bits",
    );
  }
  if (shape.length < 1 || shape.length > 8) {
    throw new DicomError("INVALID_VALUE", `the array has ${shape.length} axes; 1 to 8 are read`);
  }
  const tail = shape.slice(-3);
  const size: [number, number, number] = [
    tail[tail.length - 3] ?? 1,
    tail[tail.length - 2] ?? 1,
    tail[tail.length - 1],
  ];
  checkSize(size, limits);
  checkSize(shape, { ...limits, maxVoxels: limits.maxFileBytes });
  const volumes = shape.slice(0, -3).reduce((product, n) => product * n, 1);
  const sampleBytes = countSampleBytes(sampleType);
  const voxels = size[0] * size[1] * size[2];
  requireBytes(array.bytes, volumes * voxels * sampleBytes);
  const index = resolveVolumeIndex(volumes, options);
  const bytes = array.fortranOrder
    ? transposeFortran(array.bytes, shape, index, voxels, sampleBytes)
    : array.bytes.subarray(index * voxels * sampleBytes, (index + 1) * voxels * sampleBytes);
  return { sampleType, littleEndian, bytes, size };
}

/** One volume of an array whose first axis is the fastest, with the last axis made the fastest. */
function transposeFortran(
  bytes: Uint8Array,
  shape: readonly number[],
  index: number,
  voxels: number,
  sampleBytes: number,
): Uint8Array {
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, n) => product * n, 1));
  const leading = shape.slice(0, -3);
  let rest = index;
  let base = 0;
  for (let axis = leading.length - 1; axis >= 0; axis--) {
    base += (rest % leading[axis]) * strides[axis];
    rest = Math.floor(rest / leading[axis]);
  }
  const axes = shape.map((_, axis) => axis).slice(-3);
  const [columns, rows] = [shape[axes[axes.length - 1]], shape[axes[axes.length - 2]] ?? 1];
  const columnStride = strides[axes[axes.length - 1]];
  const rowStride = axes.length >= 2 ? strides[axes[axes.length - 2]] : 0;
  const sliceStride = axes.length >= 3 ? strides[axes[0]] : 0;
  const out = new Uint8Array(voxels * sampleBytes);
  let to = 0;
  for (let voxel = 0; voxel < voxels; voxel++) {
    const column = voxel % columns;
    const row = Math.floor(voxel / columns) % rows;
    const slice = Math.floor(voxel / (columns * rows));
    const from = (base + column * columnStride + row * rowStride + slice * sliceStride) * sampleBytes;
    for (let b = 0; b < sampleBytes; b++) out[to++] = bytes[from + b];
  }
  return out;
}

/** An axial grid for files that state no place; its finding says what was assumed. */
export function assumeGrid(
  size: readonly [number, number, number],
  options: ReadVolumeOptions,
): { readonly geometry: GridGeometry; readonly findings: readonly FormatFinding[] } {
  const spacingMm = options.spacingMm ?? [1, 1, 1];
  if (!spacingMm.every((spacing) => Number.isFinite(spacing) && spacing > 0)) {
    throw new DicomError("INVALID_VALUE", `a spacing of ${spacingMm.join(" × ")} mm is not positive`);
  }
  const findings: FormatFinding[] = [
    {
      code: "ORIENTATION_UNKNOWN",
      message: "the file states no orientation: taken for an axial stack, left and right may be swapped",
    },
  ];
  if (options.spacingMm === undefined) {
    findings.push({ code: "SPACING_UNKNOWN", message: "the file states no spacing; 1 mm is taken" });
  }
  return { geometry: { size, spacingMm, originMm: [0, 0, 0], direction: AXIAL_DIRECTION }, findings };
}

/**
 * Reads NPY. The last three axes are slice, row and column; more make several volumes.
 *
 * @throws DicomError as {@link parseNpy} and {@link selectNpyVolume}
 * @remarks Tested against NumPy: every type, both byte orders, both memory orders.
 */
export async function readNpy(bytes: Uint8Array, options: ReadVolumeOptions = {}): Promise<StoredVolume> {
  const limits = options.limits ?? DEFAULT_VOLUME_LIMITS;
  const array = selectNpyVolume(parseNpy(bytes, limits), options, limits);
  const header = { ...array, ...assumeGrid(array.size, options), unit: undefined };
  return createStoredVolume(array.bytes, header, options);
}

/** The header of a NPY file, version 1, C order, little endian; a multiple of 64 bytes. */
export function formatNpyHeader(sampleType: SampleType, shape: readonly number[]): Uint8Array {
  const entry = Object.entries(TYPES).find(([name, type]) => type === sampleType && name !== "b1");
  if (entry === undefined) throw new DicomError("UNSUPPORTED_PIXEL_FORMAT", `NPY has no ${sampleType}`);
  const [name] = entry;
  const order = countSampleBytes(sampleType) === 1 ? "|" : "<";
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${order}${name}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const out = new Uint8Array(length);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, (length - 10) & 255, (length - 10) >> 8]);
  out.fill(32, 10, length - 1);
  out.set(encodeHeaderText(text), 10);
  out[length - 1] = 10;
  return out;
}

/**
 * The bytes of a NPY file, version 1, C order, little endian.
 *
 * @throws DicomError as `encodeSamples`
 */
export function formatNpy(data: Float32Array, sampleType: SampleType, shape: readonly number[]): Uint8Array {
  const header = formatNpyHeader(sampleType, shape);
  const bytes = new Uint8Array(header.length + data.length * countSampleBytes(sampleType));
  bytes.set(header);
  encodeSamplesInto(bytes.subarray(header.length), data, sampleType);
  return bytes;
}

/** Writes one `.npy` file; spacing and place are lost. */
export function writeNpy(volume: Volume, options: WriteVolumeOptions = {}): readonly VolumeFile[] {
  const sampleType = options.sampleType ?? chooseSampleType(volume.data);
  const bytes = formatNpy(volume.data, sampleType, volume.geometry.size);
  return [{ name: `${options.baseName ?? "volume"}.npy`, bytes }];
}
