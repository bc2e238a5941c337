/**
 * Where the development data lies, for tests that may use it and must skip without it. Not part of any package that
 * ships.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";

/**
 * The data folder named by the environment variable `ALARA_DATA`: the one that holds `MANIFEST.json`.
 *
 * @returns its absolute path, or `undefined` when there is none: tests that need it then skip with a printed reason
 */
export function findDataFolder(): string | undefined {
  const candidate = process.env.ALARA_DATA;
  if (candidate === undefined || !existsSync(join(candidate, "MANIFEST.json"))) return undefined;
  return resolve(candidate);
}
