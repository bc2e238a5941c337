/** Recipes: every shipped one parses; every kind of fault is named. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseRecipe } from "../src/index.ts";

const folder = new URL("../../../recipes/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== "recipe.schema.json");

test.each(names)("%s is a valid recipe", (name) => {
  const recipe = parseRecipe(readFileSync(new URL(name, folder), "utf8"));
  expect(recipe.name.length).toBeGreaterThan(0);
});

const good = () => JSON.parse(readFileSync(new URL(names[0], folder), "utf8"));

test("wrong, missing and unknown fields are all named in one error", () => {
  const recipe = good();
  delete recipe.training.seed;
  recipe.training.steps = -1;
  recipe.learningRate = 3;
  recipe.data.insertion.doseFraction = "a quarter";
  expect(() => parseRecipe(JSON.stringify(recipe))).toThrow(
    /4 fault.*"data.insertion.doseFraction".*"training.seed" is missing.*"training.steps" is -1.*"learningRate" is unknown/s,
  );
});

test("text that is not JSON has the code RECIPE_INVALID", () => {
  expect(() => parseRecipe("{")).toThrow(expect.objectContaining({ code: "RECIPE_INVALID" }));
});
