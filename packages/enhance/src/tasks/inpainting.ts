/** Inpainting: holes of known content in series and phantoms; fields input (filled), mask and target. */
import { createInpaintingSource, type HoleOptions, listPatchSides, type Validation } from "@alara/learn";
import { buildImages } from "../data/real-data.ts";
import { EnhanceError } from "../errors.ts";
import type { RecipeValues } from "../recipe.ts";
import { limitSlices, type TrainingDataOptions, type TrainingSeries } from "../training-data.ts";
import { splitWords } from "./artifacts.ts";
import { readDrawOptions } from "./draw-options.ts";
import { createHoleValidation } from "./held-out.ts";
import { drawPhantoms, renderPhantom } from "./made-pairs.ts";
import { readTaskOptions, type TaskInputs, type TrainingTask } from "./task.ts";

function readHoles(values: RecipeValues): HoleOptions {
  const { count, sizeShare } = values as Readonly<Record<string, readonly number[]>>;
  const shapes = splitWords(values.shapes);
  const isSound = shapes.length > 0 && shapes.every((shape) => shape === "box" || shape === "blob");
  if (!isSound || count.length !== 2 || sizeShare.length !== 2) {
    throw new EnhanceError(
      "RECIPE_INVALID",
      `task "inpainting": shapes "${values.shapes}", count [${count.join(", ")}], sizeShare [${sizeShare.join(", ")}]; shapes are box and blob, the others [least, most]`,
    );
  }
  return {
    shapes: shapes as ("box" | "blob")[],
    count: [count[0], count[1]],
    sizeShare: [sizeShare[0], sizeShare[1]],
    fillHu: values.fillHu as number,
  };
}

/** Filled holes. */
export const inpainting: TrainingTask = {
  summary: "cuts holes into series and phantoms; the network fills them from their surroundings",
  truth: "what stood in the hole, with its noise; what a network puts there in use is invented",
  fields: ["input", "mask", "target"],
  options: {
    shapes: { description: '"box", "blob" or both with a comma between', defaultValue: "box, blob" },
    count: { description: "holes per patch, [least, most]", defaultValue: [1, 3] },
    sizeShare: {
      description: "side of a hole over that of the patch, [least, most]",
      defaultValue: [0.1, 0.35],
    },
    fillHu: { description: "what stands in the holes, HU", defaultValue: 0 },
  },
  async prepare(inputs, options) {
    const { recipe, program, training } = inputs;
    const holes = readHoles(readTaskOptions(recipe, this.options));
    if (program.fields.mask === undefined) {
      throw new EnhanceError(
        "RECIPE_INVALID",
        `task "inpainting" gives a mask, but the method "${program.name}" does not ask for one: set the method's option isInpainting and the network's hasStrength to true`,
      );
    }
    const { phantoms: wanted, maximumSlicesPerSeries } = recipe.data;
    const limited = training.map((item): TrainingSeries => {
      return { ...item, volume: limitSlices(item.volume, maximumSlicesPerSeries) };
    });
    const real = limited.length === 0 ? [] : buildImages(limited, options);
    const size =
      training.length === 0 ? {} : { size: Math.min(...training[0].volume.geometry.size.slice(1)) };
    const isUsed = wanted.share > 0 || real.length === 0;
    const drawn = drawPhantoms(recipe, {
      count: isUsed ? wanted.count : 0,
      ...size,
      stream: "training-inpainting-phantoms",
    }).map(renderPhantom);
    const phantoms = drawn.length === 0 ? [] : buildImages(drawn, options);
    if (real.length + phantoms.length === 0) {
      throw new EnhanceError(
        "NO_TRAINING_DATA",
        'task "inpainting" has no series and no phantoms; add series to the split or set data.phantoms.count',
      );
    }
    const sum = real.reduce((total, { weight = 1 }) => total + weight, 0);
    const each =
      sum === 0 ? 1 : (sum * wanted.share) / ((1 - Math.min(wanted.share, 0.999)) * phantoms.length);
    const validation = hold(inputs, options);
    return {
      source: createInpaintingSource([...real, ...phantoms.map((image) => ({ ...image, weight: each }))], {
        ...readDrawOptions(recipe),
        holes,
      }),
      ...(validation ? { validation } : {}),
      trainingIds: real.map(({ id }) => id),
      validationIds: validation ? inputs.validation.map(({ id }) => id) : [],
      notes: "Holes of known content; what the network puts into a hole in use is invented.",
      summary: `${real.length} series and ${phantoms.length} phantoms with holes; ${validation ? `validation on ${inputs.validation.length} slices` : "no validation"}`,
    };
  },
  async prepareValidation(inputs, { samples = 0, ...options }) {
    return hold(inputs, options, samples);
  },
};

function hold(
  inputs: Omit<TaskInputs, "training">,
  options: TrainingDataOptions,
  samples?: number,
): Validation | undefined {
  const { recipe, program, validation } = inputs;
  if (validation.length === 0) return undefined;
  const middles = validation.map((item) => ({ ...item, volume: limitSlices(item.volume, 1) }));
  return createHoleValidation(buildImages(middles, options), {
    holes: readHoles(readTaskOptions(recipe, inpainting.options)),
    seed: recipe.training.seed,
    sizeMultiple: program.networks.main.sizeMultiple,
    patch: listPatchSides(recipe.training.patch),
    ...(samples === undefined ? {} : { samples }),
  });
}
