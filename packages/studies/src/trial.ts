/**
 * A trial: one recipe trained on some patients and judged on others, as a job with a key. The key is the hash of what
 * decides the result, so planning again is free and a result is found again by its configuration.
 */
import { join } from "node:path";
import {
  computeSha256,
  createCentredGrid,
  createVolume,
  type LongWorkOptions,
  stringifyCanonical,
} from "@alara/core";
import {
  buildRecipeProgram,
  checkRecipe,
  packTrainedModel,
  prepareRecipe,
  type Recipe,
  type TrainingSeries,
  trainingTasks,
  trainRecipe,
} from "@alara/enhance";
import { writeBundle } from "@alara/enhance/node";
import { measureSsim } from "@alara/evaluate";
import { type MethodResources, type Runtime, validateWeights } from "@alara/learn";
import { openRunFolder } from "@alara/learn/node";
import { StudiesError } from "./errors.ts";

/** What a trial is; plain JSON, the payload of its job. */
export interface Trial {
  readonly recipe: Recipe;
  /** Patients by side; absent: the sides of the split file. */
  readonly patients?: {
    readonly train: readonly string[];
    readonly validation: readonly string[];
    readonly test: readonly string[];
  };
  /** Pause after this many steps (successive halving). */
  readonly until?: number;
  /** Digest of the data, so that other data are another trial. */
  readonly dataDigest: string;
}

/** Figures of one test image. */
export interface TestFigures {
  readonly id: string;
  readonly patient: string;
  readonly rmseHu: number;
  readonly inputRmseHu?: number;
  /** Structural similarity in the soft-tissue window 40/400 HU (L = 400 HU). */
  readonly ssim?: number;
  readonly inputSsim?: number;
}

/** What a trial found; plain JSON, the result of its job. */
export interface TrialResult {
  /** Best validation, or the last without one: lower is better. */
  readonly score: number;
  readonly steps: number;
  readonly reason: string;
  /** On the test patients; empty without any. */
  readonly test: readonly TestFigures[];
  /** Seconds of training, by the clock that was passed in. */
  readonly seconds: number;
  readonly parameters: number;
}

/** The key of a trial: hash of everything that decides its result, without how long it trains. */
export function computeTrialKey(trial: Trial): Promise<string> {
  const { until: _, ...rest } = trial;
  return computeSha256(new TextEncoder().encode(stringifyCanonical(rest)));
}

/** The key of a trial's job: the same trial up to another step is another job. */
export async function computeJobKey(trial: Trial): Promise<string> {
  return `${await computeTrialKey(trial)}@${trial.until ?? "end"}`;
}

/**
 * Checks a job's payload.
 *
 * @throws StudiesError `TRIAL_BROKEN`, EnhanceError `RECIPE_INVALID`
 */
export function checkTrial(value: unknown): Trial {
  const { recipe, patients, until, dataDigest } = (value ?? {}) as Record<string, unknown>;
  const isList = (list: unknown): boolean =>
    Array.isArray(list) && list.every((item) => typeof item === "string");
  const sides = (patients ?? {}) as Record<string, unknown>;
  const arePatientsFine =
    patients === undefined || (isList(sides.train) && isList(sides.validation) && isList(sides.test));
  const isUntilFine = until === undefined || (Number.isInteger(until) && (until as number) >= 1);
  if (!arePatientsFine || !isUntilFine || typeof dataDigest !== "string") {
    throw new StudiesError(
      "TRIAL_BROKEN",
      "the job's payload is no trial; it was planned by another version",
    );
  }
  checkRecipe(recipe);
  return value as Trial;
}

/** The patient of a series: its pseudonym, or its id without the number of the series. */
export function getPatientId(series: Pick<TrainingSeries, "id" | "patientId">): string {
  return series.patientId ?? series.id.replace(/#\d+$/, "");
}

/** Series by the side on which a trial uses them. */
export interface TrialSeries {
  readonly training: readonly TrainingSeries[];
  readonly validation: readonly TrainingSeries[];
  readonly test: readonly TrainingSeries[];
}

/** What {@link runTrial} needs. */
export interface RunTrialOptions extends LongWorkOptions {
  readonly runtime: Runtime;
  /** The run's folder is `<folder>/<key>`; a run that is there goes on. */
  readonly folder: string;
  readonly resources?: MethodResources;
  readonly threads?: number;
  /** Monotonic seconds. */
  readonly nowS: () => number;
  readonly codeVersion: string;
  readonly commit: string;
}

/** SSIM of two slices in the soft-tissue window. */
function measureImageSsim(image: Float32Array, target: Float32Array, rows: number, columns: number): number {
  const grid = createCentredGrid([1, rows, columns], [1, 1, 1]);
  return measureSsim(createVolume("HU", grid, image), createVolume("HU", grid, target)).value;
}

/** Judges the finished networks on held-out series, image by image. */
async function judge(
  prepared: Awaited<ReturnType<typeof prepareRecipe>>,
  values: Readonly<Record<string, Float32Array>>,
  series: readonly TrainingSeries[],
  options: RunTrialOptions,
): Promise<TestFigures[]> {
  const { recipe, program } = prepared;
  const task = trainingTasks.get(recipe.data.task?.name ?? "low-dose");
  const work = { ...(options.signal ? { signal: options.signal } : {}), samples: Number.POSITIVE_INFINITY };
  const validation = await task.prepareValidation({ recipe, program, validation: series }, work);
  if (validation === undefined) return [];
  /** An image's id is its series' id, or begins with it. */
  const findPatient = (id: string): string => {
    const owner = series.find((item) => id === item.id || id.startsWith(`${item.id}/`));
    return owner === undefined ? id : getPatientId(owner);
  };
  const result = await validateWeights(program, values, validation, options.runtime);
  return result.perPair.map((figures) => {
    const sample = result.samples.find(({ id }) => id === figures.id);
    const find = (name: string): Float32Array | undefined =>
      sample?.images.find((image) => image.name === name)?.data;
    const [input, output, target] = ["input", "output", "target"].map(find);
    const measure = (image: Float32Array | undefined): number | undefined =>
      sample && image && target ? measureImageSsim(image, target, sample.rows, sample.columns) : undefined;
    const [ssim, inputSsim] = [measure(output), measure(input)];
    return {
      ...figures,
      patient: findPatient(figures.id),
      ...(ssim === undefined ? {} : { ssim }),
      ...(inputSsim === undefined ? {} : { inputSsim }),
    };
  });
}

/**
 * Trains a trial in its run folder (going on where it was left) and judges it on its test series.
 *
 * @throws what preparing and training throw; on abort, the signal's reason after a checkpoint was saved
 * Tested: a killed trial goes on to the same result bit for bit.
 */
export async function runTrial(
  trial: Trial,
  series: TrialSeries,
  options: RunTrialOptions,
): Promise<TrialResult> {
  const { runtime, threads, resources, signal, onProgress, nowS } = options;
  const work = { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) };
  const started = nowS();
  const prepared = await prepareRecipe(trial.recipe, series, {
    ...work,
    quality: "skip",
    ...(resources ? { resources } : {}),
  });
  const folder = join(options.folder, await computeTrialKey(trial));
  const run = await openRunFolder(folder, { resume: "if-present" });
  const result = await trainRecipe(prepared, {
    runtime,
    sink: run.sink,
    ...(run.resume ? { resume: run.resume } : {}),
    ...(threads === undefined ? {} : { threads }),
    ...(trial.until === undefined ? {} : { until: trial.until }),
    ...work,
  });
  const facts = { codeVersion: options.codeVersion, commit: options.commit };
  if (result.reason !== "paused") {
    await writeBundle(join(folder, "model"), await packTrainedModel(prepared, result, facts));
  }
  const { main } = buildRecipeProgram(trial.recipe, resources).networks;
  return {
    score: result.best?.score ?? Number.POSITIVE_INFINITY,
    steps: result.checkpoint.step,
    reason: result.reason,
    test: series.test.length === 0 ? [] : await judge(prepared, result.values, series.test, options),
    seconds: nowS() - started,
    parameters: main.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
  };
}
