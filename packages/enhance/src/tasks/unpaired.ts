/**
 * Unpaired images of two domains: the pools x and y of the split, or, without pools, one half of the patients with
 * inserted noise (x) and the other half as they are (y).
 */
import { createRandom } from "@alara/core";
import {
  type BatchSource,
  createImageSource,
  createPairSource,
  joinSources,
  type TrainingImage,
  type ValidationPair,
} from "@alara/learn";
import { buildImages, buildPools } from "../data/real-data.ts";
import { EnhanceError } from "../errors.ts";
import type { Recipe } from "../recipe.ts";
import { limitSlices, type TrainingDataOptions, type TrainingSeries } from "../training-data.ts";
import { type BatchShape, readBatchShape, requireSameMatrix } from "./batch-shape.ts";
import { readDrawOptions } from "./draw-options.ts";
import { createHeldValidation } from "./held-out.ts";
import { buildInsertedPairs, buildInsertedValidation, listSeriesIds } from "./low-dose.ts";
import { takeField } from "./noisy.ts";
import { holdScanned } from "./scanned-pairs.ts";
import { readTaskOptions, type TaskInputs, type TrainingTask } from "./task.ts";

const hasPools = (series: readonly TrainingSeries[]): boolean =>
  series.some(({ pool }) => pool !== undefined);

/** Whether the pools of the split are used. */
function usesPools(origin: unknown, series: readonly TrainingSeries[]): boolean {
  if (origin !== "auto" && origin !== "pools" && origin !== "inserted") {
    throw new EnhanceError(
      "RECIPE_INVALID",
      `task "unpaired": origin "${origin}" is unknown; known: auto, pools, inserted`,
    );
  }
  return origin === "auto" ? hasPools(series) : origin === "pools";
}

/** Patients in a drawn order, dealt to x and y in turn. */
function halvePatients(
  recipe: Recipe,
  series: readonly TrainingSeries[],
): { x: TrainingSeries[]; y: TrainingSeries[] } {
  const getPatient = ({ patientId, id }: TrainingSeries): string => patientId ?? id.replace(/#\d+$/, "");
  const patients = [...new Set(series.map(getPatient))].sort();
  if (patients.length < 2) {
    throw new EnhanceError(
      "NO_TRAINING_DATA",
      `task "unpaired" without pools needs two patients or more, one for each domain, got ${patients.length}; add patients, or name the pools "x" and "y" in the split`,
    );
  }
  const random = createRandom(recipe.training.seed).derive("unpaired-halves");
  for (let i = patients.length - 1; i > 0; i--) {
    const j = random.nextInteger(i + 1);
    [patients[i], patients[j]] = [patients[j], patients[i]];
  }
  const isX = new Map(patients.map((patient, k) => [patient, k % 2 === 0]));
  return {
    x: series.filter((item) => isX.get(getPatient(item)) === true),
    y: series.filter((item) => isX.get(getPatient(item)) === false),
  };
}

async function hold(
  inputs: Omit<TaskInputs, "training">,
  shape: BatchShape,
  options: TrainingDataOptions,
): Promise<ValidationPair[]> {
  const { recipe, validation } = inputs;
  const scanned = holdScanned(inputs, shape, "none", options);
  const { origin } = readTaskOptions(recipe, OPTIONS);
  if (scanned.length > 0 || usesPools(origin, validation)) return scanned;
  return buildInsertedValidation(inputs, shape, options);
}

const OPTIONS = {
  origin: {
    description:
      '"pools" (x and y of the split), "inserted" (half of the patients with inserted noise), or "auto": pools if there are any',
    defaultValue: "auto",
  },
};

/** Two pools. */
export const unpaired: TrainingTask = {
  summary: "images of two domains without pairs: pools x and y, or half of the patients with inserted noise",
  truth:
    "none for pools (validation only with scanned pairs in the validation side); for inserted noise the original slice",
  fields: ["x", "y"],
  options: OPTIONS,
  async prepare(inputs, options) {
    const { recipe, training } = inputs;
    const { origin } = readTaskOptions(recipe, OPTIONS);
    const shape = readBatchShape(inputs, "x");
    requireSameMatrix(shape, "unpaired");
    const isPooled = usesPools(origin, training);
    const draw = { ...readDrawOptions(recipe), contextSlices: shape.contextSlices };
    const most = Math.max(recipe.data.maximumSlicesPerSeries, shape.planes);
    const limited = training.map((item) => ({ ...item, volume: limitSlices(item.volume, most) }));
    let x: BatchSource;
    let y: readonly TrainingImage[];
    let ids: { readonly x: readonly string[]; readonly y: readonly string[] };
    if (isPooled) {
      const pools = buildPools(limited, options);
      x = createImageSource(pools.x, { ...draw, field: "x" });
      y = pools.y;
      ids = { x: pools.x.map(({ id }) => id), y: pools.y.map(({ id }) => id) };
    } else {
      const halves = halvePatients(recipe, limited);
      const inserted = await buildInsertedPairs({ recipe, training: halves.x }, shape, options);
      x = takeField(createPairSource(inserted.pairs, draw), "input", "x");
      y = buildImages(halves.y, options);
      ids = { x: listSeriesIds(inserted.pairs), y: y.map(({ id }) => id) };
    }
    const held = await hold(inputs, shape, options);
    const validation = createHeldValidation(held, shape);
    return {
      source: joinSources([x, createImageSource(y, { ...draw, field: "y" })]),
      ...(validation ? { validation } : {}),
      trainingIds: [...ids.x, ...ids.y],
      validationIds: held.map(({ id }) => id),
      notes: isPooled
        ? "Unpaired images of two pools."
        : "Unpaired images: one half of the patients with inserted noise, the other half as scanned.",
      summary: `${ids.x.length} series of domain x, ${ids.y.length} of y; ${held.length > 0 ? `validation on ${held.length} slices` : "no validation: there is no truth"}`,
    };
  },
  async prepareValidation(inputs, { samples = 0, ...options }) {
    const shape = readBatchShape(inputs, "x");
    return createHeldValidation(await hold(inputs, shape, options), shape, { samples });
  },
};
