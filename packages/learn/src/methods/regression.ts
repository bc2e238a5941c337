/**
 * Paired regression: minimise losses between the network's output and a target. Noisy targets are allowed: with l2 the
 * network learns the conditional mean, with l1 the median. What the pairs are (low dose and high dose, blurred and
 * sharp, with and without an artifact) is the data's business. Noise2Noise and Noise2Inverse are the same program on
 * other data.
 */
import type { TrainingProgram } from "../program.ts";
import { type Method, type MethodRecipe, readOptions } from "./method.ts";
import { buildContentLosses, createPairedSetup, type PairedSetupOptions } from "./paired-setup.ts";
import { buildSingleProgram } from "./single-program.ts";

function buildPairedProgram(
  recipe: MethodRecipe,
  options: PairedSetupOptions & { readonly isSymmetric?: boolean },
): TrainingProgram {
  const { image, prediction, target, ...single } = createPairedSetup(recipe, options);
  const losses = buildContentLosses(recipe, prediction, target);
  if (options.isSymmetric) {
    const swapped = buildContentLosses(recipe, single.network.apply(target), image);
    for (const [name, term] of Object.entries(swapped)) losses[`${name}-swapped`] = term;
  }
  return buildSingleProgram(recipe, { ...single, losses });
}

/** Paired regression. */
export const regression: Method = {
  summary: "one network; losses between its output and a target",
  when: "images with and without the fault of the same object, real or simulated: dose, resolution, artifacts, contrast",
  fields: ["input", "target"],
  options: {
    isInpainting: {
      description: "the network's last channel is the mask of a hole to fill",
      defaultValue: false,
    },
  },
  build(recipe) {
    const { isInpainting } = readOptions(recipe.method, this.options, recipe.options);
    return buildPairedProgram(recipe, {
      input: "input",
      target: "target",
      isInpainting: isInpainting === true,
    });
  },
};

/** Noise2Noise: Lehtinen et al. 2018, eq. 6. */
export const noise2noise: Method = {
  summary:
    "one network; its output for one noisy scan is compared with another noisy scan of the same object",
  when: "repeated scans, or projections split into two halves, with independent noise; no clean images needed",
  fields: ["a", "b"],
  options: {
    isSymmetric: { description: "use each pair in both directions", defaultValue: true },
  },
  build(recipe) {
    const { isSymmetric } = readOptions(recipe.method, this.options, recipe.options);
    return buildPairedProgram(recipe, { input: "a", target: "b", isSymmetric: isSymmetric === true });
  },
};

/** Noise2Inverse: Hendriksen, Pelt & Batenburg 2020 (IEEE TCI 6:1320), eq. 15, strategy X:1. */
export const noise2inverse: Method = {
  summary:
    "one network; from the mean reconstruction of all but one subset of the views to that of the one left out",
  when: "projections of one scan at hand; noise in the subsets is independent even where that of pixels is not",
  fields: ["input", "target"],
  options: {},
  build(recipe) {
    readOptions(recipe.method, this.options, recipe.options);
    return buildPairedProgram(recipe, { input: "input", target: "target" });
  },
};
