/** Reads the series of one side of a split: DICOM folders and the subjects that belong to it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LongWorkOptions } from "@alara/core";
import { decodeVolume, readSeriesFile, readText, TAG } from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";
import type { SkippedSeries, TrainingSeries } from "@alara/enhance";
import { UsageError } from "./context.ts";

/** One side of a split: folder → "all" or the subjects (Patient IDs) that belong to it. */
type SplitSide = Readonly<Record<string, "all" | readonly string[]>>;

/** Options of {@link readSplitSeries}. */
export interface ReadSplitOptions extends LongWorkOptions {
  readonly onSkipped: (skipped: SkippedSeries) => void;
}

/**
 * Reads all series of one side of a split file.
 *
 * @param dataFolder - the folder that holds the split file and the image folders
 * @param side - "train", "val" or "test"
 * @returns series in a stable order, with ids `folder/subject#n`; what cannot be read is reported, not fatal
 */
export async function readSplitSeries(
  dataFolder: string,
  splitFile: string,
  side: string,
  options: ReadSplitOptions,
): Promise<TrainingSeries[]> {
  const path = join(dataFolder, splitFile);
  if (!existsSync(path)) {
    throw new UsageError(
      `there is no split file "${splitFile}" in the data folder; pass --data <folder that holds it>`,
    );
  }
  const split = JSON.parse(readFileSync(path, "utf8")) as Record<string, SplitSide>;
  if (!split[side]) throw new UsageError(`the split file has no side "${side}"`);
  const found: TrainingSeries[] = [];
  for (const [group, subjects] of Object.entries(split[side])) {
    const collection = await scanSeriesFiles(
      [join(dataFolder, group)],
      options.signal ? { signal: options.signal } : {},
    );
    for (const { name, code, reason } of collection.skipped)
      options.onSkipped({ id: `${group}/${name}`, code, reason });
    for (const [index, series] of collection.series.entries()) {
      const subject = readText((await readSeriesFile(series, 0)).dataset, TAG.PatientID) ?? "";
      if (subjects !== "all" && !subjects.includes(subject)) continue;
      const id = `${group.split("/").at(-1)}/${subjects === "all" ? "" : subject}#${index}`;
      found.push({
        id,
        volume: await decodeVolume(series, options.signal ? { signal: options.signal } : {}),
      });
      options.onProgress?.({
        phase: `reading ${side}`,
        done: found.length,
        total: found.length,
        unit: "series",
      });
    }
  }
  return found;
}
