/**
 * What the text headers of NRRD and MetaImage share: lines within a bounded header, numbers, and samples written as
 * decimal text.
 */
import { decodeLatin1 } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";
import type { VolumeLimits } from "./format.ts";

/** One line and where the next begins. */
export interface HeaderLine {
  readonly text: string;
  readonly next: number;
}

/**
 * The line that begins at an offset, without its end (`\n`, `\r\n`); bytes count as Latin-1.
 *
 * @returns `undefined` at the end of the bytes
 * @throws DicomError `LIMIT_EXCEEDED` when the header grows beyond `limits.maxHeaderBytes`
 */
export function readLine(bytes: Uint8Array, start: number, limits: VolumeLimits): HeaderLine | undefined {
  if (start >= bytes.length) return undefined;
  const bound = Math.min(bytes.length, limits.maxHeaderBytes);
  let end = start;
  while (end < bound && bytes[end] !== 10) end++;
  if (end >= limits.maxHeaderBytes) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `the text header does not end within limits.maxHeaderBytes = ${limits.maxHeaderBytes} bytes`,
    );
  }
  const hasReturn = end > start && bytes[end - 1] === 13;
  return { text: decodeLatin1(bytes.subarray(start, hasReturn ? end - 1 : end)), next: end + 1 };
}

/** Bytes of a header made in code: ASCII with its line ends. */
export function encodeHeaderText(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/**
 * Numbers separated by blanks.
 *
 * @param name - of the field, for the message
 * @throws DicomError `INVALID_VALUE`
 */
export function parseNumbers(text: string, name: string): number[] {
  const trimmed = text.trim();
  const values = trimmed === "" ? [] : trimmed.split(/\s+/).map(parseDecimal);
  if (values.length > 4096 || values.some((value) => value === undefined)) {
    throw new DicomError("INVALID_VALUE", `the field "${name}" does not hold numbers`);
  }
  return values as number[];
}

/** A decimal number or NaN and infinity as C prints them; not JavaScript's hexadecimal and empty text. */
function parseDecimal(text: string): number | undefined {
  if (/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return Number(text);
  if (/^[+-]?nan$/i.test(text)) return Number.NaN;
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return undefined;
}

/**
 * One whole number.
 *
 * @throws DicomError `INVALID_VALUE`
 */
export function parseWhole(text: string, name: string): number {
  const [value, ...rest] = parseNumbers(text, name);
  if (value === undefined || rest.length > 0 || !Number.isSafeInteger(value)) {
    throw new DicomError("INVALID_VALUE", `the field "${name}" is not one whole number`);
  }
  return value;
}

/** A number as text that reads back to the same double. */
export function formatNumber(value: number): string {
  return Object.is(value, -0) ? "0" : String(value);
}

/**
 * Samples written as decimal text, separated by blanks or commas.
 *
 * @returns the first `count` of them
 * @throws DicomError `TRUNCATED`, `INVALID_VALUE`
 */
export function parseTextSamples(bytes: Uint8Array, count: number): number[] {
  if (count > bytes.length) {
    throw new DicomError("TRUNCATED", `${count} samples do not fit in ${bytes.length} bytes of text`);
  }
  const values: number[] = [];
  let at = 0;
  while (values.length < count) {
    while (at < bytes.length && isSeparator(bytes[at])) at++;
    let end = at;
    while (end < bytes.length && !isSeparator(bytes[end])) end++;
    if (end === at) {
      throw new DicomError("TRUNCATED", `the text holds ${values.length} of ${count} samples`);
    }
    const value = end - at > 64 ? undefined : parseDecimal(decodeLatin1(bytes.subarray(at, end)));
    if (value === undefined) throw new DicomError("INVALID_VALUE", `sample ${values.length} is not a number`);
    values.push(value);
    at = end;
  }
  return values;
}

function isSeparator(byte: number): boolean {
  return byte <= 32 || byte === 44;
}
