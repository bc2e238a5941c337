/** Real pairs of a low-dose and a higher-dose scan of the same patient, animal or object. */
import { createPairSource, type ExplicitPair } from "@alara/learn";
import { buildScannedPairs } from "../data/real-data.ts";
import { EnhanceError } from "../errors.ts";
import type { Recipe } from "../recipe.ts";
import type { TrainingDataOptions, TrainingSeries } from "../training-data.ts";
import { type BatchShape, readBatchShape } from "./batch-shape.ts";
import { readDrawOptions } from "./draw-options.ts";
import { createHeldValidation, cutValidationPairs } from "./held-out.ts";
import { limitPair } from "./limit-stack.ts";
import { readTaskOptions, type TaskInputs, type TrainingTask } from "./task.ts";

/** Whether any series is half of a pair. */
export function hasScannedPairs(series: readonly TrainingSeries[]): boolean {
  return series.some(({ role, pairId }) => pairId !== undefined && (role === "input" || role === "target"));
}

/** Options of {@link buildScanned}. */
export interface ScannedOptions extends TrainingDataOptions {
  readonly recipe: Recipe;
  readonly shape: BatchShape;
  /** "rigid" or "none". */
  readonly alignment: unknown;
}

/**
 * Scanned pairs with the slices that a recipe uses.
 *
 * @throws EnhanceError `RECIPE_INVALID`, `NO_TRAINING_DATA`
 */
export function buildScanned(
  series: readonly TrainingSeries[],
  { recipe, shape, alignment, ...options }: ScannedOptions,
): ExplicitPair[] {
  if (alignment !== "rigid" && alignment !== "none") {
    throw new EnhanceError(
      "RECIPE_INVALID",
      `task "scanned-pairs": alignment "${alignment}" is unknown; known: rigid, none`,
    );
  }
  const most = Math.max(recipe.data.maximumSlicesPerSeries, shape.planes);
  const pairs = buildScannedPairs(series, { ...options, scale: shape.scale, alignment });
  return pairs.map((pair) => limitPair(pair, most));
}

/** Validation pairs of scanned pairs; none without any. */
export function holdScanned(
  inputs: Pick<TaskInputs, "recipe" | "validation">,
  shape: BatchShape,
  alignment: unknown,
  options: TrainingDataOptions,
): ReturnType<typeof cutValidationPairs> {
  const { recipe, validation } = inputs;
  if (!hasScannedPairs(validation)) return [];
  return cutValidationPairs(
    buildScanned(validation, { ...options, recipe, shape, alignment }),
    shape,
    options,
  );
}

/** Real pairs. */
export const scannedPairs: TrainingTask = {
  summary:
    "pairs of real scans: series with the roles input and target in the split, one of each per subject",
  truth: "the higher-dose scan with its own noise and its own breath; errors against it contain both",
  fields: ["input", "target"],
  options: {
    alignment: {
      description:
        '"rigid": lay inputs onto targets by a shift and a small rotation, leave out pairs that need more; or "none"',
      defaultValue: "none",
    },
  },
  async prepare(inputs, options) {
    const { recipe, training } = inputs;
    const { alignment } = readTaskOptions(recipe, this.options);
    const shape = readBatchShape(inputs, "input");
    if (!hasScannedPairs(training)) {
      throw new EnhanceError(
        "NO_TRAINING_DATA",
        `none of ${training.length} series is half of a pair; give folders of the split the roles "input" and "target"`,
      );
    }
    const pairs = buildScanned(training, { ...options, recipe, shape, alignment });
    const held = holdScanned(inputs, shape, alignment, options);
    const validation = createHeldValidation(held, shape);
    return {
      source: createPairSource(pairs, {
        ...readDrawOptions(recipe),
        contextSlices: shape.contextSlices,
        scale: shape.scale,
      }),
      ...(validation ? { validation } : {}),
      trainingIds: pairs.map(({ id }) => id),
      validationIds: held.map(({ id }) => id),
      notes: `Pairs of real scans, alignment: ${alignment}. Targets have the noise of their scans.`,
      summary: `${pairs.length} scanned pairs; validation on ${held.length}`,
    };
  },
  async prepareValidation(inputs, { samples = 0, ...options }) {
    const { alignment } = readTaskOptions(inputs.recipe, this.options);
    const shape = readBatchShape(inputs, "input");
    return createHeldValidation(holdScanned(inputs, shape, alignment, options), shape, { samples });
  },
};
