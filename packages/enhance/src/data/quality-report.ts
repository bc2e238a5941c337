/** What the quality control of training data says: findings with severity, code, the data concerned and the way out. */

import type { Volume } from "@alara/core";

/** One series to be checked. */
export interface CheckedSeries {
  /** Unique; a pseudonym. */
  readonly id: string;
  /** Pseudonym of the patient, animal or phantom; "" when unknown (then patients are not compared). */
  readonly patientId: string;
  /** "train", "val", "test"; series of different sides must share nothing. Default all on one side. */
  readonly side?: string;
  /** Default `"image"`. */
  readonly role?: "input" | "target" | "repeat" | "image";
  /** Input and target of a pair, or repeats, have the same. */
  readonly pairId?: string;
  readonly volume: Volume<"HU">;
}

/** How grave a finding is: training refuses errors, goes on with warnings, and states notes. */
export type FindingSeverity = "error" | "warning" | "note";

/** What can be found. */
export type FindingCode =
  /** Samples that are NaN or infinite. */
  | "NON_FINITE"
  /** Slices of one value. */
  | "CONSTANT_SLICES"
  /** Values that no CT in HU has. */
  | "HU_RANGE"
  /** Many samples at the largest or smallest value: clipped. */
  | "SATURATED"
  /** Values look like attenuation, not HU. */
  | "UNITS_NOT_HU"
  /** Air at 0 and water at 1000: the rescale intercept was not applied. */
  | "MISSING_INTERCEPT"
  /** Air or soft tissue far from −1000 and 0..100 HU. */
  | "HU_CALIBRATION"
  /** The same pixels, slices, or scan under two names. */
  | "DUPLICATE"
  /** The same anatomy under two names. */
  | "NEAR_DUPLICATE"
  /** One patient on two sides. */
  | "PATIENT_LEAK"
  /** A pair without input or target, or with two of one. */
  | "INCOMPLETE_PAIR"
  /** Sizes of a pair that do not fit. */
  | "SIZE_MISMATCH"
  /** Spacings of a pair that do not fit, or of the data that differ widely. */
  | "SPACING_MISMATCH"
  /** Input and target lie off one another; a shift and rotation would help. */
  | "MISREGISTERED"
  /** Input and target differ by more than a rigid motion. */
  | "ELASTIC_MISMATCH"
  /** Input and target do not show the same. */
  | "UNRELATED_PAIR"
  /** Mean HU of input and target differ. */
  | "HU_BIAS"
  /** The input has no more noise than the target. */
  | "NOISE_ORDER";

/** One finding. */
export interface QualityFinding {
  readonly severity: FindingSeverity;
  readonly code: FindingCode;
  /** Series concerned, by their identifiers. */
  readonly ids: readonly string[];
  /** Numbers behind the finding. */
  readonly values: Readonly<Record<string, number | string>>;
  /** What is wrong, with the numbers. */
  readonly message: string;
  /** What to do about it. */
  readonly wayOut: string;
}

/** What was found about training data. */
export interface DataQualityReport {
  /** Series that were looked at. */
  readonly series: number;
  readonly patients: number;
  /** Errors first, then warnings, then notes. */
  readonly findings: readonly QualityFinding[];
  /** Whether nothing stands against training: no errors. */
  readonly isUsable: boolean;
  /** Share of samples by tissue over all images (not padding): air, lung, soft, bone. */
  readonly tissueShares: Readonly<Record<"air" | "lung" | "soft" | "bone", number>>;
}

const ORDER: readonly FindingSeverity[] = ["error", "warning", "note"];

/** Sorts findings by severity, otherwise as found. */
export function sortFindings(findings: readonly QualityFinding[]): QualityFinding[] {
  return ORDER.flatMap((severity) => findings.filter((finding) => finding.severity === severity));
}

/** One line per finding, as the command line prints them. */
export function formatFindings(findings: readonly QualityFinding[]): string {
  return findings
    .map(
      ({ severity, code, ids, message, wayOut }) =>
        `${severity} ${code} ${ids.join(", ")}: ${message}; ${wayOut}`,
    )
    .join("\n");
}
