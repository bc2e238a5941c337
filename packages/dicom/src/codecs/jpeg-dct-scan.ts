/**
 * Scans of DCT-based JPEG into coefficients: sequential (ITU-T T.81 annex F) and progressive with spectral selection
 * and successive approximation (annex G). Huffman coding only.
 */
import {
  createJpegError,
  findLongCode,
  type HuffmanTable,
  LOOKUP_BITS,
  unstuffSegment,
} from "./jpeg-entropy.ts";
import { skipRestartMarker } from "./jpeg-lossless.ts";
import {
  type JpegComponent,
  type JpegFrameHeader,
  type JpegScanHeader,
  type JpegTables,
  ZIGZAG,
} from "./jpeg-markers.ts";

/** Coefficients of one component. */
export interface CoefficientPlane {
  /** `[block][row][column]`, blocks in raster order, padded to whole MCUs. */
  readonly coefficients: Int16Array;
  readonly blocksPerLine: number;
  /** Blocks that hold image, without the padding of MCUs. */
  readonly usedColumns: number;
  readonly usedRows: number;
  readonly component: JpegComponent;
}

/** A frame's coefficients and its size in MCUs. */
export interface CoefficientFrame {
  readonly planes: readonly CoefficientPlane[];
  readonly mcusPerLine: number;
  readonly mcuLines: number;
}

/** Coefficients (of two bytes) of one frame: bounds memory beside the output. */
const MAX_COEFFICIENTS = 2 ** 27;

/**
 * Makes room for the coefficients of a frame, T.81 §A.1.1 and §A.2.4.
 *
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 */
export function createCoefficientFrame(frame: JpegFrameHeader): CoefficientFrame {
  const widest = Math.max(...frame.components.map((component) => component.horizontal));
  const tallest = Math.max(...frame.components.map((component) => component.vertical));
  const mcusPerLine = Math.ceil(frame.columns / (8 * widest));
  const mcuLines = Math.ceil(frame.rows / (8 * tallest));
  let total = 0;
  for (const { horizontal, vertical } of frame.components) {
    total += mcusPerLine * horizontal * mcuLines * vertical * 64;
  }
  if (total > MAX_COEFFICIENTS) throw createJpegError(`a frame of ${total} coefficients is too large`);
  const planes = frame.components.map((component): CoefficientPlane => {
    const { horizontal, vertical } = component;
    return {
      coefficients: new Int16Array(mcusPerLine * horizontal * mcuLines * vertical * 64),
      blocksPerLine: mcusPerLine * horizontal,
      usedColumns: Math.ceil(Math.ceil((frame.columns * horizontal) / widest) / 8),
      usedRows: Math.ceil(Math.ceil((frame.rows * vertical) / tallest) / 8),
      component,
    };
  });
  return { planes, mcusPerLine, mcuLines };
}

/** State of one entropy-coded segment. */
interface SegmentReader {
  view: DataView;
  bitCount: number;
  position: number;
  /** EOBRUN: blocks that are still without coefficients, T.81 §G.1.2.2. */
  emptyBlocks: number;
}

/** One component of a scan with what decoding its blocks needs. */
interface ScanPlane {
  readonly plane: CoefficientPlane;
  readonly dc: HuffmanTable | undefined;
  readonly ac: HuffmanTable | undefined;
  /** DC prediction. */
  prediction: number;
}

type DecodeBlock = (reader: SegmentReader, target: ScanPlane, block: number, scan: JpegScanHeader) => void;

/**
 * Decodes one scan into the frame's coefficients.
 *
 * @returns offset of the marker after the scan, and the number of blocks visited
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 */
export function decodeDctScan(
  bytes: Uint8Array,
  scan: JpegScanHeader,
  tables: JpegTables,
  header: JpegFrameHeader,
  frame: CoefficientFrame,
): { readonly end: number; readonly blocks: number } {
  const decodeBlock = chooseBlockDecoder(scan, header);
  // Sequential scans hold whole blocks whatever their spectral selection says.
  const needsDc = header.process === "sequential" || (scan.spectralStart === 0 && scan.high === 0);
  const needsAc = header.process === "sequential" || scan.spectralStart > 0;
  const targets = scan.components.map(({ index, dcTable, acTable }): ScanPlane => {
    const dc = tables.dc[dcTable];
    const ac = tables.ac[acTable];
    if ((needsDc && dc === undefined) || (needsAc && ac === undefined)) {
      throw createJpegError("a Huffman table is missing");
    }
    return { plane: frame.planes[index], dc, ac, prediction: 0 };
  });
  const single = targets.length === 1 ? targets[0] : undefined;
  const unitsPerLine = single?.plane.usedColumns ?? frame.mcusPerLine;
  const units = unitsPerLine * (single?.plane.usedRows ?? frame.mcuLines);
  const interval = tables.restartInterval || units;
  const blocksPerUnit =
    single !== undefined
      ? 1
      : targets.reduce((sum, { plane: { component } }) => sum + component.horizontal * component.vertical, 0);
  if (blocksPerUnit > 10) throw createJpegError(`an MCU has ${blocksPerUnit} blocks`);
  let end = scan.dataStart;
  const reader: SegmentReader = {
    view: new DataView(bytes.buffer),
    bitCount: 0,
    position: 0,
    emptyBlocks: 0,
  };
  for (let unit = 0; unit < units; unit++) {
    if (unit % interval === 0) {
      if (unit > 0) end = skipRestartMarker(bytes, end, unit / interval - 1);
      const data = unstuffSegment(bytes, end);
      end = data.end;
      reader.view = data.view;
      reader.bitCount = data.bitCount;
      reader.position = 0;
      reader.emptyBlocks = 0;
      for (const target of targets) target.prediction = 0;
    }
    const column = unit % unitsPerLine;
    const line = (unit - column) / unitsPerLine;
    if (single !== undefined) {
      decodeBlock(reader, single, line * single.plane.blocksPerLine + column, scan);
      continue;
    }
    for (const target of targets) {
      const { blocksPerLine, component } = target.plane;
      const { horizontal, vertical } = component;
      for (let v = 0; v < vertical; v++) {
        const start = (line * vertical + v) * blocksPerLine + column * horizontal;
        for (let h = 0; h < horizontal; h++) decodeBlock(reader, target, start + h, scan);
      }
    }
  }
  return { end, blocks: units * blocksPerUnit };
}

/** Checks a scan's parameters against its process (T.81 table B.3) and finds how its blocks are coded. */
function chooseBlockDecoder(scan: JpegScanHeader, header: JpegFrameHeader): DecodeBlock {
  const { spectralStart, spectralEnd, high, low } = scan;
  if (header.process === "sequential") {
    // Encoders are seen that leave these at 0; they have no meaning here.
    return decodeSequentialBlock;
  }
  const isDc = spectralStart === 0;
  if (
    spectralEnd > 63 ||
    spectralEnd < spectralStart ||
    (isDc ? spectralEnd !== 0 : scan.components.length !== 1) ||
    low > 13 ||
    (high !== 0 && high !== low + 1)
  ) {
    throw createJpegError(
      `a progressive scan of coefficients ${spectralStart}…${spectralEnd}, bits ${high} to ${low}, is not allowed`,
    );
  }
  if (isDc) return high === 0 ? decodeDcFirst : refineDc;
  return high === 0 ? decodeAcFirst : refineAc;
}

function checkPosition(reader: SegmentReader): void {
  if (reader.position > reader.bitCount) throw createJpegError("its data ends early");
}

/** The next Huffman value. */
function readCode(reader: SegmentReader, table: HuffmanTable): number {
  checkPosition(reader);
  const { position } = reader;
  const hold = reader.view.getUint32(position >>> 3) << (position & 7);
  let entry = table.lookup[hold >>> (32 - LOOKUP_BITS)];
  if (entry === 0) entry = findLongCode(table, hold >>> 16);
  reader.position = position + (entry >> 8);
  return entry & 255;
}

/** 1 to 16 bits, unsigned. */
function readBits(reader: SegmentReader, count: number): number {
  checkPosition(reader);
  const { position } = reader;
  reader.position = position + count;
  return (reader.view.getUint32(position >>> 3) << (position & 7)) >>> (32 - count);
}

/** A value of a magnitude category, T.81 §F.2.2.1 (RECEIVE, EXTEND). */
function readSigned(reader: SegmentReader, size: number): number {
  const value = readBits(reader, size);
  return value < 1 << (size - 1) ? value + 1 - (1 << size) : value;
}

function readDcDifference(reader: SegmentReader, target: ScanPlane): number {
  const size = readCode(reader, target.dc as HuffmanTable);
  if (size > 16) throw createJpegError("a DC difference has more than 16 bits");
  return size === 0 ? 0 : readSigned(reader, size);
}

/** T.81 §F.2.2. */
function decodeSequentialBlock(reader: SegmentReader, target: ScanPlane, block: number): void {
  const { coefficients } = target.plane;
  const base = block * 64;
  target.prediction += readDcDifference(reader, target);
  coefficients[base] = target.prediction;
  const table = target.ac as HuffmanTable;
  const { lookup } = table;
  const { view, bitCount } = reader;
  let { position } = reader;
  for (let k = 1; k < 64; k++) {
    if (position > bitCount) throw createJpegError("its data ends early");
    const hold = view.getUint32(position >>> 3) << (position & 7);
    let entry = lookup[hold >>> (32 - LOOKUP_BITS)];
    if (entry === 0) entry = findLongCode(table, hold >>> 16);
    const length = entry >> 8;
    const size = entry & 15;
    position += length;
    if (size === 0) {
      if ((entry & 0xf0) !== 0xf0) break;
      k += 15;
      continue;
    }
    k += (entry >> 4) & 15;
    if (k > 63) throw createJpegError("a block has more than 64 coefficients");
    const extra = size + length <= 25 ? hold << length : view.getUint32(position >>> 3) << (position & 7);
    let value = extra >>> (32 - size);
    if (extra >= 0) value += 1 - (1 << size);
    position += size;
    coefficients[base + ZIGZAG[k]] = value;
  }
  reader.position = position;
  checkPosition(reader);
}

/** T.81 §G.1.2.1. */
function decodeDcFirst(reader: SegmentReader, target: ScanPlane, block: number, scan: JpegScanHeader): void {
  target.prediction += readDcDifference(reader, target);
  target.plane.coefficients[block * 64] = target.prediction << scan.low;
  checkPosition(reader);
}

function refineDc(reader: SegmentReader, target: ScanPlane, block: number, scan: JpegScanHeader): void {
  target.plane.coefficients[block * 64] |= readBits(reader, 1) << scan.low;
  checkPosition(reader);
}

/** T.81 §G.1.2.2. */
function decodeAcFirst(reader: SegmentReader, target: ScanPlane, block: number, scan: JpegScanHeader): void {
  if (reader.emptyBlocks > 0) {
    reader.emptyBlocks--;
    return;
  }
  const { coefficients } = target.plane;
  const table = target.ac as HuffmanTable;
  const base = block * 64;
  for (let k = scan.spectralStart; k <= scan.spectralEnd; k++) {
    const code = readCode(reader, table);
    const run = code >> 4;
    const size = code & 15;
    if (size === 0) {
      if (run < 15) {
        reader.emptyBlocks = readEmptyBlocks(reader, run) - 1;
        break;
      }
      k += 15;
      continue;
    }
    k += run;
    if (k > scan.spectralEnd) throw createJpegError("a block has more coefficients than its scan");
    coefficients[base + ZIGZAG[k]] = readSigned(reader, size) << scan.low;
  }
  checkPosition(reader);
}

/** Length of a run of blocks without further coefficients, this one included. */
function readEmptyBlocks(reader: SegmentReader, order: number): number {
  return order === 0 ? 1 : (1 << order) + readBits(reader, order);
}

/** T.81 §G.1.2.3: a correction bit for every coefficient already known, new ones of magnitude 1. */
function refineAc(reader: SegmentReader, target: ScanPlane, block: number, scan: JpegScanHeader): void {
  const { coefficients } = target.plane;
  const table = target.ac as HuffmanTable;
  const base = block * 64;
  const bit = 1 << scan.low;
  let k = scan.spectralStart;
  if (reader.emptyBlocks === 0) {
    for (; k <= scan.spectralEnd; k++) {
      const code = readCode(reader, table);
      let run = code >> 4;
      const size = code & 15;
      let value = 0;
      if (size === 1) {
        value = readBits(reader, 1) === 1 ? bit : -bit;
      } else if (size !== 0) {
        throw createJpegError("a refined coefficient is larger than 1");
      } else if (run < 15) {
        reader.emptyBlocks = readEmptyBlocks(reader, run);
        break;
      }
      // Passes over `run` zeros, correcting what is not zero, to the place of the new coefficient.
      for (; k <= scan.spectralEnd; k++) {
        const at = base + ZIGZAG[k];
        if (coefficients[at] !== 0) correctCoefficient(reader, coefficients, at, bit);
        else if (run-- === 0) break;
      }
      if (value !== 0) {
        if (k > scan.spectralEnd) throw createJpegError("a block has more coefficients than its scan");
        coefficients[base + ZIGZAG[k]] = value;
      }
    }
  }
  if (reader.emptyBlocks > 0) {
    for (; k <= scan.spectralEnd; k++) {
      const at = base + ZIGZAG[k];
      if (coefficients[at] !== 0) correctCoefficient(reader, coefficients, at, bit);
    }
    reader.emptyBlocks--;
  }
  checkPosition(reader);
}

function correctCoefficient(reader: SegmentReader, coefficients: Int16Array, at: number, bit: number): void {
  if (readBits(reader, 1) === 0) return;
  const value = coefficients[at];
  if ((value & bit) === 0) coefficients[at] = value >= 0 ? value + bit : value - bit;
}
