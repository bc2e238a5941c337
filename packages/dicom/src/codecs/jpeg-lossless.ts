/**
 * Lossless JPEG (ITU-T T.81 annex H, process 14): the seven predictors, point transform, restart intervals,
 * interleaved or single components of equal sampling. Huffman coding only.
 */
import {
  createJpegError,
  findLongCode,
  type HuffmanTable,
  LOOKUP_BITS,
  unstuffSegment,
} from "./jpeg-entropy.ts";
import type { JpegFrameHeader, JpegScanHeader, JpegTables } from "./jpeg-markers.ts";

/**
 * Decodes one lossless scan into `samples`, `[row][column][component]`.
 *
 * @returns offset of the marker after the scan
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 * @remarks Time is bounded by the number of samples. T.81 §H.1.2; tested against dcmtk's dcmcjpeg, predictors 1–7.
 */
export function decodeLosslessScan(
  bytes: Uint8Array,
  scan: JpegScanHeader,
  tables: JpegTables,
  frame: JpegFrameHeader,
  samples: Uint16Array,
): number {
  const { rows, columns, components, precision } = frame;
  const predictor = scan.spectralStart;
  const shift = scan.low;
  if (predictor < 1 || predictor > 7 || shift >= precision || scan.high !== 0) {
    throw createJpegError(`predictor ${predictor} or point transform ${shift} is out of range`);
  }
  if (components.some(({ horizontal, vertical }) => horizontal !== 1 || vertical !== 1)) {
    throw createJpegError("a lossless image with subsampled components is not read");
  }
  const interval = tables.restartInterval;
  if (interval % columns !== 0) {
    throw createJpegError(`a restart interval of ${interval} is not a multiple of ${columns} columns`);
  }
  const rowsPerSegment = interval === 0 ? rows : interval / columns;
  const planes = scan.components.map(({ index, dcTable }) => ({
    index,
    table: requireTable(tables, dcTable),
  }));
  const stride = components.length;
  const first = 2 ** (precision - shift - 1);
  let end = scan.dataStart;
  for (let row = 0; row < rows; row += rowsPerSegment) {
    if (row > 0) end = skipRestartMarker(bytes, end, row / rowsPerSegment - 1);
    const data = unstuffSegment(bytes, end);
    const stop = Math.min(rows, row + rowsPerSegment);
    if (planes.length === 1) {
      const { index, table } = planes[0];
      decodePlane(
        data.view,
        data.bitCount,
        table,
        samples,
        index,
        stride,
        columns,
        row,
        stop,
        predictor,
        first,
      );
    } else {
      decodeInterleaved(
        data.view,
        data.bitCount,
        planes,
        samples,
        stride,
        columns,
        row,
        stop,
        predictor,
        first,
      );
    }
    end = data.end;
  }
  if (shift > 0) {
    for (const { index } of planes) {
      for (let i = index; i < samples.length; i += stride) samples[i] <<= shift;
    }
  }
  return end;
}

function requireTable(tables: JpegTables, index: number): HuffmanTable {
  const table = tables.dc[index];
  if (table === undefined) throw createJpegError(`Huffman table ${index} is missing`);
  return table;
}

/** Checks the restart marker between two segments (T.81 §E.1.4) and returns where data goes on. */
export function skipRestartMarker(bytes: Uint8Array, at: number, count: number): number {
  let from = at;
  while (bytes[from] === 0xff && bytes[from + 1] === 0xff) from++;
  if (bytes[from] !== 0xff || bytes[from + 1] !== 0xd0 + (count % 8)) {
    throw createJpegError("a restart marker is missing");
  }
  return from + 2;
}

/** T.81 table H.1 for samples that have all three neighbours. */
function predict(predictor: number, a: number, b: number, c: number): number {
  switch (predictor) {
    case 1:
      return a;
    case 2:
      return b;
    case 3:
      return c;
    case 4:
      return a + b - c;
    case 5:
      return a + ((b - c) >> 1);
    case 6:
      return b + ((a - c) >> 1);
    default:
      return (a + b) >> 1;
  }
}

/** Rows `row`…`stop` of one component; the first of them starts anew. */
function decodePlane(
  view: DataView,
  bitCount: number,
  table: HuffmanTable,
  samples: Uint16Array,
  index: number,
  stride: number,
  columns: number,
  row: number,
  stop: number,
  predictor: number,
  first: number,
): void {
  const { lookup } = table;
  const up = columns * stride;
  let position = 0;
  let at = row * up + index;
  for (let y = row; y < stop; y++) {
    for (let x = 0; x < columns; x++, at += stride) {
      let prediction: number;
      if (x === 0) prediction = y === row ? first : samples[at - up];
      else if (y === row || predictor === 1) prediction = samples[at - stride];
      else prediction = predict(predictor, samples[at - stride], samples[at - up], samples[at - up - stride]);
      const hold = view.getUint32(position >>> 3) << (position & 7);
      let entry = lookup[hold >>> (32 - LOOKUP_BITS)];
      if (entry === 0) entry = findLongCode(table, hold >>> 16);
      const size = entry & 255;
      const length = entry >> 8;
      let difference = 0;
      if (size > 0 && size < 16) {
        position += length;
        const extra = size + length <= 25 ? hold << length : view.getUint32(position >>> 3) << (position & 7);
        difference = extra >>> (32 - size);
        if (extra >= 0) difference += 1 - (1 << size);
        position += size;
      } else {
        if (size > 16) throw createJpegError("a difference has more than 16 bits");
        position += length;
        if (size === 16) difference = 32768;
      }
      if (position > bitCount) throw createJpegError("its data ends early");
      samples[at] = prediction + difference;
    }
  }
}

/** Rows of several components, sample by sample. */
function decodeInterleaved(
  view: DataView,
  bitCount: number,
  planes: readonly { readonly index: number; readonly table: HuffmanTable }[],
  samples: Uint16Array,
  stride: number,
  columns: number,
  row: number,
  stop: number,
  predictor: number,
  first: number,
): void {
  const up = columns * stride;
  let position = 0;
  for (let y = row; y < stop; y++) {
    for (let x = 0; x < columns; x++) {
      for (const { index, table } of planes) {
        const at = y * up + x * stride + index;
        let prediction: number;
        if (x === 0) prediction = y === row ? first : samples[at - up];
        else if (y === row) prediction = samples[at - stride];
        else
          prediction = predict(predictor, samples[at - stride], samples[at - up], samples[at - up - stride]);
        const hold = view.getUint32(position >>> 3) << (position & 7);
        let entry = table.lookup[hold >>> (32 - LOOKUP_BITS)];
        if (entry === 0) entry = findLongCode(table, hold >>> 16);
        const size = entry & 255;
        position += entry >> 8;
        let difference = size === 16 ? 32768 : 0;
        if (size > 16) throw createJpegError("a difference has more than 16 bits");
        if (size > 0 && size < 16) {
          const extra = view.getUint32(position >>> 3) << (position & 7);
          difference = extra >>> (32 - size);
          if (extra >= 0) difference += 1 - (1 << size);
          position += size;
        }
        if (position > bitCount) throw createJpegError("its data ends early");
        samples[at] = prediction + difference;
      }
    }
  }
}
