/**
 * The pages of a TIFF file (TIFF 6.0, and BigTIFF with 8-byte offsets): directories of tags and where their strips or
 * tiles lie. Pixels are decoded in tiff-pixels.ts.
 */
import { DicomError } from "../errors.ts";
import type { VolumeLimits } from "./format.ts";
import type { SampleType } from "./samples.ts";

/** How the pixels of a page are packed. */
export type TiffCompression = "none" | "lzw" | "deflate" | "packbits";

/** One page of one number per pixel. */
export interface TiffPage {
  readonly width: number;
  readonly height: number;
  readonly sampleType: SampleType;
  readonly littleEndian: boolean;
  readonly compression: TiffCompression;
  /** Rows hold differences from pixel to pixel. */
  readonly isDifferenced: boolean;
  /** White is 0: values count downwards. */
  readonly isInverted: boolean;
  /** Size of the pieces; strips are as wide as the page. */
  readonly pieceWidth: number;
  readonly pieceHeight: number;
  readonly offsets: readonly number[];
  readonly byteCounts: readonly number[];
  /** Pixels per unit along columns and rows. */
  readonly resolution: readonly [number | undefined, number | undefined];
  /** 1 none, 2 inch, 3 cm. */
  readonly resolutionUnit: number;
  /** Reduced copy or mask of another page. */
  readonly isSecondary: boolean;
  readonly description: string;
}

const TAG = {
  newSubfileType: 254,
  imageWidth: 256,
  imageLength: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  imageDescription: 270,
  stripOffsets: 273,
  orientation: 274,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  xResolution: 282,
  yResolution: 283,
  resolutionUnit: 296,
  predictor: 317,
  tileWidth: 322,
  tileLength: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  sampleFormat: 339,
} as const;

const COMPRESSIONS: Readonly<Record<number, TiffCompression>> = {
  1: "none",
  5: "lzw",
  8: "deflate",
  32946: "deflate",
  32773: "packbits",
};

/** Bytes of the field types that are read: BYTE, ASCII, SHORT, LONG, RATIONAL, LONG8. */
const FIELD_BYTES: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 16: 8 };

/** Whether bytes begin like TIFF. */
export function isTiff(bytes: Uint8Array): boolean {
  if (bytes.length < 8) return false;
  const order = bytes[0] === bytes[1] ? bytes[0] : 0;
  const version = order === 0x49 ? bytes[2] + 256 * bytes[3] : bytes[3] + 256 * bytes[2];
  return (order === 0x49 || order === 0x4d) && (version === 42 || version === 43);
}

/** A field's place: nothing is read before someone asks. */
interface Field {
  readonly type: number;
  readonly count: number;
  readonly at: number;
}

interface Reader {
  readonly view: DataView;
  readonly littleEndian: boolean;
  readonly big: boolean;
}

/**
 * Lists the pages.
 *
 * @throws DicomError `UNSUPPORTED_FORMAT`, `TRUNCATED`, `INVALID_VALUE` (also for directories that form a loop),
 *   `UNSUPPORTED_PIXEL_FORMAT`, `UNSUPPORTED_PHOTOMETRIC`, `LIMIT_EXCEEDED`
 */
export function listTiffPages(bytes: Uint8Array, limits: VolumeLimits): TiffPage[] {
  if (!isTiff(bytes)) throw new DicomError("UNSUPPORTED_FORMAT", "this is not TIFF");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const littleEndian = bytes[0] === 0x49;
  const big = view.getUint16(2, littleEndian) === 43;
  const reader: Reader = { view, littleEndian, big };
  if (big && bytes.length < 16) throw new DicomError("TRUNCATED", "the header ends early");
  const pages: TiffPage[] = [];
  const seen = new Set<number>();
  let work = 0;
  let next = readOffset(reader, big ? 8 : 4);
  while (next !== 0) {
    if (seen.has(next)) throw new DicomError("INVALID_VALUE", "the pages of the file form a loop");
    seen.add(next);
    if (pages.length >= limits.maxParts) {
      throw new DicomError("LIMIT_EXCEEDED", `more than limits.maxParts = ${limits.maxParts} pages`);
    }
    const { fields, end } = readDirectory(reader, next);
    const page = readPage(reader, fields);
    work += page.offsets.length;
    // Directories may share or overlap their tables, so that a small file could make much work.
    if (work > bytes.length + limits.maxParts) {
      throw new DicomError("INVALID_VALUE", "the pages list more strips than the file has bytes");
    }
    pages.push(page);
    next = readOffset(reader, end);
  }
  return pages;
}

function requireRange(reader: Reader, at: number, length: number): void {
  if (!(at >= 0 && at + length <= reader.view.byteLength)) {
    throw new DicomError("TRUNCATED", "a directory or its values lie beyond the end of the file", {
      offset: Math.min(at, reader.view.byteLength),
    });
  }
}

function readOffset(reader: Reader, at: number): number {
  requireRange(reader, at, reader.big ? 8 : 4);
  return reader.big
    ? Number(reader.view.getBigUint64(at, reader.littleEndian))
    : reader.view.getUint32(at, reader.littleEndian);
}

function readDirectory(
  reader: Reader,
  start: number,
): { readonly fields: ReadonlyMap<number, Field>; readonly end: number } {
  const { view, littleEndian, big } = reader;
  requireRange(reader, start, big ? 8 : 2);
  const count = big ? readOffset(reader, start) : view.getUint16(start, littleEndian);
  const first = start + (big ? 8 : 2);
  const entryBytes = big ? 20 : 12;
  requireRange(reader, first, count * entryBytes);
  if (count > 4096) throw new DicomError("LIMIT_EXCEEDED", `a page has ${count} tags; up to 4096 are read`);
  const fields = new Map<number, Field>();
  for (let i = 0; i < count; i++) {
    const at = first + i * entryBytes;
    const type = view.getUint16(at + 2, littleEndian);
    const values = big ? readOffset(reader, at + 4) : view.getUint32(at + 4, littleEndian);
    const valueAt = at + (big ? 12 : 8);
    const size = (FIELD_BYTES[type] ?? 0) * values;
    const isInline = size <= (big ? 8 : 4);
    fields.set(view.getUint16(at, littleEndian), {
      type,
      count: values,
      at: isInline ? valueAt : readOffset(reader, valueAt),
    });
  }
  return { fields, end: first + count * entryBytes };
}

function readValues(reader: Reader, field: Field | undefined, maximum: number): number[] | undefined {
  if (field === undefined) return undefined;
  const size = FIELD_BYTES[field.type];
  if (size === undefined || field.type === 2 || field.count > maximum) {
    throw new DicomError("INVALID_VALUE", `a tag has ${field.count} values of type ${field.type}`);
  }
  requireRange(reader, field.at, field.count * size);
  const { view, littleEndian } = reader;
  return Array.from({ length: field.count }, (_, i) => {
    const at = field.at + i * size;
    if (field.type === 1) return view.getUint8(at);
    if (field.type === 3) return view.getUint16(at, littleEndian);
    if (field.type === 4) return view.getUint32(at, littleEndian);
    if (field.type === 16) return Number(view.getBigUint64(at, littleEndian));
    return view.getUint32(at, littleEndian) / view.getUint32(at + 4, littleEndian);
  });
}

function readText(reader: Reader, field: Field | undefined): string {
  if (field?.type !== 2) return "";
  requireRange(reader, field.at, field.count);
  let text = "";
  for (let i = 0; i < Math.min(field.count, 65_536); i++) {
    const code = reader.view.getUint8(field.at + i);
    if (code === 0) break;
    text += String.fromCharCode(code);
  }
  return text;
}

function readPage(reader: Reader, fields: ReadonlyMap<number, Field>): TiffPage {
  const one = (tag: number, fallback?: number): number => {
    const value = readValues(reader, fields.get(tag), 4)?.[0] ?? fallback;
    if (value === undefined) throw new DicomError("MISSING_ATTRIBUTE", `a page has no tag ${tag}`);
    return value;
  };
  const width = one(TAG.imageWidth);
  const height = one(TAG.imageLength);
  if (width < 1 || height < 1)
    throw new DicomError("INVALID_VALUE", `a page of ${width} × ${height} has no pixels`);
  const samples = one(TAG.samplesPerPixel, 1);
  const photometric = one(TAG.photometric, 1);
  if (samples !== 1 || (photometric !== 0 && photometric !== 1)) {
    throw new DicomError(
      "UNSUPPORTED_PHOTOMETRIC",
      `a page has ${samples} samples per pixel and photometric interpretation ${photometric}; only grey pages are read`,
    );
  }
  const orientation = one(TAG.orientation, 1);
  if (orientation !== 1) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      `a page has orientation ${orientation}; only 1 (top left) is read`,
    );
  }
  const compressionCode = one(TAG.compression, 1);
  const compression = COMPRESSIONS[compressionCode];
  if (compression === undefined) {
    throw new DicomError(
      "UNSUPPORTED_FORMAT",
      `compression ${compressionCode} is not read; save the file uncompressed, or with LZW, Deflate or PackBits`,
    );
  }
  const predictor = one(TAG.predictor, 1);
  const sampleType = findSampleType(one(TAG.bitsPerSample, 1), one(TAG.sampleFormat, 1));
  if (predictor !== 1 && (predictor !== 2 || sampleType.startsWith("float"))) {
    throw new DicomError(
      "UNSUPPORTED_FORMAT",
      `predictor ${predictor} is not read for ${sampleType}; save without one`,
    );
  }
  const isTiled = fields.has(TAG.tileWidth);
  const pieceWidth = isTiled ? one(TAG.tileWidth) : width;
  const pieceHeight = isTiled ? one(TAG.tileLength) : Math.min(height, one(TAG.rowsPerStrip, height));
  if (pieceWidth < 1 || pieceHeight < 1) {
    throw new DicomError("INVALID_VALUE", `a page has pieces of ${pieceWidth} × ${pieceHeight}`);
  }
  const pieces = Math.ceil(width / pieceWidth) * Math.ceil(height / pieceHeight);
  const bound = reader.view.byteLength;
  const offsets = readValues(reader, fields.get(isTiled ? TAG.tileOffsets : TAG.stripOffsets), bound);
  const counts = readValues(reader, fields.get(isTiled ? TAG.tileByteCounts : TAG.stripByteCounts), bound);
  if (
    offsets === undefined ||
    counts === undefined ||
    offsets.length !== pieces ||
    counts.length !== pieces
  ) {
    throw new DicomError(
      "INVALID_VALUE",
      `a page of ${width} × ${height} needs ${pieces} strips or tiles but lists ${offsets?.length ?? 0} offsets and ${counts?.length ?? 0} lengths`,
    );
  }
  const resolution = (tag: number): number | undefined => {
    const value = readValues(reader, fields.get(tag), 4)?.[0];
    return value !== undefined && Number.isFinite(value) && value > 0 ? value : undefined;
  };
  return {
    width,
    height,
    sampleType,
    littleEndian: reader.littleEndian,
    compression,
    isDifferenced: predictor === 2,
    isInverted: photometric === 0,
    pieceWidth,
    pieceHeight,
    offsets,
    byteCounts: counts,
    resolution: [resolution(TAG.xResolution), resolution(TAG.yResolution)],
    resolutionUnit: one(TAG.resolutionUnit, 2),
    isSecondary: (one(TAG.newSubfileType, 0) & 5) !== 0,
    description: readText(reader, fields.get(TAG.imageDescription)),
  };
}

function findSampleType(bits: number, format: number): SampleType {
  const kind = format === 2 ? "int" : format === 3 ? "float" : format === 1 || format === 4 ? "uint" : "";
  const known: readonly SampleType[] = [
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "float16",
    "float32",
    "float64",
  ];
  const type = known.find((candidate) => candidate === `${kind}${bits}`);
  if (type !== undefined) return type;
  throw new DicomError(
    "UNSUPPORTED_PIXEL_FORMAT",
    `samples of ${bits} bits in format ${format} are not read; 8, 16 and 32 bits are, and floats of 16 to 64`,
  );
}
