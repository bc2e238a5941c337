/**
 * Contrast enhancement with a truth that physics gives: the object at another energy, with more iodine, or through a
 * stated map of HU.
 */
import { createCentredGrid, createRandom } from "@alara/core";
import { createThoraxPhantom } from "@alara/physics";
import { buildContrastPairs, type ContrastSource, type ContrastTruth } from "../data/contrast-pairs.ts";
import { EnhanceError } from "../errors.ts";
import type { RecipeValues } from "../recipe.ts";
import {
  createMadeTask,
  NOISE_OPTION,
  type PhantomCase,
  readAddedNoise,
  renderPhantom,
} from "./made-pairs.ts";
import type { TrainingTask } from "./task.ts";

function readTruth(values: RecipeValues): ContrastTruth {
  const { fromKev, toKev, factor } = values as Record<string, number>;
  if (values.truth === "monoenergetic") return { kind: "monoenergetic", fromKev, toKev };
  if (values.truth === "iodine") return { kind: "iodine", factor, energyKev: fromKev };
  const flat = values.map as readonly number[];
  if (values.truth !== "map" || flat.length < 4 || flat.length % 2 !== 0) {
    throw new EnhanceError(
      "RECIPE_INVALID",
      `task "contrast": truth "${values.truth}" with a map of ${flat.length} numbers; truth is monoenergetic, iodine or map, and a map is [input HU, target HU, input HU, target HU …]`,
    );
  }
  const points = Array.from({ length: flat.length / 2 }, (_, k) => [flat[2 * k], flat[2 * k + 1]] as const);
  return { kind: "map", points };
}

/** A thorax with iodine in its vessels, imaged at a height and with a concentration of its own. */
function drawThorax({ id, grid }: PhantomCase, seed: number): ContrastSource {
  const random = createRandom(seed).derive(id);
  const heightMm = 160 * (random.nextUniform() - 0.5);
  const anatomySeed = random.nextUint32();
  const centred = createCentredGrid(grid.size, grid.spacingMm);
  const [x, y, z] = centred.originMm;
  return {
    id,
    createPhantom: (iodineMgPerMl) => createThoraxPhantom({ iodineMgPerMl, seed: anatomySeed, nodules: 4 }),
    iodineMgPerMl: 1 + 9 * random.nextUniform(),
    grid: { ...centred, originMm: [x, y, z + heightMm] },
  };
}

/** Images with more contrast. */
export const contrast: TrainingTask = createMadeTask({
  name: "contrast",
  summary: "shows the same object at another energy, with more iodine, or through a map of HU",
  truth:
    "what physics gives for the segmented image (energy, iodine), or the stated map; no new information, the source's noise scaled with its tissue",
  notes:
    "Targets are computed from the inputs' tissues (energy, iodine) or by a stated map; noise is added to inputs only.",
  options: {
    truth: {
      description: '"monoenergetic", "iodine" (thorax phantoms only) or "map"',
      defaultValue: "monoenergetic",
    },
    fromKev: { description: "energy that the input stands for, keV", defaultValue: 70 },
    toKev: { description: "monoenergetic: energy of the target, keV", defaultValue: 50 },
    factor: { description: "iodine: factor on the concentration", defaultValue: 2 },
    map: {
      description: "map: input HU, target HU, input HU, target HU … ascending, linear between",
      defaultValue: [-1000, -1000, -160, -160, 0, 0, 120, 240, 1000, 1120],
    },
    ...NOISE_OPTION,
    noiseHu: { ...NOISE_OPTION.noiseHu, defaultValue: 15 },
    slices: { description: "slices used per series at most", defaultValue: 16 },
  },
  slicesOption: "slices",
  needsPhantoms: ({ truth }) => truth === "iodine",
  async make({ recipe, values, series, phantoms, purpose, seed, options }) {
    const truth = readTruth(values);
    const noise = readAddedNoise(recipe, values, purpose);
    const make = (sources: readonly ContrastSource[]): ReturnType<typeof buildContrastPairs> =>
      buildContrastPairs(sources, { ...options, truth, seed, ...(noise ? { noise } : {}) });
    const drawn = phantoms.map((item) =>
      truth.kind === "iodine" ? drawThorax(item, seed) : renderPhantom(item),
    );
    return { real: await make(series), phantoms: await make(drawn) };
  },
});
