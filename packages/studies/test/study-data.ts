/** A small recipe and made-up results for the suites of this package. */
import { readFileSync } from "node:fs";
import { parseRecipe, type Recipe } from "@alara/enhance";
import type { TestFigures, TrialResult } from "@alara/studies";

/** The shipped recipe. */
export const recipe: Recipe = parseRecipe(
  readFileSync(new URL("../../../recipes/residual-cnn.json", import.meta.url), "utf8"),
);

/** A result with given test images. */
export function makeResult(score: number, test: readonly TestFigures[] = []): TrialResult {
  return { score, steps: 10, reason: "finished", test, seconds: 1, parameters: 100 };
}
