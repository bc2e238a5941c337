/**
 * From decoded samples to the native bytes of a frame, with the differences between what a compressed stream and what
 * the dataset say about bits and sign.
 */
import { countFrameBytes, type FrameFormat } from "./frame-format.ts";

/**
 * Gives samples as little-endian words of Bits Allocated. When the dataset says signed, the top bit of the stream's
 * precision is the sign and is extended, whatever the stream says of itself; otherwise bits above the precision are 0.
 *
 * @param samples - `[row][column][sample]`: 0 … 2^precision − 1, or, in an `Int16Array`, with their sign extended
 * @param precision - bits per sample of the stream
 * @returns a view of `samples` where they are such words already
 */
export function writeSamples(
  samples: Uint8Array | Uint16Array | Int16Array,
  precision: number,
  format: FrameFormat,
): Uint8Array {
  const { bitsAllocated, signed } = format;
  const isAsWanted = precision === bitsAllocated || samples instanceof Int16Array === signed;
  if (isAsWanted && samples.BYTES_PER_ELEMENT * 8 === bitsAllocated) {
    return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  }
  const out = new Uint8Array(countFrameBytes(format));
  const words =
    bitsAllocated === 8
      ? out
      : bitsAllocated === 16
        ? new Uint16Array(out.buffer)
        : new Uint32Array(out.buffer);
  const shift = 32 - precision;
  if (signed) for (let i = 0; i < words.length; i++) words[i] = (samples[i] << shift) >> shift;
  else for (let i = 0; i < words.length; i++) words[i] = (samples[i] << shift) >>> shift;
  return out;
}

/**
 * Takes the stored values out of native bytes for an encoder: the sign of signed ones extended up to `precision` bits,
 * anything else above Bits Stored cleared; one byte per sample up to 8 bits, else two.
 *
 * @param precision - at least Bits Stored, at most 16; stored bits start at bit 0
 */
export function packSamples(native: Uint8Array, precision: number, format: FrameFormat): Uint8Array {
  const count = format.rows * format.columns * format.samplesPerPixel;
  const wide = format.bitsAllocated === 16;
  const words = wide ? new Uint16Array(native.slice(0, 2 * count).buffer) : native;
  const out = precision <= 8 ? new Uint8Array(count) : new Uint16Array(count);
  const shift = 32 - format.bitsStored;
  const mask = 2 ** precision - 1;
  if (format.signed) for (let i = 0; i < count; i++) out[i] = ((words[i] << shift) >> shift) & mask;
  else for (let i = 0; i < count; i++) out[i] = (words[i] << shift) >>> shift;
  return new Uint8Array(out.buffer);
}
