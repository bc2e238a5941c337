/**
 * Marker segments of JPEG (ITU-T T.81 annex B): frame header, tables, scan headers. No pixel is decoded here.
 */
import { createHuffmanTable, createJpegError, type HuffmanTable } from "./jpeg-entropy.ts";

/** The coding processes that are read. */
export type JpegProcess = "sequential" | "progressive" | "lossless";

/** One component of a frame. */
export interface JpegComponent {
  readonly id: number;
  readonly horizontal: number;
  readonly vertical: number;
  readonly quantisation: number;
}

/** SOFn, T.81 §B.2.2. */
export interface JpegFrameHeader {
  readonly process: JpegProcess;
  readonly precision: number;
  readonly rows: number;
  readonly columns: number;
  readonly components: readonly JpegComponent[];
}

/** One component of a scan: index into the frame's components and its tables. */
export interface JpegScanComponent {
  readonly index: number;
  readonly dcTable: number;
  readonly acTable: number;
}

/** SOS, T.81 §B.2.3. */
export interface JpegScanHeader {
  readonly components: readonly JpegScanComponent[];
  /** Ss: first coefficient, or the predictor of lossless scans. */
  readonly spectralStart: number;
  readonly spectralEnd: number;
  /** Ah and Al: successive approximation; Al is the point transform of lossless scans. */
  readonly high: number;
  readonly low: number;
  /** First entropy-coded byte. */
  readonly dataStart: number;
}

/** What segments have defined so far; changes from scan to scan. */
export interface JpegTables {
  readonly quantisation: (Uint16Array | undefined)[];
  readonly dc: (HuffmanTable | undefined)[];
  readonly ac: (HuffmanTable | undefined)[];
  restartInterval: number;
  frame: JpegFrameHeader | undefined;
  /** Transform byte of the Adobe segment: 0 as is, 1 YCbCr. */
  adobeTransform: number | undefined;
  isJfif: boolean;
}

/** Tables before the first segment. */
export function createJpegTables(): JpegTables {
  return {
    quantisation: [],
    dc: [],
    ac: [],
    restartInterval: 0,
    frame: undefined,
    adobeTransform: undefined,
    isJfif: false,
  };
}

const PROCESSES: Readonly<Record<number, JpegProcess>> = {
  192: "sequential",
  193: "sequential",
  194: "progressive",
  195: "lossless",
};

function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/**
 * Reads segments from `start` up to and including the next scan header.
 *
 * @returns the scan, or `undefined` at the end of the image
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 */
export function readJpegSegments(
  bytes: Uint8Array,
  start: number,
  tables: JpegTables,
): JpegScanHeader | undefined {
  for (let at = start; at + 2 <= bytes.length; ) {
    if (bytes[at] !== 0xff) throw createJpegError(`byte ${at} is not a marker`);
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xd9) return undefined;
    if ((marker >= 0xd0 && marker <= 0xd7) || marker === 1) {
      at += 2;
      continue;
    }
    const length = at + 4 <= bytes.length ? read16(bytes, at + 2) : 0;
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length) throw createJpegError(`the segment at byte ${at} is cut off`);
    const body = bytes.subarray(at + 4, end);
    if (marker === 0xda) {
      if (tables.frame === undefined) throw createJpegError("a scan comes before the frame header");
      return readScanHeader(body, tables.frame, end);
    }
    readSegment(marker, body, tables);
    at = end;
  }
  return undefined;
}

function readSegment(marker: number, body: Uint8Array, tables: JpegTables): void {
  const process = PROCESSES[marker];
  if (process !== undefined) {
    if (tables.frame !== undefined) throw createJpegError("it has two frame headers");
    tables.frame = readFrameHeader(body, process);
  } else if (marker === 0xc4) {
    readHuffmanTables(body, tables);
  } else if (marker === 0xdb) {
    readQuantisationTables(body, tables);
  } else if (marker === 0xdd) {
    if (body.length !== 2) throw createJpegError("its restart interval is damaged");
    tables.restartInterval = read16(body, 0);
  } else if (marker === 0xe0) {
    tables.isJfif ||= body.length >= 5 && read16(body, 0) === 0x4a46 && read16(body, 2) === 0x4946;
  } else if (marker === 0xee) {
    if (body.length >= 12 && read16(body, 0) === 0x4164 && read16(body, 2) === 0x6f62) {
      tables.adobeTransform = body[11];
    }
  } else if (marker >= 0xc5 && marker <= 0xcf) {
    throw createJpegError(
      `its process (SOF${marker - 0xc0}: hierarchical or arithmetic) is not used in DICOM`,
    );
  } else if (marker < 0xc0 || marker === 0xd8 || marker === 0xdc || marker === 0xde) {
    throw createJpegError(`marker ${marker.toString(16)} is out of place`);
  }
}

function readFrameHeader(body: Uint8Array, process: JpegProcess): JpegFrameHeader {
  const count = body[5];
  if (body.length < 6 || body.length !== 6 + 3 * count || count < 1 || count > 4) {
    throw createJpegError("its frame header is damaged");
  }
  const components: JpegComponent[] = [];
  for (let i = 0; i < count; i++) {
    const [id, sampling, quantisation] = body.subarray(6 + 3 * i, 9 + 3 * i);
    const horizontal = sampling >> 4;
    const vertical = sampling & 15;
    if (horizontal < 1 || horizontal > 4 || vertical < 1 || vertical > 4 || quantisation > 3) {
      throw createJpegError("its frame header is damaged");
    }
    components.push({ id, horizontal, vertical, quantisation });
  }
  return { process, precision: body[0], rows: read16(body, 1), columns: read16(body, 3), components };
}

function readHuffmanTables(body: Uint8Array, tables: JpegTables): void {
  for (let at = 0; at < body.length; ) {
    const target = body[at];
    const counts = body.subarray(at + 1, at + 17);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const values = body.slice(at + 17, at + 17 + total);
    if (counts.length !== 16 || values.length !== total || total > 256 || (target & 0xec) !== 0) {
      throw createJpegError("a Huffman table is damaged");
    }
    const table = createHuffmanTable(counts, values);
    if (target >> 4 === 0) tables.dc[target & 3] = table;
    else tables.ac[target & 3] = table;
    at += 17 + total;
  }
}

/** Zigzag index → place in an 8 × 8 block `[row][column]`, T.81 figure 5. */
export const ZIGZAG: Uint8Array = Uint8Array.from([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46,
  53, 60, 61, 54, 47, 55, 62, 63,
]);

function readQuantisationTables(body: Uint8Array, tables: JpegTables): void {
  for (let at = 0; at < body.length; ) {
    const wide = body[at] >> 4;
    const target = body[at] & 15;
    const size = 64 * (wide + 1);
    if (wide > 1 || target > 3 || at + 1 + size > body.length) {
      throw createJpegError("a quantisation table is damaged");
    }
    const table = new Uint16Array(64);
    for (let i = 0; i < 64; i++) {
      table[ZIGZAG[i]] = wide === 1 ? read16(body, at + 1 + 2 * i) : body[at + 1 + i];
    }
    tables.quantisation[target] = table;
    at += 1 + size;
  }
}

function readScanHeader(body: Uint8Array, frame: JpegFrameHeader, dataStart: number): JpegScanHeader {
  const count = body[0];
  if (body.length !== 4 + 2 * count || count < 1 || count > frame.components.length) {
    throw createJpegError("a scan header is damaged");
  }
  const components: JpegScanComponent[] = [];
  for (let i = 0; i < count; i++) {
    const index = frame.components.findIndex((component) => component.id === body[1 + 2 * i]);
    const selectors = body[2 + 2 * i];
    const isRepeated = components.some((component) => component.index === index);
    if (index < 0 || isRepeated || (selectors & 0xcc) !== 0) {
      throw createJpegError("a scan header names components or tables that do not exist");
    }
    components.push({ index, dcTable: selectors >> 4, acTable: selectors & 3 });
  }
  const [spectralStart, spectralEnd, approximation] = body.subarray(1 + 2 * count);
  return {
    components,
    spectralStart,
    spectralEnd,
    high: approximation >> 4,
    low: approximation & 15,
    dataStart,
  };
}
