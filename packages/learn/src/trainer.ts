/**
 * The trainer: one loop for every method, network, loss and schedule, all of which are data handed to it.
 *
 *   draw a batch → run each phase's compiled step → now and then: log, validate, checkpoint, stop early
 *
 * It has no clock, no files and no global state: random numbers come from the recipe's seed, files belong to
 * the sink. A run resumed from a checkpoint equals the uninterrupted run bit for bit (same machine, provider
 * and thread count).
 */
import {
  computeSha256,
  createRandom,
  type LongWorkOptions,
  type Random,
  restoreRandom,
  stringifyCanonical,
} from "@alara/core";
import {
  type BestWeights,
  type Checkpoint,
  encodeArrays,
  encodeCheckpoint,
  type PendingLog,
} from "./checkpoint.ts";
import type { BatchSource } from "./data/batch-source.ts";
import { LearnError } from "./errors.ts";
import { initialiseParameters } from "./parameters.ts";
import { openPhase, type PhaseResult, type PhaseRunner } from "./phase-runner.ts";
import type { TrainingPhase, TrainingProgram } from "./program.ts";
import type { Runtime } from "./runtime.ts";
import { computeLearningRate } from "./schedule.ts";
import { accumulate, computeMeans, describeValues, type TrainSink } from "./train-log.ts";
import { createTrainState, type TrainState } from "./train-step.ts";
import { validateWeights } from "./validate-weights.ts";
import type { Validation } from "./validation.ts";

/** How a run goes, apart from method and data; plain JSON. */
export interface TrainSettings {
  readonly seed: number;
  /** Patches per step. */
  readonly batch: number;
  /** Sides of a patch, [rows, columns] or [slices, rows, columns], or one side for a square. */
  readonly patch: number | readonly number[];
  readonly steps: number;
  /** Batches whose gradients are averaged for one update; default 1. */
  readonly accumulate?: number;
  /** Steps between log lines; default 50. */
  readonly logEvery?: number;
  /** Steps between validations, each followed by a checkpoint; default 500. */
  readonly validateEvery?: number;
  /** Stop after this many validations without a new best; default: never. */
  readonly patience?: number;
}

/** What {@link runTraining} needs. */
export interface TrainOptions extends LongWorkOptions {
  readonly program: TrainingProgram;
  readonly settings: TrainSettings;
  readonly source: BatchSource;
  /** Default: none; the last averaged weights win. */
  readonly validation?: Validation;
  readonly runtime: Runtime;
  /** Names the training data, for the digest that guards resuming; default "". */
  readonly dataId?: string;
  readonly sink?: TrainSink;
  /** Continue from here. */
  readonly resume?: Checkpoint;
  /**
   * Pause after this step, with a validation and a checkpoint; a multiple of `validateEvery` keeps the whole run the same
   * bit for bit. Default: the last step.
   */
  readonly until?: number;
  /** Start from these weights (group → flat values) instead of drawn ones: fine-tuning. */
  readonly start?: Readonly<Record<string, Float32Array>>;
  readonly threads?: number;
}

/** A finished run. */
export interface TrainResult {
  /** Group → averaged weights: the best by validation, or the last without one. */
  readonly values: Readonly<Record<string, Float32Array>>;
  readonly best: BestWeights | null;
  readonly checkpoint: Checkpoint;
  readonly reason: "finished" | "early stop" | "paused";
}

/** The sides of a patch as a list: one number means a square. */
export function listPatchSides(patch: number | readonly number[]): readonly number[] {
  return typeof patch === "number" ? [patch, patch] : patch;
}

/** Digest of what must not change between a checkpoint and its resumption. */
export function computeRunDigest(
  program: TrainingProgram,
  settings: TrainSettings,
  dataId: string,
): Promise<string> {
  const text = stringifyCanonical({ program: program.description, settings, dataId });
  return computeSha256(new TextEncoder().encode(text));
}

function checkOptions({ program, settings, source }: TrainOptions): void {
  for (const [name, value] of Object.entries({
    batch: settings.batch,
    steps: settings.steps,
    accumulate: settings.accumulate ?? 1,
    ...Object.fromEntries(listPatchSides(settings.patch).map((side, k) => [`patch[${k}]`, side])),
  })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new LearnError("OUT_OF_RANGE", `${name} is ${value}; it must be a whole number ≥ 1`);
    }
  }
  for (const [name, { channels, scale = 1 }] of Object.entries(program.fields)) {
    const offered = source.fields[name];
    if (offered?.channels !== channels || offered.scale !== scale) {
      const found = offered ? `${offered.channels} channel(s) at scale ${offered.scale}` : "nothing";
      throw new LearnError(
        "SHAPE_MISMATCH",
        `method "${program.name}" needs the field "${name}" with ${channels} channel(s) at scale ${scale}, the data source gives ${found}; its fields: ${Object.keys(source.fields).join(", ")}`,
      );
    }
  }
}

function copyState(state: TrainState): TrainState {
  const moments = Object.entries(state.moments).map(([name, values]) => [name, values.slice()]);
  return {
    step: state.step,
    parameters: state.parameters.slice(),
    average: state.average.slice(),
    moments: Object.fromEntries(moments),
  };
}

/** Compiles one phase with its state: resumed, given or drawn. */
function openFrom(options: TrainOptions, phase: TrainingPhase): Promise<PhaseRunner> {
  const { program, settings, runtime, resume, start, threads } = options;
  const prefix = `${phase.name}.`;
  const kept = Object.entries(resume?.buffers ?? {}).filter(([name]) => name.startsWith(prefix));
  const drawWeights = (): Float32Array =>
    initialiseParameters(program.groups[phase.group], createRandom(settings.seed).derive("weights"));
  return openPhase(program, phase, runtime, {
    state: resume?.phases[phase.name] ?? createTrainState(start?.[phase.group] ?? drawWeights()),
    buffers: Object.fromEntries(kept.map(([name, images]) => [name.slice(prefix.length), images])),
    ...(settings.accumulate === undefined ? {} : { accumulate: settings.accumulate }),
    ...(threads === undefined ? {} : { threads }),
  });
}

/** Draws a batch of the program's fields and what its method adds. */
function drawFields(options: TrainOptions, random: Random): Readonly<Record<string, Float32Array>> {
  const { program, settings, source } = options;
  const drawn = source.drawBatch(random, { batch: settings.batch, patch: listPatchSides(settings.patch) });
  return program.prepare?.(drawn, random) ?? drawn;
}

/**
 * Trains what a program holds.
 *
 * @returns the weights to use and the final checkpoint
 * @throws LearnError `OUT_OF_RANGE`, `SHAPE_MISMATCH`, `CHECKPOINT_MISMATCH`, `DIVERGED` (after the batch was saved);
 *   on abort, rejects with the signal's reason after a checkpoint was saved
 * Tested: the loss falls, resumed ≡ uninterrupted bit for bit for every method, early stop, abort.
 */
export async function runTraining(options: TrainOptions): Promise<TrainResult> {
  checkOptions(options);
  const { program, settings, validation, runtime, sink, resume, signal, onProgress } = options;
  const { logEvery = 50, validateEvery = 500, patience = Number.POSITIVE_INFINITY } = settings;
  const recipeDigest = await computeRunDigest(program, settings, options.dataId ?? "");
  if (resume !== undefined && resume.recipeDigest !== recipeDigest) {
    throw new LearnError(
      "CHECKPOINT_MISMATCH",
      `the checkpoint belongs to run ${resume.recipeDigest.slice(0, 12)}, this is ${recipeDigest.slice(0, 12)}; use the recipe, networks and data it was made with, or train anew`,
    );
  }
  const random = resume ? restoreRandom(resume.random) : createRandom(settings.seed).derive("batches");
  let done = resume?.step ?? 0;
  let best = resume?.best ?? null;
  let validationsSinceBest = resume?.validationsSinceBest ?? 0;
  let pending: PendingLog = resume?.pending ?? {};

  const running: PhaseRunner[] = [];
  const readVectors = async (which: "parameters" | "average"): Promise<Record<string, Float32Array>> => {
    const vectors: Record<string, Float32Array> = {};
    for (const { phase, getState } of running) vectors[phase.group] = (await getState())[which];
    return vectors;
  };
  const readStates = async (): Promise<Record<string, TrainState>> => {
    const states: Record<string, TrainState> = {};
    for (const { phase, getState } of running) states[phase.name] = copyState(await getState());
    return states;
  };
  const capture = async (): Promise<Checkpoint> => ({
    recipeDigest,
    step: done,
    phases: await readStates(),
    buffers: Object.fromEntries(
      running.flatMap(({ phase, buffers }) =>
        Object.entries(buffers).map(([name, images]) => [`${phase.name}.${name}`, [...images]]),
      ),
    ),
    random: random.saveState(),
    best,
    validationsSinceBest,
    pending,
  });
  const save = async (): Promise<void> => sink?.saveCheckpoint(await encodeCheckpoint(await capture()));
  const validate = async (): Promise<void> => {
    if (validation === undefined) return;
    const weights = await readVectors("average");
    const { samples, ...result } = await validateWeights(program, weights, validation, runtime);
    const isBest = best === null || result.score < best.score;
    if (isBest) {
      const values = Object.fromEntries(Object.entries(weights).map(([name, list]) => [name, list.slice()]));
      best = { step: done, score: result.score, values };
    }
    validationsSinceBest = isBest ? 0 : validationsSinceBest + 1;
    const { rmseHu, inputRmseHu } = result.figures;
    const truth = {
      ...(rmseHu === undefined ? {} : { rmseHu }),
      ...(inputRmseHu === undefined ? {} : { inputRmseHu }),
    };
    await sink?.log({ kind: "validation", step: done, ...truth, ...result, isBest });
    for (const sample of samples) await sink?.saveSample?.({ step: done, ...sample });
  };
  const stopAtFailure = async (name: string, learningRate: number, result: PhaseResult): Promise<void> => {
    const after = Object.entries(await readVectors("parameters")).map(
      ([group, list]) => [`after.${group}`, list] as const,
    );
    const header = { step: done + 1, phase: name, learningRate, values: describeValues(result.values) };
    const bytes = await encodeArrays(header, [...Object.entries(result.fed), ...after]);
    await sink?.saveFailure?.(done + 1, bytes);
    throw new LearnError(
      "DIVERGED",
      `the loss or its gradient is not finite at step ${done + 1}, phase "${name}", learning rate ${learningRate}: ${JSON.stringify(header.values)}; the batch was saved; lower the learning rate, lengthen the warm-up or set clipNorm`,
    );
  };

  try {
    for (const phase of program.phases) running.push(await openFrom(options, phase));
    if (resume === undefined) await validate();
    const end = Math.min(settings.steps, options.until ?? settings.steps);
    while (done < end && validationsSinceBest < patience) {
      if (signal?.aborted) {
        await sink?.log({ kind: "end", step: done, reason: "aborted" });
        await save();
        signal.throwIfAborted();
      }
      const emitted = new Map<string, Float32Array>();
      const learningRates: Record<string, number> = {};
      let batch: Readonly<Record<string, Float32Array>> | undefined;
      for (const runner of running) {
        const { name, repeats = 1, learningRate: schedule } = runner.phase;
        const learningRate = computeLearningRate(schedule, done + 1, settings.steps);
        learningRates[name] = learningRate;
        const runs = repeats * (settings.accumulate ?? 1);
        for (let k = 0; k < runs; k++) {
          // Phases of one step share a batch; repeated runs take fresh ones.
          if (batch === undefined || k > 0) batch = drawFields(options, random);
          const vectors = Object.fromEntries(
            running.map(({ phase, getParameters }) => [phase.group, getParameters()]),
          );
          const result = await runner.run({ batch, vectors, emitted, learningRate, random });
          for (const [key, values] of Object.entries(result.emitted)) emitted.set(key, values);
          if (!Object.values(result.values).every(Number.isFinite)) {
            await stopAtFailure(name, learningRate, result);
          }
          pending = accumulate(pending, result.values);
        }
      }
      done++;
      if (done % logEvery === 0) {
        await sink?.log({ kind: "train", step: done, learningRates, means: computeMeans(pending) });
        pending = {};
      }
      if (done % validateEvery === 0 || done === end) {
        await validate();
        await save();
      }
      onProgress?.({ phase: "train", done, total: settings.steps, unit: "steps" });
    }
    const isPaused = done === end && end < settings.steps;
    const reason = isPaused ? "paused" : done < settings.steps ? "early stop" : "finished";
    if (reason !== "paused") await sink?.log({ kind: "end", step: done, reason });
    const checkpoint = await capture();
    const last = running.map(({ phase }) => [phase.group, checkpoint.phases[phase.name].average]);
    return { values: best?.values ?? Object.fromEntries(last), best, checkpoint, reason };
  } finally {
    for (const runner of running) await runner.dispose();
  }
}
