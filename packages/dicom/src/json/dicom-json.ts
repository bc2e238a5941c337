/**
 * The DICOM JSON model (PS3.18 annex F) of one dataset, both ways: what DICOMweb carries. Text leaves its character
 * set for Unicode; numbers are numbers, whole ones beyond 2⁵³ text. Not a way to keep bytes: padding and the spelling
 * of decimal strings are lost.
 */
import { encodeBase64 } from "@alara/core";
import { decodeTexts } from "../dataset/character-sets.ts";
import { createDataset, type DicomDataset, type DicomElement } from "../dataset/dataset.ts";
import {
  type BinaryVr,
  createElement,
  createNumberElement,
  createSequenceElement,
  formatDecimal,
  padToEven,
} from "../dataset/elements.ts";
import { readItems } from "../dataset/read.ts";
import { formatTag, TAG } from "../dataset/tags.ts";
import { isSingleValuedText } from "../dataset/value-representations.ts";
import { getKnownVr, readBigIntegers, readNumbers, readTags, readTexts } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";
import { DEFAULT_DICOM_LIMITS, type DicomLimits } from "../limits.ts";

/** A person name: its groups as text. */
export interface DicomJsonName {
  readonly Alphabetic?: string;
  readonly Ideographic?: string;
  readonly Phonetic?: string;
}

/** One value; `null` stands for an empty one among several. */
export type DicomJsonValue = string | number | DicomJsonName | DicomJsonDataset | null;

/** One element: with one of the three, or none when it is empty. */
export interface DicomJsonElement {
  readonly vr: string;
  readonly Value?: readonly DicomJsonValue[];
  /** Base64, little endian. */
  readonly InlineBinary?: string;
  readonly BulkDataURI?: string;
}

/** A dataset by eight upper-case hexadecimal digits per tag. */
export interface DicomJsonDataset {
  readonly [tag: string]: DicomJsonElement;
}

/** Options of {@link writeDicomJson}. */
export interface WriteDicomJsonOptions {
  /** The URI to put in place of a binary value; `undefined` to put it inline. Default: everything inline. */
  readonly findBulkDataUri?: (element: DicomElement) => string | undefined;
}

const BINARY = /^(O[BDFLVW]|UN)$/;

/**
 * A dataset as DICOM JSON.
 *
 * @throws DicomError `INVALID_VALUE` for malformed numbers and for encapsulated pixel data without a URI, and as
 * reading sequences
 * @remarks PS3.18 F.2. Tested against dcmtk's dcm2json.
 */
export function writeDicomJson(dataset: DicomDataset, options: WriteDicomJsonOptions = {}): DicomJsonDataset {
  const json: Record<string, DicomJsonElement> = {};
  for (const element of dataset.elements.values()) {
    if (element.tag % 65536 === 0) continue;
    json[formatKey(element.tag)] = writeElement(dataset, element, options);
  }
  return json;
}

function formatKey(tag: number): string {
  return tag.toString(16).padStart(8, "0").toUpperCase();
}

function writeElement(
  dataset: DicomDataset,
  element: DicomElement,
  options: WriteDicomJsonOptions,
): DicomJsonElement {
  const { tag } = element;
  const vr = element.vr === "UN" && element.undefinedLength ? "SQ" : getKnownVr(element);
  if (vr === "SQ") {
    const items = readItems(dataset, tag) ?? [];
    return items.length === 0 ? { vr } : { vr, Value: items.map((item) => writeDicomJson(item, options)) };
  }
  if (BINARY.test(vr)) {
    const uri = options.findBulkDataUri?.(element);
    if (uri !== undefined) return { vr, BulkDataURI: uri };
    if (element.undefinedLength) {
      throw new DicomError(
        "INVALID_VALUE",
        `${formatTag(tag)} is encapsulated, which JSON cannot hold inline; give it a bulk data URI or leave it out`,
      );
    }
    return element.bytes.length === 0 ? { vr } : { vr, InlineBinary: encodeBase64(element.bytes) };
  }
  const values = tag === TAG.SpecificCharacterSet ? ["ISO_IR 192"] : readValues(dataset, tag, vr);
  return values === undefined ? { vr } : { vr, Value: values };
}

function readValues(dataset: DicomDataset, tag: number, vr: string): DicomJsonValue[] | undefined {
  switch (vr) {
    case "DS":
    case "IS":
      return readDecimals(dataset, tag);
    case "US":
    case "SS":
    case "UL":
    case "SL":
    case "FL":
    case "FD":
      return readNumbers(dataset, tag);
    case "UV":
    case "SV":
      return readBigIntegers(dataset, tag)?.map((value) =>
        Number.isSafeInteger(Number(value)) ? Number(value) : String(value),
      );
    case "AT":
      return readTags(dataset, tag)?.map(formatKey);
    case "PN":
      return decodeTexts(dataset, tag)?.map(writeName);
    default:
      return decodeTexts(dataset, tag)?.map((text) => (text === "" ? null : text));
  }
}

function readDecimals(dataset: DicomDataset, tag: number): DicomJsonValue[] | undefined {
  const texts = readTexts(dataset, tag);
  if (texts === undefined || !texts.includes("")) return readNumbers(dataset, tag);
  return texts.map((text) => {
    if (text === "") return null;
    const value = Number(text);
    if (Number.isFinite(value)) return value;
    throw new DicomError("INVALID_VALUE", `element ${formatTag(tag)} is not a valid decimal string`);
  });
}

function writeName(value: string): DicomJsonValue {
  const [alphabetic = "", ideographic = "", phonetic = ""] = value.split("=").map((group) => group.trimEnd());
  if (alphabetic === "" && ideographic === "" && phonetic === "") return null;
  return {
    ...(alphabetic === "" ? {} : { Alphabetic: alphabetic }),
    ...(ideographic === "" ? {} : { Ideographic: ideographic }),
    ...(phonetic === "" ? {} : { Phonetic: phonetic }),
  };
}

/** Options of {@link readDicomJson}. */
export interface ReadDicomJsonOptions {
  /** Bytes of a bulk data URI, little endian. Default: elements with a URI are refused. */
  readonly readBulkData?: (uri: string) => Uint8Array;
  /** Default {@link DEFAULT_DICOM_LIMITS}. */
  readonly limits?: DicomLimits;
}

/**
 * A dataset in explicit VR little endian from DICOM JSON; its text is UTF-8 and its character set ISO_IR 192 wherever
 * a value is not plain ASCII.
 *
 * @param json - as `JSON.parse` gives it; anything but a DICOM JSON object is refused
 * @throws DicomError `INVALID_VALUE`, `INVALID_VR`, `DUPLICATE_ELEMENT` (a tag in both cases of its letters),
 * `LIMIT_EXCEEDED`, `NESTING_TOO_DEEP`, `NON_FINITE_VALUE`
 * @remarks PS3.18 F.2. Tested by round trip and on mutations.
 */
export function readDicomJson(json: unknown, options: ReadDicomJsonOptions = {}): DicomDataset {
  const limits = options.limits ?? DEFAULT_DICOM_LIMITS;
  const progress = { elements: 0, hasWideText: false };
  const elements = readObject(json, 0, { ...options, limits, progress });
  const set = elements.get(TAG.SpecificCharacterSet);
  if (set === undefined && progress.hasWideText) {
    elements.set(TAG.SpecificCharacterSet, createText(TAG.SpecificCharacterSet, "CS", "ISO_IR 192"));
  }
  return createDataset(elements.values(), { limits });
}

interface JsonContext extends ReadDicomJsonOptions {
  readonly limits: DicomLimits;
  /** Elements and items read so far, and whether any text goes beyond ASCII. */
  readonly progress: { elements: number; hasWideText: boolean };
}

function readObject(json: unknown, depth: number, options: JsonContext): Map<number, DicomElement> {
  if (depth > options.limits.maxDepth) {
    throw new DicomError("NESTING_TOO_DEEP", `sequences are nested deeper than ${options.limits.maxDepth}`);
  }
  if (!isObject(json)) throw new DicomError("INVALID_VALUE", "DICOM JSON is an object of elements by tag");
  const entries = Object.entries(json).sort(([a], [b]) => (a.toUpperCase() < b.toUpperCase() ? -1 : 1));
  const elements = new Map<number, DicomElement>();
  options.progress.elements += 1 + entries.length;
  if (options.progress.elements > options.limits.maxElements) {
    throw new DicomError("LIMIT_EXCEEDED", `the JSON has more than ${options.limits.maxElements} elements`);
  }
  for (const [key, value] of entries) {
    if (!/^[0-9A-Fa-f]{8}$/.test(key)) {
      throw new DicomError("INVALID_VALUE", "a key is not a tag of eight hexadecimal digits");
    }
    const tag = Number.parseInt(key, 16);
    // Group lengths have no place in the model (F.2.2): what they say is wrong as soon as it is written anew.
    if (tag % 65536 === 0) continue;
    if (elements.has(tag)) {
      throw new DicomError("DUPLICATE_ELEMENT", `element ${formatTag(tag)} of the JSON occurs twice`);
    }
    elements.set(tag, readElement(tag, value, depth, options));
  }
  return elements;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readElement(tag: number, json: unknown, depth: number, options: JsonContext): DicomElement {
  const refuse = (what: string): DicomError =>
    new DicomError("INVALID_VALUE", `element ${formatTag(tag)} of the JSON ${what}`);
  if (!isObject(json)) throw refuse("is no object");
  const { vr, Value: values, InlineBinary: inline, BulkDataURI: uri } = json;
  if (typeof vr !== "string" || !/^[A-Z]{2}$/.test(vr)) {
    throw new DicomError("INVALID_VR", `element ${formatTag(tag)} of the JSON has no value representation`);
  }
  if (typeof uri === "string") {
    if (options.readBulkData === undefined) throw refuse("has its value elsewhere; pass readBulkData");
    return createElement(tag, options.readBulkData(uri), vr);
  }
  if (inline !== undefined) {
    if (typeof inline !== "string") throw refuse("has binary data that is no text");
    try {
      const binary = atob(inline);
      return createElement(
        tag,
        Uint8Array.from(binary, (letter) => letter.charCodeAt(0)),
        vr,
      );
    } catch {
      throw refuse("has binary data that is not base64");
    }
  }
  if (values !== undefined && !Array.isArray(values)) throw refuse("has a value that is no list");
  const list: readonly unknown[] = values ?? [];
  if (vr === "SQ") {
    const items = list.map((item) => [...readObject(item ?? {}, depth + 1, options).values()]);
    return createSequenceElement(tag, items, "explicit-le");
  }
  if (BINARY.test(vr) && list.length > 0) throw refuse("holds binary data as plain values");
  if (vr === "AT" || /^(US|SS|UL|SL|UV|SV|FL|FD)$/.test(vr)) {
    return createNumberElement(
      tag,
      list.map((value) => readJsonNumber(value, vr) ?? raise(refuse("has a value that is no number"))),
      vr as BinaryVr,
    );
  }
  const texts = list.map((value) => {
    if (value === null) return "";
    if (typeof value === "string") return value;
    if (typeof value === "number" && (vr === "DS" || vr === "IS")) {
      return vr === "DS" ? formatDecimal(value) : String(value);
    }
    if (vr === "PN" && isObject(value)) {
      const groups = [value.Alphabetic, value.Ideographic, value.Phonetic];
      return groups
        .map((group) => (typeof group === "string" ? group : ""))
        .join("=")
        .replace(/=+$/, "");
    }
    throw refuse("has a value of the wrong kind");
  });
  if (!isSingleValuedText(vr) && texts.some((text) => text.includes("\\"))) {
    throw refuse("has a backslash inside a value, which would become two values");
  }
  const text = tag === TAG.SpecificCharacterSet ? "ISO_IR 192" : texts.join("\\");
  options.progress.hasWideText ||= /[^\0-\x7f]/.test(text);
  return createText(tag, vr, text);
}

function raise(error: DicomError): never {
  throw error;
}

function readJsonNumber(value: unknown, vr: string): number | bigint | undefined {
  if (vr === "AT") {
    return typeof value === "string" && /^[0-9A-Fa-f]{8}$/.test(value)
      ? Number.parseInt(value, 16)
      : undefined;
  }
  if (typeof value === "string" && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function createText(tag: number, vr: string, text: string): DicomElement {
  return createElement(tag, padToEven(new TextEncoder().encode(text), vr), vr);
}
