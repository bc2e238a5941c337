/**
 * A recipe from series to a model bundle: data checked, batches made, networks trained, the result packed with its card.
 * What the command line, cross-validation and search all call. Not here: reading files, writing folders.
 */
import { computeSha256, createRandom, type LongWorkOptions, stringifyCanonical } from "@alara/core";
import {
  type Checkpoint,
  exportInferenceModel,
  gatherParameters,
  initialiseParameters,
  LearnError,
  layOutParameters,
  type MethodResources,
  MODEL_INPUT,
  MODEL_OUTPUT,
  methods,
  type Network,
  type NetworkConfig,
  type Runtime,
  runTraining,
  type TrainingProgram,
  type TrainResult,
  type TrainSink,
  type WeightTensor,
} from "@alara/learn";
import { type ModelCard, packBundle } from "./bundle.ts";
import { assertUsableData, checkTrainingData } from "./data/quality-control.ts";
import type { DataQualityReport } from "./data/quality-report.ts";
import { getMethodRecipe, getTrainSettings, type Recipe } from "./recipe.ts";
import { type TaskData, trainingTasks } from "./tasks/index.ts";
import type { SkippedSeries, TrainingSeries } from "./training-data.ts";

/** What a recipe is run on. */
export interface RecipeInputs {
  readonly training: readonly TrainingSeries[];
  readonly validation: readonly TrainingSeries[];
}

/** Options of {@link prepareRecipe}. */
export interface PrepareOptions extends LongWorkOptions {
  readonly resources?: MethodResources;
  readonly onSkipped?: (skipped: SkippedSeries) => void;
  /** `"refuse"` (default) throws on faulty data, `"report"` goes on, `"skip"` does not look. */
  readonly quality?: "refuse" | "report" | "skip";
}

/** A recipe with its program and data. */
export interface PreparedRecipe {
  readonly recipe: Recipe;
  readonly program: TrainingProgram;
  readonly data: TaskData;
  /** Absent when it was skipped. */
  readonly quality?: DataQualityReport;
}

/** The program of a recipe: needs no data. */
export function buildRecipeProgram(recipe: Recipe, resources?: MethodResources): TrainingProgram {
  const methodRecipe = getMethodRecipe(recipe);
  return methods.get(methodRecipe.method).build(methodRecipe, resources);
}

/** `folder/subject#3` → `folder/subject`. */
function getPatient(id: string): string {
  return id.replace(/#\d+$/, "");
}

/**
 * Checks the data and makes what the recipe's method asks for.
 *
 * @throws EnhanceError `TRAINING_DATA_FAULTY` with the list of faults, `NO_TRAINING_DATA`, `RECIPE_INVALID`; LearnError
 *   for networks and methods that do not fit together
 */
export async function prepareRecipe(
  recipe: Recipe,
  inputs: RecipeInputs,
  options: PrepareOptions = {},
): Promise<PreparedRecipe> {
  const { resources, quality: mode = "refuse", ...work } = options;
  const program = buildRecipeProgram(recipe, resources);
  const sides = [
    ...inputs.training.map((series) => ({ ...series, side: "train" })),
    ...inputs.validation.map((series) => ({ ...series, side: "val" })),
  ];
  let quality: DataQualityReport | undefined;
  if (mode !== "skip") {
    const series = sides.map((item) => ({
      ...item,
      id: `${item.side}:${item.id}`,
      patientId: item.patientId ?? getPatient(item.id),
    }));
    const hasPairs = sides.some(({ pairId }) => pairId !== undefined);
    quality = await checkTrainingData(series, {
      checks: hasPairs ? ["values", "pairs", "copies"] : ["values", "copies"],
      scale: Number(recipe.data.task?.options?.scale ?? 1),
    });
    if (mode === "refuse") assertUsableData(quality);
  }
  const task = trainingTasks.get(recipe.data.task?.name ?? "low-dose");
  const data = await task.prepare({ recipe, program, ...inputs }, work);
  return { recipe, program, data, ...(quality ? { quality } : {}) };
}

/** Options of {@link trainRecipe}. */
export interface TrainRecipeOptions extends LongWorkOptions {
  readonly runtime: Runtime;
  readonly sink?: TrainSink;
  readonly resume?: Checkpoint;
  readonly threads?: number;
  /** Pause after this step; see `runTraining`. */
  readonly until?: number;
  /** Weights of a model to go on from, by parameter name: fine-tuning. */
  readonly startWeights?: ReadonlyMap<string, WeightTensor>;
}

/**
 * Start vectors in which the main network has the given weights and everything else is drawn as usual.
 *
 * @throws LearnError `WEIGHTS_MISMATCH` naming what is missing or of another shape
 */
export function buildStart(
  program: TrainingProgram,
  seed: number,
  weights: ReadonlyMap<string, WeightTensor>,
): Record<string, Float32Array> {
  const drawn = createRandom(seed).derive("weights");
  const own = new Set(program.networks.main.parameters);
  const faults: string[] = [];
  const start = Object.entries(program.groups).map(([group, parameters]) => {
    const values = initialiseParameters(parameters, drawn);
    for (const [k, { name, offset, length, shape }] of layOutParameters(parameters).entries()) {
      if (!own.has(parameters[k])) continue;
      const given = weights.get(name);
      if (given?.values.length !== length) {
        faults.push(
          `"${name}" [${shape.join(", ")}] ${given === undefined ? "is missing" : `is [${given.shape.join(", ")}]`}`,
        );
      } else values.set(given.values, offset);
    }
    return [group, values] as const;
  });
  if (faults.length > 0) {
    throw new LearnError(
      "WEIGHTS_MISMATCH",
      `the start weights do not fit network "${program.networks.main.name}": ${faults.join("; ")}; use the network and configuration of the model's card`,
    );
  }
  return Object.fromEntries(start);
}

/** A name for start weights: other weights are another run. */
async function digestWeights(weights: ReadonlyMap<string, WeightTensor>): Promise<string> {
  const parts: string[] = [];
  for (const [name, { values }] of weights) {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    parts.push(`${name} ${await computeSha256(bytes)}`);
  }
  return computeSha256(new TextEncoder().encode(parts.join("\n")));
}

/** Trains a prepared recipe. */
export async function trainRecipe(
  prepared: PreparedRecipe,
  options: TrainRecipeOptions,
): Promise<TrainResult> {
  const { recipe, program, data } = prepared;
  const { runtime, sink, resume, threads, until, startWeights, signal, onProgress } = options;
  return runTraining({
    program,
    settings: getTrainSettings(recipe),
    source: data.source,
    ...(data.validation ? { validation: data.validation } : {}),
    runtime,
    dataId: stringifyCanonical({
      trainingIds: data.trainingIds,
      validationIds: data.validationIds,
      data: recipe.data,
      provider: runtime.provider,
      threads: threads ?? "default",
      start: startWeights === undefined ? "drawn" : await digestWeights(startWeights),
    }),
    ...(sink ? { sink } : {}),
    ...(resume ? { resume } : {}),
    ...(startWeights ? { start: buildStart(program, recipe.training.seed, startWeights) } : {}),
    ...(threads === undefined ? {} : { threads }),
    ...(until === undefined ? {} : { until }),
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  });
}

/** What the card of a trained model says of its making. */
export interface BundleFacts {
  readonly codeVersion: string;
  readonly commit: string;
  readonly licence?: string;
}

/** Figures of a run for the card. */
function describeResult(result: TrainResult): Record<string, number> {
  return {
    step: result.checkpoint.step,
    ...(result.best ? { bestStep: result.best.step, score: result.best.score } : {}),
  };
}

/**
 * The HU that a network can give, where it is bound to a window; of two parts of a split network the HU that either can.
 * The gate of `lung-split` has entries of the same names that mean something else.
 */
function findWindow(
  name: unknown,
  config: NetworkConfig,
  prefix = "",
): readonly [number, number] | undefined {
  if (name === "cyclegan-generator") {
    return [Number(config[`${prefix}lowHu`]), Number(config[`${prefix}highHu`])];
  }
  if (name !== "lung-split" || prefix !== "") return undefined;
  const windows = ["inside", "outside"].flatMap((side) => {
    const found = findWindow(config[side], config, `${side}.`);
    return found ? [found] : [];
  });
  if (windows.length === 0) return undefined;
  return [Math.min(...windows.map(([low]) => low)), Math.max(...windows.map(([, high]) => high))];
}

/** What kind of network it is, for whoever runs it. */
function describeInference(
  network: Network,
  hasMask: boolean,
): Omit<ModelCard["inference"], "input" | "output" | "unit"> {
  const hasExtra = network.config.hasStrength === true;
  const slices = network.inputChannels - (hasExtra ? 1 : 0);
  const windowHu = findWindow(network.name, network.config);
  return {
    multipleOf: network.sizeMultiple,
    receptiveRadius: network.receptiveRadius,
    contextSlices: network.dimensions === 3 ? 0 : (slices - 1) / 2,
    dimensions: network.dimensions,
    outputScale: network.outputScale,
    hasStrength: hasExtra && !hasMask,
    ...(hasMask ? { needsMask: true } : {}),
    ...(network.hasGlobalReach === true ? { hasGlobalReach: true } : {}),
    ...(windowHu ? { windowHu } : {}),
  };
}

/**
 * Packs one network of a finished run into a bundle with its card.
 *
 * @param role - network of the program; default "main"
 */
export function packTrainedModel(
  prepared: PreparedRecipe,
  result: TrainResult,
  facts: BundleFacts,
  role = "main",
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { recipe, program, data } = prepared;
  const network = program.networks[role];
  return packBundle(
    {
      name: role === "main" ? recipe.name : `${recipe.name}-${role}`,
      version: recipe.version,
      summary: recipe.summary,
      licence: facts.licence ?? "Apache-2.0",
      intendedUse: "Research only; not a medical device.",
      code: { version: facts.codeVersion, commit: facts.commit },
      network: { name: network.name, config: network.config },
      inference: {
        input: MODEL_INPUT,
        output: MODEL_OUTPUT,
        unit: "HU",
        ...describeInference(network, program.fields.mask !== undefined),
      },
      recipe,
      trainingData: { ids: data.trainingIds, validationIds: data.validationIds, notes: data.notes },
      intendedRange: { modality: "CT", ...recipe.intendedRange },
      validation: describeResult(result),
    },
    exportInferenceModel(network, { values: gatherParameters(program, result.values, network) }),
  );
}
