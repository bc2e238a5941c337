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
