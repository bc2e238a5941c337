/**
 * Samples as files store them: integer and float types of both byte orders to float32 and back. Says when float32
 * cannot hold a value. Not for DICOM's stored bits: see images/pixels.ts.
 */
import { DicomError } from "../errors.ts";
import { roundHalfEven } from "../images/pixels.ts";

/** How one sample is stored. */
export type SampleType =
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "uint64"
  | "int64"
  | "float16"
  | "float32"
  | "float64";

/** The types that every writer offers. */
export const COMMON_SAMPLE_TYPES: readonly SampleType[] = [
  "uint8",
  "int8",
  "uint16",
  "int16",
  "uint32",
  "int32",
  "float32",
  "float64",
];

const SAMPLE_BYTES: Readonly<Record<SampleType, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  uint64: 8,
  int64: 8,
  float16: 2,
  float32: 4,
  float64: 8,
};

const INTEGER_RANGES: Readonly<Partial<Record<SampleType, readonly [number, number]>>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
  uint32: [0, 2 ** 32 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/** Bytes of one sample. */
export function countSampleBytes(type: SampleType): number {
  return SAMPLE_BYTES[type];
}

/** Whether a type stores whole numbers. */
export function isIntegerType(type: SampleType): boolean {
  return !type.startsWith("float");
}

/** Decoded samples. */
export interface DecodedSamples {
  readonly data: Float32Array;
  /** Samples whose scaled value float32 cannot hold exactly. */
  readonly inexact: number;
  /** NaN and infinities. */
  readonly nonFinite: number;
}

/** How to decode. */
export interface DecodeSamplesOptions {
  readonly littleEndian: boolean;
  /** value = slope · sample + intercept; default 1 and 0. */
  readonly slope?: number;
  readonly intercept?: number;
}

/**
 * Decodes samples to float32, as `fround(slope · sample + intercept)` in double precision.
 *
 * @throws DicomError `TRUNCATED` when there are fewer bytes than `count` samples take
 */
export function decodeSamples(
  bytes: Uint8Array,
  type: SampleType,
  count: number,
  options: DecodeSamplesOptions,
): DecodedSamples {
  const sampleBytes = SAMPLE_BYTES[type];
  requireBytes(bytes, count * sampleBytes);
  const copy = bytes.slice(0, count * sampleBytes);
  if (!options.littleEndian) swapBytes(copy, sampleBytes);
  return scaleSamples(viewSamples(copy, type), count, options);
}

/**
 * Numbers as float32 after scaling, with the count of what float32 cannot hold.
 */
export function scaleSamples(
  samples: ArrayLike<number | bigint>,
  count: number,
  options: { readonly slope?: number; readonly intercept?: number },
): DecodedSamples {
  const slope = options.slope ?? 1;
  const intercept = options.intercept ?? 0;
  const data = new Float32Array(count);
  let inexact = 0;
  let nonFinite = 0;
  for (let i = 0; i < count; i++) {
    const sample = samples[i];
    const number = Number(sample);
    const exact = slope * number + intercept;
    const value = Math.fround(exact);
    data[i] = value;
    if (!Number.isFinite(value)) nonFinite++;
    else if (value !== exact || (typeof sample === "bigint" && BigInt(number) !== sample)) inexact++;
  }
  return { data, inexact, nonFinite };
}

/** Refuses what ends before its samples do. */
export function requireBytes(bytes: Uint8Array, needed: number): void {
  if (bytes.length < needed) {
    throw new DicomError("TRUNCATED", `the samples need ${needed} bytes but only ${bytes.length} are there`);
  }
}

/** Turns the byte order of every sample, in place. */
export function swapBytes(bytes: Uint8Array, sampleBytes: number): void {
  for (let at = 0; at + sampleBytes <= bytes.length; at += sampleBytes) {
    for (let low = at, high = at + sampleBytes - 1; low < high; low++, high--) {
      const byte = bytes[low];
      bytes[low] = bytes[high];
      bytes[high] = byte;
    }
  }
}

/** A typed view on little-endian samples that begin at an aligned offset. */
function viewSamples(bytes: Uint8Array, type: SampleType): ArrayLike<number | bigint> {
  const { buffer, byteOffset } = bytes;
  const count = bytes.length / SAMPLE_BYTES[type];
  switch (type) {
    case "uint8":
      return bytes;
    case "int8":
      return new Int8Array(buffer, byteOffset, count);
    case "uint16":
      return new Uint16Array(buffer, byteOffset, count);
    case "int16":
      return new Int16Array(buffer, byteOffset, count);
    case "uint32":
      return new Uint32Array(buffer, byteOffset, count);
    case "int32":
      return new Int32Array(buffer, byteOffset, count);
    case "uint64":
      return new BigUint64Array(buffer, byteOffset, count);
    case "int64":
      return new BigInt64Array(buffer, byteOffset, count);
    case "float16":
      return expandHalves(new Uint16Array(buffer, byteOffset, count));
    case "float32":
      return new Float32Array(buffer, byteOffset, count);
    case "float64":
      return new Float64Array(buffer, byteOffset, count);
  }
}

/** IEEE 754 binary16 to float32. */
function expandHalves(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const sign = halves[i] & 0x8000 ? -1 : 1;
    const exponent = (halves[i] >> 10) & 31;
    const fraction = halves[i] & 1023;
    if (exponent === 31) out[i] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    else if (exponent === 0) out[i] = sign * fraction * 2 ** -24;
    else out[i] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return out;
}

/** The smallest of int16, uint16 and float32 that holds every value exactly. */
export function chooseSampleType(data: Float32Array): SampleType {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of data) {
    if (!Number.isInteger(value) || Object.is(value, -0)) return "float32";
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low >= -32768 && high <= 32767) return "int16";
  return low >= 0 && high <= 65535 ? "uint16" : "float32";
}

/**
 * Encodes values, little endian.
 *
 * @throws DicomError `OUT_OF_RANGE` for values that an integer type does not reach, `NON_FINITE_VALUE` for NaN and
 *   infinities in one, `UNSUPPORTED_PIXEL_FORMAT` for types that are only read
 */
export function encodeSamples(data: Float32Array, type: SampleType): Uint8Array {
  if (type === "float32") {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  }
  if (type === "float64") return new Uint8Array(Float64Array.from(data).buffer);
  const range = INTEGER_RANGES[type];
  if (range === undefined) {
    throw new DicomError("UNSUPPORTED_PIXEL_FORMAT", `${type} is only read; write float32 or int32`);
  }
  const out = new Uint8Array(data.length * SAMPLE_BYTES[type]);
  const view = viewSamples(out, type) as { [index: number]: number };
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (!Number.isFinite(value)) {
      throw new DicomError(
        "NON_FINITE_VALUE",
        `voxel ${i} is ${value}, which ${type} cannot hold; write float32`,
      );
    }
    const rounded = roundHalfEven(value);
    if (rounded < range[0] || rounded > range[1]) {
      throw new DicomError(
        "OUT_OF_RANGE",
        `voxel ${i} is ${value}, outside ${type}'s ${range[0]}..${range[1]}; write float32`,
      );
    }
    view[i] = rounded;
  }
  return out;
}
