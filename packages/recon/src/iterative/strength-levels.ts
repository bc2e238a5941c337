/**
 * Strength levels of the conventional comparators: 1 to 5, or mild (2), standard (3), strong (4).
 */
import { ReconError } from "../errors.ts";

/** A level. */
export type StrengthLevel = 1 | 2 | 3 | 4 | 5 | "mild" | "standard" | "strong";

/**
 * The number of a level.
 *
 * @throws ReconError `OUT_OF_RANGE`
 */
export function resolveStrengthLevel(level: StrengthLevel): 1 | 2 | 3 | 4 | 5 {
  const names = { mild: 2, standard: 3, strong: 4 } as const;
  const value = typeof level === "string" ? names[level] : level;
  if (![1, 2, 3, 4, 5].includes(value)) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `strength ${String(level)} is no level; pass 1 to 5, "mild", "standard" or "strong"`,
    );
  }
  return value;
}
