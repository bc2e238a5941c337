/** Reads the series of one side of a split, and refuses a split with a patient on two sides. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LongWorkOptions } from "@alara/core";
import { DicomError, decodeVolume, readSeriesFile, readText, type Series, TAG } from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";
import type { SkippedSeries, TrainingSeries } from "@alara/enhance";
import { UsageError } from "./context.ts";
import { CliError } from "./input.ts";

/** One side of a split: folder → "all" or the subjects (Patient IDs) that belong to it. */
type SplitSide = Readonly<Record<string, "all" | readonly string[]>>;

/** Options of {@link readSplitSeries}. */
export interface ReadSplitOptions extends LongWorkOptions {
  readonly onSkipped: (skipped: SkippedSeries) => void;
}

/** A series of the split and whom it shows. */
export interface SplitSeries {
  readonly id: string;
  readonly subject: string;
  readonly series: Series;
}

function isSide(value: unknown): value is SplitSide {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(
      (item) => item === "all" || (Array.isArray(item) && item.every((s) => typeof s === "string")),
    )
  );
}

function readSplit(dataFolder: string, splitFile: string): Readonly<Record<string, SplitSide>> {
  const path = join(dataFolder, splitFile);
  if (!existsSync(path)) {
    throw new UsageError(
      `there is no split file "${splitFile}" in the data folder; pass --data <folder that holds it>`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new UsageError(`the split file "${splitFile}" is not JSON: ${(cause as Error).message}`);
  }
  const sides: Record<string, SplitSide> = {};
  for (const [name, side] of Object.entries((value ?? {}) as Record<string, unknown>))
    if (isSide(side)) sides[name] = side;
  return sides;
}

/** Finds the series of one side by their headers. */
async function findSplitSeries(
  dataFolder: string,
  side: SplitSide,
  options: ReadSplitOptions,
): Promise<SplitSeries[]> {
  const found: SplitSeries[] = [];
  for (const [group, subjects] of Object.entries(side)) {
    const work = options.signal ? { signal: options.signal } : {};
    const collection = await scanSeriesFiles([join(dataFolder, group)], work);
    for (const { name, code, reason } of collection.skipped)
      options.onSkipped({ id: `${group}/${name}`, code, reason });
    const seen = new Set<string>();
    for (const [index, series] of collection.series.entries()) {
      const subject = readText((await readSeriesFile(series, 0)).dataset, TAG.PatientID) ?? "";
      if (subjects !== "all" && !subjects.includes(subject)) continue;
      seen.add(subject);
      found.push({
        id: `${group.split("/").at(-1)}/${subjects === "all" ? "" : subject}#${index}`,
        subject,
        series,
      });
    }
    for (const subject of subjects === "all" ? [] : subjects) {
      if (!seen.has(subject)) {
        options.onSkipped({
          id: `${group}/${subject}`,
          code: "SUBJECT_NOT_FOUND",
          reason: "no series of this subject",
        });
      }
    }
  }
  return found;
}

/** The series of a split by side, found by their headers. */
export type Split = ReadonlyMap<string, readonly SplitSeries[]>;

/**
 * Finds the series of a split, and checks that no patient and no series stands on two of the sides.
 *
 * @param dataFolder - the folder that holds the split file and the image folders
 * @param sides - what to find; those that must be there, and those that are only held against them
 * @throws UsageError for a missing or broken split file or side; CliError `SPLIT_OVERLAP`
 */
export async function openSplit(
  dataFolder: string,
  splitFile: string,
  sides: { readonly needed: readonly string[]; readonly held?: readonly string[] },
  options: ReadSplitOptions,
): Promise<Split> {
  const file = readSplit(dataFolder, splitFile);
  const split = new Map<string, readonly SplitSeries[]>();
  const sideOf = new Map<string, string>();
  for (const name of [...sides.needed, ...(sides.held ?? [])]) {
    const isNeeded = sides.needed.includes(name);
    if (!file[name]) {
      if (isNeeded) throw new UsageError(`the split file has no side "${name}"`);
      continue;
    }
    const found = await findSplitSeries(dataFolder, file[name], isNeeded ? options : { onSkipped: () => {} });
    split.set(name, found);
    for (const { subject, series } of found) {
      for (const key of [subject, series.seriesInstanceUid].filter((text) => text !== "")) {
        const other = sideOf.get(key);
        if (other !== undefined && other !== name) {
          throw new CliError(
            "SPLIT_OVERLAP",
            `a subject or series stands in both "${other}" and "${name}" of the split; give every subject one side`,
          );
        }
        sideOf.set(key, name);
      }
    }
  }
  return split;
}

/**
 * Decodes all series of one side.
 *
 * @param side - a side that {@link openSplit} was asked for
 * @returns series in a stable order, with ids `folder/subject#n`; what cannot be read is reported, not fatal
 */
export async function readSplitSeries(
  split: Split,
  side: string,
  options: ReadSplitOptions,
): Promise<TrainingSeries[]> {
  const work = options.signal ? { signal: options.signal } : {};
  const found = split.get(side) ?? [];
  const result: TrainingSeries[] = [];
  for (const [index, { id, series }] of found.entries()) {
    try {
      result.push({ id, volume: await decodeVolume(series, work) });
    } catch (error) {
      if (!(error instanceof DicomError)) throw error;
      options.onSkipped({ id, code: error.code, reason: error.message });
    }
    options.onProgress?.({ phase: `reading ${side}`, done: index + 1, total: found.length, unit: "series" });
  }
  return result;
}
