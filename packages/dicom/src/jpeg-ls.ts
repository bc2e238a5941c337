/**
 * JPEG-LS (ISO/IEC 14495-1) through the CharLS WebAssembly build, loaded on first use. The stream's own frame header
 * is checked against the dataset before the codec sees it, so its size is never the stream's to choose.
 */
import { DicomError } from "./errors.ts";
import { countFrameBytes, type FrameFormat } from "./frame-format.ts";

type CharlsModule = Awaited<ReturnType<typeof import("@cornerstonejs/codec-charls/wasmjs").default>>;

let loading: Promise<CharlsModule> | undefined;

function loadCharls(): Promise<CharlsModule> {
  loading ??= import("@cornerstonejs/codec-charls/wasmjs").then((module) => module.default());
  return loading;
}

/**
 * Cleans up after the codec threw. A number is a C++ exception, after which its memory is in order; anything else is
 * a trap, and then a new instance is made next time.
 */
function releaseAfterFailure(codec: { delete(): void }, cause: unknown): void {
  if (typeof cause === "number") codec.delete();
  else loading = undefined;
}

interface JpegLsHeader {
  readonly precision: number;
  readonly rows: number;
  readonly columns: number;
  readonly components: number;
}

/** Finds the SOF55 marker segment. */
function readJpegLsHeader(encoded: Uint8Array): JpegLsHeader {
  if (encoded.length < 4 || encoded[0] !== 0xff || encoded[1] !== 0xd8) {
    throw invalid("the frame does not start with a JPEG SOI marker");
  }
  let at = 2;
  while (at + 4 <= encoded.length) {
    if (encoded[at] !== 0xff) throw invalid(`byte ${at} of the JPEG-LS frame is not a marker`);
    const marker = encoded[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    const length = (encoded[at + 2] << 8) | encoded[at + 3];
    if (marker === 0xf7) {
      if (at + 10 > encoded.length) break;
      return {
        precision: encoded[at + 4],
        rows: (encoded[at + 5] << 8) | encoded[at + 6],
        columns: (encoded[at + 7] << 8) | encoded[at + 8],
        components: encoded[at + 9],
      };
    }
    if (marker === 0xda || length < 2) break;
    at += 2 + length;
  }
  throw invalid("the JPEG-LS frame has no frame header (SOF55)");
}

/**
 * Decodes one JPEG-LS frame into native little-endian bytes.
 *
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 * @remarks Tested against dcmtk's dcmcjpls and dcmdjpls, lossless bit for bit.
 */
export async function decodeJpegLsFrame(encoded: Uint8Array, format: FrameFormat): Promise<Uint8Array> {
  const header = readJpegLsHeader(encoded);
  const bytesPerSample = header.precision <= 8 ? 1 : 2;
  if (
    header.rows !== format.rows ||
    header.columns !== format.columns ||
    header.components !== format.samplesPerPixel ||
    header.precision < 2 ||
    header.precision > format.bitsAllocated
  ) {
    throw invalid(
      `the JPEG-LS frame is ${header.columns} × ${header.rows} × ${header.components} of ${header.precision} bits but the dataset says ${format.columns} × ${format.rows} × ${format.samplesPerPixel} of ${format.bitsAllocated}`,
    );
  }
  const charls = await loadCharls();
  const decoder = new charls.JpegLSDecoder();
  let decoded: Uint8Array;
  try {
    decoder.getEncodedBuffer(encoded.length).set(encoded);
    decoder.decode();
    decoded = Uint8Array.from(decoder.getDecodedBuffer());
    decoder.delete();
  } catch (cause) {
    releaseAfterFailure(decoder, cause);
    throw invalid("the JPEG-LS frame is damaged: CharLS could not decode it", cause);
  }
  const samples = format.rows * format.columns * format.samplesPerPixel;
  if (decoded.length !== samples * bytesPerSample) {
    throw invalid(
      `the JPEG-LS frame decodes to ${decoded.length} bytes instead of ${samples * bytesPerSample}`,
    );
  }
  return widenSamples(decoded, bytesPerSample, format);
}

/** Spreads 8- or 16-bit samples over the allocated bits. */
function widenSamples(decoded: Uint8Array, bytesPerSample: number, format: FrameFormat): Uint8Array {
  const wanted = format.bitsAllocated / 8;
  if (wanted === bytesPerSample) return decoded;
  const out = new Uint8Array(countFrameBytes(format));
  const samples = out.length / wanted;
  for (let i = 0; i < samples; i++) {
    for (let b = 0; b < bytesPerSample; b++) out[i * wanted + b] = decoded[i * bytesPerSample + b];
  }
  return out;
}

/**
 * Encodes native little-endian bytes losslessly, one component, at the precision of Bits Stored (at least 9 in 16);
 * bits above it are not coded.
 *
 * @throws DicomError `UNSUPPORTED_PIXEL_FORMAT` for 32-bit samples, colour and stored bits that do not start at bit 0
 * @remarks Tested against dcmtk's dcmdjpls.
 */
export async function encodeJpegLsFrame(native: Uint8Array, format: FrameFormat): Promise<Uint8Array> {
  if (
    format.bitsAllocated === 32 ||
    format.samplesPerPixel !== 1 ||
    format.highBit !== format.bitsStored - 1
  ) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      `JPEG-LS is written for one sample per pixel of 1 to 16 bits starting at bit 0; got ${format.samplesPerPixel} × ${format.bitsStored} of ${format.bitsAllocated} bits, high bit ${format.highBit}`,
    );
  }
  // Samples of two bytes get at least 9 bits: dcmtk refuses 8-bit streams for 16 bits allocated.
  const precision = Math.max(format.bitsStored, format.bitsAllocated === 16 ? 9 : 2);
  const samples = format.rows * format.columns;
  const bytesPerSample = precision <= 8 ? 1 : 2;
  const allocatedBytes = format.bitsAllocated / 8;
  const input = new Uint8Array(samples * bytesPerSample);
  const mask = 2 ** format.bitsStored - 1;
  for (let i = 0; i < samples; i++) {
    for (let b = 0; b < bytesPerSample; b++) {
      input[i * bytesPerSample + b] = native[i * allocatedBytes + b] & ((mask >>> (8 * b)) & 0xff);
    }
  }
  const charls = await loadCharls();
  const encoder = new charls.JpegLSEncoder();
  try {
    encoder
      .getDecodedBuffer({
        width: format.columns,
        height: format.rows,
        bitsPerSample: precision,
        componentCount: 1,
      })
      .set(input);
    encoder.setNearLossless(0);
    encoder.encode();
    const encoded = Uint8Array.from(encoder.getEncodedBuffer());
    encoder.delete();
    return encoded;
  } catch (cause) {
    releaseAfterFailure(encoder, cause);
    throw new DicomError("INVALID_COMPRESSED_DATA", "CharLS could not encode the frame", { cause });
  }
}

function invalid(message: string, cause?: unknown): DicomError {
  return new DicomError("INVALID_COMPRESSED_DATA", message, { cause });
}
