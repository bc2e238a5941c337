/**
 * Writes recipes/recipe.schema.json, the JSON Schema of recipes, from the table that checks them.
 * Run: node scripts/docs/write-recipe-schema.ts
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createRecipeSchema } from "@alara/enhance";

const FILE = fileURLToPath(new URL("../../recipes/recipe.schema.json", import.meta.url));
const BIOME = fileURLToPath(new URL("../../node_modules/.bin/biome", import.meta.url));

writeFileSync(FILE, `${JSON.stringify(createRecipeSchema(), null, 2)}\n`);
execFileSync(BIOME, ["format", "--write", FILE], { stdio: "inherit" });
process.stdout.write(`${FILE}\n`);
