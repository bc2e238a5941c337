/** Bytes as base64 text (RFC 4648 §4), where the platform has only `btoa` for strings. */

/** Bytes per call: whole triplets, so that the pieces join without padding between them. */
const PIECE_BYTES = 24_576;

/**
 * Bytes as base64.
 *
 * @remarks RFC 4648 §4. Tested against Node's Buffer for lengths around the piece size.
 */
export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES)));
  }
  return text;
}
