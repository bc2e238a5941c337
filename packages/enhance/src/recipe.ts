/**
 * Training recipes: methods are data. A recipe names the method, the networks, the data, the losses and the schedule;
 * the same recipe, seed and machine give the same model. The published JSON Schema (recipes/recipe.schema.json) is
 * written from the same table that checks a recipe here.
 */
import {
  type LossSpecification,
  losses,
  type MethodRecipe,
  methods,
  type NetworkSpecification,
  networks,
  type OptimiserOptions,
  optimisers,
  type Schedule,
  type TrainSettings,
} from "@alara/learn";
import { EnhanceError } from "./errors.ts";
import {
  describeSchema,
  type Field,
  isNumber,
  isNumberPair,
  isOneOf,
  isPatch,
  isText,
  isTextList,
  isValues,
  type JsonSchema,
  listOf,
  optional,
} from "./recipe-fields.ts";
import { trainingTasks } from "./tasks/index.ts";

/** Schema identifier of a recipe file. */
export const RECIPE_SCHEMA = "alara-recipe/2";

/** Dose-reduced pairs from real series. */
export interface InsertionRecipe {
  /** Dose fraction at which noise fields are simulated. */
  readonly doseFraction: number;
  /** Independent noise fields per slice. */
  readonly realisations: number;
}

/** Noise-free truth: random body phantoms, scanned and reconstructed. */
export interface PhantomRecipe {
  readonly count: number;
  /** Independent noise fields per phantom. */
  readonly realisations: number;
  /** Share of patches drawn from phantoms, 0..1. */
  readonly share: number;
}

/** Values of a method's, task's or network's own settings. */
export type RecipeValues = Readonly<Record<string, number | string | boolean | readonly number[]>>;

/** The data part of a recipe. */
export interface DataRecipe {
  /** Split file inside the data folder. */
  readonly split: string;
  /** What pairs are made; default "low-dose". */
  readonly task?: { readonly name: string; readonly options?: RecipeValues };
  readonly insertion: InsertionRecipe;
  readonly phantoms: PhantomRecipe;
  /** Added noise is scaled by a factor drawn log-uniformly from here; 1 is `insertion.doseFraction`. */
  readonly noiseScale: readonly [number, number];
  /** Slices used per series at most, around the middle; bounds memory and balances subjects. */
  readonly maximumSlicesPerSeries: number;
  /** Share of patches that must hold the body. */
  readonly bodyShare: number;
  /** Settings of augmentation, see docs/guide/methods.md. */
  readonly augmentation?: RecipeValues;
  /** Where patches are taken, see docs/guide/methods.md. */
  readonly sampling?: RecipeValues;
}

/** The content of a recipe file. */
export interface Recipe {
  readonly schema: typeof RECIPE_SCHEMA;
  readonly name: string;
  readonly version: string;
  readonly summary: string;
  /** Training method; default regression. */
  readonly method?: { readonly name: string; readonly options?: RecipeValues };
  /** Role → network; every method has a `main`. */
  readonly networks: Readonly<Record<string, NetworkSpecification>> & { readonly main: NetworkSpecification };
  readonly data: DataRecipe;
  /** Seed, batch, patch, steps, losses, schedule, optimiser: the trainer's own part. */
  readonly training: TrainSettings & {
    readonly losses: readonly LossSpecification[];
    readonly optimiser: OptimiserOptions;
    readonly learningRate: Schedule;
  };
  readonly intendedRange: {
    readonly pixelSpacingMm: readonly [number, number];
    readonly sliceThicknessMm: readonly [number, number];
    readonly kvp: readonly [number, number];
    readonly noiseHu: readonly [number, number];
    readonly bodyParts: readonly string[];
  };
}

/** The networks that have names of their own in a recipe beside `main`. */
const ROLES = ["main", "reverse", "critic", "reverseCritic", "features", "lung", "other"];

/** The table: every field, and nothing else. */
const FIELDS: Readonly<Record<string, Field>> = {
  $schema: optional(isText),
  schema: isOneOf(() => [RECIPE_SCHEMA]),
  name: isText,
  version: isText,
  summary: isText,
  "method.name": optional(isOneOf(() => methods.names)),
  "method.options": optional(isValues),
  ...Object.fromEntries(
    ROLES.flatMap((role) => {
      const wrap = role === "main" ? (field: Field): Field => field : optional;
      const name = isOneOf(() => networks.names);
      return [
        [`networks.${role}.name`, wrap(role === "main" ? name : isText)],
        [`networks.${role}.config`, wrap(isValues)],
      ];
    }),
  ),
  "data.split": isText,
  "data.task.name": optional(isOneOf(() => trainingTasks.names)),
  "data.task.options": optional(isValues),
  "data.insertion.doseFraction": isNumber(0.02, 0.95),
  "data.insertion.realisations": isNumber(1, 16, "whole"),
  "data.phantoms.count": isNumber(0, 1000, "whole"),
  "data.phantoms.realisations": isNumber(1, 16, "whole"),
  "data.phantoms.share": isNumber(0, 1),
  "data.noiseScale": isNumberPair(0.001, 10),
  "data.maximumSlicesPerSeries": isNumber(1, 100000, "whole"),
  "data.bodyShare": isNumber(0, 1),
  "data.augmentation": optional(isValues),
  "data.sampling": optional(isValues),
  "training.seed": isNumber(0, 4294967295, "whole"),
  "training.batch": isNumber(1, 1024, "whole"),
  "training.patch": isPatch,
  "training.steps": isNumber(1, 1e9, "whole"),
  "training.accumulate": optional(isNumber(1, 1024, "whole")),
  "training.losses": listOf(
    "{ name, weight?, options? }",
    () => ({
      type: "object",
      required: ["name"],
      additionalProperties: false,
      properties: { name: { enum: losses.names }, weight: { type: "number" }, options: { type: "object" } },
    }),
    (item) =>
      typeof item === "object" &&
      item !== null &&
      losses.has((item as { name: string }).name) &&
      Object.keys(item).every((key) => ["name", "weight", "options"].includes(key)),
  ),
  "training.learningRate.kind": isOneOf(() => ["constant", "cosine", "step", "linear", "one-cycle"]),
  "training.learningRate.value": isNumber(1e-8, 1),
  "training.learningRate.finalValue": optional(isNumber(0, 1)),
  "training.learningRate.warmupSteps": optional(isNumber(0, 1e9, "whole")),
  "training.learningRate.milestones": optional(
    listOf(
      "a whole number",
      () => ({ type: "integer", minimum: 1 }),
      (item) => Number.isInteger(item) && (item as number) >= 1,
    ),
  ),
  "training.learningRate.factor": optional(isNumber(1e-6, 1)),
  "training.learningRate.decayStart": optional(isNumber(0, 1e9, "whole")),
  "training.learningRate.riseShare": optional(isNumber(0.001, 0.999)),
  "training.learningRate.startDivisor": optional(isNumber(1, 1e9)),
  "training.learningRate.finalDivisor": optional(isNumber(1, 1e12)),
  "training.optimiser.kind": isOneOf(() => optimisers.names),
  "training.optimiser.momentum": optional(isNumber(0, 0.999999)),
  "training.optimiser.nesterov": optional(isNumber(0, 1, "whole")),
  "training.optimiser.beta1": optional(isNumber(0, 0.999999)),
  "training.optimiser.beta2": optional(isNumber(0, 0.999999)),
  "training.optimiser.epsilon": optional(isNumber(1e-12, 1)),
  "training.optimiser.weightDecay": optional(isNumber(0, 1)),
  "training.optimiser.clipNorm": optional(isNumber(1e-9, 1e9)),
  "training.optimiser.clipValue": optional(isNumber(1e-9, 1e9)),
  "training.optimiser.averageDecay": optional(isNumber(0, 0.999999)),
  "training.logEvery": optional(isNumber(1, 1e9, "whole")),
  "training.validateEvery": optional(isNumber(1, 1e9, "whole")),
  "training.patience": optional(isNumber(1, 1e9, "whole")),
  "intendedRange.pixelSpacingMm": isNumberPair(0.01, 10),
  "intendedRange.sliceThicknessMm": isNumberPair(0.01, 100),
  "intendedRange.kvp": isNumberPair(20, 200),
  "intendedRange.noiseHu": isNumberPair(0, 10000),
  "intendedRange.bodyParts": isTextList,
};

function collectLeaves(value: unknown, path: string, leaves: Map<string, unknown>): void {
  const isBranch =
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    (path === "" || Object.keys(FIELDS).some((name) => name.startsWith(`${path}.`)));
  if (!isBranch) {
    leaves.set(path, value);
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    collectLeaves(item, path === "" ? key : `${path}.${key}`, leaves);
  }
}

/** The published JSON Schema of a recipe file (draft 2020-12). */
export function createRecipeSchema(): JsonSchema {
  return describeSchema(FIELDS, "A training recipe of Alara");
}

/**
 * Checks a recipe that is already an object, and every field of it.
 *
 * @throws EnhanceError `RECIPE_INVALID` naming every wrong, missing or unknown field
 */
export function checkRecipe(value: unknown): Recipe {
  const leaves = new Map<string, unknown>();
  collectLeaves(value, "", leaves);
  const problems: string[] = [];
  for (const [name, field] of Object.entries(FIELDS)) {
    if (!leaves.has(name)) {
      if (!field.isOptional) problems.push(`"${name}" is missing`);
    } else if (!field.accepts(leaves.get(name))) {
      problems.push(`"${name}" is ${JSON.stringify(leaves.get(name))}, expected ${field.expected()}`);
    }
  }
  for (const name of leaves.keys()) {
    if (!(name in FIELDS)) problems.push(`"${name}" is unknown`);
  }
  if (problems.length > 0) {
    throw new EnhanceError(
      "RECIPE_INVALID",
      `the recipe has ${problems.length} fault(s): ${problems.join("; ")}`,
    );
  }
  return value as Recipe;
}

/**
 * Reads a recipe and checks every field.
 *
 * @param text - JSON
 * @throws EnhanceError `RECIPE_INVALID` naming every wrong, missing or unknown field
 */
export function parseRecipe(text: string): Recipe {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new EnhanceError("RECIPE_INVALID", `the recipe is not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  return checkRecipe(value);
}

/** The part of a recipe from which a method writes its program. */
export function getMethodRecipe(recipe: Recipe): MethodRecipe {
  const { method, networks: roles, training } = recipe;
  const { patch } = training;
  return {
    method: method?.name ?? "regression",
    ...(method?.options ? { options: method.options } : {}),
    networks: roles,
    losses: training.losses,
    optimiser: training.optimiser,
    learningRate: training.learningRate,
    batch: training.batch,
    patch: typeof patch === "number" ? [patch, patch] : patch,
  };
}

/** The part of a recipe that rules the loop. */
export function getTrainSettings(recipe: Recipe): TrainSettings {
  const { losses: _losses, optimiser: _optimiser, learningRate: _rate, ...settings } = recipe.training;
  return settings;
}
