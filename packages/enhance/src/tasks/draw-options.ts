/**
 * What a recipe may say about where patches are taken (`data.sampling`) and how they are varied (`data.augmentation`),
 * as the options that all batch sources share.
 */
import { type AugmentationOptions, type DrawOptions, SAMPLING_TISSUES } from "@alara/learn";
import { EnhanceError } from "../errors.ts";
import type { Recipe, RecipeValues } from "../recipe.ts";
import { readValues, type TaskOption } from "./task.ts";

/** Keys of `data.augmentation`, with the defaults of the sources. */
export const AUGMENTATION_KEYS: Readonly<Record<keyof AugmentationOptions, TaskOption>> = {
  turns: { description: '"all" quarter turns and flips, or "none"', defaultValue: "all" },
  rotationRad: {
    description: "largest free rotation in the plane, rad, either way (interpolates)",
    defaultValue: 0,
  },
  shiftPx: { description: "largest sub-pixel shift (interpolates)", defaultValue: 0 },
  scale: {
    description: "magnification [least, most], within 0.5 to 2 (interpolates)",
    defaultValue: [1, 1],
  },
  interpolation: { description: '"cubic" or "linear"', defaultValue: "cubic" },
  offsetHu: { description: "added to all images of a sample, HU, [least, most]", defaultValue: [0, 0] },
  gain: { description: "contrast about air, [least, most]", defaultValue: [1, 1] },
  noiseLevel: {
    description: "scanned and made inputs: factor on input − target, [least, most]",
    defaultValue: [1, 1],
  },
};

/** Keys of `data.sampling`. */
export const SAMPLING_KEYS: Readonly<Record<string, TaskOption>> = {
  tissueShares: {
    description:
      "shares of patches centred in air, lung, soft tissue, bone, as four numbers; empty: as they occur",
    defaultValue: [],
  },
  informativeness: {
    description: 'what makes a place more likely: "uniform", "gradient" or "variance"',
    defaultValue: "uniform",
  },
  floor: { description: "least weight of a place, as a share of the mean", defaultValue: 0.1 },
  blockPx: { description: "side of a judged block, pixels", defaultValue: 16 },
};

function readAugmentation(given: RecipeValues): AugmentationOptions {
  const values = readValues("data.augmentation", AUGMENTATION_KEYS, given);
  for (const [name, value] of Object.entries(values)) {
    if (Array.isArray(value) && value.length !== 2) {
      throw new EnhanceError(
        "RECIPE_INVALID",
        `data.augmentation.${name} is [${value.join(", ")}]; give [least, most]`,
      );
    }
  }
  return values as unknown as AugmentationOptions;
}

/**
 * The drawing options of a recipe. A recipe without the two parts draws by `data.bodyShare` with quarter turns and flips.
 *
 * @throws EnhanceError `RECIPE_INVALID` for unknown keys and wrong types; LearnError `OUT_OF_RANGE` when a source is made
 */
export function readDrawOptions({ data }: Recipe): DrawOptions {
  const augmentation = data.augmentation ? { augmentation: readAugmentation(data.augmentation) } : {};
  if (data.sampling === undefined) return { tissueFraction: data.bodyShare, ...augmentation };
  const values = readValues("data.sampling", SAMPLING_KEYS, data.sampling);
  const shares = values.tissueShares as readonly number[];
  if (shares.length !== 0 && shares.length !== SAMPLING_TISSUES.length) {
    throw new EnhanceError(
      "RECIPE_INVALID",
      `data.sampling.tissueShares has ${shares.length} numbers; give one each for ${SAMPLING_TISSUES.join(", ")}, or none`,
    );
  }
  return {
    tissueFraction: data.bodyShare,
    ...augmentation,
    sampling: {
      informativeness: values.informativeness as "uniform" | "gradient" | "variance",
      floor: values.floor as number,
      blockPx: values.blockPx as number,
      ...(shares.length > 0
        ? { tissueShares: Object.fromEntries(SAMPLING_TISSUES.map((tissue, k) => [tissue, shares[k]])) }
        : {}),
    },
  };
}
