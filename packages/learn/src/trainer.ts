/**
 * The trainer: one loop for every network, loss and schedule, all of which are data handed to it.
 *
 *   draw a batch → run the compiled step → now and then: log, validate, checkpoint, stop early
 *
 * It has no clock, no files and no global state: random numbers come from the recipe's seed, files belong to
 * the sink. A run resumed from a checkpoint equals the uninterrupted run bit for bit (same machine, provider
 * and thread count).
 */
import {
  computeSha256,
  createRandom,
  type LongWorkOptions,
  restoreRandom,
  stringifyCanonical,
} from "@alara/core";
import { type BestWeights, type Checkpoint, encodeCheckpoint, type PendingLog } from "./checkpoint.ts";
import { LearnError } from "./errors.ts";
import { exportInferenceModel, MODEL_INPUT, MODEL_OUTPUT } from "./export-model.ts";
import { type LossOptions, losses } from "./losses.ts";
import type { Network } from "./network.ts";
import { initialiseParameters } from "./parameters.ts";
import type { PatchSource } from "./patch-source.ts";
import { createFloatData, getFloatOutput, type Runtime } from "./runtime.ts";
import { computeLearningRate, type Schedule } from "./schedule.ts";
import { createInput } from "./tensor.ts";
import { type AdamOptions, compileTrainStep, createTrainState, type TrainStep } from "./train-step.ts";

/** Everything that decides a training run apart from network and data; plain JSON. */
export interface TrainRecipe {
  readonly seed: number;
  /** Patches per step. */
  readonly batch: number;
  /** Rows and columns of a patch, a multiple of the network's `sizeMultiple`. */
  readonly patch: number;
  readonly steps: number;
  readonly learningRate: Schedule;
  /** Terms of the loss by registry name. */
  readonly losses: readonly {
    readonly name: string;
    readonly weight?: number;
    readonly options?: LossOptions;
  }[];
  readonly optimiser: AdamOptions;
  /** Steps between log lines; default 50. */
  readonly logEvery?: number;
  /** Steps between validations, each followed by a checkpoint; default 500. */
  readonly validateEvery?: number;
  /** Stop after this many validations without a new best; default: never. */
  readonly patience?: number;
}

/** A held-out slice, HU, `[row][column]`; sizes are multiples of the network's `sizeMultiple`. */
export interface ValidationPair {
  readonly id: string;
  readonly rows: number;
  readonly columns: number;
  readonly input: Float32Array;
  readonly target: Float32Array;
}

/** A line of the training log. */
export type TrainLogEntry =
  | {
      readonly kind: "train";
      readonly step: number;
      readonly learningRate: number;
      /** Means since the last line: `loss.<name>` and `gradientNorm`. */
      readonly means: Readonly<Record<string, number>>;
    }
  | {
      readonly kind: "validation";
      readonly step: number;
      /** Over all pixels of all pairs, averaged weights. */
      readonly rmseHu: number;
      /** The same for the unprocessed input. */
      readonly inputRmseHu: number;
      readonly perPair: readonly { readonly id: string; readonly rmseHu: number }[];
      readonly isBest: boolean;
    }
  | { readonly kind: "end"; readonly step: number; readonly reason: "finished" | "early stop" | "aborted" };

/** Receives what a run produces; `@alara/learn/node` has one that writes a run folder. */
export interface TrainSink {
  log(entry: TrainLogEntry): Promise<void>;
  saveCheckpoint(bytes: Uint8Array): Promise<void>;
}

/** What {@link trainNetwork} needs. */
export interface TrainOptions extends LongWorkOptions {
  readonly network: Network;
  readonly recipe: TrainRecipe;
  readonly source: PatchSource;
  /** Held-out pairs; empty: no validation, the last averaged weights win. */
  readonly validation: readonly ValidationPair[];
  readonly runtime: Runtime;
  /** Names the training data, for the digest that guards resuming; default "". */
  readonly dataId?: string;
  readonly sink?: TrainSink;
  /** Continue from here. */
  readonly resume?: Checkpoint;
  readonly threads?: number;
}

/** A finished run. */
export interface TrainResult {
  /** Averaged weights: the best by validation, or the last without one. */
  readonly values: Float32Array;
  readonly best: BestWeights | null;
  readonly checkpoint: Checkpoint;
  readonly reason: "finished" | "early stop";
}

/** Digest of what must not change between a checkpoint and its resumption. */
export function computeRecipeDigest(network: Network, recipe: TrainRecipe, dataId: string): Promise<string> {
  const text = stringifyCanonical({ network: network.name, config: network.config, recipe, dataId });
  return computeSha256(new TextEncoder().encode(text));
}

/**
 * RMSE of a network on held-out slices, run through the exported inference model.
 *
 * @param values - flat parameter values
 * @returns pooled and per-pair RMSE in HU, and the pooled RMSE of the unprocessed inputs
 */
export async function validateNetwork(
  network: Network,
  values: Float32Array,
  pairs: readonly ValidationPair[],
  runtime: Runtime,
): Promise<{ rmseHu: number; inputRmseHu: number; perPair: { id: string; rmseHu: number }[] }> {
  const session = await runtime.createSession(exportInferenceModel(network, { values }));
  try {
    let [sum, inputSum, count] = [0, 0, 0];
    const perPair: { id: string; rmseHu: number }[] = [];
    for (const { id, rows, columns, input, target } of pairs) {
      const feed = createFloatData(input, [1, 1, rows, columns]);
      const output = getFloatOutput(await session.run({ [MODEL_INPUT]: feed }), MODEL_OUTPUT);
      let [pairSum, pairInputSum] = [0, 0];
      for (let p = 0; p < target.length; p++) {
        pairSum += (output[p] - target[p]) ** 2;
        pairInputSum += (input[p] - target[p]) ** 2;
      }
      perPair.push({ id, rmseHu: Math.sqrt(pairSum / target.length) });
      sum += pairSum;
      inputSum += pairInputSum;
      count += target.length;
    }
    return { rmseHu: Math.sqrt(sum / count), inputRmseHu: Math.sqrt(inputSum / count), perPair };
  } finally {
    await session.dispose();
  }
}

function checkOptions(options: TrainOptions): void {
  const { network, recipe, validation } = options;
  for (const name of ["batch", "patch", "steps"] as const) {
    if (!Number.isInteger(recipe[name]) || recipe[name] < 1) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `recipe: ${name} is ${recipe[name]}; it must be a whole number ≥ 1`,
      );
    }
  }
  if (recipe.patch % network.sizeMultiple !== 0) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `recipe: patch ${recipe.patch} is no multiple of the network's ${network.sizeMultiple}`,
    );
  }
  if (recipe.losses.length === 0)
    throw new LearnError("OUT_OF_RANGE", "recipe: no losses; add one, such as l1");
  for (const { id, rows, columns, input, target } of validation) {
    const isBad = rows % network.sizeMultiple !== 0 || columns % network.sizeMultiple !== 0;
    if (isBad || input.length !== rows * columns || target.length !== rows * columns) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `validation pair "${id}" is ${rows} × ${columns} with ${input.length} and ${target.length} samples; sizes must be multiples of ${network.sizeMultiple} and fit the arrays`,
      );
    }
  }
}

async function compileStep(options: TrainOptions, start: Checkpoint["state"]): Promise<TrainStep> {
  const { network, recipe, runtime, threads } = options;
  const shape = [recipe.batch, 1, recipe.patch, recipe.patch];
  const input = createInput("input", shape);
  const target = createInput("target", shape);
  const prediction = network.apply(input);
  const terms = recipe.losses.map(({ name, weight = 1, options: lossOptions }) => [
    name,
    { value: losses.get(name).build(prediction, target, lossOptions), weight },
  ]);
  return compileTrainStep(
    {
      parameters: network.parameters,
      inputs: [input, target],
      losses: Object.fromEntries(terms),
      optimiser: recipe.optimiser,
    },
    runtime,
    { state: start, ...(threads === undefined ? {} : { threads }) },
  );
}

/**
 * Trains a network.
 *
 * @returns the weights to use and the final checkpoint
 * @throws LearnError `OUT_OF_RANGE`, `SHAPE_MISMATCH`, `CHECKPOINT_MISMATCH`, `DIVERGED`; on abort, rejects
 *   with the signal's reason after a checkpoint was saved
 * Tested: the loss falls, resumed ≡ uninterrupted bit for bit, early stop, abort.
 */
export async function trainNetwork(options: TrainOptions): Promise<TrainResult> {
  checkOptions(options);
  const { network, recipe, source, validation, runtime, sink, resume, signal, onProgress } = options;
  const { logEvery = 50, validateEvery = 500, patience = Number.POSITIVE_INFINITY } = recipe;
  const recipeDigest = await computeRecipeDigest(network, recipe, options.dataId ?? "");
  if (resume !== undefined && resume.recipeDigest !== recipeDigest) {
    throw new LearnError(
      "CHECKPOINT_MISMATCH",
      `the checkpoint belongs to recipe ${resume.recipeDigest.slice(0, 12)}, this run is ${recipeDigest.slice(0, 12)}; use the recipe, network and data it was made with, or train anew`,
    );
  }

  const seeded = createRandom(recipe.seed);
  const random = resume ? restoreRandom(resume.random) : seeded.derive("batches");
  const start =
    resume?.state ?? createTrainState(initialiseParameters(network.parameters, seeded.derive("weights")));
  let best = resume?.best ?? null;
  let validationsSinceBest = resume?.validationsSinceBest ?? 0;
  let pending: PendingLog = resume?.pending ?? { count: 0, sums: {} };

  const step = await compileStep(options, start);
  const capture = (): Checkpoint => {
    const { parameters, firstMoment, secondMoment, average, step: done } = step.getState();
    return {
      recipeDigest,
      state: {
        step: done,
        parameters: parameters.slice(),
        firstMoment: firstMoment.slice(),
        secondMoment: secondMoment.slice(),
        average: average.slice(),
      },
      random: random.saveState(),
      best,
      validationsSinceBest,
      pending,
    };
  };
  const save = async (): Promise<void> => sink?.saveCheckpoint(await encodeCheckpoint(capture()));
  const validate = async (done: number): Promise<void> => {
    if (validation.length === 0) return;
    const values = step.getState().average.slice();
    const result = await validateNetwork(network, values, validation, runtime);
    const isBest = best === null || result.rmseHu < best.rmseHu;
    if (isBest) best = { step: done, rmseHu: result.rmseHu, values };
    validationsSinceBest = isBest ? 0 : validationsSinceBest + 1;
    await sink?.log({ kind: "validation", step: done, ...result, isBest });
  };

  try {
    if (resume === undefined) await validate(0);
    let done = start.step;
    while (done < recipe.steps && validationsSinceBest < patience) {
      if (signal?.aborted) {
        await sink?.log({ kind: "end", step: done, reason: "aborted" });
        await save();
        signal.throwIfAborted();
      }
      const learningRate = computeLearningRate(recipe.learningRate, done + 1, recipe.steps);
      const { input, target } = source.drawBatch(random, recipe.batch, recipe.patch);
      const result = await step.run({ input, target }, { learningRate });
      done++;
      pending = accumulate(pending, result.losses, result.gradientNorm);
      if (!Object.values(pending.sums).every(Number.isFinite)) {
        throw new LearnError(
          "DIVERGED",
          `the loss or its gradient is not finite at step ${done} (learning rate ${learningRate}); lower the learning rate, lengthen the warm-up or set clipNorm`,
        );
      }
      if (done % logEvery === 0) {
        await sink?.log({ kind: "train", step: done, learningRate, means: average(pending) });
        pending = { count: 0, sums: {} };
      }
      if (done % validateEvery === 0 || done === recipe.steps) {
        await validate(done);
        await save();
      }
      onProgress?.({ phase: "train", done, total: recipe.steps, unit: "steps" });
    }
    const reason = done < recipe.steps ? "early stop" : "finished";
    await sink?.log({ kind: "end", step: done, reason });
    const checkpoint = capture();
    return { values: best?.values ?? checkpoint.state.average, best, checkpoint, reason };
  } finally {
    await step.dispose();
  }
}

function accumulate(
  pending: PendingLog,
  lossValues: Readonly<Record<string, number>>,
  gradientNorm: number,
): PendingLog {
  const sums: Record<string, number> = { ...pending.sums };
  for (const [name, value] of Object.entries(lossValues))
    sums[`loss.${name}`] = (sums[`loss.${name}`] ?? 0) + value;
  sums.gradientNorm = (sums.gradientNorm ?? 0) + gradientNorm;
  return { count: pending.count + 1, sums };
}

function average(pending: PendingLog): Record<string, number> {
  return Object.fromEntries(Object.entries(pending.sums).map(([name, sum]) => [name, sum / pending.count]));
}
