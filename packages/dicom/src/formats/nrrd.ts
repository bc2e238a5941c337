/**
 * NRRD files: samples behind the header (`.nrrd`) or in files of their own (`.nhdr`). The header is in nrrd-header.ts.
 */
import { joinBytes, type Volume } from "@alara/core";
import { DicomError } from "../errors.ts";
import { readCompanion } from "./companions.ts";
import { compress, inflateSamples } from "./compression.ts";
import {
  DEFAULT_VOLUME_LIMITS,
  findUnit,
  formatDescription,
  isOrientationUnsaid,
  type ReadVolumeOptions,
  type StoredVolume,
  type VolumeFile,
  type VolumeLimits,
  type WriteVolumeOptions,
} from "./format.ts";
import { type NrrdHeader, readNrrdHeader } from "./nrrd-header.ts";
import { getGridSteps } from "./orientation.ts";
import {
  chooseSampleType,
  countSampleBytes,
  encodeSamples,
  requireBytes,
  type SampleType,
  scaleSamples,
} from "./samples.ts";
import { createStoredVolume, wrapSamples } from "./stored-volume.ts";
import { encodeHeaderText, formatNumber, parseTextSamples } from "./text-header.ts";
import { selectVolume } from "./volume-layout.ts";

/**
 * Reads NRRD: raw, gzip, ascii and hex samples, both byte orders, line and byte skips, one or many data files.
 *
 * @param bytes - `.nrrd`, or `.nhdr` (then `options.openCompanion` is needed)
 * @throws DicomError `UNSUPPORTED_FORMAT` (also for bzip2), `MISSING_ATTRIBUTE`, `INVALID_VALUE`, `TRUNCATED`,
 *   `UNSUPPORTED_PIXEL_FORMAT`, `SEVERAL_VOLUMES`, `OUT_OF_RANGE`, `INVALID_COMPRESSED_DATA`, `LIMIT_EXCEEDED`,
 *   `UNSAFE_PATH`, `INPUT_NOT_FOUND`, `FILE_TOO_LARGE`
 * @remarks Tested against ITK's reader.
 */
export async function readNrrd(bytes: Uint8Array, options: ReadVolumeOptions = {}): Promise<StoredVolume> {
  const limits = options.limits ?? DEFAULT_VOLUME_LIMITS;
  const header = readNrrdHeader(bytes, limits);
  const total = header.sizes.reduce((product, n) => product * n, 1);
  const stored = {
    ...header,
    unit: findUnit(header.sampleUnits),
  };
  const samples = await readSamples(bytes, header, total, options, limits);
  if (Array.isArray(samples)) {
    // Text is few: its numbers are chosen through their indices.
    const indices = new Uint8Array(Uint32Array.from({ length: total }, (_, i) => i).buffer);
    const chosen = selectVolume(indices, header.layout, 4, options);
    const wanted = new Uint32Array(chosen.slice().buffer);
    return wrapSamples(
      scaleSamples(
        Array.from(wanted, (i) => samples[i]),
        {},
      ),
      stored,
      options,
    );
  }
  const chosen = selectVolume(samples, header.layout, countSampleBytes(header.sampleType), options);
  return createStoredVolume(chosen, stored, options);
}

/** All samples of the file: bytes, or numbers when they are written as text. */
async function readSamples(
  bytes: Uint8Array,
  header: NrrdHeader,
  total: number,
  options: ReadVolumeOptions,
  limits: VolumeLimits,
): Promise<Uint8Array | number[]> {
  const { dataFiles } = header;
  if (dataFiles === undefined) return unpackSamples(bytes.subarray(header.end), header, total);
  if (dataFiles.length === 0 || total % dataFiles.length !== 0) {
    throw new DicomError(
      "INVALID_VALUE",
      `${total} samples cannot be spread evenly over ${dataFiles.length} data files`,
    );
  }
  const perFile = total / dataFiles.length;
  const parts: (Uint8Array | number[])[] = [];
  for (const name of dataFiles) {
    parts.push(await unpackSamples(await readCompanion(name, options, limits), header, perFile));
  }
  if (parts.length === 1) return parts[0];
  if (header.encoding === "ascii") return (parts as number[][]).flat();
  const size = perFile * countSampleBytes(header.sampleType);
  const out = new Uint8Array(size * parts.length);
  for (const [i, part] of (parts as Uint8Array[]).entries()) out.set(part.subarray(0, size), i * size);
  return out;
}

async function unpackSamples(
  file: Uint8Array,
  header: NrrdHeader,
  count: number,
): Promise<Uint8Array | number[]> {
  const needed = count * countSampleBytes(header.sampleType);
  const lines = skipLines(file, header.lineSkip);
  if (header.encoding === "gzip") {
    const plain = await inflateSamples(lines, "gzip", needed + header.byteSkip);
    return plain.subarray(header.byteSkip);
  }
  if (header.byteSkip === -1) {
    requireBytes(lines, needed);
    return lines.subarray(lines.length - needed);
  }
  const data = lines.subarray(header.byteSkip);
  if (header.encoding === "ascii") return parseTextSamples(data, count);
  if (header.encoding === "hex") return parseHex(data, needed);
  requireBytes(data, needed);
  return data.subarray(0, needed);
}

function skipLines(bytes: Uint8Array, lines: number): Uint8Array {
  let at = 0;
  for (let skipped = 0; skipped < lines; skipped++) {
    while (at < bytes.length && bytes[at] !== 10) at++;
    if (at >= bytes.length) {
      throw new DicomError("TRUNCATED", `the data file has fewer than the ${lines} lines to skip`);
    }
    at++;
  }
  return bytes.subarray(at);
}

function parseHex(bytes: Uint8Array, needed: number): Uint8Array {
  requireBytes(bytes, 2 * needed);
  const out = new Uint8Array(needed);
  let digits = 0;
  for (const byte of bytes) {
    if (byte <= 32) continue;
    if (digits === 2 * needed) break;
    const value = Number.parseInt(String.fromCharCode(byte), 16);
    if (Number.isNaN(value))
      throw new DicomError("INVALID_VALUE", "hexadecimal samples hold other characters");
    out[digits >> 1] |= digits % 2 === 0 ? value << 4 : value;
    digits++;
  }
  requireBytes(out.subarray(0, digits >> 1), needed);
  return out;
}

const TYPE_NAMES: Readonly<Partial<Record<SampleType, string>>> = {
  uint8: "unsigned char",
  int8: "signed char",
  uint16: "unsigned short",
  int16: "short",
  uint32: "unsigned int",
  int32: "int",
  float32: "float",
  float64: "double",
};

function formatHeader(
  volume: Volume,
  sampleType: SampleType,
  options: WriteVolumeOptions,
  dataFile: string | undefined,
): Uint8Array {
  const { geometry, unit } = volume;
  const steps = getGridSteps(geometry);
  const vector = (values: readonly number[]): string => `(${values.map(formatNumber).join(",")})`;
  const typeName = TYPE_NAMES[sampleType];
  if (typeName === undefined) {
    throw new DicomError("UNSUPPORTED_PIXEL_FORMAT", `${sampleType} is only read; write float32 or int32`);
  }
  const lines = [
    "NRRD0004",
    `type: ${typeName}`,
    "dimension: 3",
    // Directions in no named space say how axes lie, and nothing of a patient.
    isOrientationUnsaid(geometry, options) ? "space dimension: 3" : "space: left-posterior-superior",
    `sizes: ${[...geometry.size].reverse().join(" ")}`,
    `space directions: ${[steps.column, steps.row, steps.slice].map(vector).join(" ")}`,
    "kinds: domain domain domain",
    "endian: little",
    "encoding: gzip",
    `space origin: ${vector(geometry.originMm)}`,
    'space units: "mm" "mm" "mm"',
    ...(unit === "arbitrary" ? [] : [`sample units: ${unit}`]),
    ...(options.description === undefined ? [] : [`description:=${formatDescription(options.description)}`]),
    ...(dataFile === undefined ? [] : [`data file: ${dataFile}`]),
  ];
  return encodeHeaderText(`${lines.join("\n")}\n${dataFile === undefined ? "\n" : ""}`);
}

/**
 * Writes one `.nrrd` file: NRRD0004, LPS, gzip. The unit goes into `sample units`, a description into the key
 * `description`. An unknown orientation is written as directions in no named space.
 */
export function writeNrrd(volume: Volume, options: WriteVolumeOptions = {}): readonly VolumeFile[] {
  const sampleType = options.sampleType ?? chooseSampleType(volume.data);
  const header = formatHeader(volume, sampleType, options, undefined);
  const bytes = joinBytes([header, compress(encodeSamples(volume.data, sampleType), "gzip")]);
  return [{ name: `${options.baseName ?? "volume"}.nrrd`, bytes }];
}

/** Writes a `.nhdr` and its `.raw.gz`. */
export function writeDetachedNrrd(volume: Volume, options: WriteVolumeOptions = {}): readonly VolumeFile[] {
  const baseName = options.baseName ?? "volume";
  const sampleType = options.sampleType ?? chooseSampleType(volume.data);
  const dataFile = `${baseName}.raw.gz`;
  return [
    { name: `${baseName}.nhdr`, bytes: formatHeader(volume, sampleType, options, dataFile) },
    {
      name: dataFile,
      bytes: compress(encodeSamples(volume.data, sampleType), "gzip"),
    },
  ];
}
