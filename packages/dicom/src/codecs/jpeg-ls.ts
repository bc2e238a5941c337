/**
 * JPEG-LS frames (ISO/IEC 14495-1 | ITU-T T.87): decoded by jpeg-ls-scan.ts, encoded by the CharLS WebAssembly build,
 * which is loaded on first use. The stream's own header is checked against the dataset before anything is decoded, so
 * the size of the output is never the stream's to choose.
 */
import { DicomError } from "../errors.ts";
import type { FrameFormat } from "./frame-format.ts";
import { computeDefaultThresholds, decodeJpegLsScan, type JpegLsScan } from "./jpeg-ls-scan.ts";
import { writeSamples } from "./samples.ts";
import { createWasmCodec } from "./wasm-codec.ts";
import { createWasmOptions } from "./wasm-location.ts";

const charls = createWasmCodec("CharLS", async () => {
  const { default: create } = await import("@cornerstonejs/codec-charls/wasmjs");
  return create(createWasmOptions("charls"));
});

/** What the markers before the entropy-coded data say. */
interface JpegLsHeader {
  readonly precision: number;
  readonly rows: number;
  readonly columns: number;
  readonly components: number;
  readonly near: number;
  /** MAXVAL, T1, T2, T3, RESET of an LSE segment; 0 means the default. */
  readonly preset: readonly number[];
  /** First byte of the entropy-coded data. */
  readonly dataStart: number;
}

/** Reads the marker segments up to the first scan, T.87 annex C. */
function readJpegLsHeader(encoded: Uint8Array): JpegLsHeader {
  if (encoded.length < 4 || encoded[0] !== 0xff || encoded[1] !== 0xd8) {
    throw invalid("the frame does not start with a JPEG SOI marker");
  }
  const read16 = (at: number): number => (encoded[at] << 8) | encoded[at + 1];
  let frame: { precision: number; rows: number; columns: number; components: number } | undefined;
  let preset: number[] = [];
  for (let at = 2; at + 4 <= encoded.length; ) {
    if (encoded[at] !== 0xff) throw invalid(`byte ${at} of the JPEG-LS frame is not a marker`);
    const marker = encoded[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    const length = read16(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > encoded.length) break;
    if (marker === 0xf7) {
      if (frame !== undefined || length < 8) throw invalid("its frame header (SOF55) is damaged or doubled");
      frame = {
        precision: encoded[at + 4],
        rows: read16(at + 5),
        columns: read16(at + 7),
        components: encoded[at + 9],
      };
    } else if (marker === 0xf8) {
      if (length !== 13 || encoded[at + 4] !== 1)
        throw invalid("mapping tables and large frames are not read");
      preset = [0, 2, 4, 6, 8].map((offset) => read16(at + 5 + offset));
    } else if (marker === 0xda) {
      if (frame === undefined) throw invalid("it has no frame header (SOF55)");
      const components = encoded[at + 4];
      if (length !== 6 + 2 * components) throw invalid("its scan header (SOS) is damaged");
      if (components !== 1 || encoded[end - 1] !== 0) {
        throw invalid(`a scan of ${components} components, or with a point transform, is not read`);
      }
      return { ...frame, near: encoded[end - 3], preset, dataStart: end };
    } else if (marker === 0xdd) {
      throw invalid("restart intervals are not read");
    }
    at = end;
  }
  throw invalid("it ends before its image data");
}

/**
 * Decodes one JPEG-LS frame of one component into native little-endian bytes.
 *
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 * @remarks Tested against CharLS and dcmtk's dcmcjpls, lossless and near-lossless, bit for bit.
 */
export async function decodeJpegLsFrame(encoded: Uint8Array, format: FrameFormat): Promise<Uint8Array> {
  const header = readJpegLsHeader(encoded);
  if (
    header.rows !== format.rows ||
    header.columns !== format.columns ||
    header.components !== format.samplesPerPixel ||
    header.precision < 2 ||
    header.precision > Math.min(16, format.bitsAllocated)
  ) {
    throw invalid(
      `it is ${header.columns} × ${header.rows} × ${header.components} of ${header.precision} bits but the dataset says ${format.columns} × ${format.rows} × ${format.samplesPerPixel} of ${format.bitsAllocated}`,
    );
  }
  const samples = decodeJpegLsScan(encoded, header.dataStart, resolveScan(header));
  return writeSamples(samples, header.precision, format);
}

/** Fills in defaults and checks parameters against T.87 table C.1. */
function resolveScan(header: JpegLsHeader): JpegLsScan {
  const [presetMaximum = 0, ...presets] = header.preset;
  const maxValue = presetMaximum || 2 ** header.precision - 1;
  const { near } = header;
  if (maxValue >= 2 ** header.precision || near > Math.min(255, Math.floor(maxValue / 2))) {
    throw invalid(`MAXVAL ${maxValue} or NEAR ${near} is out of range for ${header.precision} bits`);
  }
  const defaults = computeDefaultThresholds(maxValue, near);
  const t1 = presets[0] || defaults[0];
  const t2 = presets[1] || defaults[1];
  const t3 = presets[2] || defaults[2];
  const reset = presets[3] || 64;
  if (
    !(t1 > near && t2 >= t1 && t3 >= t2 && t3 <= maxValue && reset >= 3 && reset <= Math.max(255, maxValue))
  ) {
    throw invalid(`thresholds ${t1}, ${t2}, ${t3} or RESET ${reset} are out of range`);
  }
  return { rows: header.rows, columns: header.columns, maxValue, near, thresholds: [t1, t2, t3], reset };
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
  return charls.run((instance) => {
    const encoder = new instance.JpegLSEncoder();
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
      return encoder.getEncodedBuffer().slice();
    } finally {
      encoder.delete();
    }
  });
}

function invalid(what: string): DicomError {
  return new DicomError("INVALID_COMPRESSED_DATA", `the JPEG-LS frame cannot be decoded: ${what}`);
}
