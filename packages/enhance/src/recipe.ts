/**
 * Training recipes: methods are data. A recipe names the network, the data, the loss and the schedule; the same
 * recipe, seed and machine give the same model.
 */
import { losses, type TrainRecipe } from "@alara/learn";
import { EnhanceError } from "./errors.ts";

/** Schema identifier of a recipe file. */
export const RECIPE_SCHEMA = "alara-recipe/1";

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

/** The content of a recipe file. */
export interface Recipe {
  readonly schema: typeof RECIPE_SCHEMA;
  readonly name: string;
  readonly version: string;
  readonly summary: string;
  readonly network: { readonly name: string; readonly config: Readonly<Record<string, number>> };
  readonly data: {
    /** Split file inside the data folder. */
    readonly split: string;
    readonly insertion: InsertionRecipe;
    readonly phantoms: PhantomRecipe;
    /** Added noise is scaled by a factor drawn log-uniformly from here; 1 is `insertion.doseFraction`. */
    readonly noiseScale: readonly [number, number];
    /** Slices used per series at most, around the middle; bounds memory and balances subjects. */
    readonly maximumSlicesPerSeries: number;
    /** Share of patches that must hold the body. */
    readonly bodyShare: number;
  };
  /** Seed, batch, patch, steps, losses, schedule, optimiser: the trainer's own part. */
  readonly training: TrainRecipe;
  readonly intendedRange: {
    readonly pixelSpacingMm: readonly [number, number];
    readonly sliceThicknessMm: readonly [number, number];
    readonly kvp: readonly [number, number];
    readonly noiseHu: readonly [number, number];
    readonly bodyParts: readonly string[];
  };
}

type Check = (value: unknown) => string | null;

const isNumber =
  (minimum: number, maximum: number, whole = "any" as "any" | "whole"): Check =>
  (value) =>
    typeof value === "number" &&
    value >= minimum &&
    value <= maximum &&
    (whole === "any" || Number.isInteger(value))
      ? null
      : `${whole === "whole" ? "a whole number" : "a number"} from ${minimum} to ${maximum}`;
const isText: Check = (value) => (typeof value === "string" && value.length > 0 ? null : "a text");
const isOneOf =
  (...names: string[]): Check =>
  (value) =>
    names.includes(value as string) ? null : `one of ${names.join(", ")}`;
const isNumberPair =
  (minimum: number, maximum: number): Check =>
  (value) =>
    Array.isArray(value) &&
    value.length === 2 &&
    value.every((item) => isNumber(minimum, maximum)(item) === null) &&
    value[0] <= value[1]
      ? null
      : `[low, high] within ${minimum} to ${maximum}`;
const isTextList: Check = (value) =>
  Array.isArray(value) && value.every((item) => typeof item === "string") ? null : "a list of texts";
const isNumberRecord: Check = (value) =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((item) => typeof item === "number" && Number.isFinite(item))
    ? null
    : "an object of numbers";

const isLossList: Check = (value) =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every(
    (item) => typeof item === "object" && item !== null && losses.has((item as { name: string }).name),
  )
    ? null
    : `a list of { name, weight?, options? } with names of ${losses.names.join(", ")}`;

/** Fields that may be left out. */
const OPTIONAL = new Set<Check>();
function optional(check: Check): Check {
  const wrapped: Check = (value) => check(value);
  OPTIONAL.add(wrapped);
  return wrapped;
}

/** The published schema: every field, and nothing else. */
const FIELDS: Readonly<Record<string, Check>> = {
  schema: isOneOf(RECIPE_SCHEMA),
  name: isText,
  version: isText,
  summary: isText,
  "network.name": isText,
  "network.config": isNumberRecord,
  "data.split": isText,
  "data.insertion.doseFraction": isNumber(0.02, 0.95),
  "data.insertion.realisations": isNumber(1, 16, "whole"),
  "data.phantoms.count": isNumber(0, 1000, "whole"),
  "data.phantoms.realisations": isNumber(1, 16, "whole"),
  "data.phantoms.share": isNumber(0, 1),
  "data.noiseScale": isNumberPair(0.001, 10),
  "data.maximumSlicesPerSeries": isNumber(1, 100000, "whole"),
  "data.bodyShare": isNumber(0, 1),
  "training.seed": isNumber(0, 4294967295, "whole"),
  "training.batch": isNumber(1, 1024, "whole"),
  "training.patch": isNumber(8, 1024, "whole"),
  "training.steps": isNumber(1, 1e9, "whole"),
  "training.losses": isLossList,
  "training.learningRate.kind": isOneOf("constant", "cosine"),
  "training.learningRate.value": isNumber(1e-8, 1),
  "training.learningRate.finalValue": optional(isNumber(0, 1)),
  "training.learningRate.warmupSteps": optional(isNumber(0, 1e9, "whole")),
  "training.optimiser.kind": isOneOf("adam"),
  "training.optimiser.beta1": optional(isNumber(0, 0.999999)),
  "training.optimiser.beta2": optional(isNumber(0, 0.999999)),
  "training.optimiser.epsilon": optional(isNumber(1e-12, 1)),
  "training.optimiser.weightDecay": optional(isNumber(0, 1)),
  "training.optimiser.clipNorm": optional(isNumber(1e-9, 1e9)),
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
  const leaves = new Map<string, unknown>();
  collectLeaves(value, "", leaves);
  const problems: string[] = [];
  for (const [name, check] of Object.entries(FIELDS)) {
    if (!leaves.has(name)) {
      if (!OPTIONAL.has(check)) problems.push(`"${name}" is missing`);
    } else {
      const expected = check(leaves.get(name));
      if (expected) problems.push(`"${name}" is ${JSON.stringify(leaves.get(name))}, expected ${expected}`);
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
