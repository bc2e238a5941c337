/**
 * What a quality report says, as plain data: the typed side of quality-tree.ts. Names are those that the caller gives.
 */
import type { QualityMeasureName } from "./quality-codes.ts";

/** One number, in the unit of its measure: HU, %, dB or 1. */
export interface QualityMeasure {
  readonly measure: QualityMeasureName;
  /** `null` when it could not be measured; `"infinite"` for the PSNR of identical images. */
  readonly value: number | null | "infinite";
  /** Where it was measured, and clipped to which window: "body, soft tissue window". ASCII, at most 1024 characters. */
  readonly region?: string;
}

/** Numbers of one image. */
export interface ImageQuality {
  /** How reports call it: "input", "enhanced". */
  readonly image: string;
  /** What errors are measured against; absent for noise alone. */
  readonly against?: string;
  readonly measures: readonly QualityMeasure[];
}

/** HU bias of one tissue. */
export interface TissueQuality {
  readonly image: string;
  readonly against: string;
  /** "lung", "fat", "soft tissue", "bone" are coded; any other name is written as text. */
  readonly tissue: string;
  /** Mean of image − reference; `null` without voxels. */
  readonly biasHu: number | null;
  readonly standardErrorHu: number | null;
  readonly voxels: number;
}

/** An instance that the report speaks of. */
export interface ReportedInstance {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
}

/** A series that the report speaks of; it lies in the report's own study. */
export interface ReportedSeries {
  readonly seriesInstanceUid: string;
  readonly instances: readonly ReportedInstance[];
}

/** What a quality report tells. All text is ASCII. */
export interface QualityReportContent {
  readonly source: ReportedSeries;
  readonly derived: ReportedSeries;
  /** Method, e.g. "residual-cnn". */
  readonly method: string;
  /** What decides the result besides the model; written as `name=value` in this order. */
  readonly parameters: Readonly<Record<string, string | number>>;
  /** 0..1. */
  readonly strength: number;
  /** SHA-256, hexadecimal. */
  readonly modelDigest?: string;
  readonly codeVersion: string;
  /** Which noise the reference has; absent without reference. */
  readonly referenceNoise?: string;
  /** How many slices were measured, e.g. "32 of 300 slices". */
  readonly measuredImages: string;
  readonly images: readonly ImageQuality[];
  readonly tissues: readonly TissueQuality[];
  /** Sentences that a reader of the numbers must know. */
  readonly caveats: readonly string[];
}
