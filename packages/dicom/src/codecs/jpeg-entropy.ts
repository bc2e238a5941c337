/**
 * Entropy-coded data of JPEG (ITU-T T.81 annexes B, C and F): taking byte stuffing away, and Huffman tables.
 *
 * Readers keep a single bit position and look at `view.getUint32(position >>> 3) << (position & 7)`, which holds at
 * least 25 valid bits; eight zero bytes follow the data, so a position must be checked at least every 32 bits.
 */
import { DicomError } from "../errors.ts";

/** One entropy-coded segment without stuffing. */
export interface EntropyData {
  /** The data and at least eight zero bytes. */
  readonly view: DataView;
  /** Bits of data. */
  readonly bitCount: number;
  /** Where the marker that ends the segment stands in the frame; its length when there is none. */
  readonly end: number;
}

/** Bytes up to which bit positions stay below 2³¹. */
const MAX_SEGMENT_BYTES = 2 ** 28 - 16;

/** Error of a damaged JPEG frame. */
export function createJpegError(what: string): DicomError {
  return new DicomError("INVALID_COMPRESSED_DATA", `the JPEG frame cannot be decoded: ${what}`);
}

/** Copies an entropy-coded segment without the zero bytes after FF (T.81 §B.1.1.5), up to the next marker. */
export function unstuffSegment(bytes: Uint8Array, start: number): EntropyData {
  const pieces: Uint8Array[] = [];
  let size = 0;
  let from = start;
  let end = bytes.length;
  for (;;) {
    const at = bytes.indexOf(0xff, from);
    if (at < 0 || at + 1 >= bytes.length) {
      pieces.push(bytes.subarray(from));
      size += bytes.length - from;
      break;
    }
    if (bytes[at + 1] !== 0) {
      pieces.push(bytes.subarray(from, at));
      size += at - from;
      end = at;
      break;
    }
    pieces.push(bytes.subarray(from, at + 1));
    size += at + 1 - from;
    from = at + 2;
  }
  if (size > MAX_SEGMENT_BYTES) throw createJpegError(`a scan of ${size} bytes is too long`);
  const data = new Uint8Array(size + 8);
  let to = 0;
  for (const piece of pieces) {
    data.set(piece, to);
    to += piece.length;
  }
  return { view: new DataView(data.buffer), bitCount: size * 8, end };
}

/** Bits that the first look-up resolves. */
export const LOOKUP_BITS = 10;

/** A Huffman table, T.81 annex C. */
export interface HuffmanTable {
  /** By the next {@link LOOKUP_BITS} bits: length · 256 + value, or 0 when the code is longer or unassigned. */
  readonly lookup: Uint16Array;
  /** By code length, the first code that is longer, left aligned in 16 bits. */
  readonly bounds: Int32Array;
  /** By code length, what to add to a code to find its value. */
  readonly offsets: Int32Array;
  readonly values: Uint8Array;
}

/**
 * Builds a table from the 16 counts and the values of a DHT segment.
 *
 * @throws DicomError `INVALID_COMPRESSED_DATA` when the codes do not fit their lengths
 */
export function createHuffmanTable(counts: Uint8Array, values: Uint8Array): HuffmanTable {
  const lookup = new Uint16Array(2 ** LOOKUP_BITS);
  const bounds = new Int32Array(17);
  const offsets = new Int32Array(17);
  let code = 0;
  let index = 0;
  for (let length = 1; length <= 16; length++) {
    const count = counts[length - 1];
    offsets[length] = index - code;
    if (code + count > 2 ** length) throw createJpegError("a Huffman table has too many codes");
    if (length <= LOOKUP_BITS) {
      const width = 2 ** (LOOKUP_BITS - length);
      for (let i = 0; i < count; i++) {
        lookup.fill(length * 256 + values[index + i], (code + i) * width, (code + i + 1) * width);
      }
    }
    code += count;
    index += count;
    bounds[length] = code << (16 - length);
    code <<= 1;
  }
  return { lookup, bounds, offsets, values };
}

/**
 * Finds a code that is longer than {@link LOOKUP_BITS}.
 *
 * @param next16 - the next 16 bits
 * @returns length · 256 + value
 */
export function findLongCode(table: HuffmanTable, next16: number): number {
  for (let length = LOOKUP_BITS + 1; length <= 16; length++) {
    if (next16 < table.bounds[length]) {
      const value = table.values[(next16 >>> (16 - length)) + table.offsets[length]];
      return length * 256 + value;
    }
  }
  throw createJpegError("its data holds an unassigned code");
}
