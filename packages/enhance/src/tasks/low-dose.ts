/**
 * Low dose to full dose: real series with inserted noise, and phantoms with noise-free truth.
 */
import { createPairSource, createPairValidation } from "@alara/learn";
import { buildPhantomPairs, buildTrainingPairs, buildValidationPairs } from "../training-data.ts";
import type { TrainingTask } from "./task.ts";

/** The ids of series from the ids of their slices. */
export function listSeriesIds(pairs: readonly { readonly id: string }[]): string[] {
  return [...new Set(pairs.map(({ id }) => id.replace(/\/\d+$/, "")))];
}

/** Low dose to full dose. */
export const lowDose: TrainingTask = {
  summary: "inserts the noise of a lower dose into full-dose series; random body phantoms beside them",
  truth: "the full-dose slice with its own noise; for phantoms the noise-free image",
  fields: ["input", "target"],
  options: {},
  async prepare({ recipe, program, training, validation }, options) {
    const real = await buildTrainingPairs(training, recipe, options);
    const phantoms = await buildPhantomPairs(recipe, real, options);
    const held = await buildValidationPairs(validation, recipe, program.networks.main.sizeMultiple, options);
    return {
      source: createPairSource([...real.pairs, ...phantoms], { tissueFraction: recipe.data.bodyShare }),
      ...(held.length > 0 ? { validation: createPairValidation(held) } : {}),
      trainingIds: listSeriesIds(real.pairs),
      validationIds: held.map(({ id }) => id),
      notes:
        "Pairs by image-domain low-dose insertion: targets keep the noise of the original scan. Phantom pairs have noise-free targets.",
      summary: `${real.pairs.length} slices of ${real.kernels.length} series, ${phantoms.length} phantoms; validation on ${held.length} slices`,
    };
  },
  async prepareValidation({ recipe, program, validation }, { samples = 0, ...options }) {
    const held = await buildValidationPairs(validation, recipe, program.networks.main.sizeMultiple, options);
    return held.length > 0 ? createPairValidation(held, { samples }) : undefined;
  },
};
