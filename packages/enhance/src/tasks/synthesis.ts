/**
 * Synthesis: an image from a limited, strongly degraded one, a scan of few views or a matrix 4 to 8 times coarser, with
 * noise. What the input does not hold is invented in the likeness of the training data.
 */

import { createRandom } from "@alara/core";
import { degradeBySparseViews, degradeResolution } from "@alara/recon";
import { roundToInt16 } from "../data/training-series.ts";
import { EnhanceError } from "../errors.ts";
import { CHAIN_OPTIONS, readChain } from "./artifacts.ts";
import { addNoiseFields, createMadeTask, NOISE_OPTION, readAddedNoise, renderPhantom } from "./made-pairs.ts";
import type { TrainingTask } from "./task.ts";

/** Images from limited data. */
export const synthesis: TrainingTask = createMadeTask({
  name: "synthesis",
  summary: "takes nearly everything away (views, or resolution by 4 to 8) and adds noise",
  truth: "the original image; what the input does not hold is invented, so it must not be read as found",
  notes:
    "Inputs are the targets with few views or a coarse matrix and noise; details that inputs lack are invented by the network.",
  options: {
    kind: { description: '"coarse" matrix or "few-views"', defaultValue: "coarse" },
    factor: { description: "coarse: side of the blocks in pixels, 2 to 8", defaultValue: 4 },
    keepEvery: {
      description: "few-views: every so many-th view is kept; divides the views",
      defaultValue: 24,
    },
    ...CHAIN_OPTIONS,
    ...NOISE_OPTION,
    noiseHu: { ...NOISE_OPTION.noiseHu, defaultValue: 30 },
    slices: { description: "slices used per series at most", defaultValue: 16 },
  },
  slicesOption: "slices",
  async make({ recipe, values, series, phantoms, purpose, seed, options }) {
    const { factor, keepEvery } = values as Record<string, number>;
    const { kind } = values;
    if (
      (kind !== "coarse" && kind !== "few-views") ||
      !(Number.isInteger(factor) && factor >= 2 && factor <= 8)
    ) {
      throw new EnhanceError(
        "RECIPE_INVALID",
        `task "synthesis": kind "${kind}", factor ${factor}; kind is "coarse" or "few-views", factor a whole number in 2..8`,
      );
    }
    const noise = readAddedNoise(recipe, values, purpose);
    const seeds = createRandom(seed);
    const work = options.signal ? { signal: options.signal } : {};
    const makeOne = async ({ id, volume }: (typeof series)[number]) => {
      const { clean, degraded } =
        kind === "coarse"
          ? await degradeResolution(volume, { ...work, binning: factor })
          : await degradeBySparseViews(volume, { ...work, ...readChain(values), keepEvery });
      const [slices, rows, columns] = clean.geometry.size;
      const pair = {
        id,
        slices,
        rows,
        columns,
        input: roundToInt16(degraded.data),
        target: roundToInt16(clean.data),
      };
      return addNoiseFields(pair, clean, noise, { ...work, seed: seeds.derive(id).nextUint32() });
    };
    const makeAll = async (list: typeof series): Promise<Awaited<ReturnType<typeof makeOne>>[]> => {
      const pairs = [];
      for (const item of list) {
        pairs.push(await makeOne(item));
        options.onProgress?.({ phase: "synthesis", done: pairs.length, total: list.length, unit: "pairs" });
      }
      return pairs;
    };
    return { real: await makeAll(series), phantoms: await makeAll(phantoms.map(renderPhantom)) };
  },
});
