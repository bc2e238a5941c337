/**
 * Values on their way into the result: text is cut at its first NUL (what stands behind it is not part of the value,
 * but may be somebody's name), and what does not fit its value representation is not kept, since a field that says
 * "number" or "code" must not carry a sentence. Dummy values for action D (PS3.15 §E.1.1).
 */
import { encodeAscii, padToEven } from "../dataset/elements.ts";
import { isTextVr } from "../dataset/value-representations.ts";
import { DECIMAL, decodeLatin1 } from "../dataset/values.ts";
import { shiftTemporalValue } from "./temporal.ts";

const UNIT_BYTES: Readonly<Record<string, number | undefined>> = {
  US: 2,
  SS: 2,
  OW: 2,
  UL: 4,
  SL: 4,
  FL: 4,
  OF: 4,
  OL: 4,
  AT: 4,
  FD: 8,
  UV: 8,
  SV: 8,
  OD: 8,
  OV: 8,
};
const TIMEZONE = 0x00080201;

/** A value field that may stay. */
export interface CheckedValue {
  readonly bytes: Uint8Array;
  /** Something stood behind a NUL and was cut off. */
  readonly cut: boolean;
}

/** The text of a value field up to its first NUL, as Latin-1, without the padding at its end. */
export function readValueText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeLatin1(end < 0 ? bytes : bytes.subarray(0, end)).trimEnd();
}

/**
 * The value as it may stay; `undefined` when it does not fit the VR.
 *
 * @param vr - of the dictionary
 */
export function checkValue(tag: number, vr: string, bytes: Uint8Array): CheckedValue | undefined {
  const size = UNIT_BYTES[vr];
  if (size !== undefined) {
    const isBroken = bytes.length % size !== 0 || (!vr.startsWith("O") && looksLikeText(vr, bytes));
    return isBroken ? undefined : { bytes, cut: false };
  }
  if (!isTextVr(vr)) return { bytes, cut: false };
  const nul = bytes.indexOf(0);
  const cut = nul >= 0 && bytes.subarray(nul).some((byte) => byte !== 0 && byte !== 0x20);
  const value = nul < 0 ? bytes : bytes.subarray(0, nul);
  const text = decodeLatin1(value).trim();
  if (text === "") return { bytes: new Uint8Array(0), cut };
  if (vr === "CS") {
    const codes = text.split("\\").map((code) => (/^[ -~]{0,16}$/.test(code.trim()) ? code : ""));
    if (codes.every((code) => code === "")) return undefined;
    return { bytes: padToEven(encodeAscii(codes.join("\\")), vr), cut };
  }
  if (!text.split("\\").every((part) => fitsVr(tag, vr, part.trim()))) return undefined;
  return { bytes: padToEven(value, vr), cut };
}

/**
 * Eight bytes or more, all printable, and as floating point a number that nobody measures: a sentence, not a value.
 * (19.2 as FD is printable too, but it is 19.2.)
 */
function looksLikeText(vr: string, bytes: Uint8Array): boolean {
  if (bytes.length < 8 || !bytes.every((byte) => byte >= 0x20 && byte < 0x7f)) return false;
  if (vr !== "FD" && vr !== "FL") return true;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += vr === "FD" ? 8 : 4) {
    const size = Math.abs(vr === "FD" ? view.getFloat64(at, true) : view.getFloat32(at, true));
    if (!(size > 1e-9 && size < 1e12)) return true;
  }
  return false;
}

function fitsVr(tag: number, vr: string, value: string): boolean {
  if (value === "") return true;
  switch (vr) {
    case "DS":
    case "IS":
      return value.length <= 32 && DECIMAL.test(value);
    case "AS":
      return /^\d{1,3}[DWMY]$/.test(value);
    case "DA":
    case "DT":
    case "TM":
      return shiftTemporalValue(value, vr, 0) !== undefined;
    case "UI":
      return /^[0-9.]{1,64}$/.test(value);
    default:
      return tag !== TIMEZONE || /^[+-]\d{4}$/.test(value);
  }
}

const DUMMIES: Readonly<Record<string, string | undefined>> = {
  AS: "000Y",
  DA: "19000101",
  DS: "0",
  DT: "19000101000000",
  IS: "0",
  TM: "000000",
  UR: "urn:removed",
};

/** A value of the VR that means nothing: REMOVED, 1 January 1900, zero. */
export function createDummyValue(vr: string): Uint8Array {
  if (isTextVr(vr)) return padToEven(encodeAscii(DUMMIES[vr] ?? "REMOVED"), vr);
  return new Uint8Array(UNIT_BYTES[vr] ?? 2);
}
