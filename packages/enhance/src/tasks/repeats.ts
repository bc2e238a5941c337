/**
 * Two realisations of the same slices (Noise2Noise): repeated scans, or two noise fields of a lower dose inserted into
 * one series. Inserted fields are independent, but the series' own noise is in both and is kept; phantoms have none.
 */
import { type BatchSource, createRepeatSource, type RepeatSet, type TrainingPair } from "@alara/learn";
import { buildRepeatSets } from "../data/real-data.ts";
import { EnhanceError } from "../errors.ts";
import { buildPhantomPairs, type TrainingSeries } from "../training-data.ts";
import { readBatchShape, requireSameMatrix } from "./batch-shape.ts";
import { readDrawOptions } from "./draw-options.ts";
import { createHeldValidation } from "./held-out.ts";
import { limitRepeats } from "./limit-stack.ts";
import { buildInsertedPairs, buildInsertedValidation, listSeriesIds } from "./low-dose.ts";
import { holdScanned } from "./scanned-pairs.ts";
import { readTaskOptions, type TaskInputs, type TrainingTask } from "./task.ts";

/** Whether repeats are taken from scans. */
function isScanned(origin: unknown, series: readonly TrainingSeries[]): boolean {
  if (origin !== "auto" && origin !== "scanned" && origin !== "inserted") {
    throw new EnhanceError(
      "RECIPE_INVALID",
      `task "repeats": origin "${origin}" is unknown; known: auto, scanned, inserted`,
    );
  }
  return origin === "auto" ? series.some(({ role }) => role === "repeat") : origin === "scanned";
}

function toRepeats({ target, noises, ...rest }: TrainingPair): RepeatSet {
  return { ...rest, base: target, repeats: noises };
}

/** Leaves the middle channel of field b: what a network's output is compared with. */
function takeMiddleOfB(source: BatchSource, channels: number): BatchSource {
  if (channels === 1) return source;
  return {
    fields: { ...source.fields, b: { channels: 1, scale: 1 } },
    drawBatch(random, request) {
      const drawn = source.drawBatch(random, request);
      const plane = drawn.b.length / (request.batch * channels);
      const b = new Float32Array(request.batch * plane);
      for (let n = 0; n < request.batch; n++) {
        const start = (n * channels + (channels - 1) / 2) * plane;
        b.set(drawn.b.subarray(start, start + plane), n * plane);
      }
      return { ...drawn, b };
    },
  };
}

/** Two noisy images of one object. */
export const repeats: TrainingTask = {
  summary: "two realisations of the same slices: repeated scans, or two inserted noise fields per series",
  truth:
    "another noisy image with independent noise; noise that an inserted-into series had already is in both and is kept",
  fields: ["a", "b"],
  options: {
    origin: {
      description: '"scanned" (series with the role repeat), "inserted", or "auto": scanned if there are any',
      defaultValue: "auto",
    },
  },
  async prepare(inputs, options) {
    const { recipe, training } = inputs;
    const { origin } = readTaskOptions(recipe, this.options);
    const shape = readBatchShape(inputs, "a");
    requireSameMatrix(shape, "repeats");
    const { insertion, maximumSlicesPerSeries } = recipe.data;
    let sets: RepeatSet[];
    let trainingIds: string[];
    const isReal = isScanned(origin, training);
    if (isReal) {
      const most = Math.max(maximumSlicesPerSeries, shape.planes);
      sets = buildRepeatSets(training, options).map((set) => limitRepeats(set, most));
      trainingIds = sets.map(({ id }) => id);
    } else {
      if (insertion.realisations < 2 || recipe.data.phantoms.realisations < 2) {
        throw new EnhanceError(
          "RECIPE_INVALID",
          `task "repeats" draws two different noise fields of a slice: set data.insertion.realisations (${insertion.realisations}) and data.phantoms.realisations (${recipe.data.phantoms.realisations}) to 2 or more`,
        );
      }
      const real = await buildInsertedPairs(inputs, shape, options);
      const phantoms = await buildPhantomPairs(recipe, real, {
        ...options,
        ...(shape.depth > 1 ? { slices: shape.depth } : {}),
      });
      sets = [...real.pairs, ...phantoms].map(toRepeats);
      trainingIds = listSeriesIds(real.pairs);
    }
    const held = await holdRepeats(inputs, options);
    const validation = createHeldValidation(held, shape);
    const { contextSlices } = shape;
    return {
      source: takeMiddleOfB(
        createRepeatSource(sets, { ...readDrawOptions(recipe), contextSlices }),
        2 * contextSlices + 1,
      ),
      ...(validation ? { validation } : {}),
      trainingIds,
      validationIds: held.map(({ id }) => id),
      notes: isReal
        ? "Repeated scans of the same object."
        : "Two inserted noise fields per slice; the noise of the original scan is in both and is kept.",
      summary: `${sets.length} sets of repeats (${isReal ? "scanned" : "inserted"}); validation on ${held.length} slices`,
    };
  },
  async prepareValidation(inputs, { samples = 0, ...options }) {
    const shape = readBatchShape(inputs, "a");
    return createHeldValidation(await holdRepeats(inputs, options), shape, { samples });
  },
};

/** Scanned pairs where the split has them, else inserted noise. */
async function holdRepeats(
  inputs: Omit<TaskInputs, "training">,
  options: Parameters<TrainingTask["prepareValidation"]>[1],
): Promise<Awaited<ReturnType<typeof buildInsertedValidation>>> {
  const shape = readBatchShape(inputs, "a");
  const scanned = holdScanned(inputs, shape, "none", options);
  return scanned.length > 0 ? scanned : buildInsertedValidation(inputs, shape, options);
}
