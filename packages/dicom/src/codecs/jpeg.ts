/**
 * JPEG frames (ITU-T T.81): baseline and extended sequential DCT, progressive DCT, lossless; 8 and 12 bits (lossless 2
 * to 16), Huffman coded. The stream's header is checked against the dataset before anything is allocated. Three
 * YCbCr components become RGB. Not here: JPEG-LS and JPEG 2000, arithmetic coding, hierarchical modes.
 */
import type { FrameFormat } from "./frame-format.ts";
import { convertYcbcrToRgb, interleavePlanes, isYcbcr } from "./jpeg-colour.ts";
import { transformBlocks } from "./jpeg-dct.ts";
import { createCoefficientFrame, decodeDctScan } from "./jpeg-dct-scan.ts";
import { createJpegError } from "./jpeg-entropy.ts";
import { decodeLosslessScan } from "./jpeg-lossless.ts";
import {
  createJpegTables,
  type JpegFrameHeader,
  type JpegScanHeader,
  type JpegTables,
  readJpegSegments,
} from "./jpeg-markers.ts";
import { writeSamples } from "./samples.ts";

/** Block visits over all scans, per block of the frame: far above any real progression, far below an attack. */
const MAX_VISITS = 256;

/**
 * Decodes one JPEG frame into native little-endian bytes, by pixel.
 *
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 * @remarks Time is bounded by samples and bytes. T.81 annexes A–H; tested against dcmtk: lossless bit-exact, DCT
 * bit-exact with its accurate integer transform.
 */
export async function decodeJpegFrame(encoded: Uint8Array, format: FrameFormat): Promise<Uint8Array> {
  if (encoded.length < 4 || encoded[0] !== 0xff || encoded[1] !== 0xd8) {
    throw createJpegError("it does not start with an SOI marker");
  }
  const tables = createJpegTables();
  const scan = readJpegSegments(encoded, 2, tables);
  if (scan === undefined || tables.frame === undefined)
    throw createJpegError("it ends before its image data");
  checkHeader(tables.frame, format);
  return tables.frame.process === "lossless"
    ? decodeLossless(encoded, scan, tables, tables.frame, format)
    : decodeDct(encoded, scan, tables, tables.frame, format);
}

function checkHeader(frame: JpegFrameHeader, format: FrameFormat): void {
  const { rows, columns, precision, components, process } = frame;
  if (
    rows !== format.rows ||
    columns !== format.columns ||
    components.length !== format.samplesPerPixel ||
    precision > format.bitsAllocated
  ) {
    throw createJpegError(
      `it is ${columns} × ${rows} × ${components.length} of ${precision} bits but the dataset says ${format.columns} × ${format.rows} × ${format.samplesPerPixel} of ${format.bitsAllocated}`,
    );
  }
  const isAllowed =
    process === "lossless" ? precision >= 2 && precision <= 16 : precision === 8 || precision === 12;
  if (!isAllowed) throw createJpegError(`${precision} bits are not allowed in its process`);
}

/** Refuses a frame in which a component has no scan. */
function checkScanned(scanned: ReadonlySet<number>, frame: JpegFrameHeader): void {
  if (scanned.size < frame.components.length) {
    throw createJpegError(`only ${scanned.size} of ${frame.components.length} components are there`);
  }
}

function decodeLossless(
  encoded: Uint8Array,
  firstScan: JpegScanHeader,
  tables: JpegTables,
  frame: JpegFrameHeader,
  format: FrameFormat,
): Uint8Array {
  // A code takes at least one bit: refuse what cannot fill the frame before allocating it.
  const size = frame.rows * frame.columns * frame.components.length;
  if (size > encoded.length * 8) {
    throw createJpegError(`${encoded.length} bytes cannot hold ${size} samples`);
  }
  const samples = new Uint16Array(size);
  const scanned = new Set<number>();
  for (let scan: JpegScanHeader | undefined = firstScan; scan !== undefined; ) {
    for (const { index } of scan.components) {
      if (scanned.has(index)) throw createJpegError("a component is scanned twice");
      scanned.add(index);
    }
    const end = decodeLosslessScan(encoded, scan, tables, frame, samples);
    scan = readJpegSegments(encoded, end, tables);
  }
  checkScanned(scanned, frame);
  return writeSamples(samples, frame.precision, format);
}

function decodeDct(
  encoded: Uint8Array,
  firstScan: JpegScanHeader,
  tables: JpegTables,
  frame: JpegFrameHeader,
  format: FrameFormat,
): Uint8Array {
  // A block takes at least two bits in a sequential frame; a run of 32 767 empty ones takes 15 in a progressive one.
  const blocks = (frame.rows * frame.columns) / 64;
  if (blocks > encoded.length * (frame.process === "sequential" ? 4 : 8)) {
    throw createJpegError(`${encoded.length} bytes cannot hold ${Math.ceil(blocks)} blocks`);
  }
  const coefficients = createCoefficientFrame(frame);
  const total = coefficients.planes.reduce((sum, plane) => sum + plane.coefficients.length / 64, 0);
  // Tables may be redefined between scans: each component keeps those of its first one (T.81 §B.2.4.1).
  const quantisation: (Uint16Array | undefined)[] = [];
  const scanned = new Set<number>();
  let visits = 0;
  for (let scan: JpegScanHeader | undefined = firstScan; scan !== undefined; ) {
    for (const { index } of scan.components) {
      if (frame.process === "sequential" && scanned.has(index)) {
        throw createJpegError("a component is scanned twice");
      }
      scanned.add(index);
      quantisation[index] ??= tables.quantisation[frame.components[index].quantisation];
      if (quantisation[index] === undefined) throw createJpegError("a quantisation table is missing");
    }
    const { end, blocks: visited } = decodeDctScan(encoded, scan, tables, frame, coefficients);
    visits += visited;
    if (visits > MAX_VISITS * total) throw createJpegError("it has too many scans");
    scan = readJpegSegments(encoded, end, tables);
  }
  checkScanned(scanned, frame);
  const planes = coefficients.planes.map((plane, index) =>
    transformBlocks(
      plane.coefficients,
      plane.blocksPerLine,
      quantisation[index] as Uint16Array,
      frame.precision,
    ),
  );
  const samples = interleavePlanes(frame, coefficients, planes);
  if (isYcbcr(frame, tables, format.photometricInterpretation)) convertYcbcrToRgb(samples, frame.precision);
  return writeSamples(samples, frame.precision, format);
}
