/**
 * What a caller chooses: the options of PS3.15 §E.3 that are offered, their codes of CID 7050, and what a run found.
 * Clean Pixel Data, Clean Recognizable Visual Features, Clean Graphics and Clean Structured Content are not offered:
 * see docs/guide/deidentify.md.
 */
import type { CodedConcept } from "../dataset/elements.ts";
import type { Pseudonyms } from "./pseudonyms.ts";

/** What may be kept beyond the Basic Profile. */
export type RetainOption =
  | "full-dates"
  | "modified-dates"
  | "safe-private"
  | "device"
  | "institution"
  | "patient"
  | "uids";

/** Every {@link RetainOption} in the order of CID 7050. */
export const RETAIN_OPTIONS: readonly RetainOption[] = [
  "full-dates",
  "modified-dates",
  "patient",
  "device",
  "uids",
  "safe-private",
  "institution",
];

/** Options of `deidentifyFile`. */
export interface DeidentifyOptions {
  /** Replaces UIDs and patient identity; use one for everything that belongs together. */
  readonly pseudonyms: Pseudonyms;
  /** Default none: the Basic Profile alone. */
  readonly retain?: readonly RetainOption[];
  /** `clean` keeps the words of a fixed vocabulary in descriptions (Clean Descriptors); default `remove`. */
  readonly descriptors?: "remove" | "clean";
  /**
   * `allow` passes objects whose pixels may carry text; they are marked as Patient Identity Removed NO. Default
   * `refuse`.
   */
  readonly burnedInText?: "refuse" | "allow";
}

/** Codes of findings; none carries a value of the object. */
export type DeidentifyFindingCode =
  | "BURNED_IN_TEXT"
  | "BURNED_IN_NOT_STATED"
  | "OVERLAY_IN_PIXELS"
  | "FACE_MAY_BE_RECOGNISED"
  | "STREAM_COMMENT"
  | "IDENTIFIER_ECHO"
  | "INVALID_VALUE_REMOVED"
  | "UNKNOWN_ATTRIBUTE_REMOVED"
  | "VALUE_CUT_AT_NUL";

/** Something a person should know about one object. */
export interface DeidentifyFinding {
  readonly severity: "warning" | "note";
  readonly code: DeidentifyFindingCode;
  /** Free of identity. */
  readonly message: string;
}

const dcm = (value: string, meaning: string): CodedConcept => ({ value, scheme: "DCM", meaning });

/** CID 7050: the Basic Profile. */
export const BASIC_PROFILE_CODE: CodedConcept = dcm("113100", "Basic Application Confidentiality Profile");
/** CID 7050: Clean Descriptors. */
export const CLEAN_DESCRIPTORS_CODE: CodedConcept = dcm("113105", "Clean Descriptors Option");
/** CID 7050: the retain options. */
export const RETAIN_CODES: Readonly<Record<RetainOption, CodedConcept>> = {
  "full-dates": dcm("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
  "modified-dates": dcm("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
  patient: dcm("113108", "Retain Patient Characteristics Option"),
  device: dcm("113109", "Retain Device Identity Option"),
  uids: dcm("113110", "Retain UIDs Option"),
  "safe-private": dcm("113111", "Retain Safe Private Option"),
  institution: dcm("113112", "Retain Institution Identity Option"),
};
