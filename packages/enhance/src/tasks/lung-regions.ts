/**
 * Pairs of lung and pairs of everything else, each with patches of its own size (Nakayama 2018: 32 and 64 pixels), from
 * inserted noise or from real pairs. Patch centres lie in the region; the mask is found on the target.
 */
import {
  type BatchSource,
  createPairSource,
  type ExplicitPair,
  joinSources,
  type TrainingPair,
} from "@alara/learn";
import { invertMask, segmentLungs } from "../data/lung-mask.ts";
import { buildScannedPairs } from "../data/real-data.ts";
import { EnhanceError } from "../errors.ts";
import { buildTrainingPairs, limitSlices, type TrainingDataOptions } from "../training-data.ts";
import { type BatchShape, readBatchShape, requireSameMatrix } from "./batch-shape.ts";
import { readDrawOptions } from "./draw-options.ts";
import { createHeldValidation } from "./held-out.ts";
import { limitPair } from "./limit-stack.ts";
import { buildInsertedValidation, listSeriesIds } from "./low-dose.ts";
import { hasScannedPairs, holdScanned } from "./scanned-pairs.ts";
import { readTaskOptions, type TaskInputs, type TrainingTask } from "./task.ts";

type RegionPair = TrainingPair | ExplicitPair;

/** A source under prefixed names that draws patches of its own size. */
function fixPatch(source: BatchSource, prefix: string, patch: readonly number[]): BatchSource {
  const rename = <T>(entries: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(["input", "target"].map((name) => [`${prefix}.${name}`, entries[name]]));
  return {
    fields: rename(source.fields),
    drawBatch: (random, { batch }) => rename(source.drawBatch(random, { batch, patch })),
  };
}

/** Pairs with inserted noise, once with the lungs as region, once with the rest. */
async function buildInserted(
  { recipe, training }: Pick<TaskInputs, "recipe" | "training">,
  shape: BatchShape,
  options: TrainingDataOptions,
): Promise<{ readonly lung: RegionPair[]; readonly other: RegionPair[] }> {
  const isWhole = shape.planes > 1;
  const { pairs } = await buildTrainingPairs(training, recipe, {
    ...options,
    ...(isWhole ? { grouping: "series" as const } : {}),
  });
  const lung: RegionPair[] = [];
  const other: RegionPair[] = [];
  for (const { id, volume } of training) {
    const own = pairs.filter((pair) => pair.id.replace(/\/\d+$/, "") === id);
    if (own.length === 0) continue;
    const limited = limitSlices(volume, recipe.data.maximumSlicesPerSeries);
    const lungs = segmentLungs(limited);
    const rest = invertMask(lungs);
    const plane = limited.geometry.size[1] * limited.geometry.size[2];
    for (const pair of own) {
      const slice = Number(pair.id.slice(pair.id.lastIndexOf("/") + 1));
      const cut = (mask: Uint8Array): Uint8Array =>
        isWhole ? mask : mask.subarray(slice * plane, (slice + 1) * plane);
      for (const [list, mask] of [
        [lung, lungs],
        [other, rest],
      ] as const) {
        const region = cut(mask);
        if (region.includes(1)) list.push({ ...pair, region });
      }
    }
  }
  return { lung, other };
}

/** Regions of real pairs. */
function buildScannedRegions(
  { recipe, training }: Pick<TaskInputs, "recipe" | "training">,
  shape: BatchShape,
  alignment: "rigid" | "none",
  options: TrainingDataOptions,
): { readonly lung: RegionPair[]; readonly other: RegionPair[] } {
  const most = Math.max(recipe.data.maximumSlicesPerSeries, shape.planes);
  const build = (region: "lung" | "other"): RegionPair[] =>
    buildScannedPairs(training, { ...options, alignment, region })
      .map((pair) => limitPair(pair, most))
      .filter(({ region: mask }) => mask?.includes(1));
  return { lung: build("lung"), other: build("other") };
}

/** Pairs by region. */
export const lungRegionPairs: TrainingTask = {
  summary:
    "pairs of lung and pairs of the rest, with patches of their own sizes; inserted noise or real pairs",
  truth: "as low-dose (the full-dose slice with its own noise) or scanned-pairs; phantoms are not used",
  fields: ["lung.input", "lung.target", "other.input", "other.target"],
  options: {
    origin: {
      description: '"scanned" (roles input and target), "inserted", or "auto": scanned if there are any',
      defaultValue: "auto",
    },
    alignment: { description: 'scanned pairs: "rigid" or "none"', defaultValue: "none" },
  },
  async prepare(inputs, options) {
    const { recipe, program, training } = inputs;
    const { origin, alignment } = readTaskOptions(recipe, this.options);
    if (
      !["auto", "scanned", "inserted"].includes(String(origin)) ||
      (alignment !== "rigid" && alignment !== "none")
    ) {
      throw new EnhanceError(
        "RECIPE_INVALID",
        `task "lung-regions": origin "${origin}", alignment "${alignment}"; known: auto, scanned, inserted, and rigid, none`,
      );
    }
    const shape = readBatchShape(inputs, "lung.input");
    requireSameMatrix(shape, "lung-regions");
    const isScanned = origin === "auto" ? hasScannedPairs(training) : origin === "scanned";
    const pairs = isScanned
      ? buildScannedRegions(inputs, shape, alignment, options)
      : await buildInserted(inputs, shape, options);
    for (const region of ["lung", "other"] as const) {
      if (pairs[region].length === 0) {
        throw new EnhanceError(
          "NO_TRAINING_DATA",
          `no ${region === "lung" ? "lung" : "tissue beside lung"} was found in ${training.length} series; this task needs chest CT, others can use the task "low-dose"`,
        );
      }
    }
    const draw = { ...readDrawOptions(recipe), contextSlices: shape.contextSlices };
    const source = joinSources(
      (["lung", "other"] as const).map((region) =>
        fixPatch(
          createPairSource(pairs[region], draw),
          region,
          program.fields[`${region}.input`].patch ?? [],
        ),
      ),
    );
    const held = await hold(inputs, shape, options);
    const validation = createHeldValidation(held, shape);
    return {
      source,
      ...(validation ? { validation } : {}),
      trainingIds: isScanned ? pairs.other.map(({ id }) => id) : listSeriesIds(pairs.other),
      validationIds: held.map(({ id }) => id),
      notes: `Pairs by region (lung, other), ${isScanned ? "scanned" : "by low-dose insertion: targets keep the noise of the original scan"}.`,
      summary: `${pairs.lung.length} pairs with lung, ${pairs.other.length} with other tissue; validation on ${held.length} slices`,
    };
  },
  async prepareValidation(inputs, { samples = 0, ...options }) {
    const shape = readBatchShape(inputs, "lung.input");
    return createHeldValidation(await hold(inputs, shape, options), shape, { samples });
  },
};

/** Whole slices: both networks and their gate are judged together. */
async function hold(
  inputs: Omit<TaskInputs, "training">,
  shape: BatchShape,
  options: TrainingDataOptions,
): Promise<Awaited<ReturnType<typeof buildInsertedValidation>>> {
  const { alignment } = readTaskOptions(inputs.recipe, lungRegionPairs.options);
  const scanned = holdScanned(inputs, shape, alignment, options);
  return scanned.length > 0 ? scanned : buildInsertedValidation(inputs, shape, options);
}
