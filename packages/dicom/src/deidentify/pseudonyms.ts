/**
 * Keyed replacements: UIDs, patient identity and the date shift, each an HMAC-SHA256 (RFC 2104) of the original under
 * a secret key. Same key, same original, same replacement, in every file and run; without the key nobody can repeat
 * or test a guess. The key is never written anywhere by this package.
 */
import { computeSha256, joinBytes } from "@alara/core";
import { formatHashedUid } from "../dataset/uids.ts";
import { DicomError } from "../errors.ts";

const BLOCK_BYTES = 64;
/** Shortest key accepted, bytes. */
export const MINIMUM_KEY_BYTES = 16;

function parseHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}

/**
 * HMAC-SHA256 as 64 hexadecimal digits.
 *
 * @remarks RFC 2104; tested against the vectors of RFC 4231.
 */
export async function computeHmacSha256(key: Uint8Array, message: Uint8Array): Promise<string> {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? parseHex(await computeSha256(key.slice())) : key);
  const inner = await computeSha256(joinBytes([block.map((byte) => byte ^ 0x36), message]));
  return computeSha256(joinBytes([block.map((byte) => byte ^ 0x5c), parseHex(inner)]));
}

/** Identity as the object states it; what the pseudonym and the date shift hang on. */
export interface PatientIdentity {
  /** Patient ID, trimmed; "" when absent. */
  readonly id: string;
  /** What stands in for an absent Patient ID, e.g. the Study Instance UID. */
  readonly fallback: string;
}

/** Replaces identifiers consistently; see {@link createPseudonyms}. */
export interface Pseudonyms {
  /** A UID under 2.25 for any identifier text; idempotent per key, not per call chain. */
  replaceUid(uid: string): Promise<string>;
  /**
   * The new Patient ID, also used as Patient's Name.
   *
   * @throws DicomError `OUT_OF_RANGE` when a table was given that has no entry for the patient
   */
  replacePatient(patient: PatientIdentity): Promise<string>;
  /** Days to add to every date of the patient: negative, whole weeks, 1 to 10 years. */
  findDateShiftDays(patient: PatientIdentity): Promise<number>;
  /** Original → replacement of every UID replaced so far. Identifies people: handle as the originals. */
  readonly uids: ReadonlyMap<string, string>;
  /** Original → replacement of every patient so far. Identifies people: handle as the originals. */
  readonly patients: ReadonlyMap<string, string>;
}

/** Options of {@link createPseudonyms}. */
export interface PseudonymOptions {
  /** Original Patient ID → new one (1 to 60 characters A–Z a–z 0–9 . _ -). Patients not in it are refused. */
  readonly patientIds?: ReadonlyMap<string, string>;
}

const NEW_ID = /^[A-Za-z0-9._-]{1,60}$/;

/**
 * Starts a set of replacements.
 *
 * @param key - secret, at least {@link MINIMUM_KEY_BYTES} bytes; keep it and the replacements can be repeated
 * @throws DicomError `OUT_OF_RANGE` for a short key, `INVALID_VALUE` for a new Patient ID that is not plain
 */
export function createPseudonyms(key: Uint8Array, options: PseudonymOptions = {}): Pseudonyms {
  if (key.length < MINIMUM_KEY_BYTES) {
    throw new DicomError(
      "OUT_OF_RANGE",
      `the key has ${key.length} bytes; use at least ${MINIMUM_KEY_BYTES}`,
    );
  }
  for (const [, id] of options.patientIds ?? []) {
    if (!NEW_ID.test(id)) {
      throw new DicomError(
        "INVALID_VALUE",
        "a new Patient ID may hold 1 to 60 letters, digits and . _ - only",
      );
    }
  }
  const secret = key.slice();
  const encoder = new TextEncoder();
  const uids = new Map<string, string>();
  const patients = new Map<string, string>();
  // The purpose is part of the message: a UID's hash says nothing about a patient's.
  const hash = (purpose: string, text: string): Promise<string> =>
    computeHmacSha256(secret, encoder.encode(`alara/deidentify/${purpose}\n${text}`));
  const identify = (patient: PatientIdentity): string =>
    patient.id === "" ? `fallback:${patient.fallback}` : `id:${patient.id}`;
  return {
    uids,
    patients,
    replaceUid: async (uid) => {
      const known = uids.get(uid);
      if (known !== undefined) return known;
      const replacement = formatHashedUid(await hash("uid", uid));
      uids.set(uid, replacement);
      return replacement;
    },
    replacePatient: async (patient) => {
      let replacement = options.patientIds?.get(patient.id);
      if (replacement === undefined) {
        if (options.patientIds !== undefined) {
          throw new DicomError(
            "OUT_OF_RANGE",
            "the table of new Patient IDs has no entry for this patient; add one",
          );
        }
        replacement = `P-${(await hash("patient", identify(patient))).slice(0, 20).toUpperCase()}`;
      }
      patients.set(patient.id, replacement);
      return replacement;
    },
    findDateShiftDays: async (patient) => {
      const weeks = 52 + (Number.parseInt((await hash("dates", identify(patient))).slice(0, 12), 16) % 470);
      return -7 * weeks;
    },
  };
}
