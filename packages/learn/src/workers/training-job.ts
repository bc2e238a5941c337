/**
 * A training run as one plain value that can be posted to a worker: recipe, settings and data. What it means is the
 * same everywhere, so a worker in a browser and Node train alike. Not here: the worker (web/), the loop (trainer.ts).
 */
import { createRandom, type LongWorkOptions } from "@alara/core";
import { decodeCheckpoint } from "../checkpoint.ts";
import type { BatchSource } from "../data/batch-source.ts";
import {
  createPairSource,
  type ExplicitPair,
  type PairSourceOptions,
  type TrainingPair,
} from "../data/pair-source.ts";
import { LearnError } from "../errors.ts";
import { type MethodRecipe, methods } from "../methods/index.ts";
import type { TrainingProgram } from "../program.ts";
import type { Runtime } from "../runtime.ts";
import type { TrainSink } from "../train-log.ts";
import { runTraining, type TrainResult, type TrainSettings } from "../trainer.ts";
import { createPairValidation, type ValidationPair } from "../validation.ts";

/** Made-up slices: textured discs in air with white noise. They try a set-up out; they are no CT. */
export interface DiscData {
  readonly kind: "discs";
  readonly seed: number;
  /** Slices, ≥ 1. */
  readonly count: number;
  /** Rows and columns. */
  readonly side: number;
  /** Standard deviation of the noise at unit level, HU. */
  readonly noiseHu: number;
}

/** Pairs of input and target; their arrays are copied to the worker. */
export interface PairData {
  readonly kind: "pairs";
  readonly pairs: readonly (TrainingPair | ExplicitPair)[];
  readonly options?: PairSourceOptions;
}

/** A training run; can be cloned and posted. */
export interface TrainingJob {
  readonly recipe: MethodRecipe;
  readonly settings: TrainSettings;
  readonly data: DiscData | PairData;
  /** Held-out pairs; default none. */
  readonly validation?: readonly ValidationPair[];
  /** Bytes of a checkpoint to continue from. */
  readonly resume?: Uint8Array;
  /** Names the data, for the digest that guards resuming; default "". */
  readonly dataId?: string;
}

/** Options of {@link runTrainingJob}. */
export interface RunJobOptions extends LongWorkOptions {
  readonly sink?: TrainSink;
}

/** Discs whose grey value waves, each with two fields of noise. */
function createDiscs({ seed, count, side, noiseHu }: DiscData): readonly TrainingPair[] {
  if (!Number.isInteger(count) || count < 1 || !Number.isInteger(side) || side < 8 || !(noiseHu > 0)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `discs need count ≥ 1, side ≥ 8 and noiseHu > 0, got ${count}, ${side} and ${noiseHu}`,
    );
  }
  const random = createRandom(seed).derive("discs");
  return Array.from({ length: count }, (_, n) => {
    const phase = 2 * Math.PI * random.nextUniform();
    const radius = side * (0.3 + 0.15 * random.nextUniform());
    const target = Float32Array.from({ length: side * side }, (_value, p) => {
      const [row, column] = [Math.floor(p / side), p % side];
      const isInside = Math.hypot(row - side / 2, column - side / 2) < radius;
      return isInside ? 40 + 60 * Math.sin(row / 7 + phase) * Math.cos(column / 9) : -1000;
    });
    const noises = [0, 1].map(() => Float32Array.from(target, () => noiseHu * random.nextNormal()));
    return { id: `disc ${n + 1}`, rows: side, columns: side, target, noises, levelRange: [0.7, 1.4] };
  });
}

function createSource(data: TrainingJob["data"]): BatchSource {
  if (data.kind === "discs") return createPairSource(createDiscs(data), { tissueFraction: 0 });
  return createPairSource(data.pairs, data.options);
}

/** The program that a job trains: which networks come out, and how their weights lie in the result's vectors. */
export function buildJobProgram(job: TrainingJob): TrainingProgram {
  return methods.get(job.recipe.method).build(job.recipe);
}

/**
 * Trains what a job says on a runtime.
 *
 * @throws LearnError as the method's `build`, `createPairSource` and `runTraining`
 * Tested: Chromium's WebAssembly in a worker and Node's CPU give the same losses.
 */
export async function runTrainingJob(
  job: TrainingJob,
  runtime: Runtime,
  options: RunJobOptions = {},
): Promise<TrainResult> {
  const { settings, validation = [], resume, dataId } = job;
  return runTraining({
    ...options,
    ...{ program: buildJobProgram(job), settings, source: createSource(job.data), runtime },
    ...(validation.length === 0 ? {} : { validation: createPairValidation(validation) }),
    ...(resume === undefined ? {} : { resume: await decodeCheckpoint(resume) }),
    ...(dataId === undefined ? {} : { dataId }),
  });
}
