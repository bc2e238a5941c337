/**
 * Low dose to full dose: real series with inserted noise, and phantoms with noise-free truth; single slices, slices with
 * their neighbours (2.5D) and slabs (3D).
 */
import { createPairSource, type ValidationPair } from "@alara/learn";
import { EnhanceError } from "../errors.ts";
import {
  buildPhantomPairs,
  buildTrainingPairs,
  buildValidationPairs,
  type TrainingDataOptions,
  type TrainingPairs,
  type TrainingSeries,
} from "../training-data.ts";
import { type BatchShape, readBatchShape, requireSameMatrix } from "./batch-shape.ts";
import { readDrawOptions } from "./draw-options.ts";
import { createHeldValidation } from "./held-out.ts";
import { readTaskOptions, type TaskInputs, type TrainingTask } from "./task.ts";

/** The ids of series from the ids of their slices. */
export function listSeriesIds(pairs: readonly { readonly id: string }[]): string[] {
  return [...new Set(pairs.map(({ id }) => id.replace(/\/\d+$/, "")))];
}

/**
 * Series with inserted noise in the form that a shape needs: a pair per slice, or per series where neighbours count.
 *
 * @throws EnhanceError `NO_TRAINING_DATA` when no series has the slices of a slab
 */
export function buildInsertedPairs(
  { recipe, training }: Pick<TaskInputs, "recipe" | "training">,
  shape: Pick<BatchShape, "planes" | "depth">,
  options: TrainingDataOptions,
): Promise<TrainingPairs> {
  if (shape.planes === 1) return buildTrainingPairs(training, recipe, options);
  return buildTrainingPairs(keepDeep(training, shape.depth, options), recipe, {
    ...options,
    grouping: "series",
  });
}

/**
 * The series with at least so many slices; others are reported.
 *
 * @throws EnhanceError `NO_TRAINING_DATA` when none is left
 */
export function keepDeep(
  series: readonly TrainingSeries[],
  depth: number,
  options: TrainingDataOptions,
): TrainingSeries[] {
  const kept = series.filter(({ id, volume }) => {
    const slices = volume.geometry.size[0];
    if (slices >= depth) return true;
    options.onSkipped?.({ id, code: "TOO_FEW_SLICES", reason: `${slices} slices, a patch has ${depth}` });
    return false;
  });
  if (kept.length > 0 || series.length === 0) return kept;
  throw new EnhanceError(
    "NO_TRAINING_DATA",
    `none of ${series.length} series has the ${depth} slices of a patch; take a patch with fewer slices`,
  );
}

/** Held-out series with inserted noise. */
export function buildInsertedValidation(
  { recipe, validation }: Pick<TaskInputs, "recipe" | "validation">,
  shape: BatchShape,
  options: TrainingDataOptions,
): Promise<ValidationPair[]> {
  return buildValidationPairs(validation, recipe, shape.sizeMultiple, {
    ...options,
    ...(shape.contextSlices > 0 ? { contextSlices: shape.contextSlices } : {}),
    ...(shape.depth > 1 ? { slices: shape.depth } : {}),
  });
}

/** Low dose to full dose. */
export const lowDose: TrainingTask = {
  summary: "inserts the noise of a lower dose into full-dose series; random body phantoms beside them",
  truth: "the full-dose slice with its own noise; for phantoms the noise-free image",
  fields: ["input", "target"],
  options: {},
  async prepare(inputs, options) {
    const { recipe } = inputs;
    readTaskOptions(recipe, this.options);
    const shape = readBatchShape(inputs, "input");
    requireSameMatrix(shape, "low-dose");
    const real = await buildInsertedPairs(inputs, shape, options);
    const phantoms = await buildPhantomPairs(recipe, real, {
      ...options,
      ...(shape.depth > 1 ? { slices: shape.depth } : {}),
    });
    const held = await buildInsertedValidation(inputs, shape, options);
    const validation = createHeldValidation(held, shape);
    return {
      source: createPairSource([...real.pairs, ...phantoms], {
        ...readDrawOptions(recipe),
        ...(shape.contextSlices > 0 ? { contextSlices: shape.contextSlices } : {}),
      }),
      ...(validation ? { validation } : {}),
      trainingIds: listSeriesIds(real.pairs),
      validationIds: held.map(({ id }) => id),
      notes:
        "Pairs by image-domain low-dose insertion: targets keep the noise of the original scan. Phantom pairs have noise-free targets.",
      summary: `${shape.planes === 1 ? `${real.pairs.length} slices of ${real.kernels.length} series` : `${real.pairs.length} series`}, ${phantoms.length} phantoms; validation on ${held.length} slices`,
    };
  },
  async prepareValidation(inputs, { samples = 0, ...options }) {
    const shape = readBatchShape(inputs, "input");
    return createHeldValidation(await buildInsertedValidation(inputs, shape, options), shape, { samples });
  },
};
