/**
 * Finds files under folders and offers them as instance sources. Symbolic links and hidden entries are skipped unless
 * asked for; nothing is opened that is larger than the cap.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { DicomError } from "../errors.ts";
import type { InstanceSource, SkippedInstance } from "../images/instance.ts";
import { DEFAULT_DICOM_LIMITS } from "../limits.ts";
import { type ScanSeriesOptions, type SeriesCollection, scanSeries } from "../series/series.ts";
import { findMediaFiles } from "./media.ts";

/** Options of {@link findInputFiles}. */
export interface FindInputFilesOptions {
  /** Symbolic links inside folders: `skip` (default) or `follow`. Named paths are always followed. */
  readonly symbolicLinks?: "skip" | "follow";
  /** Entries whose name starts with a dot: `skip` (default) or `include`. */
  readonly hidden?: "skip" | "include";
  /** Larger files are listed as skipped. Default {@link DEFAULT_DICOM_LIMITS}.maxFileBytes. */
  readonly maxFileBytes?: number;
  /** Default 200 000. */
  readonly maxFiles?: number;
}

/** Files found, in a stable order, and what was left out. */
export interface InputFiles {
  readonly paths: readonly string[];
  readonly skipped: readonly SkippedInstance[];
}

/**
 * Lists files below the given files and folders. A DICOMDIR named itself stands for the files that its records name;
 * one inside a folder is left out, as the files of its medium are found without it.
 *
 * @throws DicomError `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`, `LIMIT_EXCEEDED`, and as reading a named DICOMDIR
 */
export async function findInputFiles(
  inputs: readonly string[],
  options: FindInputFilesOptions = {},
): Promise<InputFiles> {
  const maxFileBytes = options.maxFileBytes ?? DEFAULT_DICOM_LIMITS.maxFileBytes;
  const maxFiles = options.maxFiles ?? 200_000;
  const paths: string[] = [];
  const skipped: SkippedInstance[] = [];
  const seenFolders = new Set<string>();
  for (const input of inputs) {
    const pending: { path: string; named: boolean }[] = [{ path: resolve(input), named: true }];
    while (pending.length > 0) {
      const { path, named } = pending.pop() as { path: string; named: boolean };
      const info = await stat(path).catch((cause: unknown) => {
        if (!named) return undefined;
        throw new DicomError("INPUT_NOT_FOUND", `there is no file or folder ${input}`, { cause });
      });
      if (info === undefined) {
        skipped.push({ name: path, code: "INPUT_UNREADABLE", reason: "cannot be opened" });
      } else if (info.isFile() && /^dicomdir$/i.test(basename(path))) {
        if (!named) {
          skipped.push({ name: path, code: "DICOMDIR", reason: "the index of the medium, not an image" });
          continue;
        }
        const media = await findMediaFiles(path);
        skipped.push(...media.skipped);
        // Backwards onto the stack, so that they come in the order of the records.
        for (const file of [...media.paths].reverse()) pending.push({ path: file, named: false });
      } else if (info.isFile()) {
        if (info.size > maxFileBytes) {
          skipped.push({
            name: path,
            code: "FILE_TOO_LARGE",
            reason: `${info.size} bytes, more than the cap of ${maxFileBytes}`,
          });
        } else {
          paths.push(path);
          if (paths.length > maxFiles) {
            throw new DicomError("LIMIT_EXCEEDED", `more than ${maxFiles} files; name a smaller folder`);
          }
        }
      } else if (info.isDirectory()) {
        const key = `${info.dev}:${info.ino}`;
        if (seenFolders.has(key)) continue;
        seenFolders.add(key);
        const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown) => {
          if (!named) return undefined;
          throw new DicomError("INPUT_UNREADABLE", `folder ${input} cannot be read`, { cause });
        });
        if (entries === undefined) {
          skipped.push({ name: path, code: "INPUT_UNREADABLE", reason: "cannot be opened" });
          continue;
        }
        // Depth first in name order: the stack is filled backwards.
        entries.sort((a, b) => (a.name < b.name ? 1 : -1));
        for (const entry of entries) {
          if (entry.name.startsWith(".") && options.hidden !== "include") continue;
          if (entry.isSymbolicLink() && options.symbolicLinks !== "follow") continue;
          pending.push({ path: join(path, entry.name), named: false });
        }
      } else {
        skipped.push({ name: path, code: "INPUT_UNREADABLE", reason: "neither a file nor a folder" });
      }
    }
  }
  return { paths: [...new Set(paths)], skipped };
}

/** A file on disk as an instance source; named by its path relative to `base`. */
export function createFileSource(path: string, base?: string): InstanceSource {
  return {
    name: base === undefined ? basename(path) : relative(base, path) || basename(path),
    read: async () => {
      try {
        return await readFile(path);
      } catch (cause) {
        throw new DicomError("INPUT_UNREADABLE", `${path} cannot be read`, { cause });
      }
    },
  };
}

/** Options of {@link scanSeriesFiles}. */
export interface ScanSeriesFilesOptions extends FindInputFilesOptions, ScanSeriesOptions {}

/**
 * Finds all CT series in files and folders.
 *
 * @throws DicomError as {@link findInputFiles}
 */
export async function scanSeriesFiles(
  inputs: readonly string[],
  options: ScanSeriesFilesOptions = {},
): Promise<SeriesCollection> {
  const { paths, skipped } = await findInputFiles(inputs, options);
  const base = inputs.length === 1 ? resolve(inputs[0]) : undefined;
  const collection = await scanSeries(
    paths.map((path) => createFileSource(path, base)),
    options,
  );
  return { series: collection.series, skipped: [...skipped, ...collection.skipped] };
}
