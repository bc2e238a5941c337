/**
 * SHA-256 digests as lower-case hex, through the platform's Web Crypto.
 */

/** SHA-256 of bytes, 64 hex digits. FIPS 180-4; tested against its published vectors. */
export async function computeSha256(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** JSON with object keys in sorted order, so that equal values have equal text. */
export function stringifyCanonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stringifyCanonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${stringifyCanonical(item)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
