/**
 * JSON in and out of the store, without loss: what JSON would silently change (NaN, typed arrays, dates, undefined
 * members) is refused instead. Not a schema validator.
 */
import { JobsError } from "./errors.ts";

/** A value that JSON holds exactly. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Longest payload, in bytes of UTF-8: payloads are references, never pixels. */
export const MAX_PAYLOAD_BYTES: number = 2 ** 20;
/** Longest result, in bytes of UTF-8. */
export const MAX_RESULT_BYTES: number = 16 * 2 ** 20;
const MAX_DEPTH = 64;

function findFault(value: unknown, depth: number): string | undefined {
  if (value === null || typeof value === "boolean" || typeof value === "string") return undefined;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : `the number ${value}`;
  if (typeof value !== "object") return `a value of type ${typeof value}`;
  if (depth > MAX_DEPTH) return `nesting deeper than ${MAX_DEPTH}, or a cycle`;
  const prototype = Object.getPrototypeOf(value);
  const isPlain = Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype) === null;
  if (!isPlain) return `an object of class ${value.constructor?.name ?? "unknown"}`;
  for (const member of Array.isArray(value) ? value : Object.values(value)) {
    const fault = findFault(member, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/**
 * Text of a value that survives the round trip exactly (−0 becomes 0).
 *
 * @param role - what the value is, for messages: "payload", "result", "progress"
 * @throws JobsError `NOT_JSON`, `TOO_LARGE`
 */
export function encodeJson(value: unknown, role: string, maxBytes: number): string {
  const fault = findFault(value, 0);
  if (fault !== undefined) {
    throw new JobsError(
      "NOT_JSON",
      `a ${role} must be plain JSON, got ${fault}; write numbers, strings, arrays and plain objects`,
    );
  }
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) {
    throw new JobsError(
      "TOO_LARGE",
      `a ${role} of ${bytes} bytes is above the limit of ${maxBytes}; store the data in a file and its digest in the job`,
    );
  }
  return text;
}

/** The value of a stored text. */
export function decodeJson(text: string): Json {
  return JSON.parse(text) as Json;
}
