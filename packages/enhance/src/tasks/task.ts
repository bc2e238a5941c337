/**
 * What a training task is: from series (and what simulation adds) to the batches that a method asks for, with held-out
 * images beside them. A recipe names a task and gives its numbers. Not here: the tasks (one file each), the methods
 * (package learn), reading series (dicom).
 */
import type { BatchSource, TrainingProgram, Validation } from "@alara/learn";
import { EnhanceError } from "../errors.ts";
import type { Recipe, RecipeValues } from "../recipe.ts";
import type { TrainingDataOptions, TrainingSeries } from "../training-data.ts";

/** What a task starts from. */
export interface TaskInputs {
  readonly recipe: Recipe;
  /** What asks for the batches: its fields and its networks. */
  readonly program: TrainingProgram;
  readonly training: readonly TrainingSeries[];
  readonly validation: readonly TrainingSeries[];
}

/** What a task gives. */
export interface TaskData {
  readonly source: BatchSource;
  /** Absent where nothing can be judged without a truth. */
  readonly validation?: Validation;
  /** Series that were used; they go into the model's card. */
  readonly trainingIds: readonly string[];
  readonly validationIds: readonly string[];
  /** One sentence for the card: what input and target are. */
  readonly notes: string;
  /** One line for the user: what was made. */
  readonly summary: string;
}

/** A numeric, yes/no or word option of a task. */
export interface TaskOption {
  readonly description: string;
  readonly defaultValue: number | string | boolean | readonly number[];
}

/** A line of the registry. */
export interface TrainingTask {
  readonly summary: string;
  /** What the target is and how far it can be trusted. */
  readonly truth: string;
  /** Batch fields that it can supply. */
  readonly fields: readonly string[];
  readonly options: Readonly<Record<string, TaskOption>>;
  /**
   * Makes the data.
   *
   * @throws EnhanceError `NO_TRAINING_DATA`, `RECIPE_INVALID`, and what simulation throws
   */
  prepare(inputs: TaskInputs, options: TrainingDataOptions): Promise<TaskData>;
  /**
   * A validation on its own, such as on the test patients of a fold; undefined where there is no truth.
   *
   * @param samples - cases whose images are kept
   */
  prepareValidation(
    inputs: Omit<TaskInputs, "training">,
    options: TrainingDataOptions & { readonly samples?: number },
  ): Promise<Validation | undefined>;
}

/**
 * Values of known names with defaults filled in.
 *
 * @param where - for messages: `task "artifacts"`, `data.sampling`
 * @throws EnhanceError `RECIPE_INVALID` for unknown names and wrong types
 */
export function readValues(
  where: string,
  known: Readonly<Record<string, TaskOption>>,
  given: RecipeValues = {},
): RecipeValues {
  for (const [name, value] of Object.entries(given)) {
    const expected = known[name]?.defaultValue;
    if (
      expected === undefined ||
      Array.isArray(expected) !== Array.isArray(value) ||
      typeof expected !== typeof value
    ) {
      const list = Object.entries(known).map(([key, { defaultValue }]) => {
        return `${key} (${Array.isArray(defaultValue) ? "list of numbers" : typeof defaultValue})`;
      });
      throw new EnhanceError(
        "RECIPE_INVALID",
        `${where}: option "${name}" = ${JSON.stringify(value)} is unknown or of the wrong type; known: ${list.join(", ") || "none"}`,
      );
    }
  }
  const defaults = Object.entries(known).map(([name, { defaultValue }]) => [name, defaultValue]);
  return { ...Object.fromEntries(defaults), ...given };
}

/**
 * The option values of a recipe's task with defaults filled in.
 *
 * @throws EnhanceError `RECIPE_INVALID`
 */
export function readTaskOptions(recipe: Recipe, known: TrainingTask["options"]): RecipeValues {
  const { name = "low-dose", options } = recipe.data.task ?? {};
  return readValues(`task "${name}"`, known, options);
}
