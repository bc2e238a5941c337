/**
 * What the page and its training worker say to each other. The page opens once and then posts one job at a time; the
 * worker reports what the trainer's sink is told, and ends with "done" or "failed".
 */
import type { Progress } from "@alara/core";
import type { TrainLogEntry } from "../train-log.ts";
import type { TrainResult } from "../trainer.ts";
import type { ValidationSample } from "../validation.ts";
import type { TrainingJob } from "./training-job.ts";

/** What a runtime says of itself. */
export interface RuntimeReport {
  readonly provider: string;
  readonly device?: string;
  readonly version: string;
  readonly unavailable: readonly { readonly provider: string; readonly reason: string }[];
}

/** To the worker. */
export type WorkerRequest<Options> =
  | { readonly kind: "open"; readonly options: Options }
  | { readonly kind: "train"; readonly job: TrainingJob }
  | { readonly kind: "abort" };

/** From the worker. */
export type WorkerReply =
  | { readonly kind: "opened"; readonly report: RuntimeReport }
  | { readonly kind: "log"; readonly entry: TrainLogEntry }
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "sample"; readonly sample: ValidationSample }
  | { readonly kind: "checkpoint"; readonly bytes: Uint8Array }
  | { readonly kind: "batch that failed"; readonly step: number; readonly bytes: Uint8Array }
  | {
      readonly kind: "done";
      readonly values: Readonly<Record<string, Float32Array>>;
      readonly reason: TrainResult["reason"];
    }
  /** `code` where the cause was an error of `learn`. */
  | { readonly kind: "failed"; readonly code?: string; readonly message: string };
