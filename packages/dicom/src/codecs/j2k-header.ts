/**
 * The headers of a JPEG 2000 codestream (ITU-T T.800 annex A; High-Throughput: T.814): read and bounded before a codec
 * sees the frame. Not a decoder. What a frame of DICOM has no use for and what lets a small stream ask for much work
 * (reference grids with subsampling, progression changes, packed headers, coding styles per tile) is refused.
 */
import { DicomError } from "../errors.ts";

/** What the main header says. */
export interface J2kHeader {
  readonly rows: number;
  readonly columns: number;
  readonly components: number;
  readonly precision: number;
  readonly signed: boolean;
  /** Code blocks are High-Throughput (T.814) rather than of Part 1. */
  readonly isHighThroughput: boolean;
  /** The components are coded as luminance and colour differences, which decoders turn back into RGB. */
  readonly usesColourTransform: boolean;
  /** The codestream: the frame without box headers and padding. */
  readonly codestream: Uint8Array;
}

/** Coding style of a component. */
interface CodingStyle {
  readonly levels: number;
  /** PPx and PPy by resolution level. */
  readonly precincts: readonly (readonly [number, number])[];
  readonly isHighThroughput: boolean;
}

interface ImageSize {
  readonly x1: number;
  readonly y1: number;
  readonly x0: number;
  readonly y0: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  readonly tileX0: number;
  readonly tileY0: number;
  readonly components: number;
  readonly precision: number;
  readonly signed: boolean;
}

const MAX_LEVELS = 16;

/** Error of a damaged JPEG 2000 frame. */
export function createJ2kError(what: string): DicomError {
  return new DicomError("INVALID_COMPRESSED_DATA", `the JPEG 2000 frame cannot be decoded: ${what}`);
}

/**
 * Reads and checks all headers of a frame: main header, every tile-part, the number of packets against the bytes that
 * are there.
 *
 * @param encoded - a codestream, or a JP2 file that holds one
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 * @remarks Linear in the length of the frame. T.800 §A.4–A.6, §B.6 (precincts), §B.9 (packets).
 */
export function readJ2kHeader(encoded: Uint8Array): J2kHeader {
  const stream = findCodestream(encoded);
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  let size: ImageSize | undefined;
  let common: CodingStyle | undefined;
  let layers = 0;
  let usesColourTransform = false;
  const own = new Map<number, CodingStyle>();
  const quantised = new Map<number, number>();
  let at = 2;
  for (;;) {
    if (at + 4 > stream.length) throw createJ2kError("it ends in its main header");
    const marker = view.getUint16(at);
    if (marker === 0xff90) break;
    const end = at + 2 + view.getUint16(at + 2);
    if (end < at + 4 || end > stream.length) throw createJ2kError(`the segment at byte ${at} is cut off`);
    const body = stream.subarray(at + 4, end);
    if ((marker === 0xff51) !== (at === 2)) throw createJ2kError("its SIZ segment is not in its place");
    if (marker === 0xff51) {
      size = readSize(body);
    } else if (marker === 0xff52) {
      if (common !== undefined || body.length < 10) throw createJ2kError("its COD segment is damaged");
      layers = view.getUint16(at + 6);
      usesColourTransform = body[4] === 1;
      if (body[1] > 4 || layers < 1 || body[4] > 1 || (body[0] & 0xf8) !== 0) {
        throw createJ2kError("its COD segment is damaged");
      }
      common = readCodingStyle(body.subarray(5), (body[0] & 1) === 1);
    } else if (marker === 0xff53) {
      const component = readComponentIndex(body, size);
      own.set(component, readCodingStyle(body.subarray(2), body[1] === 1));
    } else if (marker === 0xff5c) {
      quantised.set(-1, countQuantisedBands(body));
    } else if (marker === 0xff5d) {
      quantised.set(readComponentIndex(body, size), countQuantisedBands(body.subarray(1)));
    } else if (!PASSED_MAIN.has(marker)) {
      throw createJ2kError(`marker ${marker.toString(16)} in its main header is not read`);
    }
    at = end;
  }
  if (size === undefined || common === undefined) throw createJ2kError("SIZ or COD is missing");
  if (usesColourTransform && size.components < 3)
    throw createJ2kError("a colour transform needs three components");
  const styles: CodingStyle[] = [];
  for (let i = 0; i < size.components; i++) {
    const style = own.get(i) ?? common;
    const bands = quantised.get(i) ?? quantised.get(-1) ?? 0;
    if (bands < 3 * style.levels + 1) throw createJ2kError("its quantisation misses bands");
    if (style.isHighThroughput !== common.isHighThroughput)
      throw createJ2kError("it mixes kinds of code block");
    styles.push(style);
  }
  const headerEnd = at;
  const end = checkTileParts(stream, view, headerEnd, countTiles(size));
  checkPackets(size, styles, layers, end - headerEnd);
  return {
    rows: size.y1 - size.y0,
    columns: size.x1 - size.x0,
    components: size.components,
    precision: size.precision,
    signed: size.signed,
    isHighThroughput: common.isHighThroughput,
    usesColourTransform,
    codestream: endCodestream(stream, end),
  };
}

/** Main header segments without influence on cost: CAP, PRF, CPF, TLM, PLM, CRG, COM, RGN. */
const PASSED_MAIN: ReadonlySet<number> = new Set([
  0xff5e, 0xff50, 0xff56, 0xff59, 0xff55, 0xff57, 0xff63, 0xff64,
]);
/** The same in tile-part headers: QCD, QCC, PLT, COM. */
const PASSED_TILE: ReadonlySet<number> = new Set([0xff5c, 0xff5d, 0xff58, 0xff64]);

/** The codestream itself, also inside the boxes of a JP2 file (T.800 annex I), which PS3.5 §A.4.4 forbids but exists. */
function findCodestream(encoded: Uint8Array): Uint8Array {
  let stream = encoded;
  if (encoded.length > 12 && encoded[4] === 0x6a && encoded[5] === 0x50 && encoded[0] === 0) {
    const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.length);
    for (let at = 0; at + 8 <= encoded.length; ) {
      const length = view.getUint32(at) || encoded.length - at;
      if (length < 8) break;
      if (view.getUint32(at + 4) === 0x6a703263) {
        stream = encoded.subarray(at + 8, at + length);
        break;
      }
      at += length;
    }
  }
  if (
    stream.length < 4 ||
    stream[0] !== 0xff ||
    stream[1] !== 0x4f ||
    stream[2] !== 0xff ||
    stream[3] !== 0x51
  ) {
    throw createJ2kError("it does not start with SOC and SIZ markers");
  }
  return stream;
}

function readSize(body: Uint8Array): ImageSize {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const components = body.length >= 36 ? view.getUint16(34) : 0;
  if (components < 1 || components > 4 || body.length !== 36 + 3 * components) {
    throw createJ2kError(`its SIZ segment is damaged or has ${components} components, not 1 to 4`);
  }
  const [x1, y1, x0, y0, tileWidth, tileHeight, tileX0, tileY0] = [2, 6, 10, 14, 18, 22, 26, 30].map(
    (offset) => view.getUint32(offset),
  );
  if (
    !(x0 < x1 && y0 < y1 && tileWidth > 0 && tileHeight > 0 && tileX0 <= x0 && tileY0 <= y0) ||
    tileX0 + tileWidth <= x0 ||
    tileY0 + tileHeight <= y0 ||
    x1 >= 2 ** 31 ||
    y1 >= 2 ** 31
  ) {
    throw createJ2kError("its image or tile size is not valid");
  }
  for (let i = 0; i < components; i++) {
    const at = 36 + 3 * i;
    if (body[at] !== body[36] || body[at + 1] !== 1 || body[at + 2] !== 1) {
      throw createJ2kError("its components differ in depth or are subsampled");
    }
  }
  const precision = (body[36] & 0x7f) + 1;
  if (precision > 16) throw createJ2kError(`it has ${precision} bits; up to 16 are read`);
  return {
    x1,
    y1,
    x0,
    y0,
    tileWidth,
    tileHeight,
    tileX0,
    tileY0,
    components,
    precision,
    signed: body[36] > 0x7f,
  };
}

function readComponentIndex(body: Uint8Array, size: ImageSize | undefined): number {
  if (size === undefined || body.length < 2 || body[0] >= size.components) {
    throw createJ2kError("a segment names a component that does not exist");
  }
  return body[0];
}

/** SPcod or SPcoc, T.800 table A.15. */
function readCodingStyle(body: Uint8Array, hasPrecincts: boolean): CodingStyle {
  const [levels, width, height, style, transform] = body;
  const isHighThroughput = (style & 0x40) !== 0;
  if (
    body.length !== 5 + (hasPrecincts ? levels + 1 : 0) ||
    levels > MAX_LEVELS ||
    width > 8 ||
    height > 8 ||
    width + height > 8 ||
    transform > 1 ||
    (style & 0x80) !== 0
  ) {
    throw createJ2kError("its coding style is damaged or out of range");
  }
  const precincts: [number, number][] = [];
  for (let level = 0; level <= levels; level++) {
    const sizes = hasPrecincts ? body[5 + level] : 0xff;
    const ppx = sizes & 15;
    const ppy = sizes >> 4;
    if (level > 0 && (ppx === 0 || ppy === 0)) throw createJ2kError("its precincts are too small");
    precincts.push([ppx, ppy]);
  }
  return { levels, precincts, isHighThroughput };
}

/** Bands for which a QCD or QCC body gives step sizes, T.800 table A.27; derived ones count for all. */
function countQuantisedBands(body: Uint8Array): number {
  const style = body[0] & 31;
  if (style === 0) return body.length - 1;
  if (style === 1) return body.length === 3 ? Number.POSITIVE_INFINITY : 0;
  return style === 2 ? (body.length - 1) / 2 : 0;
}

function countTiles(size: ImageSize): { readonly across: number; readonly down: number } {
  return {
    across: Math.ceil((size.x1 - size.tileX0) / size.tileWidth),
    down: Math.ceil((size.y1 - size.tileY0) / size.tileHeight),
  };
}

/**
 * Follows the tile-parts to the end of the codestream; returns the offset of EOC, or where it should be: nothing but
 * padding may follow. Every tile must be there.
 */
function checkTileParts(
  stream: Uint8Array,
  view: DataView,
  start: number,
  tiles: { readonly across: number; readonly down: number },
): number {
  const count = tiles.across * tiles.down;
  if (count > 65535 || count * 14 > stream.length) {
    throw createJ2kError(`${stream.length} bytes cannot hold ${count} tiles`);
  }
  const nextParts = new Uint8Array(count);
  let seen = 0;
  let at = start;
  while (at + 12 <= stream.length && view.getUint16(at) === 0xff90) {
    const tile = view.getUint16(at + 4);
    const length = view.getUint32(at + 6);
    const part = stream[at + 10];
    if (view.getUint16(at + 2) !== 10 || tile >= count || part !== nextParts[tile] || part === 255) {
      throw createJ2kError("a tile-part header is damaged");
    }
    nextParts[tile]++;
    if (part === 0) seen++;
    const end = length === 0 ? findEnd(stream) : at + length;
    if (length !== 0 && (length < 14 || end > stream.length)) throw createJ2kError("a tile-part is cut off");
    skipTileHeader(view, at + 12, end);
    at = end;
  }
  const isEnded = hasEnd(stream, at) || stream.subarray(at).every((byte) => byte === 0);
  if (!isEnded || seen !== count) {
    throw createJ2kError(`it holds ${seen} of ${count} tiles, or ends in the middle of one`);
  }
  return at;
}

function hasEnd(stream: Uint8Array, at: number): boolean {
  return stream[at] === 0xff && stream[at + 1] === 0xd9;
}

/** The codestream up to its EOC, which is put there where an encoder forgot it: decoders insist. */
function endCodestream(stream: Uint8Array, end: number): Uint8Array {
  if (hasEnd(stream, end)) return stream.subarray(0, end + 2);
  const ended = new Uint8Array(end + 2);
  ended.set(stream.subarray(0, end));
  ended.set([0xff, 0xd9], end);
  return ended;
}

/** Where EOC stands at the end of a stream whose last tile-part has no length; padding follows it. */
function findEnd(stream: Uint8Array): number {
  let end = stream.length;
  while (end > 0 && stream[end - 1] === 0) end--;
  return end >= 2 && stream[end - 2] === 0xff && stream[end - 1] === 0xd9 ? end - 2 : stream.length;
}

function skipTileHeader(view: DataView, start: number, end: number): void {
  for (let at = start; at + 2 <= end; ) {
    const marker = view.getUint16(at);
    if (marker === 0xff93) return;
    if (!PASSED_TILE.has(marker) || at + 4 > end) {
      throw createJ2kError(`marker ${marker.toString(16)} in a tile-part header is not read`);
    }
    const length = view.getUint16(at + 2);
    if (length < 2) break;
    at += 2 + length;
  }
  throw createJ2kError("a tile-part has no data");
}

/** Refuses more packets than there are bytes: each takes at least one (T.800 §B.10). */
function checkPackets(size: ImageSize, styles: readonly CodingStyle[], layers: number, bytes: number): void {
  const { across, down } = countTiles(size);
  let packets = 0;
  for (let tile = 0; tile < across * down; tile++) {
    const p = tile % across;
    const q = Math.floor(tile / across);
    const x0 = Math.max(size.x0, size.tileX0 + p * size.tileWidth);
    const x1 = Math.min(size.x1, size.tileX0 + (p + 1) * size.tileWidth);
    const y0 = Math.max(size.y0, size.tileY0 + q * size.tileHeight);
    const y1 = Math.min(size.y1, size.tileY0 + (q + 1) * size.tileHeight);
    for (const { levels, precincts } of styles) {
      for (let level = 0; level <= levels; level++) {
        const scale = 2 ** (levels - level);
        const [ppx, ppy] = precincts[level];
        const count = (from: number, to: number, exponent: number): number => {
          const [a, b] = [Math.ceil(from / scale), Math.ceil(to / scale)];
          return b > a ? Math.ceil(b / 2 ** exponent) - Math.floor(a / 2 ** exponent) : 0;
        };
        packets += count(x0, x1, ppx) * count(y0, y1, ppy) * layers;
      }
    }
    if (packets > bytes) throw createJ2kError(`${bytes} bytes cannot hold the packets that it declares`);
  }
}
