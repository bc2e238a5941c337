/**
 * JPEG-LS frames (ISO/IEC 14495-1 | ITU-T T.87): decoded by jpeg-ls-scan.ts, encoded by the CharLS WebAssembly build,
 * which is loaded on first use. The stream's own header is checked against the dataset before anything is decoded, so
 * the size of the output is never the stream's to choose.
 */
import { DicomError } from "../errors.ts";
import type { FrameFormat } from "./frame-format.ts";
import { computeDefaultThresholds, decodeJpegLsScan, type JpegLsScan } from "./jpeg-ls-scan.ts";
import { packSamples, writeSamples } from "./samples.ts";
import { createWasmCodec } from "./wasm-codec.ts";
import { createWasmOptions } from "./wasm-location.ts";

const charls = createWasmCodec("CharLS", async () => {
  const { default: create } = await import("@cornerstonejs/codec-charls/wasmjs");
  return create(createWasmOptions("charls"));
});

/** The frame header (SOF55), T.87 §C.2.2. */
interface JpegLsFrame {
  readonly precision: number;
  readonly rows: number;
  readonly columns: number;
  /** Component identifiers. */
  readonly components: readonly number[];
}

/** What the markers before a scan's data say. */
interface JpegLsScanHeader {
  readonly frame: JpegLsFrame;
  /** Positions of the scan's components in the frame. */
  readonly indexes: readonly number[];
  readonly near: number;
  readonly interleave: number;
  /** MAXVAL, T1, T2, T3, RESET of an LSE segment; 0 means the default. */
  readonly preset: readonly number[];
  /** First byte of the entropy-coded data. */
  readonly dataStart: number;
}

/** What segments have said so far. */
interface JpegLsState {
  frame: JpegLsFrame | undefined;
  preset: readonly number[];
}

/** Reads marker segments up to the next scan (T.87 annex C); `undefined` at the end of the image. */
function readJpegLsSegments(
  encoded: Uint8Array,
  start: number,
  state: JpegLsState,
): JpegLsScanHeader | undefined {
  const read16 = (at: number): number => (encoded[at] << 8) | encoded[at + 1];
  for (let at = start; at + 4 <= encoded.length; ) {
    if (encoded[at] !== 0xff) throw invalid(`byte ${at} of the JPEG-LS frame is not a marker`);
    const marker = encoded[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xd9) return undefined;
    const length = read16(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > encoded.length) throw invalid(`the segment at byte ${at} is cut off`);
    const body = encoded.subarray(at + 4, end);
    if (marker === 0xf7) {
      if (state.frame !== undefined) throw invalid("it has two frame headers (SOF55)");
      state.frame = readFrameHeader(body);
    } else if (marker === 0xf8) {
      if (length !== 13 || body[0] !== 1) throw invalid("mapping tables and large frames are not read");
      state.preset = [0, 2, 4, 6, 8].map((offset) => read16(at + 5 + offset));
    } else if (marker === 0xda) {
      if (state.frame === undefined) throw invalid("it has no frame header (SOF55)");
      return { ...readScanHeader(body, state.frame), preset: state.preset, dataStart: end };
    } else if (marker === 0xdd) {
      throw invalid("restart intervals are not read");
    }
    at = end;
  }
  return undefined;
}

function readFrameHeader(body: Uint8Array): JpegLsFrame {
  const [precision, rowsHigh, rowsLow, columnsHigh, columnsLow, count] = body;
  if (body.length < 9 || body.length !== 6 + 3 * count || count > 4) {
    throw invalid("its frame header (SOF55) is damaged");
  }
  const components = Array.from({ length: count }, (_, i) => body[6 + 3 * i]);
  if (components.some((_, i) => body[7 + 3 * i] !== 0x11) || new Set(components).size !== count) {
    throw invalid("its components are subsampled or named twice");
  }
  return { precision, rows: rowsHigh * 256 + rowsLow, columns: columnsHigh * 256 + columnsLow, components };
}

function readScanHeader(
  body: Uint8Array,
  frame: JpegLsFrame,
): Pick<JpegLsScanHeader, "frame" | "indexes" | "near" | "interleave"> {
  const count = body[0];
  if (body.length !== 4 + 2 * count || count < 1 || count > frame.components.length) {
    throw invalid("its scan header (SOS) is damaged");
  }
  const indexes = Array.from({ length: count }, (_, i) => frame.components.indexOf(body[1 + 2 * i]));
  const [near, interleave, pointTransform] = body.subarray(1 + 2 * count);
  if (
    indexes.some((index, i) => index < 0 || (i > 0 && index !== indexes[i - 1] + 1)) ||
    pointTransform !== 0 ||
    interleave > 2 ||
    count > 1 !== interleave > 0
  ) {
    throw invalid("its scan has a point transform, or components out of order");
  }
  return { frame, indexes, near, interleave };
}

/**
 * Decodes one JPEG-LS frame into native little-endian bytes, colour by pixel whatever its interleaving.
 *
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 * @remarks Tested against CharLS and dcmtk's dcmcjpls, lossless and near-lossless, bit for bit.
 */
export async function decodeJpegLsFrame(encoded: Uint8Array, format: FrameFormat): Promise<Uint8Array> {
  if (encoded.length < 4 || encoded[0] !== 0xff || encoded[1] !== 0xd8) {
    throw invalid("the frame does not start with a JPEG SOI marker");
  }
  const state: JpegLsState = { frame: undefined, preset: [] };
  const firstScan = readJpegLsSegments(encoded, 2, state);
  if (firstScan === undefined) throw invalid("it ends before its image data");
  const { rows, columns, components, precision } = firstScan.frame;
  if (
    rows !== format.rows ||
    columns !== format.columns ||
    components.length !== format.samplesPerPixel ||
    precision < 2 ||
    precision > Math.min(16, format.bitsAllocated)
  ) {
    throw invalid(
      `it is ${columns} × ${rows} × ${components.length} of ${precision} bits but the dataset says ${format.columns} × ${format.rows} × ${format.samplesPerPixel} of ${format.bitsAllocated}`,
    );
  }
  // A line takes at least one bit: refuse what cannot fill the frame before allocating it.
  if (rows > encoded.length * 8) throw invalid(`${encoded.length} bytes cannot hold ${rows} lines`);
  const samples = new Uint16Array(rows * columns * components.length);
  const decoded = new Set<number>();
  for (let scan: JpegLsScanHeader | undefined = firstScan; scan !== undefined; ) {
    for (const index of scan.indexes) {
      if (decoded.has(index)) throw invalid("a component is scanned twice");
      decoded.add(index);
    }
    const target = { samples, first: scan.indexes[0], stride: components.length };
    const end = decodeJpegLsScan(encoded, scan.dataStart, resolveScan(scan), target);
    scan = decoded.size < components.length ? readJpegLsSegments(encoded, end, state) : undefined;
  }
  if (decoded.size < components.length) {
    throw invalid(`only ${decoded.size} of ${components.length} components are there`);
  }
  return writeSamples(samples, precision, format);
}

const INTERLEAVES = ["none", "line", "sample"] as const;

/** Fills in defaults and checks parameters against T.87 table C.1. */
function resolveScan(header: JpegLsScanHeader): JpegLsScan {
  const { near, frame, indexes } = header;
  const [presetMaximum = 0, ...presets] = header.preset;
  const maxValue = presetMaximum || 2 ** frame.precision - 1;
  if (maxValue >= 2 ** frame.precision || near > Math.min(255, Math.floor(maxValue / 2))) {
    throw invalid(`MAXVAL ${maxValue} or NEAR ${near} is out of range for ${frame.precision} bits`);
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
  return {
    rows: frame.rows,
    columns: frame.columns,
    components: indexes.length,
    interleave: INTERLEAVES[header.interleave],
    maxValue,
    near,
    thresholds: [t1, t2, t3],
    reset,
  };
}

/**
 * Encodes native little-endian bytes losslessly, one component, at the precision of Bits Stored (at least 9 in 16);
 * bits above it are not coded, but
 * repeat the sign where the precision reaches them.
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
  const input = packSamples(native, precision, format);
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
