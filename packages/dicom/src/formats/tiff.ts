/**
 * TIFF stacks, as micro-CT and microscopes write them: one file of many pages, or a folder of numbered single pages.
 * Spacing comes from resolution tags and from ImageJ's description. Written uncompressed, as ImageJ reads it.
 */
import { AXIAL_DIRECTION, type Unit, type Volume } from "@alara/core";
import { DicomError } from "../errors.ts";
import {
  checkSize,
  DEFAULT_VOLUME_LIMITS,
  type FormatFinding,
  findUnit,
  formatDescription,
  parseDescription,
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
  decodeSamples,
  encodeSamplesInto,
  requireBytes,
  type SampleType,
} from "./samples.ts";
import { wrapSamples } from "./stored-volume.ts";
import { encodeHeaderText, formatNumber } from "./text-header.ts";
import { listTiffPages, type TiffPage } from "./tiff-pages.ts";
import { decodeTiffPage, requirePieces } from "./tiff-pixels.ts";

/**
 * Reads a multi-page TIFF: pages are slices.
 *
 * @throws DicomError `UNSUPPORTED_FORMAT`, `TRUNCATED`, `INVALID_VALUE`, `UNSUPPORTED_PIXEL_FORMAT`,
 *   `UNSUPPORTED_PHOTOMETRIC`, `INVALID_COMPRESSED_DATA`, `SEVERAL_VOLUMES`, `SHAPE_MISMATCH`, `LIMIT_EXCEEDED`
 * @remarks Tested against tifffile.
 */
export async function readTiff(bytes: Uint8Array, options: ReadVolumeOptions = {}): Promise<StoredVolume> {
  return readTiffStack([bytes], options);
}

/** A page and the file that it is in. */
interface Sheet {
  readonly bytes: Uint8Array;
  readonly page: TiffPage;
}

/**
 * Reads the pages of several TIFF files as one stack, in the given order.
 *
 * @param files - sort names with {@link compareNumbered} first
 * @throws DicomError as {@link readTiff}; `SHAPE_MISMATCH` for pages of different size or type
 */
export async function readTiffStack(
  files: readonly Uint8Array[],
  options: ReadVolumeOptions = {},
): Promise<StoredVolume> {
  const limits = options.limits ?? DEFAULT_VOLUME_LIMITS;
  const sheets: Sheet[] = [];
  for (const bytes of files) {
    for (const page of listTiffPages(bytes, limits)) if (!page.isSecondary) sheets.push({ bytes, page });
    if (sheets.length > limits.maxParts) {
      throw new DicomError("LIMIT_EXCEEDED", `more than limits.maxParts = ${limits.maxParts} pages`);
    }
  }
  if (sheets.length === 0) throw new DicomError("INVALID_VALUE", "there is no page with pixels");
  const imageJ = parseImageJ(sheets[0].page.description);
  const stack = files.length === 1 ? expandContiguous(sheets, imageJ, limits) : sheets;
  const first = stack[0].page;
  for (const [i, { page }] of stack.entries()) {
    if (
      page.width !== first.width ||
      page.height !== first.height ||
      page.sampleType !== first.sampleType ||
      page.isInverted !== first.isInverted
    ) {
      throw new DicomError(
        "SHAPE_MISMATCH",
        `page ${i} is ${page.width} × ${page.height} ${page.sampleType}, page 0 is ${first.width} × ${first.height} ${first.sampleType}; a stack has pages of one kind`,
      );
    }
  }
  const volumes = countImageJVolumes(imageJ, stack.length);
  const index = resolveVolumeIndex(volumes, options);
  const slices = stack.length / volumes;
  // Channels alternate within a slice and time points follow one another, as ImageJ has it: only one of them is read.
  const isInterleaved = (imageJ.get("channels") ?? 1) > 1;
  const chosen = Array.from(
    { length: slices },
    (_, slice) => stack[isInterleaved ? slice * volumes + index : index * slices + slice],
  );
  const size = [slices, first.height, first.width] as const;
  checkSize(size, limits);
  for (const { bytes, page } of chosen) requirePieces(bytes, page);
  const scaling = first.isInverted ? invertScaling(first.sampleType) : {};
  const plane = first.width * first.height;
  const data = new Float32Array(slices * plane);
  let inexact = 0;
  let nonFinite = 0;
  for (const [slice, { bytes, page }] of chosen.entries()) {
    const stored = await decodeTiffPage(bytes, page);
    const decoded = decodeSamples(stored, page.sampleType, plane, { littleEndian: true, ...scaling });
    data.set(decoded.data, slice * plane);
    inexact += decoded.inexact;
    nonFinite += decoded.nonFinite;
  }
  const place = readSpacing(first, imageJ, options);
  return wrapSamples(
    { data, inexact, nonFinite },
    {
      sampleType: first.sampleType,
      geometry: { size, spacingMm: place.spacingMm, originMm: [0, 0, 0], direction: AXIAL_DIRECTION },
      unit: parseValueUnit(first.description),
      ...parseDescription(findImageJText(first.description, /^label=(.+)$/m) ?? ""),
      findings: place.findings,
      ...scaling,
    },
    options,
  );
}

/** Where white is 0, a value v means maximum − v. */
function invertScaling(type: SampleType): { slope: number; intercept: number } {
  if (!type.startsWith("uint")) {
    throw new DicomError(
      "UNSUPPORTED_PHOTOMETRIC",
      `white as 0 has no meaning for ${type}; save with black as 0`,
    );
  }
  return { slope: -1, intercept: 2 ** (8 * countSampleBytes(type)) - 1 };
}

/** The `key=value` numbers of ImageJ's description; empty when the file is not ImageJ's. */
function parseImageJ(description: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  if (!description.startsWith("ImageJ=")) return values;
  for (const line of description.split(/\r?\n/)) {
    const match = /^(images|slices|frames|channels|spacing)=([-+0-9.eE]+)$/.exec(line.trim());
    if (match !== null && Number.isFinite(Number(match[2]))) values.set(match[1], Number(match[2]));
  }
  return values;
}

/** The unit of lengths in ImageJ's description, in mm. */
function parseLengthMm(description: string): number | undefined {
  const name = findImageJText(description, /^unit=(.+)$/m)?.toLowerCase();
  const units: Readonly<Record<string, number>> = {
    mm: 1,
    millimeter: 1,
    cm: 10,
    centimeter: 10,
    m: 1000,
    um: 1e-3,
    "\u00b5m": 1e-3,
    "\\u00b5m": 1e-3,
    micron: 1e-3,
    microns: 1e-3,
    micrometer: 1e-3,
    nm: 1e-6,
    inch: 25.4,
  };
  return name !== undefined && Object.hasOwn(units, name) ? units[name] : undefined;
}

function parseValueUnit(description: string): Unit | undefined {
  return findUnit(findImageJText(description, /^vunit=(.+)$/m));
}

function findImageJText(description: string, line: RegExp): string | undefined {
  return description.startsWith("ImageJ=") ? line.exec(description)?.[1].trim() : undefined;
}

function countImageJVolumes(imageJ: ReadonlyMap<string, number>, pages: number): number {
  const channels = imageJ.get("channels") ?? 1;
  const frames = imageJ.get("frames") ?? 1;
  // A plain stack is often stored as frames without slices.
  const volumes = (imageJ.get("slices") ?? 1) > 1 ? channels * frames : channels;
  const isSound = Number.isInteger(volumes) && volumes >= 1 && pages % volumes === 0;
  if (!isSound) throw new DicomError("INVALID_VALUE", `${pages} pages do not make ${volumes} volumes`);
  if (channels > 1 && volumes > channels) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      "channels and time points in one file are not read; split them",
    );
  }
  return volumes;
}

/** ImageJ keeps large stacks as one page followed by the bytes of all others. */
function expandContiguous(
  sheets: readonly Sheet[],
  imageJ: ReadonlyMap<string, number>,
  limits: VolumeLimits,
): readonly Sheet[] {
  const images = imageJ.get("images") ?? 1;
  const [{ bytes, page }] = sheets;
  if (sheets.length !== 1 || images <= 1 || page.compression !== "none" || page.offsets.length !== 1)
    return sheets;
  if (!(Number.isInteger(images) && images <= limits.maxParts)) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `${images} images, more than limits.maxParts = ${limits.maxParts}`,
    );
  }
  const pageBytes = page.width * page.height * countSampleBytes(page.sampleType);
  requireBytes(bytes, page.offsets[0] + images * pageBytes);
  return Array.from({ length: images }, (_, i) => ({
    bytes,
    page: { ...page, offsets: [page.offsets[0] + i * pageBytes], byteCounts: [pageBytes] },
  }));
}

function readSpacing(
  page: TiffPage,
  imageJ: ReadonlyMap<string, number>,
  options: ReadVolumeOptions,
): { readonly spacingMm: readonly [number, number, number]; readonly findings: readonly FormatFinding[] } {
  const findings: FormatFinding[] = [
    {
      code: "ORIENTATION_UNKNOWN",
      message: "TIFF states no orientation: taken for an axial stack, left and right may be swapped",
    },
  ];
  if (options.spacingMm !== undefined) {
    if (!options.spacingMm.every((spacing) => Number.isFinite(spacing) && spacing > 0)) {
      throw new DicomError(
        "INVALID_VALUE",
        `a spacing of ${options.spacingMm.join(" × ")} mm is not positive`,
      );
    }
    return { spacingMm: options.spacingMm, findings };
  }
  const [x, y] = page.resolution;
  const imageJMm = parseLengthMm(page.description);
  const tagMm = page.resolutionUnit === 2 ? 25.4 : page.resolutionUnit === 3 ? 10 : undefined;
  const mm = imageJMm ?? tagMm;
  if (x === undefined || mm === undefined) {
    findings.push({ code: "SPACING_UNKNOWN", message: "the file states no spacing; 1 mm is taken" });
    return { spacingMm: [1, 1, 1], findings };
  }
  const column = mm / x;
  const row = mm / (y ?? x);
  const depth = imageJ.get("spacing");
  if (imageJMm === undefined) {
    findings.push({
      code: "SPACING_FROM_RESOLUTION",
      message: `pixels of ${Number(column.toPrecision(4))} mm by the file's print resolution, which scanners often leave at a default`,
    });
  }
  if (depth === undefined || !(depth > 0)) {
    findings.push({
      code: "SPACING_UNKNOWN",
      message: "the file states no slice spacing; that of columns is taken",
    });
  }
  return { spacingMm: [depth !== undefined && depth > 0 ? depth * mm : column, row, column], findings };
}

/** Orders file names as people number them: `s2` before `s10`. */
export function compareNumbered(a: string, b: string): number {
  const partsA = a.match(/\d+|\D+/g) ?? [];
  const partsB = b.match(/\d+|\D+/g) ?? [];
  for (let i = 0; i < Math.min(partsA.length, partsB.length); i++) {
    const bothDigits = /^\d/.test(partsA[i]) && /^\d/.test(partsB[i]);
    const difference = bothDigits ? Number(partsA[i]) - Number(partsB[i]) : 0;
    if (difference !== 0) return difference;
    if (partsA[i] !== partsB[i]) return partsA[i] < partsB[i] ? -1 : 1;
  }
  return partsA.length - partsB.length;
}

const SAMPLE_FORMATS: Readonly<Partial<Record<SampleType, number>>> = {
  uint8: 1,
  int8: 2,
  uint16: 1,
  int16: 2,
  uint32: 1,
  int32: 2,
  float32: 3,
  float64: 3,
};

/**
 * Writes one multi-page `.tif`, uncompressed, little endian, with ImageJ's description; place and directions are lost,
 * spacing and unit are kept, and a description as `label`.
 *
 * @throws DicomError `LIMIT_EXCEEDED` beyond 4 GiB, and as `encodeSamples`
 */
export function writeTiff(volume: Volume, options: WriteVolumeOptions = {}): readonly VolumeFile[] {
  const { geometry, unit } = volume;
  const sampleType = options.sampleType ?? chooseSampleType(volume.data);
  const format = SAMPLE_FORMATS[sampleType];
  if (format === undefined) {
    throw new DicomError("UNSUPPORTED_PIXEL_FORMAT", `${sampleType} is only read; write float32 or int32`);
  }
  const [slices, rows, columns] = geometry.size;
  const [sliceMm, rowMm, columnMm] = geometry.spacingMm;
  const description = encodeHeaderText(
    [
      "ImageJ=1.54f",
      `images=${slices}`,
      `slices=${slices}`,
      `spacing=${formatNumber(sliceMm)}`,
      "unit=mm",
      ...(unit === "arbitrary" ? [] : [`vunit=${unit}`]),
      ...(options.description === undefined ? [] : [`label=${formatDescription(options.description)}`]),
      "loop=false",
      "\0",
    ].join("\n"),
  );
  const tags = 13;
  const directoryBytes = 2 + 12 * tags + 4;
  const descriptionAt = 8;
  const resolutionAt = descriptionAt + description.length + (description.length % 2);
  const firstDirectory = resolutionAt + 16;
  const dataAt = Math.ceil((firstDirectory + slices * directoryBytes) / 16) * 16;
  const pageBytes = rows * columns * countSampleBytes(sampleType);
  const end = dataAt + slices * pageBytes;
  if (end > 0xffffffff) {
    throw new DicomError("LIMIT_EXCEEDED", "TIFF ends at 4 GiB; write NIfTI or NRRD");
  }
  const out = new Uint8Array(end);
  const view = new DataView(out.buffer);
  out.set([0x49, 0x49, 42, 0]);
  view.setUint32(4, firstDirectory, true);
  out.set(description, descriptionAt);
  putRational(view, resolutionAt, 1 / columnMm);
  putRational(view, resolutionAt + 8, 1 / rowMm);
  for (let slice = 0; slice < slices; slice++) {
    const start = firstDirectory + slice * directoryBytes;
    const entries: readonly (readonly [number, number, number, number])[] = [
      [256, 4, 1, columns],
      [257, 4, 1, rows],
      [258, 3, 1, 8 * countSampleBytes(sampleType)],
      [259, 3, 1, 1],
      [262, 3, 1, 1],
      [270, 2, description.length, descriptionAt],
      [273, 4, 1, dataAt + slice * pageBytes],
      [278, 4, 1, rows],
      [279, 4, 1, pageBytes],
      [282, 5, 1, resolutionAt],
      [283, 5, 1, resolutionAt + 8],
      [296, 3, 1, 1],
      [339, 3, 1, format],
    ];
    view.setUint16(start, entries.length, true);
    for (const [i, [tag, type, count, value]] of entries.entries()) {
      const at = start + 2 + 12 * i;
      view.setUint16(at, tag, true);
      view.setUint16(at + 2, type, true);
      view.setUint32(at + 4, count, true);
      if (type === 3) view.setUint16(at + 8, value, true);
      else view.setUint32(at + 8, value, true);
    }
    view.setUint32(start + 2 + 12 * tags, slice + 1 < slices ? start + directoryBytes : 0, true);
  }
  encodeSamplesInto(out.subarray(dataAt), volume.data, sampleType);
  return [{ name: `${options.baseName ?? "volume"}.tif`, bytes: out }];
}

/** A positive number as the nearest fraction of two 32-bit numbers, to 9 digits and more. */
function putRational(view: DataView, at: number, value: number): void {
  let best: readonly [number, number] = [Math.max(1, Math.round(value)), 1];
  // Continued fraction: the last convergent that still fits.
  let [h0, h1, k0, k1] = [0, 1, 1, 0];
  let rest = value;
  for (let i = 0; i < 24; i++) {
    const whole = Math.floor(rest);
    const h = whole * h1 + h0;
    const k = whole * k1 + k0;
    if (h > 0xffffffff || k > 0xffffffff) break;
    if (h > 0) best = [h, k];
    [h0, h1, k0, k1] = [h1, h, k1, k];
    if (rest - whole < 1e-12) break;
    rest = 1 / (rest - whole);
  }
  view.setUint32(at, best[0], true);
  view.setUint32(at + 4, best[1], true);
}
