/**
 * Reading the configuration of a network: unknown JSON into checked values, with every fault named.
 */
import { LearnError } from "../errors.ts";

/** Throws unless `value` is a whole number from `low` to `high`. */
export function checkWhole(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `${name} is ${value}; it must be a whole number from ${low} to ${high}`,
    );
  }
}

/** Checks that a JSON object holds known numeric keys only. */
export function readNumbers(
  config: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  name: string,
): Record<string, number> {
  const numbers: Record<string, number> = {};
  for (const [key, value] of Object.entries(config)) {
    if (!keys.includes(key) || typeof value !== "number" || !Number.isFinite(value)) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `network "${name}": "${key}": ${JSON.stringify(value)} is no known number; known: ${keys.join(", ")}`,
      );
    }
    numbers[key] = value;
  }
  return numbers;
}

/** One entry of a configuration: its kind, default and range. */
export type Field =
  | {
      readonly kind: "whole";
      readonly default: number;
      readonly low: number;
      readonly high: number;
      readonly isOdd?: true;
    }
  | {
      readonly kind: "number";
      /** A number, or computed from what was given. */
      readonly default: number | ((given: Readonly<Record<string, unknown>>) => number);
      readonly low: number;
      readonly high: number;
    }
  | { readonly kind: "choice"; readonly default: string; readonly choices: readonly string[] }
  | { readonly kind: "flag"; readonly default: boolean };

/** The entries of a configuration `C`. */
export type Fields<C> = { readonly [Key in keyof Required<C>]: Field };

function describeFault(key: string, value: unknown, field: Field): string | null {
  const found = `${key} is ${JSON.stringify(value)}`;
  if (field.kind === "flag") return typeof value === "boolean" ? null : `${found}, not true or false`;
  if (field.kind === "choice") {
    const isKnown = typeof value === "string" && field.choices.includes(value);
    return isKnown ? null : `${found}, none of ${field.choices.join(", ")}`;
  }
  const isInRange = typeof value === "number" && value >= field.low && value <= field.high;
  if (field.kind === "number") {
    return isInRange ? null : `${found}, no number from ${field.low} to ${field.high}`;
  }
  const isWhole = isInRange && Number.isInteger(value) && (field.isOdd !== true || value % 2 === 1);
  const what = field.isOdd ? "odd number" : "whole number";
  return isWhole ? null : `${found}, no ${what} from ${field.low} to ${field.high}`;
}

/**
 * Fills in defaults and checks every entry.
 *
 * @param name - of the network, for messages
 * @param config - as given: unknown JSON
 * @param checkTogether - faults that concern several entries; called when each alone is right
 * @throws LearnError `OUT_OF_RANGE` that names every fault
 */
export function readConfig<C extends object>(
  name: string,
  config: C | Readonly<Record<string, unknown>>,
  fields: Fields<C>,
  checkTogether: (complete: Required<C>) => readonly string[] = () => [],
): Required<C> {
  const given = config as Readonly<Record<string, unknown>>;
  const table = fields as Readonly<Record<string, Field>>;
  const faults = Object.keys(given)
    .filter((key) => !(key in table))
    .map((key) => `"${key}" is unknown (known: ${Object.keys(table).join(", ")})`);
  const complete: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(table)) {
    const start = typeof field.default === "function" ? field.default(given) : field.default;
    const value = given[key] ?? start;
    const fault = describeFault(key, value, field);
    if (fault !== null) faults.push(fault);
    complete[key] = value;
  }
  const filled = complete as Required<C>;
  if (faults.length === 0) faults.push(...checkTogether(filled));
  if (faults.length > 0) throw new LearnError("OUT_OF_RANGE", `network "${name}": ${faults.join("; ")}`);
  return filled;
}
