/**
 * SHA-256 digests as lower-case hex, through the platform's Web Crypto, and the canonical text they are taken of.
 */
import { CoreError } from "./errors.ts";

/** SHA-256 of bytes, 64 hex digits. FIPS 180-4; tested against its published vectors. */
export async function computeSha256(bytes: Uint8Array): Promise<string> {
  // The browser's types ask for memory that is not shared; browsers refuse shared memory at run time.
  const data = bytes as Uint8Array<ArrayBuffer>;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * JSON without spaces and with object keys in the order of their UTF-16 code units, so that equal values have
 * equal text (the rules of RFC 8785). Plain data only: undefined members are left out, undefined items are null.
 *
 * @throws CoreError `OUT_OF_RANGE` on NaN and infinities, which JSON would turn into null unseen
 */
export function stringifyCanonical(value: unknown): string {
  if (value === undefined) return "null";
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new CoreError("OUT_OF_RANGE", `${value} has no JSON text; write a finite number, null or a string`);
  }
  if (Array.isArray(value)) return `[${value.map(stringifyCanonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${stringifyCanonical(item)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
