/**
 * Makes new elements: ASCII text, numbers, code and reference sequences (PS3.5 §6.2). New text is ASCII only, so it
 * is right under every Specific Character Set that the dataset around it may have.
 */

import { DicomError } from "../errors.ts";
import type { DicomElement, DicomEncoding } from "./dataset.ts";
import { findVr, formatTag, TAG } from "./tags.ts";
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

/** VRs in which a backslash is text, not a separator. */
const SINGLE_VALUED: ReadonlySet<string> = new Set(["LT", "ST", "UT"]);

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
    if (item.includes("\\") && !SINGLE_VALUED.has(vr)) {
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
  out[bytes.length] = vr in MAX_LENGTHS && vr !== "UI" ? 0x20 : 0;
  return out;
}

/** US and SS values. */
export function createShortElement(
  tag: number,
  values: readonly number[],
  vr: "US" | "SS" = "US",
): DicomElement {
  const bytes = new Uint8Array(2 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    if (vr === "US") view.setUint16(2 * i, value, true);
    else view.setInt16(2 * i, value, true);
  });
  return createElement(tag, bytes, vr);
}

/** Float64 (FD) values. */
export function createDoubleElement(tag: number, values: readonly number[]): DicomElement {
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setFloat64(8 * i, value, true);
  });
  return createElement(tag, bytes, "FD");
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
