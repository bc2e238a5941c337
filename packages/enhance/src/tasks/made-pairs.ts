/**
 * What tasks share whose pairs are made from an image and what simulation does to it: sources (series and random
 * phantoms), their shares, and a task from one function that makes the pairs. Not here: what is done to the image (one
 * file per task).
 */
import {
  createCentredGrid,
  createRandom,
  createVolume,
  type GridGeometry,
  getSliceData,
  type Volume,
} from "@alara/core";
import { createPairSource, type ExplicitPair } from "@alara/learn";
import { createRandomBodyPhantom, type Phantom, voxelizePhantom } from "@alara/physics";
import type { GivenNoise } from "@alara/recon";
import { type AddedNoise, makeNoiseFields } from "../data/noise-fields.ts";
import { EnhanceError } from "../errors.ts";
import { clampToAir } from "../padding.ts";
import type { Recipe, RecipeValues } from "../recipe.ts";
import { limitSlices, type TrainingDataOptions, type TrainingSeries } from "../training-data.ts";
import { type BatchShape, readBatchShape, requireSameMatrix } from "./batch-shape.ts";
import { readDrawOptions } from "./draw-options.ts";
import { createHeldValidation, cutValidationPairs } from "./held-out.ts";
import { readTaskOptions, type TaskInputs, type TaskOption, type TrainingTask } from "./task.ts";

/** A random body and where it is imaged. */
export interface PhantomCase {
  readonly id: string;
  readonly phantom: Phantom<"HU">;
  readonly grid: GridGeometry;
}

/** Side of phantoms without a series to go by. */
const PHANTOM_SIZE = 512;

/**
 * Random body phantoms of the recipe, on a matrix like the training series' and a field of view of 307 to 486 mm.
 *
 * @param stream - name of the random stream; validation takes another than training
 */
export function drawPhantoms(
  recipe: Recipe,
  { count, size = PHANTOM_SIZE, slices = 1, stream }: PhantomDrawOptions,
): PhantomCase[] {
  const seeds = createRandom(recipe.training.seed).derive(stream);
  return Array.from({ length: count }, (_, index) => {
    const random = seeds.derive(index);
    const pixelMm = ((0.6 + 0.35 * random.nextUniform()) * PHANTOM_SIZE) / size;
    return {
      id: `phantom/${index}`,
      phantom: createRandomBodyPhantom(random.derive("phantom")),
      grid: createCentredGrid([slices, size, size], [1, pixelMm, pixelMm]),
    };
  });
}

/** Options of {@link drawPhantoms}. */
export interface PhantomDrawOptions {
  readonly count: number;
  /** Rows and columns; default 512. */
  readonly size?: number;
  /** Default 1. All alike. */
  readonly slices?: number;
  readonly stream: string;
}

/** A phantom as a series. */
export function renderPhantom({ id, phantom, grid }: PhantomCase): TrainingSeries {
  const single = voxelizePhantom(phantom, { ...grid, size: [1, grid.size[1], grid.size[2]] });
  const volume = createVolume("HU", grid);
  for (let s = 0; s < grid.size[0]; s++) getSliceData(volume, s).set(single.data);
  return { id, volume };
}

/** The series with rows and columns cut, centred, to multiples of a number. */
function cropToMultiple(volume: Volume<"HU">, multiple: number): Volume<"HU"> {
  const [slices, rows, columns] = volume.geometry.size;
  const [height, width] = [rows, columns].map((n) => n - (n % multiple));
  if (height === rows && width === columns) return volume;
  const [top, left] = [Math.floor((rows - height) / 2), Math.floor((columns - width) / 2)];
  const { spacingMm, direction, originMm } = volume.geometry;
  const at = (axis: 0 | 1 | 2): number =>
    originMm[axis] + top * spacingMm[1] * direction.row[axis] + left * spacingMm[2] * direction.column[axis];
  const out = createVolume("HU", {
    ...volume.geometry,
    size: [slices, height, width],
    originMm: [at(0), at(1), at(2)],
  });
  for (let s = 0; s < slices; s++) {
    const [from, to] = [getSliceData(volume, s), getSliceData(out, s)];
    for (let r = 0; r < height; r++) {
      const start = (top + r) * columns + left;
      to.set(from.subarray(start, start + width), r * width);
    }
  }
  return out;
}

/** Weighs pairs: a series of n slices counts n^¾, phantoms together make up their share. */
export function weighPairs(
  real: readonly ExplicitPair[],
  phantoms: readonly ExplicitPair[],
  share: number,
): ExplicitPair[] {
  const weighted = real.map((pair) => ({ ...pair, weight: (pair.slices ?? 1) ** 0.75 }));
  const sum = weighted.reduce((total, { weight }) => total + weight, 0);
  const each = sum === 0 ? 1 : (sum * share) / ((1 - Math.min(share, 0.999)) * Math.max(1, phantoms.length));
  return [...weighted, ...phantoms.map((pair) => ({ ...pair, weight: each }))];
}

/** Kernel of noise that is added to made inputs: a soft-tissue kernel's. */
const NOISE_WINDOW: GivenNoise["window"] = { boostMm2: 0, cutoffPerMm: 0.6, order: 2.5 };

/** Option of tasks that may add noise to their inputs. */
export const NOISE_OPTION: { readonly noiseHu: TaskOption } = {
  noiseHu: {
    description:
      "noise added to inputs: standard deviation in the middle of the image at noiseScale 1, HU; 0: none",
    defaultValue: 0,
  },
};

/** The noise of option `noiseHu` as pair builders take it. */
export function readAddedNoise(
  recipe: Recipe,
  values: RecipeValues,
  purpose: MakeInputs["purpose"],
): AddedNoise | undefined {
  const sigmaHu = values.noiseHu as number;
  if (!(sigmaHu > 0)) return undefined;
  const isTraining = purpose === "training";
  return {
    given: { sigmaHu, window: NOISE_WINDOW },
    realisations: isTraining ? recipe.data.insertion.realisations : 1,
    levelRange: isTraining ? recipe.data.noiseScale : [1, 1],
  };
}

/** Adds noise fields to a made pair, if asked. */
export async function addNoiseFields(
  pair: ExplicitPair,
  image: Volume<"HU">,
  noise: AddedNoise | undefined,
  options: { readonly seed: number; readonly signal?: AbortSignal },
): Promise<ExplicitPair> {
  return noise ? { ...pair, ...(await makeNoiseFields(image, noise, options)) } : pair;
}

/** What a task's function makes pairs from. */
export interface MakeInputs {
  readonly recipe: Recipe;
  /** Options of the task, defaults filled in. */
  readonly values: RecipeValues;
  readonly shape: BatchShape;
  /** Slabs of the series: no more slices than needed, padding as air, even sides. */
  readonly series: readonly TrainingSeries[];
  readonly phantoms: readonly PhantomCase[];
  /** Validation has noise at level 1 and no faultless images. */
  readonly purpose: "training" | "validation";
  readonly seed: number;
  readonly options: TrainingDataOptions;
}

/** Pairs of series and of phantoms; ids begin with the source's. */
export interface MadePairs {
  readonly real: readonly ExplicitPair[];
  readonly phantoms: readonly ExplicitPair[];
}

/** What {@link createMadeTask} needs. */
export interface MadeTaskOptions extends Pick<TrainingTask, "summary" | "truth" | "options"> {
  readonly name: string;
  /** One sentence for the card. */
  readonly notes: string;
  /** Targets may be finer than inputs; default false. */
  readonly mayEnlarge?: boolean;
  /** Slices used per series at most; default: the recipe's alone. */
  readonly slicesOption?: string;
  /** Phantoms are the only sources: series are not used, and validation has phantoms of its own. */
  readonly needsPhantoms?: (values: RecipeValues) => boolean;
  /** Sides of series are cut to multiples of this; default 1. */
  readonly sideMultiple?: (shape: BatchShape, values: RecipeValues) => number;
  make(inputs: MakeInputs): Promise<MadePairs>;
}

/** Whether any of the pairs was made from this series. */
function isSourceOf(id: string, pairs: readonly ExplicitPair[]): boolean {
  return pairs.some((pair) => pair.id === id || pair.id.startsWith(`${id}/`));
}

/** Phantoms that stand in for validation series. */
const VALIDATION_PHANTOMS = 4;

type Sides = Pick<TaskInputs, "recipe" | "program"> & {
  readonly series: readonly TrainingSeries[];
  readonly purpose: MakeInputs["purpose"];
};

/** A task from the function that makes its pairs; fields `input` and `target`. */
export function createMadeTask(task: MadeTaskOptions): TrainingTask {
  const { name, mayEnlarge = false, slicesOption, needsPhantoms = () => false, sideMultiple } = task;

  async function makePairs(
    sides: Sides,
    options: TrainingDataOptions,
  ): Promise<MadePairs & { shape: BatchShape }> {
    const { recipe, series, purpose } = sides;
    const values = readTaskOptions(recipe, task.options);
    const shape = readBatchShape(sides, "input");
    if (!mayEnlarge) requireSameMatrix(shape, name);
    const isTraining = purpose === "training";
    const hasPhantomsOnly = needsPhantoms(values);
    const { phantoms: wanted, maximumSlicesPerSeries } = recipe.data;
    const isPhantomUsed = isTraining
      ? wanted.count > 0 && (wanted.share > 0 || series.length === 0)
      : hasPhantomsOnly;
    if (isTraining && hasPhantomsOnly && wanted.count === 0) {
      throw new EnhanceError(
        "NO_TRAINING_DATA",
        `task "${name}" with these options needs phantoms, and data.phantoms.count is 0; set it to about 50`,
      );
    }
    const most = Math.min(
      maximumSlicesPerSeries,
      slicesOption === undefined ? maximumSlicesPerSeries : (values[slicesOption] as number),
    );
    const multiple = sideMultiple?.(shape, values) ?? 1;
    const slabs = (hasPhantomsOnly ? [] : series).flatMap((item): TrainingSeries[] => {
      const slab = limitSlices(item.volume, isTraining ? Math.max(most, shape.planes) : shape.planes);
      if (slab.geometry.size[0] < shape.depth) {
        const reason = `${slab.geometry.size[0]} slices, a patch has ${shape.depth}`;
        options.onSkipped?.({ id: item.id, code: "TOO_FEW_SLICES", reason });
        return [];
      }
      return [{ ...item, volume: cropToMultiple(clampToAir(slab), multiple) }];
    });
    const [, rows, columns] = series[0]?.volume.geometry.size ?? [1, PHANTOM_SIZE, PHANTOM_SIZE];
    const side = Math.min(rows, columns);
    const phantoms = isPhantomUsed
      ? drawPhantoms(recipe, {
          count: isTraining ? wanted.count : VALIDATION_PHANTOMS,
          size: side - (side % Math.max(2, multiple)),
          slices: shape.depth,
          stream: `${purpose}-${name}-phantoms`,
        })
      : [];
    const seed = createRandom(recipe.training.seed).derive(`${purpose}-${name}`).nextUint32();
    const made = await task.make({ recipe, values, shape, series: slabs, phantoms, purpose, seed, options });
    return { ...made, shape };
  }

  const makeHeld = async (
    inputs: Omit<TaskInputs, "training">,
    options: TrainingDataOptions,
  ): Promise<{ readonly pairs: ReturnType<typeof cutValidationPairs>; readonly shape: BatchShape }> => {
    const { validation: series, ...rest } = inputs;
    const { real, phantoms, shape } = await makePairs({ ...rest, series, purpose: "validation" }, options);
    return { pairs: cutValidationPairs([...real, ...phantoms], shape, options), shape };
  };

  return {
    summary: task.summary,
    truth: task.truth,
    fields: ["input", "target"],
    options: task.options,
    async prepare({ training: series, ...inputs }, options) {
      const { recipe } = inputs;
      const { real, phantoms, shape } = await makePairs({ ...inputs, series, purpose: "training" }, options);
      if (real.length + phantoms.length === 0) {
        throw new EnhanceError(
          "NO_TRAINING_DATA",
          `task "${name}" made no pair of ${series.length} series; see what was left out and why, add series, or set data.phantoms.count`,
        );
      }
      const held = await makeHeld(inputs, options);
      const validation = createHeldValidation(held.pairs, shape);
      return {
        source: createPairSource(weighPairs(real, phantoms, recipe.data.phantoms.share), {
          ...readDrawOptions(recipe),
          contextSlices: shape.contextSlices,
          scale: shape.scale,
        }),
        ...(validation ? { validation } : {}),
        trainingIds: series.map(({ id }) => id).filter((id) => isSourceOf(id, real)),
        validationIds: held.pairs.map(({ id }) => id),
        notes: task.notes,
        summary: `${real.length} pairs of ${series.length} series, ${phantoms.length} of phantoms; validation on ${held.pairs.length}`,
      };
    },
    async prepareValidation(inputs, { samples = 0, ...options }) {
      const { pairs, shape } = await makeHeld(inputs, options);
      return createHeldValidation(pairs, shape, { samples });
    },
  };
}
