/**
 * The space of a search: which recipe fields vary and over what. Any field may, by its dotted path. Not here: which
 * variants to train for how long (halving.ts).
 */
import { createRandom, type Random } from "@alara/core";
import { checkRecipe, type Recipe } from "@alara/enhance";
import { StudiesError } from "./errors.ts";

/** A setting that a field may take. */
export type SettingValue = number | string | boolean | readonly number[];

/** One field that varies: over a list, or over a range. */
export type SearchParameter =
  | { readonly path: string; readonly values: readonly SettingValue[] }
  | {
      readonly path: string;
      readonly range: readonly [number, number];
      /** `"linear"` (default) or `"log"`. */
      readonly scale?: "linear" | "log";
      /** Whole numbers only; default false. */
      readonly isWhole?: boolean;
    };

/** Path → value of one variant. */
export type Settings = Readonly<Record<string, SettingValue>>;

/** Number of variants of a grid. */
export function countGrid(parameters: readonly SearchParameter[]): number {
  return parameters.reduce((product, parameter) => {
    if (!("values" in parameter)) {
      throw new StudiesError(
        "SEARCH_INVALID",
        `"${parameter.path}" is a range; a grid needs lists of values, or take a random search`,
      );
    }
    return product * parameter.values.length;
  }, 1);
}

/**
 * All variants of a grid, the last parameter running fastest.
 *
 * @throws StudiesError `SEARCH_INVALID` when a parameter is a range
 */
export function enumerateGrid(parameters: readonly SearchParameter[]): Settings[] {
  countGrid(parameters);
  let variants: Settings[] = [{}];
  for (const parameter of parameters) {
    const values = "values" in parameter ? parameter.values : [];
    variants = variants.flatMap((variant) =>
      values.map((value) => ({ ...variant, [parameter.path]: value })),
    );
  }
  return variants;
}

function drawSetting(parameter: SearchParameter, random: Random): SettingValue {
  if ("values" in parameter) return parameter.values[random.nextInteger(parameter.values.length)];
  const [low, high] = parameter.range;
  const share = random.nextUniform();
  if (parameter.isWhole) {
    const real =
      parameter.scale === "log" ? low * ((high + 1) / low) ** share : low + (high + 1 - low) * share;
    return Math.min(high, Math.floor(real));
  }
  return parameter.scale === "log" ? low * (high / low) ** share : low + (high - low) * share;
}

/** Random variants (Bergstra & Bengio 2012), all different; fewer when the space holds fewer. */
export function drawVariants(
  parameters: readonly SearchParameter[],
  count: number,
  seed: number,
): Settings[] {
  const random = createRandom(seed).derive("variants");
  const seen = new Map<string, Settings>();
  for (let tries = 0; seen.size < count && tries < 50 * count; tries++) {
    const variant = Object.fromEntries(
      parameters.map((parameter) => [parameter.path, drawSetting(parameter, random)]),
    );
    seen.set(JSON.stringify(variant), variant);
  }
  return [...seen.values()];
}

function setPath(target: Record<string, unknown>, path: string, value: SettingValue): void {
  const names = path.split(".");
  let node: Record<string, unknown> = target;
  for (const name of names.slice(0, -1)) {
    const child = node[name];
    if (child === undefined) node[name] = {};
    else if (typeof child !== "object" || child === null) {
      throw new StudiesError(
        "SEARCH_INVALID",
        `"${path}": "${name}" holds ${JSON.stringify(child)}, not an object`,
      );
    }
    node = node[name] as Record<string, unknown>;
  }
  node[names[names.length - 1]] = value;
}

/**
 * The recipe with settings put in at their paths; list entries by number, as in `training.losses.0.weight`.
 *
 * @throws StudiesError `SEARCH_INVALID`; EnhanceError `RECIPE_INVALID` when the result is no recipe
 */
export function applySettings(recipe: Recipe, settings: Settings): Recipe {
  const copy = structuredClone(recipe) as unknown as Record<string, unknown>;
  for (const [path, value] of Object.entries(settings)) setPath(copy, path, value);
  return checkRecipe(copy);
}
