/**
 * JPEG 2000 frames (ITU-T T.800) through OpenJPEG, High-Throughput ones (T.814) through OpenJPH. The codecs see only
 * frames whose headers j2k-header.ts has read and bounded; damage inside the entropy-coded data shows as wrong pixels,
 * as in every decoder of this format, since it has no check sums.
 */
import { DicomError } from "../errors.ts";
import type { FrameFormat } from "./frame-format.ts";
import { createJ2kError, readJ2kHeader } from "./j2k-header.ts";
import { packSamples, writeSamples } from "./samples.ts";
import { createWasmCodec } from "./wasm-codec.ts";
import { createWasmOptions } from "./wasm-location.ts";

/**
 * Samples of one frame, the largest mammograms: the codecs keep up to 12 bytes for each, and take about 40 ns for each
 * however few bytes there are, so this bounds a hostile frame to a second.
 */
const MAX_SAMPLES = 5120 * 4096;

const openjpeg = createWasmCodec("OpenJPEG", async () => {
  const { default: create } = await import("@cornerstonejs/codec-openjpeg/decodewasmjs");
  return create(createWasmOptions("openjpeg"));
});

const openjph = createWasmCodec("OpenJPH", async () => {
  const { default: create } = await import("@cornerstonejs/codec-openjph/wasmjs");
  return create(createWasmOptions("openjph"));
});

/**
 * Decodes one JPEG 2000 or High-Throughput JPEG 2000 frame into native little-endian bytes, by pixel; components
 * coded with a colour transform become RGB.
 *
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 * @remarks Lossless streams tested bit for bit against OpenJPEG's and GDCM's tools; see {@link writeSamples} for streams
 * whose sign or depth differs from the dataset's.
 */
export async function decodeJ2kFrame(encoded: Uint8Array, format: FrameFormat): Promise<Uint8Array> {
  const header = readJ2kHeader(encoded);
  const { rows, columns, components, precision } = header;
  if (
    rows !== format.rows ||
    columns !== format.columns ||
    components !== format.samplesPerPixel ||
    precision > format.bitsAllocated
  ) {
    throw createJ2kError(
      `it is ${columns} × ${rows} × ${components} of ${precision} bits but the dataset says ${format.columns} × ${format.rows} × ${format.samplesPerPixel} of ${format.bitsAllocated}`,
    );
  }
  const count = rows * columns * components;
  if (count > MAX_SAMPLES) throw createJ2kError(`${count} samples are more than ${MAX_SAMPLES}`);
  // The codecs clamp signed bytes at 0: such a stream is read as unsigned, which adds half the range, taken off again.
  const isShifted = header.signed && precision <= 8;
  const codestream = isShifted ? declareUnsigned(header.codestream, components) : header.codestream;
  const decodeWith = (decoder: J2kDecoder): Uint8Array => {
    try {
      decoder.getEncodedBuffer(codestream.length).set(codestream);
      decoder.decode();
      const info = decoder.getFrameInfo();
      const bytes = decoder.getDecodedBuffer();
      const bytesPerSample = precision <= 8 ? 1 : 2;
      if (info.width !== columns || info.height !== rows || bytes.length !== count * bytesPerSample) {
        throw createJ2kError("its tiles are damaged");
      }
      const copy = bytes.slice();
      if (isShifted) for (let i = 0; i < copy.length; i++) copy[i] ^= 1 << (precision - 1);
      return copy;
    } finally {
      decoder.delete();
    }
  };
  const bytes = await (header.isHighThroughput
    ? openjph.run((instance) => decodeWith(new instance.HTJ2KDecoder()))
    : openjpeg.run((instance) => decodeWith(new instance.J2KDecoder())));
  const samples =
    precision <= 8 ? bytes : header.signed ? new Int16Array(bytes.buffer) : new Uint16Array(bytes.buffer);
  return writeSamples(samples, precision, format);
}

/** A copy of a codestream whose SIZ segment calls all components unsigned. */
function declareUnsigned(codestream: Uint8Array, components: number): Uint8Array {
  const copy = codestream.slice();
  for (let i = 0; i < components; i++) copy[42 + 3 * i] &= 0x7f;
  return copy;
}

/** RPCL, T.800 table A.16. */
const RPCL = 2;
const MAX_WRITTEN_LEVELS = 8;

/**
 * Encodes native little-endian bytes as a lossless HTJ2K codestream in RPCL order, with a TLM segment and a tile-part per
 * resolution, so that it serves both lossless syntaxes.
 *
 * @throws DicomError `UNSUPPORTED_PIXEL_FORMAT` for 32-bit samples, colour, signed 8-bit allocation and stored bits that
 * do not start at bit 0
 * @remarks T.814 through OpenJPH, reversible 5-3 wavelet. Tested against OpenJPEG's decoder.
 */
export async function encodeHtj2kFrame(native: Uint8Array, format: FrameFormat): Promise<Uint8Array> {
  const { rows, columns, bitsStored, bitsAllocated, highBit, samplesPerPixel, signed } = format;
  const isUnsupportedSign = signed && bitsAllocated === 8;
  if (bitsAllocated === 32 || samplesPerPixel !== 1 || highBit !== bitsStored - 1 || isUnsupportedSign) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      `HTJ2K is written for one sample per pixel of 1 to 16 bits starting at bit 0, signed in 16 only; got ${samplesPerPixel} × ${bitsStored} of ${bitsAllocated} bits, high bit ${highBit}, ${signed ? "signed" : "unsigned"}`,
    );
  }
  const samples = rows * columns;
  if (samples > MAX_SAMPLES) {
    throw new DicomError("UNSUPPORTED_PIXEL_FORMAT", `${samples} samples are more than ${MAX_SAMPLES}`);
  }
  // The codec takes one byte per sample up to 8 bits, so samples of two bytes get at least 9.
  const precision = Math.max(bitsStored, bitsAllocated === 16 ? 9 : 1);
  // The codec wants the sign of 16-bit words extended to the top, whatever the precision.
  const input = packSamples(native, precision <= 8 ? 8 : 16, format);
  return openjph.run((instance) => {
    const encoder = new instance.HTJ2KEncoder();
    try {
      encoder
        .getDecodedBuffer({
          width: columns,
          height: rows,
          bitsPerSample: precision,
          componentCount: 1,
          isSigned: signed,
          isUsingColorTransform: false,
        })
        .set(input);
      encoder.setQuality(true, 0);
      encoder.setProgressionOrder(RPCL);
      encoder.setTLMMarker(true);
      encoder.setTilePartDivisionsAtResolutions(true);
      encoder.setDecompositions(chooseLevels(rows, columns));
      encoder.encode();
      const encoded = encoder.getEncodedBuffer().slice();
      if (encoded.length < 20) throw new Error("the encoder gave nothing");
      return encoded;
    } finally {
      encoder.delete();
    }
  });
}

/**
 * Five levels, as usual, fewer for images of a few lines, more for large ones: the lowest resolution is to have at most
 * 64 rows and columns (PS3.5 §10.18, which also asks for RPCL order and TLM). Never none: OpenJPH then loses the smallest value.
 */
function chooseLevels(rows: number, columns: number): number {
  const needed = Math.ceil(Math.log2(Math.max(rows, columns) / 64));
  const possible = Math.floor(Math.log2(Math.min(rows, columns)));
  return Math.min(MAX_WRITTEN_LEVELS, Math.max(1, needed, Math.min(5, possible)));
}
