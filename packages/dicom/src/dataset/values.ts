/**
 * Typed access to element values (PS3.5 §6.2). Absent and empty are `undefined`; malformed is an error that names
 * the tag and never the value. Text is decoded as Latin-1: right for ASCII, and lossless for bytes of any character
 * set, which stays what (0008,0005) says.
 */

import { DicomError } from "../errors.ts";
import type { DicomDataset, DicomElement } from "./dataset.ts";
import { findVr, formatTag, isPrivateTag } from "./tags.ts";

/** Bytes turned into characters at once; more would not fit the stack as arguments. */
const CHUNK_BYTES = 8192;

/** Bytes as Latin-1 text: code unit = byte. */
export function decodeLatin1(bytes: Uint8Array): string {
  let text = "";
  if (bytes.length <= 64) {
    for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]);
    return text;
  }
  // Letter by letter, a long text would hold a node of 32 bytes per letter.
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES));
  }
  return text;
}

/** Without leading spaces, trailing spaces and NULs; linear, unlike a regular expression on a run of spaces. */
export function trimPadding(text: string): string {
  let start = 0;
  let end = text.length;
  while (end > start && (text.charCodeAt(end - 1) === 32 || text.charCodeAt(end - 1) === 0)) end--;
  while (start < end && text.charCodeAt(start) === 32) start++;
  return text.slice(start, end);
}

/**
 * Refuses to turn more bytes into text than the limits allow.
 *
 * @throws DicomError `LIMIT_EXCEEDED`
 */
export function checkTextBytes(dataset: DicomDataset, element: DicomElement): void {
  const { maxTextBytes } = dataset.limits;
  if (element.bytes.length > maxTextBytes) {
    throw createLimitError(
      element,
      `has ${element.bytes.length} bytes of text`,
      "maxTextBytes",
      maxTextBytes,
    );
  }
}

function createLimitError(element: DicomElement, what: string, limit: string, value: number): DicomError {
  return new DicomError(
    "LIMIT_EXCEEDED",
    `element ${formatTag(element.tag)} ${what}, more than limits.${limit} = ${value}`,
    { offset: Math.max(0, element.offset) },
  );
}

/**
 * All values of a text element, split at backslashes and trimmed; `undefined` when absent or empty.
 *
 * @throws DicomError `LIMIT_EXCEEDED`
 */
export function readTexts(dataset: DicomDataset, tag: number): string[] | undefined {
  const element = dataset.elements.get(tag);
  if (element === undefined || element.bytes.length === 0) return undefined;
  checkTextBytes(dataset, element);
  const text = trimPadding(decodeLatin1(element.bytes));
  if (text === "") return undefined;
  const { maxValues } = dataset.limits;
  const values = text.split("\\", maxValues + 1);
  if (values.length > maxValues) throw createLimitError(element, "has more values", "maxValues", maxValues);
  return values.map(trimPadding);
}

/**
 * The first value of a text element; `undefined` when absent or empty.
 *
 * @throws DicomError `LIMIT_EXCEEDED`
 */
export function readText(dataset: DicomDataset, tag: number): string | undefined {
  const first = readTexts(dataset, tag)?.[0];
  return first === "" ? undefined : first;
}

/** Digits and dots, at most 64 characters, no empty component (PS3.5 §9.1; leading zeros tolerated). */
export function isValidUid(uid: string): boolean {
  return uid.length <= 64 && /^[0-9]+(\.[0-9]+)*$/.test(uid);
}

/**
 * A UID; `undefined` when absent or empty.
 *
 * @throws DicomError `INVALID_VALUE` when it is anything but digits and dots: no such text may ever become a name
 */
export function readUid(dataset: DicomDataset, tag: number): string | undefined {
  const uid = readText(dataset, tag);
  if (uid === undefined) return undefined;
  if (!isValidUid(uid)) {
    throw new DicomError(
      "INVALID_VALUE",
      `${formatTag(tag)} is not a valid UID (digits and dots, at most 64)`,
      {
        offset: Math.max(0, dataset.elements.get(tag)?.offset ?? 0),
      },
    );
  }
  return uid;
}

/** A decimal string; each digit can match in one place only, so that nonsense of any length is refused in one pass. */
export const DECIMAL: RegExp = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/**
 * All numbers of an element of VR DS, IS, US, SS, UL, SL, FL, FD, UV, SV or (in the last resort, UN of private or
 * unknown tags) decimal text; `undefined` when absent or empty.
 *
 * @throws DicomError `INVALID_VALUE` for malformed or non-finite numbers and lengths that do not fit the VR,
 * `LIMIT_EXCEEDED`
 */
export function readNumbers(dataset: DicomDataset, tag: number): number[] | undefined {
  const element = dataset.elements.get(tag);
  if (element === undefined || element.bytes.length === 0) return undefined;
  const vr = getKnownVr(element);
  const binary = BINARY_READERS[vr];
  if (binary !== undefined) return readBinary(dataset, element, binary);
  if (vr !== "DS" && vr !== "IS" && !(vr === "UN" && !isPrivateTag(tag))) {
    throw invalidNumber(element, `has VR ${element.vr}, which holds no numbers`);
  }
  const texts = readTexts(dataset, tag);
  return texts?.map((text) => {
    if (!DECIMAL.test(text)) throw invalidNumber(element, "is not a valid decimal string");
    const value = Number(text);
    if (!Number.isFinite(value)) throw invalidNumber(element, "is too large");
    return value;
  });
}

/** The VR of an element; for standard elements hidden in UN, the dictionary's (PS3.5 §6.2.2 note). */
export function getKnownVr(element: DicomElement): string {
  return element.vr === "UN" ? findVr(element.tag) : element.vr;
}

/**
 * All whole numbers of a binary element (US, SS, UL, SL, UV, SV, OV), exact beyond 2⁵³; `undefined` when absent or
 * empty.
 *
 * @throws DicomError `INVALID_VALUE` for other VRs and lengths that do not fit
 */
export function readBigIntegers(dataset: DicomDataset, tag: number): bigint[] | undefined {
  const element = dataset.elements.get(tag);
  if (element === undefined || element.bytes.length === 0) return undefined;
  const vr = getKnownVr(element);
  if (vr !== "UV" && vr !== "SV" && vr !== "OV") {
    const reader = BINARY_READERS[vr];
    if (reader === undefined || vr === "FL" || vr === "FD") {
      throw invalidNumber(element, `has VR ${element.vr}, which holds no whole binary numbers`);
    }
    return readBinary(dataset, element, reader).map(BigInt);
  }
  checkValueCount(dataset, element, 8);
  const { bytes } = element;
  if (bytes.length % 8 !== 0) throw invalidNumber(element, `has ${bytes.length} bytes, not a multiple of 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 8 }, (_, i) =>
    vr === "SV" ? view.getBigInt64(8 * i, true) : view.getBigUint64(8 * i, true),
  );
}

/**
 * The tags that an element of VR AT points at, group × 65536 + element; `undefined` when absent or empty.
 *
 * @throws DicomError `INVALID_VALUE`
 */
export function readTags(dataset: DicomDataset, tag: number): number[] | undefined {
  const element = dataset.elements.get(tag);
  if (element === undefined || element.bytes.length === 0) return undefined;
  if (getKnownVr(element) !== "AT" || element.bytes.length % 4 !== 0) {
    throw invalidNumber(element, `has VR ${element.vr} and ${element.bytes.length} bytes; it holds no tags`);
  }
  const words = readBinary(dataset, { ...element, vr: "US" }, BINARY_READERS.US as BinaryReader);
  return Array.from({ length: words.length / 2 }, (_, i) => words[2 * i] * 65536 + words[2 * i + 1]);
}

/**
 * Where a private element stands in this dataset: the block that its creator reserved (PS3.5 §7.8.1).
 *
 * @param creator - as in the creator's element, e.g. "SIEMENS CT VA0  COAD"
 * @param tag - the element with any block number, e.g. 0x00191008 for (0019,xx08)
 * @returns the tag to look up, or `undefined` when the creator has no block in that group
 */
export function findPrivateTag(dataset: DicomDataset, creator: string, tag: number): number | undefined {
  const group = Math.floor(tag / 65536);
  if (group % 2 === 0) return undefined;
  for (let block = 0x10; block <= 0xff; block++) {
    if (readText(dataset, group * 65536 + block) === creator) {
      return group * 65536 + block * 256 + (tag % 256);
    }
  }
  return undefined;
}

/** The creator of a private element; `undefined` for standard elements and blocks that nobody reserved. */
export function findPrivateCreator(dataset: DicomDataset, tag: number): string | undefined {
  const block = Math.floor((tag % 65536) / 256);
  if (!isPrivateTag(tag) || block < 0x10) return undefined;
  return readText(dataset, Math.floor(tag / 65536) * 65536 + block);
}

/** The first number of an element; see {@link readNumbers}. */
export function readNumber(dataset: DicomDataset, tag: number): number | undefined {
  return readNumbers(dataset, tag)?.[0];
}

/**
 * The first number of an element, which must be whole.
 *
 * @throws DicomError `INVALID_VALUE`
 */
export function readInteger(dataset: DicomDataset, tag: number): number | undefined {
  const value = readNumber(dataset, tag);
  if (value !== undefined && !Number.isSafeInteger(value)) {
    throw invalidNumber(dataset.elements.get(tag) as DicomElement, "is not a whole number");
  }
  return value;
}

interface BinaryReader {
  readonly size: number;
  readonly read: (view: DataView, at: number) => number;
}

const BINARY_READERS: Readonly<Record<string, BinaryReader | undefined>> = {
  US: { size: 2, read: (view, at) => view.getUint16(at, true) },
  SS: { size: 2, read: (view, at) => view.getInt16(at, true) },
  UL: { size: 4, read: (view, at) => view.getUint32(at, true) },
  SL: { size: 4, read: (view, at) => view.getInt32(at, true) },
  FL: { size: 4, read: (view, at) => view.getFloat32(at, true) },
  FD: { size: 8, read: (view, at) => view.getFloat64(at, true) },
  UV: { size: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
  SV: { size: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
};

function checkValueCount(dataset: DicomDataset, element: DicomElement, bytesPerValue: number): void {
  const { maxValues } = dataset.limits;
  const count = Math.floor(element.bytes.length / bytesPerValue);
  if (count > maxValues) throw createLimitError(element, `has ${count} values`, "maxValues", maxValues);
}

function readBinary(dataset: DicomDataset, element: DicomElement, reader: BinaryReader): number[] {
  checkValueCount(dataset, element, reader.size);
  const { bytes } = element;
  if (bytes.length % reader.size !== 0) {
    throw invalidNumber(element, `has ${bytes.length} bytes, not a multiple of ${reader.size}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const values: number[] = [];
  for (let at = 0; at < bytes.length; at += reader.size) {
    const value = reader.read(view, at);
    if (!Number.isFinite(value)) throw invalidNumber(element, "is not a finite number");
    values.push(value);
  }
  return values;
}

function invalidNumber(element: DicomElement, what: string): DicomError {
  return new DicomError("INVALID_VALUE", `element ${formatTag(element.tag)} ${what}`, {
    offset: Math.max(0, element.offset),
  });
}
