/**
 * Where the development data lies, for tests that may use it and must skip without it. Not part of any package that
 * ships.
 */
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The data folder: `ALARA_DATA` when set, else `../shared/data` beside the repository.
 *
 * @returns its absolute path, or `undefined` when there is none: tests that need it then skip with a printed reason
 */
export function findDataFolder(): string | undefined {
  const repository = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
  const candidate = process.env.ALARA_DATA ?? join(repository, "..", "shared", "data");
  return existsSync(join(candidate, "MANIFEST.json")) ? resolve(candidate) : undefined;
}
