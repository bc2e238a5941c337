/**
 * Quality control of training data before a run (B16): what would silently spoil a model is found and named. Single
 * series by their values; pairs by grid, registration, HU and noise; all together by copies and patients on two sides.
 */

import { EnhanceError } from "../errors.ts";
import { hashPixels, hashSlices } from "./dataset.ts";
import { compareFingerprints, type Fingerprint, takeFingerprint } from "./fingerprint.ts";
import {
  checkIntensities,
  countTissues,
  type IntensityFacts,
  measureIntensities,
} from "./intensity-checks.ts";
import { checkPairs } from "./pair-checks.ts";
import {
  type CheckedSeries,
  type DataQualityReport,
  formatFindings,
  type QualityFinding,
  sortFindings,
} from "./quality-report.ts";

/** Options of {@link checkTrainingData}. */
export interface QualityOptions {
  /** How much finer targets are than inputs; default 1. */
  readonly scale?: number;
  /** Shift in the plane from which a pair is an error, samples; half of it is a warning; default 1. */
  readonly shiftLimitPx?: number;
  /** Bits (0..63) below which two hashes mean the same content; default 6. */
  readonly nearBits?: number;
  /** What to look at: values, pairs, copies; default all. */
  readonly checks?: readonly ("values" | "pairs" | "copies")[];
}

/** What is kept of a series after its pixels are gone: for checking sides against one another. */
export interface CheckedPrint {
  readonly id: string;
  readonly patientId: string;
  readonly side: string;
  readonly pairId: string | undefined;
  readonly pixelSha256: string;
  readonly sliceHashes: readonly string[];
  readonly fingerprint: Fingerprint;
}

/** Takes from a series what {@link findCopies} needs. */
export async function takePrint(series: CheckedSeries): Promise<CheckedPrint> {
  return {
    id: series.id,
    patientId: series.patientId,
    side: series.side ?? "",
    pairId: series.pairId,
    pixelSha256: await hashPixels(series.volume),
    sliceHashes: await hashSlices(series.volume),
    fingerprint: takeFingerprint(series.volume),
  };
}

/** Correlation of the fine detail from which two images are the same scan: independent noise gives 0 ± 0.02. */
const COPY_DETAIL = 0.8;

/**
 * Copies and leaks among series: equal pixels, equal slices, the same scan after rounding or rescaling, the same anatomy
 * under two patients, a patient on two sides. Series of one pair are expected to look alike and are not compared, but
 * for equal pixels.
 */
export function findCopies(
  prints: readonly CheckedPrint[],
  options: { readonly nearBits?: number } = {},
): QualityFinding[] {
  const { nearBits = 6 } = options;
  const findings: QualityFinding[] = [];
  const slicesOf = prints.map(({ sliceHashes }) => new Set(sliceHashes.filter((hash) => hash !== "")));
  for (let i = 0; i < prints.length; i++) {
    for (let j = i + 1; j < prints.length; j++) {
      const [a, b] = [prints[i], prints[j]];
      const ids = [a.id, b.id];
      const isAcross = a.side !== b.side;
      const samePatient = a.patientId !== "" && a.patientId === b.patientId;
      const isPair = a.pairId !== undefined && a.pairId === b.pairId && !isAcross;
      const sides = isAcross ? ` on the sides "${a.side}" and "${b.side}"` : "";
      if (isAcross && samePatient) {
        findings.push({
          severity: "error",
          code: "PATIENT_LEAK",
          ids,
          values: { sides: `${a.side}, ${b.side}` },
          message: `the same patient stands${sides}`,
          wayOut: "give every patient one side",
        });
      }
      const shared = [...slicesOf[i]].filter((hash) => slicesOf[j].has(hash)).length;
      const isEqual = a.pixelSha256 === b.pixelSha256;
      if (isEqual || shared > 0) {
        const isGrave = isAcross || isPair || !samePatient;
        findings.push({
          severity: isGrave ? "error" : "warning",
          code: "DUPLICATE",
          ids,
          values: { slices: shared, equal: String(isEqual) },
          message: isEqual ? `equal pixels${sides}` : `${shared} equal slices${sides}`,
          wayOut: isPair ? "input and target are the same image: pass the right series" : "keep one of them",
        });
        continue;
      }
      if (isPair) continue;
      const { bits, detail } = compareFingerprints(a.fingerprint, b.fingerprint);
      if (bits >= nearBits) continue;
      if (detail >= COPY_DETAIL) {
        findings.push({
          severity: isAcross || !samePatient ? "error" : "warning",
          code: "DUPLICATE",
          ids,
          values: { bits, detail },
          message: `the same scan${sides}, changed a little (hashes differ in ${bits.toFixed(1)} of 63 bits, fine detail correlates by ${detail.toFixed(2)})`,
          wayOut: "keep one of them",
        });
      } else if (!samePatient) {
        findings.push({
          severity: "warning",
          code: "NEAR_DUPLICATE",
          ids,
          values: { bits, detail },
          message: `looks like the same anatomy${sides} under two patients (hashes differ in ${bits.toFixed(1)} of 63 bits)`,
          wayOut: "look at both; if it is one patient, give both the same identifier and side",
        });
      }
    }
  }
  return findings;
}

/** Spacings of all series together: warn when they differ by more than this factor. */
const SPACING_FACTOR = 2;

function checkSpacings(series: readonly CheckedSeries[]): QualityFinding[] {
  if (series.length < 2) return [];
  const sorted = [...series].sort((a, b) => a.volume.geometry.spacingMm[1] - b.volume.geometry.spacingMm[1]);
  const [fine, coarse] = [sorted[0], sorted[sorted.length - 1]];
  const [low, high] = [fine, coarse].map(({ volume }) => volume.geometry.spacingMm[1]);
  if (high / low <= SPACING_FACTOR) return [];
  return [
    {
      severity: "warning",
      code: "SPACING_MISMATCH",
      ids: [fine.id, coarse.id],
      values: { fineMm: low, coarseMm: high },
      message: `pixel spacings range from ${low.toFixed(3)} to ${high.toFixed(3)} mm`,
      wayOut: "resample to one spacing, or state the range in the model's card",
    },
  ];
}

/**
 * Checks training data.
 *
 * @param series - all of it, or one side of it
 * @returns findings, errors first; a series that cannot be compared is named, nothing is thrown
 * @remarks Copies are compared two by two: fine for some thousand series.
 * Tested: every fault made on purpose is found under its code, and clean data give no finding.
 */
export async function checkTrainingData(
  series: readonly CheckedSeries[],
  options: QualityOptions = {},
): Promise<DataQualityReport> {
  const { checks = ["values", "pairs", "copies"], scale = 1, shiftLimitPx = 1, nearBits = 6 } = options;
  const findings: QualityFinding[] = [];
  const facts = new Map<string, IntensityFacts>();
  const counts = { air: 0, lung: 0, soft: 0, bone: 0 };
  const seen = new Set<string>();
  for (const { id, volume } of series) {
    if (seen.has(id))
      throw new EnhanceError("OUT_OF_RANGE", `two series have the identifier "${id}"; name each once`);
    seen.add(id);
    const measured = measureIntensities(volume);
    facts.set(id, measured);
    const tissues = countTissues(measured);
    for (const tissue of ["air", "lung", "soft", "bone"] as const) counts[tissue] += tissues[tissue];
    if (checks.includes("values")) findings.push(...checkIntensities(id, measured));
  }
  // What is broken in itself is not compared with others.
  const broken = new Set(findings.filter(({ severity }) => severity === "error").flatMap(({ ids }) => ids));
  if (checks.includes("pairs")) {
    findings.push(...checkSpacings(scale === 1 ? series : series.filter(({ role }) => role !== "target")));
    findings.push(...checkPairs(series, { scale, shiftLimitPx, broken }));
  }
  if (checks.includes("copies")) {
    const prints: CheckedPrint[] = [];
    for (const item of series) prints.push(await takePrint(item));
    findings.push(...findCopies(prints, { nearBits }));
  }
  const total = Math.max(1, counts.air + counts.lung + counts.soft + counts.bone);
  const sorted = sortFindings(findings);
  return {
    series: series.length,
    patients: new Set(series.map(({ patientId }) => patientId)).size,
    findings: sorted,
    isUsable: sorted.every(({ severity }) => severity !== "error"),
    tissueShares: {
      air: counts.air / total,
      lung: counts.lung / total,
      soft: counts.soft / total,
      bone: counts.bone / total,
    },
  };
}

/**
 * Refuses data with errors.
 *
 * @throws EnhanceError `TRAINING_DATA_FAULTY` with the list
 */
export function assertUsableData(report: DataQualityReport): void {
  if (report.isUsable) return;
  const errors = report.findings.filter(({ severity }) => severity === "error");
  throw new EnhanceError(
    "TRAINING_DATA_FAULTY",
    `${errors.length} fault(s) in the training data:\n${formatFindings(errors)}`,
  );
}
