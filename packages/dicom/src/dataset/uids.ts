/**
 * Deterministic UIDs: a hash of what the object is made from, as a UUID under 2.25 (PS3.5 §B.2), so that a retry
 * gives the same object and never a second one. Not random: equal inputs give equal UIDs by design.
 */
import { computeSha256, stringifyCanonical } from "@alara/core";

/**
 * A UID from any JSON value: SHA-256 of its canonical text, first 128 bits with the version (8) and variant bits of
 * RFC 9562 §5.8, as a decimal under 2.25.
 *
 * Tested against values computed with Python's hashlib and uuid.
 */
export async function createHashedUid(content: unknown): Promise<string> {
  return formatHashedUid(await computeSha256(new TextEncoder().encode(stringifyCanonical(content))));
}

/**
 * The UID of a digest.
 *
 * @param digest - at least 32 hexadecimal digits; the first 128 bits are used
 */
export function formatHashedUid(digest: string): string {
  const variant = ((Number.parseInt(digest[16], 16) & 0x3) | 0x8).toString(16);
  const uuid = `${digest.slice(0, 12)}8${digest.slice(13, 16)}${variant}${digest.slice(17, 32)}`;
  return `2.25.${BigInt(`0x${uuid}`)}`;
}
