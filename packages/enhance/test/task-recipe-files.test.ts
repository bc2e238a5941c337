/** The recipes that ship: method and task fit, the schema file is what the code gives. */
import { readdirSync, readFileSync } from "node:fs";
import { buildRecipeProgram, createRecipeSchema, parseRecipe, trainingTasks } from "@alara/enhance";
import { methods } from "@alara/learn";
import { describe, expect, it } from "vitest";

const folder = new URL("../../../recipes/", import.meta.url);
const SCHEMA = "recipe.schema.json";
const names = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== SCHEMA);
const read = (name: string): string => readFileSync(new URL(name, folder), "utf8");
const features = { digest: "test", apply: <T>(x: T): T => x };

describe("recipes", () => {
  it.each(names)("%s: the task supplies what the method asks for", async (name) => {
    const recipe = parseRecipe(read(name));
    const program = buildRecipeProgram(recipe, { features });
    const task = trainingTasks.get(recipe.data.task?.name ?? "low-dose");
    expect(task.fields).toEqual(expect.arrayContaining(Object.keys(program.fields)));
    expect(Object.keys(task.options)).toEqual(
      expect.arrayContaining(Object.keys(recipe.data.task?.options ?? {})),
    );
    expect(recipe.name).toBe(`alara-${name.replace(".json", "")}`);
  });

  it("train with every method and every task", () => {
    const recipes = names.map((name) => parseRecipe(read(name)));
    const used = {
      methods: new Set(recipes.map(({ method }) => method?.name ?? "regression")),
      tasks: new Set(recipes.map(({ data }) => data.task?.name ?? "low-dose")),
    };
    expect(used.methods).toEqual(new Set(methods.names));
    // Scanned pairs need pairs of one's own; any paired recipe takes them by the name of its task.
    expect(used.tasks).toEqual(new Set(trainingTasks.names.filter((name) => name !== "scanned-pairs")));
  });

  it("have a schema file that is the code's; rewrite it with scripts/docs/write-recipe-schema.ts", () => {
    expect(JSON.parse(read(SCHEMA))).toEqual(JSON.parse(JSON.stringify(createRecipeSchema())));
  });
});
