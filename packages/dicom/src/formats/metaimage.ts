/**
 * MetaImage files of ITK: `.mha` with its samples behind the header, `.mhd` with files of their own. Text header of
 * `Key = Value` lines that ends with ElementDataFile. Coordinates are LPS.
 */
import { type GridGeometry, joinBytes, type Unit, type Vector3, type Volume } from "@alara/core";
import { DicomError } from "../errors.ts";
import { expandPattern, readCompanion } from "./companions.ts";
import { compress, inflateSamples } from "./compression.ts";
import {
  DEFAULT_VOLUME_LIMITS,
  type FormatFinding,
  formatDescription,
  formatUnitComment,
  isOrientationUnsaid,
  parseDescription,
  parseUnitComment,
  type ReadVolumeOptions,
  type StoredVolume,
  type VolumeFile,
  type VolumeLimits,
  type WriteVolumeOptions,
} from "./format.ts";
import { completeAxes, createGridOfSteps } from "./orientation.ts";
import {
  chooseSampleType,
  countSampleBytes,
  encodeSamples,
  requireBytes,
  type SampleType,
  scaleSamples,
} from "./samples.ts";
import { createStoredVolume, wrapSamples } from "./stored-volume.ts";
import {
  encodeHeaderText,
  formatNumber,
  parseNumbers,
  parseTextSamples,
  parseWhole,
  readLine,
} from "./text-header.ts";
import { layOutAxes, selectVolume, type VolumeLayout } from "./volume-layout.ts";

const TYPES: Readonly<Record<string, SampleType>> = {
  MET_CHAR: "int8",
  MET_UCHAR: "uint8",
  MET_SHORT: "int16",
  MET_USHORT: "uint16",
  MET_INT: "int32",
  MET_UINT: "uint32",
  MET_LONG: "int32",
  MET_ULONG: "uint32",
  MET_LONG_LONG: "int64",
  MET_ULONG_LONG: "uint64",
  MET_FLOAT: "float32",
  MET_DOUBLE: "float64",
};

interface MetaHeader {
  readonly sampleType: SampleType;
  readonly littleEndian: boolean;
  readonly isText: boolean;
  readonly isCompressed: boolean;
  /** Bytes before the samples in a data file; −1: the samples are the file's last bytes. */
  readonly headerSize: number;
  readonly layout: VolumeLayout;
  /** Samples of the whole file. */
  readonly total: number;
  readonly geometry: GridGeometry;
  readonly unit: Unit | undefined;
  readonly description?: string;
  /** Names of data files; `undefined` for samples behind the header. */
  readonly dataFiles: readonly string[] | undefined;
  readonly end: number;
  readonly findings: readonly FormatFinding[];
}

/** Names that the matrix of directions has had. */
const ROTATION_KEYS = ["TransformMatrix", "Rotation", "Orientation"] as const;
const KEY_LINE = /^\s*([A-Za-z][A-Za-z0-9_]{0,63})\s*=(.*)$/;
/** Keys of which one must stand in the first lines, so that other `key = value` files are not taken for MetaImage. */
const FIRST_KEYS = /^\s*(?:ObjectType\s*=\s*Image|NDims\s*=\s*\d)/;

/** Whether bytes begin with a MetaImage header. */
export function isMetaImage(bytes: Uint8Array): boolean {
  let start = "";
  for (let i = 0; i < Math.min(bytes.length, 64); i++) start += String.fromCharCode(bytes[i]);
  return FIRST_KEYS.test(start);
}

/**
 * Reads MetaImage: raw, text and zlib samples, both byte orders, one or many data files, channels as volumes.
 *
 * @param bytes - `.mha`, or `.mhd` (then `options.openCompanion` is needed)
 * @throws DicomError `UNSUPPORTED_FORMAT`, `MISSING_ATTRIBUTE`, `INVALID_VALUE`, `TRUNCATED`, `SEVERAL_VOLUMES`,
 *   `UNSUPPORTED_PIXEL_FORMAT`, `OUT_OF_RANGE`, `INVALID_COMPRESSED_DATA`, `LIMIT_EXCEEDED`, `UNSAFE_PATH`,
 *   `INPUT_NOT_FOUND`, `FILE_TOO_LARGE`
 * @remarks Tested against ITK's reader. Intensity functions other than identity are refused: readers disagree on them.
 */
export async function readMetaImage(
  bytes: Uint8Array,
  options: ReadVolumeOptions = {},
): Promise<StoredVolume> {
  const limits = options.limits ?? DEFAULT_VOLUME_LIMITS;
  const header = readHeader(bytes, limits);
  const { layout, total } = header;
  const sampleBytes = countSampleBytes(header.sampleType);
  const files = header.dataFiles;
  if (files !== undefined && total % files.length !== 0) {
    throw new DicomError(
      "INVALID_VALUE",
      `${total} samples cannot be spread over ${files.length} data files`,
    );
  }
  const perFile = files === undefined ? total : total / files.length;
  const sources: readonly (string | undefined)[] = files ?? [undefined];
  if (header.isText) {
    const numbers: number[] = [];
    for (const name of sources) {
      const file =
        name === undefined ? bytes.subarray(header.end) : await readCompanion(name, options, limits);
      for (const value of parseTextSamples(file, perFile)) numbers.push(value);
    }
    if (layout.volumes > 1) {
      throw new DicomError("UNSUPPORTED_PIXEL_FORMAT", "several volumes written as text are not read");
    }
    return wrapSamples(scaleSamples(numbers, {}), header, options);
  }
  const parts: Uint8Array[] = [];
  for (const name of sources) {
    const file = name === undefined ? bytes.subarray(header.end) : await readCompanion(name, options, limits);
    parts.push(await unpack(file, header, perFile * sampleBytes, name !== undefined));
  }
  let all = parts[0];
  if (parts.length > 1) {
    all = new Uint8Array(total * sampleBytes);
    for (const [i, part] of parts.entries()) all.set(part, i * perFile * sampleBytes);
  }
  return createStoredVolume(selectVolume(all, layout, sampleBytes, options), header, options);
}

async function unpack(
  file: Uint8Array,
  header: MetaHeader,
  needed: number,
  isOwnFile: boolean,
): Promise<Uint8Array> {
  if (isOwnFile && header.headerSize === -1) {
    requireBytes(file, needed);
    return file.subarray(file.length - needed);
  }
  const data = isOwnFile ? file.subarray(header.headerSize) : file;
  if (header.isCompressed) return inflateSamples(data, "zlib", needed);
  requireBytes(data, needed);
  return data.subarray(0, needed);
}

function parseFlag(text: string | undefined): boolean {
  return text !== undefined && /^\s*(?:true|1|t|yes|y)\s*$/i.test(text);
}

function readHeader(bytes: Uint8Array, limits: VolumeLimits): MetaHeader {
  if (!isMetaImage(bytes)) throw new DicomError("UNSUPPORTED_FORMAT", "this is not MetaImage");
  const fields = new Map<string, string>();
  let at = 0;
  while (!fields.has("ElementDataFile")) {
    const line = readLine(bytes, at, limits);
    if (line === undefined) throw new DicomError("TRUNCATED", "the header ends before ElementDataFile");
    const match = KEY_LINE.exec(line.text);
    if (match === null && line.text.trim() !== "") {
      throw new DicomError("INVALID_VALUE", "a line of the header is not Key = Value", { offset: at });
    }
    if (match !== null) {
      if (fields.has(match[1])) {
        throw new DicomError("INVALID_VALUE", "a key of the header occurs twice", { offset: at });
      }
      fields.set(match[1], match[2].trim());
    }
    at = line.next;
  }
  const find = (...names: readonly string[]): string | undefined =>
    names.map((name) => fields.get(name)).find((value) => value !== undefined);
  const need = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw new DicomError("MISSING_ATTRIBUTE", `the header has no ${name}`);
    return value;
  };
  const dimensions = parseWhole(need("NDims"), "NDims");
  if (!(dimensions >= 1 && dimensions <= 10)) {
    throw new DicomError("INVALID_VALUE", `NDims is ${dimensions}; 1 to 10 exist`);
  }
  const sizes = parseNumbers(need("DimSize"), "DimSize");
  if (sizes.length !== dimensions) {
    throw new DicomError("INVALID_VALUE", `DimSize has ${sizes.length} numbers for ${dimensions} dimensions`);
  }
  const typeName = need("ElementType");
  const sampleType = Object.hasOwn(TYPES, typeName) ? TYPES[typeName] : undefined;
  if (sampleType === undefined) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      "ElementType is not an integer or float of up to 64 bits",
    );
  }
  const slope = find("ElementToIntensityFunctionSlope");
  const intercept = find("ElementToIntensityFunctionOffset");
  if ((slope !== undefined && Number(slope) !== 1) || (intercept !== undefined && Number(intercept) !== 0)) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      "the file scales its samples by an intensity function, which readers understand in different ways; save the scaled values",
    );
  }
  const channels = parseWhole(find("ElementNumberOfChannels") ?? "1", "ElementNumberOfChannels");
  const allSizes = channels === 1 ? sizes : [channels, ...sizes];
  const isSpatial = allSizes.map((_, axis) => (channels === 1 ? axis < 3 : axis >= 1 && axis <= 3));
  const layout = layOutAxes(allSizes, isSpatial, limits);
  const headerSize = parseWhole(find("HeaderSize") ?? "0", "HeaderSize");
  if (headerSize < -1) throw new DicomError("INVALID_VALUE", `HeaderSize is ${headerSize}, below −1`);
  const isBinary = find("BinaryData") === undefined || parseFlag(find("BinaryData"));
  const { names, end } = listDataFiles(need("ElementDataFile"), bytes, at, limits);
  return {
    sampleType,
    littleEndian: !parseFlag(find("BinaryDataByteOrderMSB", "ElementByteOrderMSB")),
    isText: !isBinary,
    isCompressed: parseFlag(find("CompressedData")),
    headerSize,
    layout,
    total: allSizes.reduce((product, n) => product * n, 1),
    ...readPlace(find, dimensions, layout),
    unit: parseUnitComment(find("Comment") ?? ""),
    ...parseDescription(find("Comment") ?? ""),
    dataFiles: names,
    end,
  };
}

function listDataFiles(
  value: string,
  bytes: Uint8Array,
  start: number,
  limits: VolumeLimits,
): { readonly names: readonly string[] | undefined; readonly end: number } {
  if (/^local$/i.test(value)) return { names: undefined, end: start };
  if (/^LIST\b/i.test(value)) {
    const names: string[] = [];
    let at = start;
    for (;;) {
      const line = readLine(bytes, at, limits);
      if (line === undefined) break;
      if (line.text.trim() !== "") names.push(line.text);
      at = line.next;
    }
    if (names.length === 0 || names.length > limits.maxParts) {
      throw new DicomError(
        "LIMIT_EXCEEDED",
        `${names.length} data files; limits.maxParts = ${limits.maxParts}, and one is needed`,
      );
    }
    return { names, end: at };
  }
  // Bounded, so that no value costs more than one pass.
  const pattern = /^(\S{1,1024})\s+(-?\d{1,9})\s+(-?\d{1,9})(?:\s+(-?\d{1,9}))?$/.exec(value);
  if (pattern === null || !/%\d{0,3}d/.test(pattern[1])) return { names: [value], end: start };
  const range = [pattern[2], pattern[3], pattern[4] ?? "1"].map(Number);
  return { names: expandPattern(pattern[1], range, limits), end: start };
}

function readPlace(
  find: (...names: readonly string[]) => string | undefined,
  dimensions: number,
  layout: VolumeLayout,
): { readonly geometry: GridGeometry; readonly findings: readonly FormatFinding[] } {
  const findings: FormatFinding[] = [];
  const list = (count: number, fallback: (i: number) => number, ...names: readonly string[]): number[] => {
    const text = find(...names);
    if (text === undefined) return Array.from({ length: count }, (_, i) => fallback(i));
    const values = parseNumbers(text, names[0]);
    if (values.length !== count) {
      throw new DicomError("INVALID_VALUE", `${names[0]} has ${values.length} numbers instead of ${count}`);
    }
    return values;
  };
  if (find(...ROTATION_KEYS) === undefined) {
    findings.push({
      code: "ORIENTATION_UNKNOWN",
      message: "the file states no orientation: its axes are taken for LPS, left and right may be swapped",
    });
  }
  if (find("ElementSpacing", "ElementSize") === undefined) {
    findings.push({ code: "SPACING_UNKNOWN", message: "the file states no spacing; 1 mm is taken" });
  }
  const spacing = list(dimensions, () => 1, "ElementSpacing", "ElementSize");
  const matrix = list(dimensions * dimensions, (i) => (i % (dimensions + 1) === 0 ? 1 : 0), ...ROTATION_KEYS);
  const origin = list(dimensions, () => 0, "Offset", "Position", "Origin");
  // The first row of the matrix is the direction in which the first index grows, as ITK reads it.
  const axes = layout.spatialAxes.map((_, axis): Vector3 => {
    const [x = 0, y = 0, z = 0] = matrix.slice(axis * dimensions, (axis + 1) * dimensions);
    const length = spacing[axis];
    return [x * length, y * length, z * length];
  });
  const [column, row, slice] = completeAxes(axes);
  const [x, y = 0, z = 0] = origin;
  return { geometry: createGridOfSteps(layout.size, { column, row, slice }, [x, y, z]), findings };
}

function findTypeName(sampleType: SampleType): string {
  const entry = Object.entries(TYPES).find(([, type]) => type === sampleType);
  if (entry === undefined) {
    throw new DicomError("UNSUPPORTED_PIXEL_FORMAT", `MetaImage has no ${sampleType}; write float32`);
  }
  return entry[0];
}

function encodeMetaImage(
  volume: Volume,
  options: WriteVolumeOptions,
  dataFile: string,
): { readonly header: Uint8Array; readonly samples: Uint8Array } {
  const { geometry } = volume;
  const { direction, spacingMm, size } = geometry;
  const sampleType = options.sampleType ?? chooseSampleType(volume.data);
  const samples = compress(encodeSamples(volume.data, sampleType), "zlib");
  const join = (values: readonly number[]): string => values.map(formatNumber).join(" ");
  const comment = [formatUnitComment(volume.unit), formatDescription(options.description)]
    .filter((part) => part !== "")
    .join(" ");
  const place = [
    `TransformMatrix = ${join([...direction.column, ...direction.row, ...direction.slice])}`,
    `Offset = ${join(geometry.originMm)}`,
    "CenterOfRotation = 0 0 0",
  ];
  const lines = [
    "ObjectType = Image",
    "NDims = 3",
    ...(comment === "" ? [] : [`Comment = ${comment}`]),
    "BinaryData = True",
    "BinaryDataByteOrderMSB = False",
    "CompressedData = True",
    `CompressedDataSize = ${samples.length}`,
    ...(isOrientationUnsaid(geometry, options) ? [] : place),
    `ElementSpacing = ${join([...spacingMm].reverse())}`,
    `DimSize = ${join([...size].reverse())}`,
    `ElementType = ${findTypeName(sampleType)}`,
    `ElementDataFile = ${dataFile}`,
  ];
  return { header: encodeHeaderText(`${lines.join("\n")}\n`), samples };
}

/**
 * Writes one `.mha` file, zlib. The unit goes into `Comment` as `unit=HU`, a description behind it as `Alara: …`. An
 * unknown orientation is left out, with the position.
 */
export function writeMetaImage(volume: Volume, options: WriteVolumeOptions = {}): readonly VolumeFile[] {
  const { header, samples } = encodeMetaImage(volume, options, "LOCAL");
  return [{ name: `${options.baseName ?? "volume"}.mha`, bytes: joinBytes([header, samples]) }];
}

/** Writes a `.mhd` and its `.zraw`. */
export function writeDetachedMetaImage(
  volume: Volume,
  options: WriteVolumeOptions = {},
): readonly VolumeFile[] {
  const baseName = options.baseName ?? "volume";
  const { header, samples } = encodeMetaImage(volume, options, `${baseName}.zraw`);
  return [
    { name: `${baseName}.mhd`, bytes: header },
    { name: `${baseName}.zraw`, bytes: samples },
  ];
}
