/**
 * A search as a file: a recipe, what varies, how variants are chosen and how long they train.
 */
import { checkRecipe, type Recipe } from "@alara/enhance";
import { StudiesError } from "./errors.ts";
import type { HalvingOptions } from "./halving.ts";
import {
  applySettings,
  countGrid,
  drawVariants,
  enumerateGrid,
  type SearchParameter,
  type Settings,
} from "./search-space.ts";

/** Schema identifier of a search file. */
export const SEARCH_SCHEMA = "alara-search/1";

/** A search. */
export interface Search {
  readonly schema: typeof SEARCH_SCHEMA;
  readonly name: string;
  readonly recipe: Recipe;
  readonly parameters: readonly SearchParameter[];
  /** `"grid"`: all combinations; `"random"`: `trials` drawn ones. */
  readonly strategy: "grid" | "random";
  /** Random search: number of variants. */
  readonly trials?: number;
  readonly seed: number;
  /** Successive halving; default none: every variant trains to its end. */
  readonly halving?: Pick<HalvingOptions, "firstSteps" | "factor" | "isPatient">;
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

function findParameterFault(value: unknown): string | null {
  if (typeof value !== "object" || value === null) return "is no object";
  const { path, values, range, scale, isWhole, ...rest } = value as Record<string, unknown>;
  if (typeof path !== "string" || path === "")
    return `"path" is ${JSON.stringify(path)}, expected a field's dotted path`;
  if (Object.keys(rest).length > 0) return `"${Object.keys(rest).join(", ")}" is unknown`;
  if ((values === undefined) === (range === undefined)) return `"${path}" needs either "values" or "range"`;
  if (values !== undefined)
    return Array.isArray(values) && values.length > 0 ? null : `"${path}": values must be a list`;
  const isRange = Array.isArray(range) && range.length === 2 && range.every(isNumber) && range[0] < range[1];
  if (!isRange) return `"${path}": range must be [low, high]`;
  if (scale !== undefined && scale !== "linear" && scale !== "log")
    return `"${path}": scale must be linear or log`;
  if (scale === "log" && !((range as number[])[0] > 0)) return `"${path}": a log range must lie above 0`;
  return isWhole === undefined || typeof isWhole === "boolean"
    ? null
    : `"${path}": isWhole must be true or false`;
}

/**
 * Reads a search.
 *
 * @param text - JSON; its `recipe` is a whole recipe, or the name that `readRecipe` reads
 * @param readRecipe - reads the recipe that the file names
 * @throws StudiesError `SEARCH_INVALID` naming every fault; EnhanceError `RECIPE_INVALID`, also when a variant is none
 */
export function parseSearch(text: string, readRecipe: (name: string) => Recipe): Search {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new StudiesError("SEARCH_INVALID", `the search is not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  const { schema, name, recipe, parameters, strategy, trials, seed, halving, ...rest } = value;
  const faults: string[] = [];
  const demand = (condition: boolean, fault: string): void => {
    if (!condition) faults.push(fault);
  };
  demand(schema === SEARCH_SCHEMA, `"schema" is ${JSON.stringify(schema)}, expected "${SEARCH_SCHEMA}"`);
  demand(typeof name === "string" && name !== "", `"name" must be a text`);
  demand(
    strategy === "grid" || strategy === "random",
    `"strategy" is ${JSON.stringify(strategy)}, expected grid or random`,
  );
  demand(Number.isInteger(seed), `"seed" must be a whole number`);
  demand(
    strategy !== "random" || (Number.isInteger(trials) && (trials as number) >= 1),
    `"trials" must be a whole number ≥ 1`,
  );
  demand(
    typeof recipe === "string" || (typeof recipe === "object" && recipe !== null),
    `"recipe" must be a file name or a recipe`,
  );
  for (const key of Object.keys(rest)) faults.push(`"${key}" is unknown`);
  if (Array.isArray(parameters) && parameters.length > 0) {
    parameters.forEach((parameter, k) => {
      const fault = findParameterFault(parameter);
      if (fault !== null) faults.push(`"parameters[${k}]" ${fault}`);
    });
  } else faults.push(`"parameters" must be a list of { path, values } or { path, range }`);
  if (halving !== undefined) {
    const { firstSteps } = (halving ?? {}) as Record<string, unknown>;
    demand(
      Number.isInteger(firstSteps) && (firstSteps as number) >= 1,
      `"halving.firstSteps" must be a whole number ≥ 1`,
    );
  }
  if (faults.length > 0) {
    throw new StudiesError(
      "SEARCH_INVALID",
      `the search has ${faults.length} fault(s): ${faults.join("; ")}`,
    );
  }
  const base = typeof recipe === "string" ? readRecipe(recipe) : checkRecipe(recipe);
  return { ...(value as unknown as Search), recipe: base };
}

/**
 * The variants of a search, in a fixed order.
 *
 * @throws EnhanceError `RECIPE_INVALID` when a variant is no recipe
 */
export function listVariants(search: Search): { readonly settings: Settings; readonly recipe: Recipe }[] {
  const { strategy, parameters, trials = 1, seed, recipe } = search;
  if (strategy === "grid" && countGrid(parameters) > 100_000) {
    throw new StudiesError(
      "OUT_OF_RANGE",
      `the grid has ${countGrid(parameters)} variants; take a random search`,
    );
  }
  const variants = strategy === "grid" ? enumerateGrid(parameters) : drawVariants(parameters, trials, seed);
  return variants.map((settings) => ({ settings, recipe: applySettings(recipe, settings) }));
}
