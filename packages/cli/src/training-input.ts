/**
 * Reads the series of one side of a split, and refuses a split with a patient on two sides. A split says for each
 * folder who belongs to the side, and, for pairs and pools, what the folder's series are for.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LongWorkOptions } from "@alara/core";
import {
  type DicomDataset,
  DicomError,
  decodeVolume,
  readNumber,
  readSeriesFile,
  readText,
  type Series,
  TAG,
} from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";
import type { SeriesFacts, SkippedSeries, TrainingSeries } from "@alara/enhance";
import { UsageError } from "./context.ts";
import { CliError } from "./input.ts";

/** Who of a folder belongs to a side: everybody, or these subjects (Patient IDs). */
type Subjects = "all" | readonly string[];

const ROLES = ["input", "target", "repeat", "image"] as const;
const POOLS = ["x", "y"] as const;

/** What stands under a folder of a side. */
interface SplitFolder {
  readonly subjects: Subjects;
  /** Half of a pair, or one of several scans of each subject. */
  readonly role?: (typeof ROLES)[number];
  /** Pool of unpaired training. */
  readonly pool?: (typeof POOLS)[number];
}

/** One side of a split: folder → subjects, or what its series are for. */
type SplitSide = Readonly<Record<string, SplitFolder>>;

/** Options of {@link readSplitSeries}. */
export interface ReadSplitOptions extends LongWorkOptions {
  readonly onSkipped: (skipped: SkippedSeries) => void;
}

/** A series of the split and whom it shows. */
export interface SplitSeries {
  readonly id: string;
  readonly subject: string;
  readonly series: Series;
  readonly role?: (typeof ROLES)[number];
  readonly pool?: (typeof POOLS)[number];
  /** Series of one pair, or repeats of one subject, have the same. */
  readonly pairId?: string;
  readonly facts: SeriesFacts;
}

function isSubjects(value: unknown): value is Subjects {
  return value === "all" || (Array.isArray(value) && value.every((item) => typeof item === "string"));
}

/** A folder's entry: "all", a list, or an object; null for anything else. */
function readFolder(value: unknown): SplitFolder | null {
  if (isSubjects(value)) return { subjects: value };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { subjects, role, pool, ...rest } = value as Readonly<Record<string, unknown>>;
  const isKnown =
    isSubjects(subjects) &&
    (role === undefined || ROLES.includes(role as SplitFolder["role"] & string)) &&
    (pool === undefined || POOLS.includes(pool as SplitFolder["pool"] & string)) &&
    Object.keys(rest).length === 0;
  return isKnown ? (value as SplitFolder) : null;
}

/** A side, or what is wrong with it; null for what is none (a text, a number). */
function readSide(value: unknown): SplitSide | string | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const side: Record<string, SplitFolder> = {};
  for (const [folder, item] of Object.entries(value)) {
    const entry = readFolder(item);
    if (entry === null) {
      return `has an entry for "${folder}" that is none of "all", a list of Patient IDs, { "subjects": …, "role": ${ROLES.join(" | ")}, "pool": ${POOLS.join(" | ")} }`;
    }
    side[folder] = entry;
  }
  return side;
}

function readSplit(dataFolder: string, splitFile: string): Readonly<Record<string, SplitSide | string>> {
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
  const sides: Record<string, SplitSide | string> = {};
  for (const [name, item] of Object.entries((value ?? {}) as Record<string, unknown>)) {
    const side = readSide(item);
    if (side !== null) sides[name] = side;
  }
  return sides;
}

/** What headers say about a scan; numbers that cannot be read are left out. */
function readFacts(dataset: DicomDataset): SeriesFacts {
  const number = (tag: number): number | undefined => {
    try {
      return readNumber(dataset, tag);
    } catch (error) {
      if (error instanceof DicomError) return undefined;
      throw error;
    }
  };
  const facts = {
    kvp: number(TAG.KVP),
    exposureMas: number(TAG.Exposure),
    ctdiVolMgy: number(TAG.CTDIvol),
    sliceThicknessMm: number(TAG.SliceThickness),
    kernel: readText(dataset, TAG.ConvolutionKernel),
    scanner: readText(dataset, TAG.ManufacturerModelName),
    bodyPart: readText(dataset, TAG.BodyPartExamined),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as SeriesFacts;
}

/** Finds the series of one side by their headers. */
async function findSplitSeries(
  dataFolder: string,
  side: SplitSide,
  options: ReadSplitOptions,
): Promise<SplitSeries[]> {
  const found: SplitSeries[] = [];
  const names = Object.keys(side).map((group) => group.split("/").at(-1));
  for (const [group, { subjects, role, pool }] of Object.entries(side)) {
    const work = options.signal ? { signal: options.signal } : {};
    const collection = await scanSeriesFiles([join(dataFolder, group)], work);
    for (const { name, code, reason } of collection.skipped)
      options.onSkipped({ id: `${group}/${name}`, code, reason });
    const seen = new Map<string, number>();
    // The folder's own name is enough unless another of the side has the same.
    const last = group.split("/").at(-1);
    const shown = names.filter((name) => name === last).length > 1 ? group : last;
    for (const [index, series] of collection.series.entries()) {
      const { dataset } = await readSeriesFile(series, 0);
      const subject = readText(dataset, TAG.PatientID) ?? "";
      if (subjects !== "all" && !subjects.includes(subject)) continue;
      const number = seen.get(subject) ?? 0;
      seen.set(subject, number + 1);
      found.push({
        // A subject's n-th input belongs to its n-th target; its repeats belong together.
        ...(role && {
          role,
          ...(role !== "image" && { pairId: role === "repeat" ? subject : `${subject}#${number}` }),
        }),
        ...(pool && { pool }),
        facts: readFacts(dataset),
        id: `${shown}/${subjects === "all" ? "" : subject}#${index}`,
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
    const side = file[name];
    if (side === undefined || typeof side === "string") {
      if (isNeeded || side !== undefined) {
        throw new UsageError(
          `the split file ${side === undefined ? `has no side "${name}"` : `is wrong: side "${name}" ${side}`}`,
        );
      }
      continue;
    }
    const found = await findSplitSeries(dataFolder, side, isNeeded ? options : { onSkipped: () => {} });
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
  for (const [index, { id, subject, series, ...rest }] of found.entries()) {
    try {
      result.push({ id, volume: await decodeVolume(series, work), patientId: subject, ...rest });
    } catch (error) {
      if (!(error instanceof DicomError)) throw error;
      options.onSkipped({ id, code: error.code, reason: error.message });
    }
    options.onProgress?.({ phase: `reading ${side}`, done: index + 1, total: found.length, unit: "series" });
  }
  return result;
}
