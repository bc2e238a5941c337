/**
 * What a training run tells: lines of its log, and the sink that takes them with checkpoints, samples and failures. Sums
 * between two lines are kept here too. Not here: where it is written (node/run-folder.ts).
 */
import type { PendingLog } from "./checkpoint.ts";
import type { PairFigures, ValidationSample } from "./validation.ts";

/** A line of the training log. */
export type TrainLogEntry =
  | {
      readonly kind: "train";
      readonly step: number;
      /** Phase → learning rate. */
      readonly learningRates: Readonly<Record<string, number>>;
      /** Means since the last line: `<phase>.loss.<name>` and `<phase>.gradientNorm`. */
      readonly means: Readonly<Record<string, number>>;
    }
  | {
      readonly kind: "validation";
      readonly step: number;
      /** Over all pixels of all pairs, averaged weights; absent where there is no truth. */
      readonly rmseHu?: number;
      /** The same for the unprocessed input. */
      readonly inputRmseHu?: number;
      /** All figures of the validation. */
      readonly figures: Readonly<Record<string, number>>;
      /** Decides which weights are best: lower is better. */
      readonly score: number;
      readonly perPair: readonly PairFigures[];
      readonly isBest: boolean;
    }
  | { readonly kind: "end"; readonly step: number; readonly reason: "finished" | "early stop" | "aborted" };

/** Receives what a run produces; `@alara/learn/node` has one that writes a run folder. */
export interface TrainSink {
  log(entry: TrainLogEntry): Promise<void>;
  saveCheckpoint(bytes: Uint8Array): Promise<void>;
  /** Images of a validation. */
  saveSample?(sample: ValidationSample): Promise<void>;
  /** The batch that made the loss not finite, as `decodeArrays` reads it. */
  saveFailure?(step: number, bytes: Uint8Array): Promise<void>;
}

/** JSON has no NaN: figures as text where they are not finite. */
export function describeValues(values: Readonly<Record<string, number>>): Record<string, number | string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Number.isFinite(value) ? value : String(value)]),
  );
}

/** Adds the figures of one run to the sums. */
export function accumulate(pending: PendingLog, values: Readonly<Record<string, number>>): PendingLog {
  const sums: Record<string, { readonly sum: number; readonly count: number }> = { ...pending };
  for (const [name, value] of Object.entries(values)) {
    const { sum, count } = sums[name] ?? { sum: 0, count: 0 };
    sums[name] = { sum: sum + value, count: count + 1 };
  }
  return sums;
}

/** Means since the last line. */
export function computeMeans(pending: PendingLog): Record<string, number> {
  return Object.fromEntries(Object.entries(pending).map(([name, { sum, count }]) => [name, sum / count]));
}
