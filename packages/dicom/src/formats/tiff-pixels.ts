/**
 * The pixels of one TIFF page: strips and tiles, LZW (TIFF 6.0 §13), PackBits (§9), Deflate, horizontal differencing
 * (§14). Every output is bounded by the piece's size; no library at hand bounds it and reads signed samples.
 */
import { DicomError } from "../errors.ts";
import { inflateSamples } from "./compression.ts";
import { countSampleBytes, swapBytes } from "./samples.ts";
import type { TiffPage } from "./tiff-pages.ts";

/**
 * Decodes a page to little-endian samples, `[row][column]`.
 *
 * @throws DicomError `TRUNCATED`, `INVALID_COMPRESSED_DATA`, `LIMIT_EXCEEDED`
 */
export async function decodeTiffPage(bytes: Uint8Array, page: TiffPage): Promise<Uint8Array> {
  const { width, height, pieceWidth, pieceHeight } = page;
  const sampleBytes = countSampleBytes(page.sampleType);
  requirePieces(bytes, page);
  const out = new Uint8Array(width * height * sampleBytes);
  const across = Math.ceil(width / pieceWidth);
  for (const [piece, offset] of page.offsets.entries()) {
    const left = (piece % across) * pieceWidth;
    const top = Math.floor(piece / across) * pieceHeight;
    // The last strip is cut at the page's end; tiles are always whole.
    const isStrip = pieceWidth === width;
    const rows = Math.min(pieceHeight, height - top);
    const rowBytes = pieceWidth * sampleBytes;
    const needed = rowBytes * (isStrip ? rows : pieceHeight);
    const packed = bytes.subarray(offset, offset + page.byteCounts[piece]);
    const plain = await unpackPiece(packed, page, needed);
    if (!page.littleEndian) swapBytes(plain, sampleBytes);
    if (page.isDifferenced) sumDifferences(plain, rowBytes, sampleBytes);
    const copied = Math.min(pieceWidth, width - left) * sampleBytes;
    for (let row = 0; row < rows; row++) {
      out.set(
        plain.subarray(row * rowBytes, row * rowBytes + copied),
        ((top + row) * width + left) * sampleBytes,
      );
    }
  }
  return out;
}

/**
 * Refuses a page that its bytes cannot fill, before anything is allocated.
 *
 * @throws DicomError `TRUNCATED`, `INVALID_VALUE`
 */
export function requirePieces(bytes: Uint8Array, page: TiffPage): void {
  const sampleBytes = countSampleBytes(page.sampleType);
  let packed = 0;
  for (const [piece, offset] of page.offsets.entries()) {
    if (offset + page.byteCounts[piece] > bytes.length) {
      throw new DicomError("TRUNCATED", `strip or tile ${piece} lies beyond the end of the file`);
    }
    packed += page.byteCounts[piece];
  }
  const needed = page.width * page.height * sampleBytes;
  if (needed > packed * MAXIMUM_RATIO[page.compression]) {
    throw new DicomError(
      "TRUNCATED",
      `a page needs ${needed} bytes, more than ${packed} packed bytes can hold`,
    );
  }
  const piece = page.pieceWidth * page.pieceHeight * sampleBytes;
  if (piece > 4 * needed + 2 ** 22) {
    throw new DicomError(
      "INVALID_VALUE",
      `a tile of ${piece} bytes is out of proportion to its page of ${needed}`,
    );
  }
}

/** What one packed byte can unfold to at most. */
const MAXIMUM_RATIO: Readonly<Record<TiffPage["compression"], number>> = {
  none: 1,
  packbits: 64,
  deflate: 1032,
  // A code of 12 bits stands for at most 3838 bytes.
  lzw: 2560,
};

/** A copy of exactly `needed` bytes. */
async function unpackPiece(packed: Uint8Array, page: TiffPage, needed: number): Promise<Uint8Array> {
  if (page.compression === "deflate") return (await inflateSamples(packed, "zlib", needed)).slice();
  if (page.compression === "lzw") return unpackLzw(packed, needed);
  if (page.compression === "packbits") return unpackPackBits(packed, needed);
  if (packed.length < needed) {
    throw new DicomError("TRUNCATED", `a strip or tile has ${packed.length} of ${needed} bytes`);
  }
  return packed.slice(0, needed);
}

function unpackPackBits(packed: Uint8Array, needed: number): Uint8Array {
  const out = new Uint8Array(needed);
  let at = 0;
  let to = 0;
  while (to < needed) {
    if (at >= packed.length)
      throw new DicomError("TRUNCATED", `PackBits data end after ${to} of ${needed} bytes`);
    const control = packed[at++];
    if (control === 128) continue;
    if (control < 128) {
      const run = packed.subarray(at, at + control + 1);
      if (run.length <= control) throw new DicomError("TRUNCATED", "PackBits data end within a run");
      out.set(run.subarray(0, needed - to), to);
      at += run.length;
      to += run.length;
    } else {
      if (at >= packed.length) throw new DicomError("TRUNCATED", "PackBits data end within a run");
      out.fill(packed[at++], to, Math.min(needed, to + 257 - control));
      to += 257 - control;
    }
  }
  return out;
}

const CLEAR_CODE = 256;
const END_CODE = 257;

function unpackLzw(packed: Uint8Array, needed: number): Uint8Array {
  const out = new Uint8Array(needed);
  // A code's string is the output at the place where its predecessor was written, one byte longer.
  const starts = new Int32Array(4097);
  const lengths = new Int32Array(4097);
  let next = 258;
  let width = 9;
  let previousStart = -1;
  let previousLength = 0;
  let to = 0;
  let bits = 0;
  let bitCount = 0;
  let at = 0;
  while (to < needed) {
    while (bitCount < width) {
      if (at >= packed.length)
        throw new DicomError("TRUNCATED", `LZW data end after ${to} of ${needed} bytes`);
      bits = ((bits << 8) | packed[at++]) & 0xffffff;
      bitCount += 8;
    }
    bitCount -= width;
    const code = (bits >> bitCount) & ((1 << width) - 1);
    if (code === END_CODE) throw new DicomError("TRUNCATED", `LZW data end after ${to} of ${needed} bytes`);
    if (code === CLEAR_CODE) {
      next = 258;
      width = 9;
      previousStart = -1;
      continue;
    }
    const start = to;
    let length = 1;
    if (code < 256) {
      out[to++] = code;
    } else {
      const isNew = code === next && previousStart >= 0;
      if (!isNew && (code >= next || code < 258)) {
        throw new DicomError("INVALID_COMPRESSED_DATA", "LZW data use a code that is not defined yet");
      }
      const from = isNew ? previousStart : starts[code];
      length = isNew ? previousLength + 1 : lengths[code];
      // Byte by byte: a new code's string overlaps what is being written.
      for (let i = 0; i < length && to < needed; i++) out[to++] = out[from + i];
    }
    if (previousStart >= 0 && next < 4096) {
      starts[next] = previousStart;
      lengths[next] = previousLength + 1;
      next++;
    }
    previousStart = start;
    previousLength = length;
    // Codes grow one entry early, as TIFF has it.
    width = next >= 2047 ? 12 : next >= 1023 ? 11 : next >= 511 ? 10 : 9;
  }
  return out;
}

/** Undoes horizontal differencing of little-endian integers, in place. */
function sumDifferences(bytes: Uint8Array, rowBytes: number, sampleBytes: number): void {
  const { buffer, byteOffset, length } = bytes;
  const samples =
    sampleBytes === 1
      ? bytes
      : sampleBytes === 2
        ? new Uint16Array(buffer, byteOffset, length / 2)
        : new Uint32Array(buffer, byteOffset, length / 4);
  const rowSamples = rowBytes / sampleBytes;
  for (let row = 0; row < samples.length; row += rowSamples) {
    for (let i = row + 1; i < row + rowSamples; i++) samples[i] += samples[i - 1];
  }
}
