/** How much memory a run of the command line may take. */
import { availableMemory } from "node:process";
import { countVoxels, type GridGeometry } from "@alara/core";
import { parseNumber } from "../arguments.ts";
import { CliError } from "../input.ts";

/** What `--memory` says in every help. */
export const MEMORY_HELP = "refuse to start when more memory is needed (default: 80 % of what is available)";

/**
 * `--memory` in GiB; default 80 % of what is available now.
 *
 * @returns bytes
 * @throws UsageError
 */
export function chooseMemoryLimit(text: string | undefined): number {
  if (text === undefined) return 0.8 * availableMemory();
  return parseNumber("--memory", text, { minimum: 0.001, maximum: 1e6 }) * 2 ** 30;
}

/**
 * Refuses images that do not fit, before the work begins.
 *
 * @param copies - how many volumes of the grid's size the work holds at once
 * @throws CliError `TOO_LITTLE_MEMORY`
 */
export function checkImageMemory(grid: GridGeometry, copies: number, limitBytes: number): void {
  const bytes = 4 * countVoxels(grid) * copies;
  if (bytes <= limitBytes) return;
  const toMebibytes = (value: number): number => Math.ceil(value / 2 ** 20);
  throw new CliError(
    "TOO_LITTLE_MEMORY",
    `images of ${grid.size.join(" × ")} voxels take ${toMebibytes(bytes)} MiB here and ${toMebibytes(limitBytes)} MiB are allowed; take fewer slices or a smaller --size`,
  );
}
