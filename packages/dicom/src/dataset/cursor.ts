/**
 * The cursor under every reading: one header at a time with its checks, and the walk over values of undefined length
 * (PS3.5 §7.1–7.5, §A.4). One pass, no recursion, no allocation from declared lengths. It collects nothing: see
 * read.ts.
 */
import { DicomError } from "../errors.ts";
import type { DicomLimits } from "../limits.ts";
import type { DicomEncoding } from "./dataset.ts";
import { formatTag, TAG } from "./tags.ts";
import { hasShortLength } from "./value-representations.ts";

export const UNDEFINED_LENGTH = 0xffffffff;

/** Interned VR strings by their two character codes: avoids a string per element. */
export const VR_NAMES: readonly string[] = (() => {
  const names: string[] = [];
  for (let a = 0; a < 26; a++) {
    for (let b = 0; b < 26; b++) names.push(String.fromCharCode(65 + a, 65 + b));
  }
  return names;
})();
const IS_SHORT: readonly boolean[] = VR_NAMES.map(hasShortLength);

/** Position and bookkeeping of one reading; `bytes` is the whole file or a sequence's value. */
export interface Cursor {
  readonly bytes: Uint8Array;
  /** Added to positions in messages and `element.offset`. */
  readonly origin: number;
  readonly limits: DicomLimits;
  position: number;
  visited: number;
  // The header read last:
  tag: number;
  vrIndex: number;
  length: number;
  headerStart: number;
}

export const IMPLICIT = -1;
export const ITEM = -2;

export function createCursor(
  bytes: Uint8Array,
  position: number,
  origin: number,
  limits: DicomLimits,
): Cursor {
  return {
    bytes,
    origin,
    limits,
    position,
    visited: 0,
    tag: 0,
    vrIndex: IMPLICIT,
    length: 0,
    headerStart: 0,
  };
}

/** Reads a header into the cursor and leaves `position` at the value; items and delimiters have no VR. */
export function readHeader(cursor: Cursor, encoding: DicomEncoding): void {
  const { bytes } = cursor;
  const at = cursor.position;
  cursor.headerStart = at;
  if (bytes.length - at < 8) {
    throw new DicomError(
      "TRUNCATED",
      `the data ends inside an element header: ${bytes.length - at} of at least 8 bytes are present; the file is cut off`,
      { offset: cursor.origin + at },
    );
  }
  if (++cursor.visited > cursor.limits.maxElements) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `more than ${cursor.limits.maxElements} elements; raise limits.maxElements if this file is to be trusted`,
      { offset: cursor.origin + at },
    );
  }
  const group = bytes[at] | (bytes[at + 1] << 8);
  cursor.tag = group * 65536 + (bytes[at + 2] | (bytes[at + 3] << 8));
  if (encoding === "implicit-le" || group === 0xfffe) {
    cursor.vrIndex = group === 0xfffe ? ITEM : IMPLICIT;
    cursor.length = readUint32(bytes, at + 4);
    cursor.position = at + 8;
    return;
  }
  const first = bytes[at + 4] - 65;
  const second = bytes[at + 5] - 65;
  if (first < 0 || first > 25 || second < 0 || second > 25) {
    throw new DicomError(
      "INVALID_VR",
      `element ${formatTag(cursor.tag)} has the bytes 0x${bytes[at + 4].toString(16)} 0x${bytes[at + 5].toString(16)} where a value representation of two capital letters belongs`,
      { offset: cursor.origin + at + 4 },
    );
  }
  cursor.vrIndex = first * 26 + second;
  if (IS_SHORT[cursor.vrIndex]) {
    cursor.length = bytes[at + 6] | (bytes[at + 7] << 8);
    cursor.position = at + 8;
    return;
  }
  if (bytes.length - at < 12) {
    throw new DicomError("TRUNCATED", `the data ends inside the header of ${formatTag(cursor.tag)}`, {
      offset: cursor.origin + at,
    });
  }
  cursor.length = readUint32(bytes, at + 8);
  cursor.position = at + 12;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)) + bytes[at + 3] * 16777216;
}

/** Whether all bytes from `start` to before `end` are zero; ends at the first one that is not. */
export function isZeroTo(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}

export function checkLength(cursor: Cursor): void {
  const present = cursor.bytes.length - cursor.position;
  if (cursor.length > present) {
    throw new DicomError(
      "VALUE_BEYOND_END",
      `element ${formatTag(cursor.tag)} declares ${cursor.length} bytes but only ${present} are present; the file is cut off or its length field is wrong`,
      { offset: cursor.origin + cursor.headerStart },
    );
  }
}

/** Moves the cursor past the delimiter of the undefined-length sequence whose value starts at its position. */
export function skipUndefinedLength(cursor: Cursor, encoding: DicomEncoding, outerDepth: number): void {
  // One entry per open sequence or item: the encoding of its content, and which of the two it is.
  const encodings: DicomEncoding[] = [encoding];
  const isItem: boolean[] = [false];
  let sequences = 1;
  checkDepth(cursor, outerDepth + sequences);
  while (encodings.length > 0) {
    const top = encodings.length - 1;
    readHeader(cursor, encodings[top]);
    if (isItem[top]) {
      if (cursor.tag === TAG.ItemDelimitationItem) {
        encodings.pop();
        isItem.pop();
      } else if (cursor.vrIndex === ITEM) {
        throw invalidSequence(cursor, "an element");
      } else if (cursor.length === UNDEFINED_LENGTH && isEncapsulated(cursor, encodings[top])) {
        skipFragments(cursor);
      } else if (cursor.length === UNDEFINED_LENGTH) {
        encodings.push(getContentEncoding(cursor, encodings[top]));
        isItem.push(false);
        checkDepth(cursor, outerDepth + ++sequences);
      } else {
        checkLength(cursor);
        cursor.position += cursor.length;
      }
    } else if (cursor.tag === TAG.Item) {
      if (cursor.length === UNDEFINED_LENGTH) {
        encodings.push(encodings[top]);
        isItem.push(true);
      } else {
        checkLength(cursor);
        cursor.position += cursor.length;
      }
    } else if (cursor.tag === TAG.SequenceDelimitationItem) {
      encodings.pop();
      isItem.pop();
      sequences--;
    } else {
      throw invalidSequence(cursor, "an item or the sequence's end");
    }
  }
}

export function checkDepth(cursor: Cursor, depth: number): void {
  if (depth > cursor.limits.maxDepth) {
    throw new DicomError(
      "NESTING_TOO_DEEP",
      `sequences are nested deeper than ${cursor.limits.maxDepth} levels`,
      { offset: cursor.origin + cursor.headerStart },
    );
  }
}

export function invalidSequence(cursor: Cursor, expected: string): DicomError {
  return new DicomError("INVALID_SEQUENCE", `found ${formatTag(cursor.tag)} where ${expected} belongs`, {
    offset: cursor.origin + cursor.headerStart,
  });
}

/** Encoding inside an undefined-length value; an UN one holds implicit VR (PS3.5 §6.2.2 note 2). */
export function getContentEncoding(cursor: Cursor, encoding: DicomEncoding): DicomEncoding {
  if (cursor.vrIndex === IMPLICIT) return encoding;
  const vr = VR_NAMES[cursor.vrIndex];
  if (vr === "SQ") return encoding;
  if (vr === "UN") return "implicit-le";
  throw new DicomError(
    "INVALID_LENGTH",
    `element ${formatTag(cursor.tag)} of VR ${vr} has undefined length; only sequences and encapsulated pixel data may`,
    { offset: cursor.origin + cursor.headerStart },
  );
}

/** Whether the header read last, of undefined length, is that of pixel data in fragments; icons have them too. */
export function isEncapsulated(cursor: Cursor, encoding: DicomEncoding): boolean {
  return cursor.tag === TAG.PixelData && encoding === "explicit-le";
}

/** Walks the items of encapsulated pixel data (PS3.5 §A.4) to the sequence delimiter. */
export function skipFragments(cursor: Cursor): void {
  for (;;) {
    readHeader(cursor, "implicit-le");
    if (cursor.tag === TAG.SequenceDelimitationItem) return;
    if (cursor.tag !== TAG.Item) throw invalidSequence(cursor, "a fragment of pixel data or its end");
    checkLength(cursor);
    cursor.position += cursor.length;
  }
}
