/** Where shipped models are, and which one is used when nobody says. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "./context.ts";

/** The folder with the model bundles that ship. */
export const MODELS_FOLDER: string = fileURLToPath(new URL("../../../models/", import.meta.url));

/** Used by `alara enhance` when neither `--method` nor `--model` is given. */
export const DEFAULT_MODEL = "residual-cnn";

/** Names of the shipped bundles. */
export function listShippedModels(): readonly string[] {
  return readdirSync(MODELS_FOLDER, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(MODELS_FOLDER, entry.name, "model.json")))
    .map((entry) => entry.name)
    .sort();
}

/** Turns `--model` into a folder: a shipped name or a path. */
export function findModelFolder(nameOrPath: string): string {
  const shipped = listShippedModels();
  if (shipped.includes(nameOrPath)) return join(MODELS_FOLDER, nameOrPath);
  if (existsSync(join(nameOrPath, "model.json"))) return nameOrPath;
  throw new UsageError(
    `"${nameOrPath}" is neither a shipped model (${shipped.join(", ")}) nor a folder with a model.json`,
  );
}
