/** What builders of training data start from, and how their images are kept. */
import type { LongWorkOptions, Volume } from "@alara/core";

/** What is known about a series beside its pixels; unknown members are left out. */
export interface SeriesFacts {
  readonly kvp?: number;
  readonly exposureMas?: number;
  readonly ctdiVolMgy?: number;
  readonly sliceThicknessMm?: number;
  readonly kernel?: string;
  readonly scanner?: string;
  readonly bodyPart?: string;
}

/** One series of the training or validation data. */
export interface TrainingSeries {
  /** Subject and series, as they enter the model card; public data only. */
  readonly id: string;
  readonly volume: Volume<"HU">;
  /** Pseudonym of the patient, animal or phantom; default unknown. */
  readonly patientId?: string;
  /** Half of a pair, one of several scans, or (default) an image of its own. */
  readonly role?: "input" | "target" | "repeat" | "image";
  /** Input and target of a pair, or repeats, have the same. */
  readonly pairId?: string;
  /** Pool of unpaired training, "x" or "y". */
  readonly pool?: string;
  readonly facts?: SeriesFacts;
}

/** A series that gave no pairs, and why. */
export interface SkippedSeries {
  readonly id: string;
  readonly code: string;
  readonly reason: string;
}

/** Options of the builders of training data. */
export interface TrainingDataOptions extends LongWorkOptions {
  /** Told of every series that cannot be used. */
  readonly onSkipped?: (skipped: SkippedSeries) => void;
}

/** HU rounded to int16: half the memory, and the resolution that CT images have. */
export function roundToInt16(data: ArrayLike<number>): Int16Array {
  const out = new Int16Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = Math.max(-32768, Math.min(32767, Math.round(data[i])));
  return out;
}

/** A volume as a stack of slices, HU rounded to int16. */
export function toStack(volume: Volume<"HU">): {
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  readonly data: Int16Array;
} {
  const [slices, rows, columns] = volume.geometry.size;
  return { slices, rows, columns, data: roundToInt16(volume.data) };
}
