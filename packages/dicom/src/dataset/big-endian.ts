/**
 * Explicit VR big endian (PS3.5 §7.3 of editions before 2017, retired since) to explicit VR little endian. Both are
 * laid out alike, so bytes are swapped in place in one copy and every offset stays what it was. Reading only: Alara
 * writes no big endian.
 */
import { DicomError } from "../errors.ts";
import type { DicomLimits } from "../limits.ts";
import { createCursor, isZeroTo, skipUndefinedLength, UNDEFINED_LENGTH } from "./cursor.ts";
import { formatTag, TAG } from "./tags.ts";
import { hasShortLength } from "./value-representations.ts";

/** Bytes per word of the VRs that byte order concerns (PS3.5 table 6.2-1); OB, UN and text have none. */
const WORD_SIZES: Readonly<Record<string, 2 | 4 | 8 | undefined>> = {
  AT: 2,
  OW: 2,
  SS: 2,
  US: 2,
  FL: 4,
  OF: 4,
  OL: 4,
  SL: 4,
  UL: 4,
  FD: 8,
  OD: 8,
  OV: 8,
  SV: 8,
  UV: 8,
};

/** A dataset, item or sequence that is open: where it ends, or `undefined` when a delimiter ends it. */
interface Level {
  readonly kind: "elements" | "items";
  readonly end: number | undefined;
  /** No byte of this level lies beyond. */
  readonly bound: number;
}

/**
 * A copy of the bytes in which everything from `start` on is little endian.
 *
 * @param start - where the big endian dataset begins; what is before stays as it is
 * @throws DicomError `TRUNCATED`, `VALUE_BEYOND_END`, `INVALID_VR`, `INVALID_LENGTH`, `INVALID_SEQUENCE`,
 * `NESTING_TOO_DEEP`, `LIMIT_EXCEEDED`
 * @remarks Pixel data of VR OW are 16-bit words for every Bits Allocated (PS3.5 §8.1.1): for 8 bits the swap restores
 * the order of the bytes, for 32 bits the less significant word comes first in both orders. Values of VR UN stay: they
 * are little endian in every transfer syntax (PS3.5 §6.2.2 note). Tested against dcmtk and pydicom.
 */
export function convertBigEndian(
  bytes: Uint8Array,
  start: number,
  limits: DicomLimits,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes);
  const levels: Level[] = [{ kind: "elements", end: bytes.length, bound: bytes.length }];
  let at = start;
  let depth = 0;
  let visited = 0;
  while (levels.length > 0) {
    const level = levels[levels.length - 1];
    if (at === level.end) {
      levels.pop();
      if (level.kind === "items") depth--;
      continue;
    }
    if (levels.length === 1 && isZeroTo(bytes, at, bytes.length)) break;
    if (++visited > limits.maxElements) {
      throw new DicomError("LIMIT_EXCEEDED", `more than ${limits.maxElements} elements`, { offset: at });
    }
    const header = swapHeader(out, at, level);
    at = header.valueStart;
    const isOpen = header.length === UNDEFINED_LENGTH;
    if (!isOpen && header.length > level.bound - at) {
      throw new DicomError(
        "VALUE_BEYOND_END",
        `element ${formatTag(header.tag)} declares ${header.length} bytes but only ${level.bound - at} are present; the file is cut off or its length field is wrong`,
        { offset: header.start },
      );
    }
    const inner = isOpen
      ? { end: undefined, bound: level.bound }
      : { end: at + header.length, bound: at + header.length };
    if (header.vr === undefined) {
      if (header.tag === TAG.Item) {
        levels.push({ kind: "elements", ...inner });
      } else {
        levels.pop();
        if (level.kind === "items") depth--;
      }
    } else if (header.vr === "SQ") {
      if (++depth > limits.maxDepth) {
        throw new DicomError(
          "NESTING_TOO_DEEP",
          `sequences are nested deeper than ${limits.maxDepth} levels`,
          {
            offset: header.start,
          },
        );
      }
      levels.push({ kind: "items", ...inner });
    } else if (!isOpen) {
      swapWords(out, at, header.length, WORD_SIZES[header.vr] ?? 1);
      at += header.length;
    } else if (header.vr === "UN") {
      const cursor = createCursor(bytes.subarray(0, level.bound), at, 0, limits);
      cursor.visited = visited;
      skipUndefinedLength(cursor, "implicit-le", depth);
      visited = cursor.visited;
      at = cursor.position;
    } else {
      throw new DicomError(
        "INVALID_LENGTH",
        `element ${formatTag(header.tag)} of VR ${header.vr} has undefined length; in big endian only sequences may`,
        { offset: header.start },
      );
    }
  }
  return out;
}

interface Header {
  readonly start: number;
  readonly tag: number;
  /** `undefined` for items and delimiters. */
  readonly vr: string | undefined;
  readonly length: number;
  readonly valueStart: number;
}

/** Reads a header, swaps it in place and checks that it may stand at this level. */
function swapHeader(out: Uint8Array, at: number, level: Level): Header {
  const present = level.bound - at;
  if (present < 8) {
    throw new DicomError(
      "TRUNCATED",
      `the data ends inside an element header: ${present} of at least 8 bytes are present; the file is cut off`,
      { offset: at },
    );
  }
  const group = out[at] * 256 + out[at + 1];
  const tag = group * 65536 + out[at + 2] * 256 + out[at + 3];
  swapWords(out, at, 4, 2);
  const isDelimiter = group === 0xfffe;
  const isExpected =
    level.kind === "items"
      ? tag === TAG.Item || (tag === TAG.SequenceDelimitationItem && level.end === undefined)
      : !isDelimiter || (tag === TAG.ItemDelimitationItem && level.end === undefined);
  if (!isExpected) {
    throw new DicomError(
      "INVALID_SEQUENCE",
      `found ${formatTag(tag)} where ${level.kind === "items" ? "an item or the sequence's end" : "an element"} belongs`,
      { offset: at },
    );
  }
  if (isDelimiter) {
    const length = swapLength(out, at + 4);
    return { start: at, tag, vr: undefined, length: tag === TAG.Item ? length : 0, valueStart: at + 8 };
  }
  const vr = String.fromCharCode(out[at + 4], out[at + 5]);
  if (!/^[A-Z]{2}$/.test(vr)) {
    throw new DicomError(
      "INVALID_VR",
      `element ${formatTag(tag)} has the bytes 0x${out[at + 4].toString(16)} 0x${out[at + 5].toString(16)} where a value representation of two capital letters belongs`,
      { offset: at + 4 },
    );
  }
  if (hasShortLength(vr)) {
    const length = out[at + 6] * 256 + out[at + 7];
    swapWords(out, at + 6, 2, 2);
    return { start: at, tag, vr, length, valueStart: at + 8 };
  }
  if (present < 12) {
    throw new DicomError("TRUNCATED", `the data ends inside the header of ${formatTag(tag)}`, { offset: at });
  }
  return { start: at, tag, vr, length: swapLength(out, at + 8), valueStart: at + 12 };
}

function swapLength(out: Uint8Array, at: number): number {
  const length = out[at] * 16777216 + out[at + 1] * 65536 + out[at + 2] * 256 + out[at + 3];
  swapWords(out, at, 4, 4);
  return length;
}

/** Reverses each whole word in place; a remainder stays, and the value's own checks will name it. */
function swapWords(out: Uint8Array, start: number, length: number, size: 1 | 2 | 4 | 8): void {
  if (size === 1) return;
  const end = start + length - (length % size);
  for (let at = start; at < end; at += size) {
    for (let low = at, high = at + size - 1; low < high; low++, high--) {
      const byte = out[low];
      out[low] = out[high];
      out[high] = byte;
    }
  }
}
