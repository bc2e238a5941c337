/**
 * Damages compressed frames where their decoders look: marker segments of JPEG, JPEG-LS, JPEG 2000 and HTJ2K
 * (ITU-T T.81 annex B, T.87 annex C, T.800 annex A), the header of RLE frames (PS3.5 annex G), and entropy-coded
 * bytes. Markers are found by scanning, so anything may be given; not a parser of any of these formats.
 */
import { joinBytes, type Random } from "@alara/core";
import { INTERESTING_INTEGERS, isOneIn, pickFrom } from "./interesting.ts";
import { mutateBytes, writeInteger } from "./mutate-bytes.ts";

/** A marker segment: FF, code, and length bytes when it has any. */
interface Segment {
  readonly code: number;
  readonly start: number;
  /** After the segment, as its own length says; start + 2 for markers without length. */
  readonly end: number;
}

const WITHOUT_LENGTH = new Set([
  0x01, 0x4f, 0x92, 0x93, 0xd8, 0xd9, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7,
]);

/** Segments up to the first entropy-coded data and whatever looks like one behind it. */
export function findSegments(bytes: Uint8Array): Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const code = bytes[at + 1];
    if (bytes[at] !== 0xff || code === 0 || code === 0xff || code < 0x4f) {
      at++;
      continue;
    }
    const length = WITHOUT_LENGTH.has(code) ? 0 : (bytes[at + 2] ?? 0) * 256 + (bytes[at + 3] ?? 0);
    const end = Math.min(bytes.length, at + 2 + length);
    segments.push({ code, start: at, end });
    at = Math.max(end, at + 2);
    if (segments.length >= 64) break;
  }
  return segments;
}

/** Byte offsets (from the marker) and sizes of number fields worth lying in. */
const FIELDS: Readonly<Record<number, readonly (readonly [number, number])[]>> = {
  // SIZ: capabilities, grid, offsets, tile grid and offsets, components, depth, subsampling.
  81: [
    [4, 2],
    [6, 4],
    [10, 4],
    [14, 4],
    [18, 4],
    [22, 4],
    [26, 4],
    [30, 4],
    [34, 4],
    [38, 2],
    [40, 1],
    [41, 1],
    [42, 1],
  ],
  // COD: style, progression, layers, transform, levels, code-block sizes and style, wavelet, precincts.
  82: [
    [4, 1],
    [5, 1],
    [6, 2],
    [8, 1],
    [9, 1],
    [10, 1],
    [11, 1],
    [12, 1],
    [13, 1],
    [14, 1],
    [15, 1],
  ],
  83: [
    [4, 1],
    [5, 1],
    [6, 1],
    [7, 1],
    [8, 1],
    [9, 1],
    [10, 1],
  ],
  80: [
    [4, 4],
    [8, 2],
    [10, 2],
  ],
  85: [
    [4, 1],
    [5, 1],
    [6, 2],
  ],
  87: [
    [4, 1],
    [5, 1],
  ],
  88: [
    [4, 1],
    [5, 1],
  ],
  92: [
    [4, 1],
    [5, 1],
    [6, 1],
    [7, 2],
  ],
  93: [
    [4, 1],
    [5, 1],
    [6, 1],
  ],
  94: [
    [4, 1],
    [5, 1],
    [6, 1],
  ],
  95: [
    [4, 1],
    [5, 1],
    [6, 2],
    [8, 1],
    [9, 1],
    [10, 1],
  ],
  // SOT: tile, length of tile-part, index and count of tile-parts.
  144: [
    [4, 2],
    [6, 4],
    [10, 1],
    [11, 1],
  ],
  // SOF: precision, lines, columns, components, then id, sampling, table.
  192: [
    [4, 1],
    [5, 2],
    [7, 2],
    [9, 1],
    [10, 1],
    [11, 1],
    [12, 1],
    [13, 1],
    [14, 1],
    [15, 1],
  ],
  // SOS: components, id, tables, Ss (or NEAR), Se, AhAl.
  218: [
    [4, 1],
    [5, 1],
    [6, 1],
    [7, 1],
    [8, 1],
    [9, 1],
    [10, 1],
  ],
  // DHT: class and id, counts of codes of 1..16 bits.
  196: [
    [4, 1],
    [5, 1],
    [6, 1],
    [7, 1],
    [8, 1],
    [12, 1],
    [20, 1],
    [21, 1],
    [22, 1],
  ],
  219: [
    [4, 1],
    [5, 1],
    [6, 2],
    [30, 1],
  ],
  221: [[4, 2]],
  220: [[4, 2]],
  // LSE of JPEG-LS: kind, MAXVAL, T1, T2, T3, RESET.
  248: [
    [4, 1],
    [5, 2],
    [7, 2],
    [9, 2],
    [11, 2],
    [13, 2],
  ],
};

function getFields(code: number): readonly (readonly [number, number])[] {
  const isFrameHeader =
    code === 0xf7 || (code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc);
  return (
    FIELDS[isFrameHeader ? 0xc0 : code] ?? [
      [2, 2],
      [4, 1],
      [5, 1],
    ]
  );
}

function repeat(bytes: Uint8Array, times: number): Uint8Array {
  const out = new Uint8Array(bytes.length * times);
  for (let i = 0; i < times; i++) out.set(bytes, i * bytes.length);
  return out;
}

/** One random change of a compressed frame. */
export function mutateCodestream(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 4) return mutateBytes(bytes, random);
  const hasMarkers = bytes[0] === 0xff && (bytes[1] === 0xd8 || bytes[1] === 0x4f);
  if (!hasMarkers) return mutateRleFrame(bytes, random);
  const segments = findSegments(bytes);
  const kind = random.nextInteger(12);
  const segment = pickFrom(random, segments);
  const piece = bytes.subarray(segment.start, segment.end);
  const before = bytes.subarray(0, segment.start);
  const after = bytes.subarray(segment.end);
  if (kind < 5) {
    const out = bytes.slice();
    const [offset, size] = pickFrom(random, getFields(segment.code));
    const at = segment.start + offset;
    const value = isOneIn(random, 3)
      ? random.nextInteger(size === 1 ? 256 : 65536)
      : isOneIn(random, 2)
        ? (out[at] ?? 0) + random.nextInteger(5) - 2
        : pickFrom(random, INTERESTING_INTEGERS);
    writeInteger(out, at, value >>> 0, size, false);
    return out;
  }
  if (kind === 5) {
    const out = bytes.slice();
    writeInteger(out, segment.start + 2, pickFrom(random, INTERESTING_INTEGERS), 2, false);
    return out;
  }
  if (kind === 6) return joinBytes([before, after]);
  if (kind === 7)
    return joinBytes([before, repeat(piece, 1 + random.nextInteger(isOneIn(random, 20) ? 200 : 4)), after]);
  if (kind === 8) {
    const other = pickFrom(random, segments);
    return joinBytes([before, bytes.subarray(other.start, other.end), after]);
  }
  if (kind === 9) {
    const out = bytes.slice();
    out[segment.start + 1] = isOneIn(random, 2)
      ? pickFrom(random, segments).code
      : 0x4f + random.nextInteger(0xb0);
    return out;
  }
  const last = segments[segments.length - 1].start;
  const dataStart = Math.min(
    bytes.length - 1,
    Math.max(2, segments.find((s) => s.code === 0xda || s.code === 0x93)?.end ?? last),
  );
  if (kind === 10) {
    const out = bytes.slice();
    const changes = 1 + random.nextInteger(8);
    for (let i = 0; i < changes; i++) {
      const at = dataStart + random.nextInteger(bytes.length - dataStart);
      out[at] = isOneIn(random, 4) ? 0xff : random.nextInteger(256);
    }
    return out;
  }
  return isOneIn(random, 2)
    ? bytes.slice(0, dataStart + random.nextInteger(bytes.length - dataStart))
    : joinBytes([bytes.subarray(0, dataStart), mutateBytes(bytes.subarray(dataStart), random)]);
}

function mutateRleFrame(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 68 || isOneIn(random, 3)) return mutateBytes(bytes, random);
  const out = bytes.slice();
  const field = random.nextInteger(6);
  const view = new DataView(out.buffer);
  const old = view.getUint32(4 * field, true);
  const value = isOneIn(random, 2)
    ? old + random.nextInteger(9) - 4
    : pickFrom(random, [...INTERESTING_INTEGERS, out.length, out.length + 1]);
  view.setUint32(4 * field, value >>> 0, true);
  if (isOneIn(random, 2)) out[64 + random.nextInteger(out.length - 64)] = random.nextInteger(256);
  return out;
}
