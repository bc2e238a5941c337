/**
 * Never silently enhance (design §3.6): compares what is known of an input with a model's stated range.
 */
import type { IntendedRange } from "./bundle.ts";

/** What is known of the input; absent facts are left out. */
export interface InputFacts {
  readonly modality: string;
  readonly pixelSpacingMm: number;
  readonly sliceThicknessMm?: number;
  readonly kvp?: number;
  /** Noise in homogeneous soft tissue, HU. */
  readonly noiseHu?: number;
}

/** One finding: `refuse` stops the run unless the user insists, `mark` goes into the result. */
export interface RangeFinding {
  readonly action: "refuse" | "mark";
  readonly code: "MODALITY" | "PIXEL_SPACING" | "SLICE_THICKNESS" | "KVP" | "NOISE" | "FACT_MISSING";
  readonly message: string;
}

/**
 * Checks an input against a model's intended range.
 *
 * A wrong modality or a value more than 25 % outside the range is refused; a value just outside, or a missing
 * fact, is marked. Tested at both edges of each rule.
 */
export function checkIntendedRange(range: IntendedRange, facts: InputFacts): readonly RangeFinding[] {
  const findings: RangeFinding[] = [];
  if (facts.modality !== range.modality) {
    findings.push({
      action: "refuse",
      code: "MODALITY",
      message: `modality is ${facts.modality}; the model is for ${range.modality}`,
    });
  }
  const checks = [
    ["PIXEL_SPACING", "pixel spacing", facts.pixelSpacingMm, range.pixelSpacingMm, "mm"],
    ["SLICE_THICKNESS", "slice thickness", facts.sliceThicknessMm, range.sliceThicknessMm, "mm"],
    ["KVP", "tube voltage", facts.kvp, range.kvp, "kV"],
    ["NOISE", "noise", facts.noiseHu, range.noiseHu, "HU"],
  ] as const;
  for (const [code, name, value, [minimum, maximum], unit] of checks) {
    if (value === undefined) {
      findings.push({
        action: "mark",
        code: "FACT_MISSING",
        message: `${name} is unknown; the model is for ${minimum} to ${maximum} ${unit}`,
      });
    } else if (!(value >= minimum && value <= maximum)) {
      const far = !(value >= minimum * 0.75 && value <= maximum * 1.25);
      findings.push({
        action: far ? "refuse" : "mark",
        code,
        message: `${name} is ${Number(value.toFixed(3))} ${unit}; the model is for ${minimum} to ${maximum} ${unit}`,
      });
    }
  }
  return findings;
}
