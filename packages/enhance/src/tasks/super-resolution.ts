/**
 * Super-resolution: sharp series and phantoms, blurred, put on a coarser matrix and given noise; the original is the
 * target, on the same matrix or on one twice as fine (the network's outputScale).
 */
import { buildResolutionPairs } from "../data/resolution-pairs.ts";
import { EnhanceError } from "../errors.ts";
import { createMadeTask, NOISE_OPTION, readAddedNoise, renderPhantom } from "./made-pairs.ts";
import type { TrainingTask } from "./task.ts";

/** Sharper, less noisy images; ×1 and ×2. */
export const superResolution: TrainingTask = createMadeTask({
  name: "super-resolution",
  summary: "blurs sharp series and phantoms, bins them to a coarser matrix and adds noise; ×1 or ×2",
  truth: "the original image with its own noise; for phantoms the noise-free image",
  notes:
    "Inputs are the targets blurred, binned and with added noise; targets keep the noise of their scan, those of phantoms have none.",
  options: {
    fwhmMm: { description: "blur in the plane, full width at half maximum, mm", defaultValue: 1.2 },
    sliceFwhmMm: { description: "blur along z, full width at half maximum, mm", defaultValue: 0 },
    binning: {
      description: "×1: means over blocks of so many pixels, put back by interpolation",
      defaultValue: 1,
    },
    ...NOISE_OPTION,
    noiseHu: { ...NOISE_OPTION.noiseHu, defaultValue: 20 },
  },
  mayEnlarge: true,
  sideMultiple: ({ scale }, { binning }) => scale * (binning as number),
  async make({ recipe, values, shape, series, phantoms, purpose, seed, options }) {
    const { fwhmMm, sliceFwhmMm, binning } = values as Record<string, number>;
    const { scale } = shape;
    const isSound = fwhmMm >= 0 && sliceFwhmMm >= 0 && Number.isInteger(binning) && binning >= 1;
    if (!isSound || (scale !== 1 && binning !== 1)) {
      throw new EnhanceError(
        "RECIPE_INVALID",
        `task "super-resolution": fwhmMm ${fwhmMm}, sliceFwhmMm ${sliceFwhmMm}, binning ${binning} with outputScale ${scale}; widths must be ≥ 0, and binning other than 1 goes with outputScale 1`,
      );
    }
    const noise = readAddedNoise(recipe, values, purpose);
    const make = (list: typeof series): ReturnType<typeof buildResolutionPairs> =>
      buildResolutionPairs(list, {
        ...options,
        scale: scale as 1 | 2,
        ...(fwhmMm > 0 ? { blur: { kind: "gaussian", fwhmMm } } : {}),
        sliceFwhmMm,
        binning,
        ...(noise ? { noise } : {}),
        seed,
      });
    return { real: await make(series), phantoms: await make(phantoms.map(renderPhantom)) };
  },
});
