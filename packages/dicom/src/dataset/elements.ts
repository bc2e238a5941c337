/**
 * Makes new elements: ASCII text, numbers, code and reference sequences (PS3.5 §6.2). New text is ASCII only, so it
 * is right under every Specific Character Set that the dataset around it may have.
 */

import { DicomError } from "../errors.ts";
import type { DicomElement, DicomEncoding } from "./dataset.ts";
import { findVr, formatTag, TAG } from "./tags.ts";
import { getPadByte, isSingleValuedText } from "./value-representations.ts";
import { encodeItems } from "./write.ts";

/** Longest value of each text VR, characters (PS3.5 table 6.2-1). */
const MAX_LENGTHS: Readonly<Record<string, number | undefined>> = {
  AE: 16,
  AS: 4,
  CS: 16,
  DA: 8,
  DS: 16,
  DT: 26,
  IS: 12,
  LO: 64,
  LT: 10240,
  PN: 64,
  SH: 16,
  ST: 1024,
  TM: 14,
  UI: 64,
};

/** Bytes of an ASCII text. @throws DicomError `INVALID_VALUE` for other and control characters */
export function encodeAscii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 32 || code > 126) {
      throw new DicomError(
        "INVALID_VALUE",
        `character ${i} of a new text value is not printable ASCII; use plain ASCII`,
      );
    }
    bytes[i] = code;
  }
  return bytes;
}

/** An element with the given value field; the VR is the dictionary's unless given. */
export function createElement(tag: number, bytes: Uint8Array, vr: string = findVr(tag)): DicomElement {
  return { tag, vr, bytes, undefinedLength: false, offset: -1 };
}

/**
 * A text element.
 *
 * @param value - one value, or several to be joined by backslashes; no value makes an empty element
 * @throws DicomError `INVALID_VALUE` when a value is not ASCII, too long for its VR or holds a separator
 */
export function createTextElement(tag: number, value: string | readonly string[]): DicomElement {
  const vr = findVr(tag);
  const values = typeof value === "string" ? [value] : value;
  const limit = MAX_LENGTHS[vr] ?? 1024;
  for (const item of values) {
    if (item.length > limit) {
      throw new DicomError(
        "INVALID_VALUE",
        `the new value of ${formatTag(tag)} has ${item.length} characters; ${vr} allows ${limit}`,
      );
    }
    if (item.includes("\\") && !isSingleValuedText(vr)) {
      throw new DicomError("INVALID_VALUE", `the new value of ${formatTag(tag)} holds a backslash`);
    }
  }
  return createElement(tag, padToEven(encodeAscii(values.join("\\")), vr), vr);
}

/** Pads a value to even length: NUL for UI and binary, space for text. */
export function padToEven(bytes: Uint8Array, vr: string): Uint8Array {
  if (bytes.length % 2 === 0) return bytes;
  const out = new Uint8Array(bytes.length + 1);
  out.set(bytes);
  out[bytes.length] = getPadByte(vr);
  return out;
}

/** US and SS values. @throws DicomError `INVALID_VALUE` for numbers out of range */
export function createShortElement(
  tag: number,
  values: readonly number[],
  vr: "US" | "SS" = "US",
): DicomElement {
  return createNumberElement(tag, values, vr);
}

/** Float64 (FD) values. */
export function createDoubleElement(tag: number, values: readonly number[]): DicomElement {
  return createNumberElement(tag, values, "FD");
}

/** VRs of binary numbers and tags: bytes per value, range of whole ones, and how one is written. */
interface BinaryWriter {
  readonly size: number;
  readonly range?: readonly [bigint, bigint];
  readonly write: (view: DataView, at: number, value: number | bigint) => void;
}

const BINARY_WRITERS: Readonly<Record<BinaryVr, BinaryWriter>> = {
  US: { size: 2, range: [0n, 0xffffn], write: (view, at, value) => view.setUint16(at, Number(value), true) },
  SS: {
    size: 2,
    range: [-0x8000n, 0x7fffn],
    write: (view, at, value) => view.setInt16(at, Number(value), true),
  },
  UL: {
    size: 4,
    range: [0n, 0xffffffffn],
    write: (view, at, value) => view.setUint32(at, Number(value), true),
  },
  SL: {
    size: 4,
    range: [-0x80000000n, 0x7fffffffn],
    write: (view, at, value) => view.setInt32(at, Number(value), true),
  },
  UV: {
    size: 8,
    range: [0n, 0xffffffffffffffffn],
    write: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  },
  SV: {
    size: 8,
    range: [-0x8000000000000000n, 0x7fffffffffffffffn],
    write: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
  },
  FL: { size: 4, write: (view, at, value) => view.setFloat32(at, Number(value), true) },
  FD: { size: 8, write: (view, at, value) => view.setFloat64(at, Number(value), true) },
  AT: {
    size: 4,
    range: [0n, 0xffffffffn],
    write: (view, at, value) => {
      view.setUint16(at, Math.floor(Number(value) / 65536), true);
      view.setUint16(at + 2, Number(value) % 65536, true);
    },
  },
};

/** A VR whose values are binary numbers, or tags as numbers. */
export type BinaryVr = "US" | "SS" | "UL" | "SL" | "UV" | "SV" | "FL" | "FD" | "AT";

/**
 * An element of binary numbers, little endian; tags (AT) are given as group × 65536 + element.
 *
 * @throws DicomError `INVALID_VALUE` when a number is not whole or out of the VR's range
 */
export function createNumberElement(
  tag: number,
  values: readonly (number | bigint)[],
  vr: BinaryVr,
): DicomElement {
  const { size, range, write } = BINARY_WRITERS[vr];
  const bytes = new Uint8Array(size * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    const isWhole = typeof value === "bigint" || Number.isInteger(value);
    if (range !== undefined && !(isWhole && BigInt(value) >= range[0] && BigInt(value) <= range[1])) {
      throw new DicomError(
        "INVALID_VALUE",
        `${value} for ${formatTag(tag)} is not a whole number from ${range[0]} to ${range[1]}, as VR ${vr} holds`,
      );
    }
    write(view, size * i, value);
  });
  return createElement(tag, bytes, vr);
}

/** Decimal string (DS) values; each is written with as many digits as 16 characters hold. */
export function createDecimalElement(tag: number, values: readonly number[]): DicomElement {
  return createTextElement(tag, values.map(formatDecimal));
}

/**
 * A number as DS: the shortest text that reads back exactly, or the closest one within 16 characters.
 *
 * @throws DicomError `NON_FINITE_VALUE`
 */
export function formatDecimal(value: number): string {
  if (!Number.isFinite(value)) {
    throw new DicomError("NON_FINITE_VALUE", `${value} cannot be written as a decimal string`);
  }
  let text = String(Object.is(value, -0) ? 0 : value);
  for (let digits = 16; text.length > 16 && digits > 0; digits--)
    text = String(Number(value.toPrecision(digits)));
  return text;
}

/** Integer string (IS). */
export function createIntegerElement(tag: number, value: number): DicomElement {
  return createTextElement(tag, String(value));
}

/** A sequence of items given as elements, laid out in the encoding of the dataset it will stand in. */
export function createSequenceElement(
  tag: number,
  items: readonly (readonly DicomElement[])[],
  encoding: DicomEncoding,
): DicomElement {
  return createElement(tag, encodeItems(items, encoding), "SQ");
}

/** A coded concept (PS3.3 §8). */
export interface CodedConcept {
  readonly value: string;
  readonly scheme: string;
  readonly meaning: string;
}

/** The three elements of a coded concept. */
export function createCodeItem(code: CodedConcept): DicomElement[] {
  return [
    createTextElement(TAG.CodeValue, code.value),
    createTextElement(TAG.CodingSchemeDesignator, code.scheme),
    createTextElement(TAG.CodeMeaning, code.meaning),
  ];
}
