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

/** Samples that are converted at a time: a small aligned copy of them serves any alignment and byte order. */
const PIECE_SAMPLES = 65_536;

/**
 * Decodes samples to float32, as `fround(slope · sample + intercept)` in double precision. Besides the bytes and the
 * result only a small piece is in memory.
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
  const out = { data: new Float32Array(count), inexact: 0, nonFinite: 0 };
  const { slope = 1, intercept = 0 } = options;
  // Float32 holds all samples of up to 16 bits.
  const isExact = slope === 1 && intercept === 0 && sampleBytes <= 2 && isIntegerType(type);
  const piece = new Uint8Array(Math.min(count, PIECE_SAMPLES) * sampleBytes);
  const numbers = new Float64Array(isExact ? 0 : Math.min(count, PIECE_SAMPLES));
  for (let start = 0; start < count; start += PIECE_SAMPLES) {
    const length = Math.min(PIECE_SAMPLES, count - start);
    const part = piece.subarray(0, length * sampleBytes);
    part.set(bytes.subarray(start * sampleBytes, (start + length) * sampleBytes));
    if (!options.littleEndian) swapBytes(part, sampleBytes);
    const samples = viewSamples(part, type);
    if (isExact) out.data.set(samples as ArrayLike<number>, start);
    else scaleInto(out, start, samples, numbers.subarray(0, length), options);
  }
  return out;
}

/** Numbers as float32 after scaling, with the count of what float32 cannot hold. */
export function scaleSamples(
  samples: ArrayLike<number | bigint>,
  options: { readonly slope?: number; readonly intercept?: number },
): DecodedSamples {
  const out = { data: new Float32Array(samples.length), inexact: 0, nonFinite: 0 };
  scaleInto(out, 0, samples, new Float64Array(samples.length), options);
  return out;
}

/** @param numbers - room for as many numbers as there are samples */
function scaleInto(
  out: { readonly data: Float32Array; inexact: number; nonFinite: number },
  start: number,
  samples: ArrayLike<number | bigint>,
  numbers: Float64Array,
  { slope = 1, intercept = 0 }: { readonly slope?: number; readonly intercept?: number },
): void {
  const { data } = out;
  // One type of array in the loop, whatever the file's, runs several times as fast.
  if (isBig(samples)) for (let i = 0; i < samples.length; i++) numbers[i] = Number(samples[i]);
  else numbers.set(samples as ArrayLike<number>);
  let inexact = 0;
  let nonFinite = 0;
  for (let i = 0; i < numbers.length; i++) {
    const exact = slope * numbers[i] + intercept;
    const value = Math.fround(exact);
    data[start + i] = value;
    if (value - value !== 0) nonFinite++;
    else if (value !== exact) inexact++;
    else if (numbers[i] > Number.MAX_SAFE_INTEGER || numbers[i] < Number.MIN_SAFE_INTEGER) {
      const sample = samples[i];
      if (typeof sample === "bigint" && BigInt(numbers[i]) !== sample) inexact++;
    }
  }
  out.inexact += inexact;
  out.nonFinite += nonFinite;
}

function isBig(samples: ArrayLike<number | bigint>): samples is BigInt64Array | BigUint64Array {
  return samples instanceof BigInt64Array || samples instanceof BigUint64Array;
}

/** Refuses what ends before its samples do. */
export function requireBytes(bytes: Uint8Array, needed: number): void {
  if (bytes.length < needed) {
    throw new DicomError("TRUNCATED", `the samples need ${needed} bytes but only ${bytes.length} are there`);
  }
}

/** Turns the byte order of every sample, in place. */
export function swapBytes(bytes: Uint8Array, sampleBytes: number): void {
  if (sampleBytes === 2) {
    for (let at = 0; at + 1 < bytes.length; at += 2) {
      const byte = bytes[at];
      bytes[at] = bytes[at + 1];
      bytes[at + 1] = byte;
    }
    return;
  }
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

/** What decides how values can be stored. */
interface ValueRange {
  readonly low: number;
  readonly high: number;
  /** Whole numbers without negative zeros, NaN and infinities. */
  readonly areWhole: boolean;
}

function findRange(data: Float32Array): ValueRange {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (value - Math.trunc(value) !== 0 || (value === 0 && 1 / value < 0)) {
      return { low, high, areWhole: false };
    }
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high, areWhole: true };
}

/** The smallest of int16, uint16 and float32 that holds every value exactly. */
export function chooseSampleType(data: Float32Array): SampleType {
  const { low, high, areWhole } = findRange(data);
  if (!areWhole) return "float32";
  if (low >= -32768 && high <= 32767) return "int16";
  return low >= 0 && high <= 65535 ? "uint16" : "float32";
}

/**
 * Encodes values, little endian.
 *
 * @throws DicomError as {@link encodeSamplesInto}
 */
export function encodeSamples(data: Float32Array, type: SampleType): Uint8Array {
  const out = new Uint8Array(data.length * SAMPLE_BYTES[type]);
  encodeSamplesInto(out, data, type);
  return out;
}

/**
 * Encodes values, little endian, into bytes that begin where a sample may.
 *
 * @throws DicomError `OUT_OF_RANGE` for values that an integer type does not reach, `NON_FINITE_VALUE` for NaN and
 *   infinities in one, `UNSUPPORTED_PIXEL_FORMAT` for types that are only read
 */
export function encodeSamplesInto(out: Uint8Array, data: Float32Array, type: SampleType): void {
  if (type === "float32") {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return;
  }
  const view = viewSamples(out, type) as Float64Array | Int16Array;
  if (type === "float64") {
    view.set(data);
    return;
  }
  const limits = INTEGER_RANGES[type];
  if (limits === undefined) {
    throw new DicomError("UNSUPPORTED_PIXEL_FORMAT", `${type} is only read; write float32 or int32`);
  }
  const { low, high, areWhole } = findRange(data);
  if (areWhole && low >= limits[0] && high <= limits[1]) {
    view.set(data);
    return;
  }
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (!Number.isFinite(value)) {
      throw new DicomError(
        "NON_FINITE_VALUE",
        `voxel ${i} is ${value}, which ${type} cannot hold; write float32`,
      );
    }
    const rounded = roundHalfEven(value);
    if (rounded < limits[0] || rounded > limits[1]) {
      throw new DicomError(
        "OUT_OF_RANGE",
        `voxel ${i} is ${value}, outside ${type}'s ${limits[0]}..${limits[1]}; write float32`,
      );
    }
    view[i] = rounded;
  }
}
