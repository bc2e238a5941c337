/**
 * The quality report as plain data: what `report.json` holds and `report.html` shows. Versioned; every value
 * stands with its unit, window, region and number of slices. No patient data: names are those the caller gives.
 */
import type { HuBias } from "./hu-bias.ts";
import type { MetricResult } from "./metrics.ts";
import type { NoiseResult } from "./noise.ts";
import type { HuWindow } from "./region.ts";
import type { StructureResult } from "./structure.ts";
import type { TissueClass } from "./tissues.ts";

/** The schema's name and version; the number grows when a reader of old reports would break. */
export const QUALITY_REPORT_SCHEMA = "alara.quality-report/1";

/** Patients below which no confidence interval is given. */
export const INTERVAL_MINIMUM_PATIENTS = 8;

/**
 * What noise the reference holds.
 * - `"none"`: noise-free truth
 * - `"shared"`: the input was made from the reference by adding noise, so both share its noise
 * - `"independent"`: another acquisition
 * - `"unknown"`: nobody said
 */
export type ReferenceNoise = "none" | "shared" | "independent" | "unknown";

/** What an image is in a comparison. */
export type ImageRole = "input" | "candidate" | "reference";

/** A metric as reported: JSON has no infinity, so identical images have `value: null` and say so. */
export interface ReportedMetric extends Omit<MetricResult, "value"> {
  readonly label: string;
  readonly better: "lower" | "higher";
  readonly value: number | null;
  readonly note: string | null;
}

/** Noise of one image, all on the same tiles. */
export interface ReportedNoise {
  readonly image: string;
  readonly role: ImageRole;
  readonly noise: NoiseResult;
  /** 100·(1 − σ/σ of the input); `null` for the input and where σ is unknown. */
  readonly reductionPercent: number | null;
}

/** One image held against the reference. */
export interface ReportedComparison {
  readonly image: string;
  readonly role: ImageRole;
  readonly against: string;
  readonly metrics: readonly ReportedMetric[];
  /**
   * √(RMSE² − σ_reference²) in the body, for a reference with independent noise only (methods: E[MSE against a
   * noisy target] = MSE against the truth + σ²); else `null`.
   */
  readonly noiseCorrectedRmseHu: number | null;
}

/** HU bias of one image against another, on the classes stated in the report. */
export interface ReportedBias {
  readonly image: string;
  readonly against: string;
  /** `"reference"`, or `"input"`: the shift that the enhancement itself made. */
  readonly kind: "reference" | "input";
  readonly tissues: readonly HuBias[];
}

/** All that was measured on one series. */
export interface QualityReport {
  readonly schema: typeof QUALITY_REPORT_SCHEMA;
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  /** `[slice, row, column]` */
  readonly spacingMm: readonly [number, number, number];
  readonly images: readonly { readonly name: string; readonly role: ImageRole }[];
  readonly referenceNoise: ReferenceNoise | null;
  readonly windows: readonly HuWindow[];
  /** How tissue and body were found. */
  readonly tissue: {
    readonly foundOn: string;
    readonly smoothingPx: number;
    readonly erosionPx: number;
    readonly paddingBelowHu: number;
    readonly classes: readonly TissueClass[];
    readonly bodyVoxels: number;
    /** Smallest box around the body over all slices, `[start, end)`; `null` when no body was found. */
    readonly bodyBox: {
      readonly rows: readonly [number, number];
      readonly columns: readonly [number, number];
    } | null;
  };
  readonly noise: readonly ReportedNoise[];
  readonly comparisons: readonly ReportedComparison[];
  readonly huBias: readonly ReportedBias[];
  readonly structure: readonly ({ readonly image: string; readonly against: string } & StructureResult)[];
  readonly patients: number;
  /** Always `null` for one patient; says why. */
  readonly confidenceIntervals: null;
  readonly caveats: readonly string[];
}
