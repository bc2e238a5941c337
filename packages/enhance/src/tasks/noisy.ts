/**
 * Single noisy images: the user's own series as they are, or with the noise of a lower dose inserted. For
 * self-supervised methods, for autoencoders, and for going on from a shipped model on one's own scanner.
 */
import { type BatchSource, createImageSource, createPairSource, type ValidationPair } from "@alara/learn";
import { buildImages } from "../data/real-data.ts";
import type { TrainingDataOptions } from "../training-data.ts";
import { buildPhantomPairs, limitSlices } from "../training-data.ts";
import { type BatchShape, readBatchShape } from "./batch-shape.ts";
import { readDrawOptions } from "./draw-options.ts";
import { createHeldValidation, cutValidationPairs } from "./held-out.ts";
import { buildInsertedPairs, buildInsertedValidation, keepDeep, listSeriesIds } from "./low-dose.ts";
import { holdScanned } from "./scanned-pairs.ts";
import { readTaskOptions, type TaskInputs, type TrainingTask } from "./task.ts";

/** One field of a source, under another name. */
export function takeField(source: BatchSource, field: string, name: string = field): BatchSource {
  return {
    fields: { [name]: source.fields[field] },
    drawBatch: (random, request) => ({ [name]: source.drawBatch(random, request)[field] }),
  };
}

async function hold(
  inputs: Omit<TaskInputs, "training">,
  shape: BatchShape,
  options: TrainingDataOptions,
): Promise<ValidationPair[]> {
  const { recipe, program, validation } = inputs;
  if (program.name === "autoencoder") {
    // What goes in must come out.
    const images = validation.length === 0 ? [] : buildImages(validation, options);
    const pairs = images.map((image) => ({ ...image, input: image.data, target: image.data }));
    return cutValidationPairs(pairs, shape, options);
  }
  const scanned = holdScanned(inputs, shape, "none", options);
  const { isInserted } = readTaskOptions(recipe, OPTIONS);
  return scanned.length > 0 || isInserted !== true
    ? scanned
    : buildInsertedValidation(inputs, shape, options);
}

const OPTIONS = {
  isInserted: {
    description:
      "insert the noise of a lower dose first (and add phantoms): for scans with little noise, and to have a truth to validate with",
    defaultValue: false,
  },
};

/** Noisy images. */
export const noisy: TrainingTask = {
  summary: "single series as they are, or with inserted noise; no target",
  truth:
    "none; validation uses scanned pairs of the split, or inserted noise if asked for, and is left out otherwise",
  fields: ["input"],
  options: OPTIONS,
  async prepare(inputs, options) {
    const { recipe, training } = inputs;
    const { isInserted } = readTaskOptions(recipe, OPTIONS);
    const shape = readBatchShape(inputs, "input");
    const { contextSlices } = shape;
    const draw = { ...readDrawOptions(recipe), contextSlices };
    let source: BatchSource;
    let trainingIds: string[];
    let count: string;
    if (isInserted === true) {
      const real = await buildInsertedPairs(inputs, shape, options);
      const phantoms = await buildPhantomPairs(recipe, real, {
        ...options,
        ...(shape.depth > 1 ? { slices: shape.depth } : {}),
      });
      source = takeField(createPairSource([...real.pairs, ...phantoms], draw), "input");
      trainingIds = listSeriesIds(real.pairs);
      count = `${trainingIds.length} series with inserted noise, ${phantoms.length} phantoms`;
    } else {
      const most = Math.max(recipe.data.maximumSlicesPerSeries, shape.planes);
      const limited = keepDeep(training, shape.depth, options).map((item) => ({
        ...item,
        volume: limitSlices(item.volume, most),
      }));
      const images = buildImages(limited, options);
      source = createImageSource(images, draw);
      trainingIds = images.map(({ id }) => id);
      count = `${images.length} series as they are`;
    }
    const held = await hold(inputs, shape, options);
    const validation = createHeldValidation(held, shape);
    return {
      source,
      ...(validation ? { validation } : {}),
      trainingIds,
      validationIds: held.map(({ id }) => id),
      notes:
        isInserted === true
          ? "Single images with inserted noise; the network saw no clean image."
          : "Single images as they are; the network saw no clean image.",
      summary: `${count}; ${held.length > 0 ? `validation on ${held.length} slices` : "no validation: there is no truth"}`,
    };
  },
  async prepareValidation(inputs, { samples = 0, ...options }) {
    const shape = readBatchShape(inputs, "input");
    return createHeldValidation(await hold(inputs, shape, options), shape, { samples });
  },
};
