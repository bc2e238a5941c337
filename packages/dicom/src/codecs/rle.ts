/**
 * RLE Lossless (PS3.5 annex G): byte planes, most significant first, each packed by PackBits row by row.
 */
import { DicomError } from "../errors.ts";
import { countFrameBytes, type FrameFormat } from "./frame-format.ts";

const HEADER_BYTES = 64;

/**
 * Decodes one RLE frame into native little-endian bytes, samples interleaved by pixel.
 *
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 * @remarks PS3.5 §G.3–G.5. Tested against dcmtk's dcmcrle and dcmdrle.
 */
export async function decodeRleFrame(encoded: Uint8Array, format: FrameFormat): Promise<Uint8Array> {
  const bytesPerSample = format.bitsAllocated / 8;
  const planes = bytesPerSample * format.samplesPerPixel;
  const pixels = format.rows * format.columns;
  if (encoded.length < HEADER_BYTES) {
    throw invalid(`the RLE frame has ${encoded.length} bytes, fewer than its header of ${HEADER_BYTES}`);
  }
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.length);
  const segments = view.getUint32(0, true);
  if (segments !== planes) {
    throw invalid(`the RLE frame has ${segments} segments where the image needs ${planes}`);
  }
  // PackBits grows at most 64-fold: refuse what cannot fill the frame before allocating it.
  if (pixels * planes > (encoded.length - HEADER_BYTES) * 64) {
    throw invalid(`${encoded.length} bytes of RLE cannot hold a frame of ${pixels * planes} bytes`);
  }
  const out = new Uint8Array(countFrameBytes(format));
  const stride = planes;
  for (let plane = 0; plane < planes; plane++) {
    const start = view.getUint32(4 + 4 * plane, true);
    const end = plane + 1 < planes ? view.getUint32(8 + 4 * plane, true) : encoded.length;
    if (start < HEADER_BYTES || start > end || end > encoded.length) {
      throw invalid(`RLE segment ${plane} spans bytes ${start}..${end} of ${encoded.length}`);
    }
    const sample = Math.floor(plane / bytesPerSample);
    const significance = bytesPerSample - 1 - (plane % bytesPerSample);
    unpackSegment(encoded, start, end, out, sample * bytesPerSample + significance, stride, pixels);
  }
  return out;
}

function unpackSegment(
  encoded: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  offset: number,
  stride: number,
  pixels: number,
): void {
  let from = start;
  let to = offset;
  const limit = offset + pixels * stride;
  while (to < limit) {
    if (from >= end) {
      throw invalid(`an RLE segment ends after ${(to - offset) / stride} of ${pixels} bytes`);
    }
    const control = encoded[from++];
    if (control < 128) {
      const count = control + 1;
      if (from + count > end) throw invalid("an RLE literal run crosses the end of its segment");
      for (let i = 0; i < count && to < limit; i++, to += stride) out[to] = encoded[from + i];
      from += count;
    } else if (control > 128) {
      if (from >= end) throw invalid("an RLE replicate run crosses the end of its segment");
      const value = encoded[from++];
      for (let i = 257 - control; i > 0 && to < limit; i--, to += stride) out[to] = value;
    }
  }
}

/**
 * Encodes native little-endian bytes as one RLE frame of even length.
 *
 * @remarks PS3.5 §G.3.1: rows are packed separately. Tested against dcmtk's dcmdrle.
 */
export async function encodeRleFrame(native: Uint8Array, format: FrameFormat): Promise<Uint8Array> {
  const bytesPerSample = format.bitsAllocated / 8;
  const planes = bytesPerSample * format.samplesPerPixel;
  const { rows, columns } = format;
  // Worst case: one control byte per 128 literals and row, and a pad byte per segment.
  const worst = HEADER_BYTES + planes * (rows * (columns + Math.ceil(columns / 128)) + 1);
  const out = new Uint8Array(worst);
  const view = new DataView(out.buffer);
  view.setUint32(0, planes, true);
  const row = new Uint8Array(columns);
  let to = HEADER_BYTES;
  for (let plane = 0; plane < planes; plane++) {
    view.setUint32(4 + 4 * plane, to, true);
    const sample = Math.floor(plane / bytesPerSample);
    const offset = sample * bytesPerSample + (bytesPerSample - 1 - (plane % bytesPerSample));
    for (let r = 0; r < rows; r++) {
      let from = r * columns * planes + offset;
      for (let c = 0; c < columns; c++, from += planes) row[c] = native[from];
      to = packRow(row, out, to);
    }
    if (to % 2 === 1) out[to++] = 0;
  }
  return out.slice(0, to);
}

/** PackBits of one row; runs of two are left literal inside literals. Returns the next free position. */
function packRow(row: Uint8Array, out: Uint8Array, start: number): number {
  let to = start;
  let at = 0;
  while (at < row.length) {
    let run = 1;
    while (run < 128 && at + run < row.length && row[at + run] === row[at]) run++;
    if (run > 1) {
      out[to++] = 257 - run;
      out[to++] = row[at];
      at += run;
      continue;
    }
    let end = at + 1;
    while (
      end < row.length &&
      end - at < 128 &&
      !(end + 2 < row.length && row[end] === row[end + 1] && row[end] === row[end + 2])
    ) {
      end++;
    }
    out[to++] = end - at - 1;
    out.set(row.subarray(at, end), to);
    to += end - at;
    at = end;
  }
  return to;
}

function invalid(message: string): DicomError {
  return new DicomError("INVALID_COMPRESSED_DATA", message);
}
