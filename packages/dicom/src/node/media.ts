/**
 * The files of a DICOMDIR on disk. Nothing outside the DICOMDIR's own folder is ever opened: components are plain
 * names that must be entries of the folder they stand in, and the real path, links resolved, must lie below the root.
 */
import { readdir, readFile, realpath } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { DicomError } from "../errors.ts";
import type { SkippedInstance } from "../images/instance.ts";
import { type DirectoryRecord, listRecords, readDicomDir } from "../media/dicomdir.ts";

/** What a DICOMDIR names. */
export interface MediaFiles {
  readonly records: readonly DirectoryRecord[];
  /** Absolute paths, each once, in the order of the records. */
  readonly paths: readonly string[];
  /** Records whose file is missing (`INPUT_NOT_FOUND`) or must not be followed (`UNSAFE_PATH`). */
  readonly skipped: readonly SkippedInstance[];
}

/**
 * Resolves the files that a DICOMDIR names. Names are matched without regard to case, as media of ISO 9660 show them
 * in either.
 *
 * @throws DicomError `INPUT_UNREADABLE` and as {@link readDicomDir}
 */
export async function findMediaFiles(dicomDirPath: string): Promise<MediaFiles> {
  const content = await readFile(dicomDirPath).catch((cause: unknown) => {
    throw new DicomError("INPUT_UNREADABLE", `${dicomDirPath} cannot be read`, { cause });
  });
  const records = readDicomDir(content);
  const root = await realpath(dirname(dicomDirPath));
  const listings = new Map<string, Promise<ReadonlyMap<string, string>>>();
  const paths = new Set<string>();
  const skipped: SkippedInstance[] = [];
  let count = 0;
  for (const { file, type } of listRecords(records)) {
    count++;
    if (file === undefined) continue;
    const name = `${type} record ${count} of ${dicomDirPath}`;
    if (file.kind === "unsafe") {
      skipped.push({ name, code: "UNSAFE_PATH", reason: file.reason });
      continue;
    }
    const path = await resolveComponents(root, file.components, listings);
    if (path === "missing") {
      skipped.push({ name, code: "INPUT_NOT_FOUND", reason: "the file it names is not on the medium" });
    } else if (path === "outside") {
      skipped.push({ name, code: "UNSAFE_PATH", reason: "the file it names lies outside the medium" });
    } else {
      paths.add(path.path);
    }
  }
  return { records, paths: [...paths], skipped };
}

/** The real path of a file below the root; no folder outside is even listed. */
async function resolveComponents(
  root: string,
  components: readonly string[],
  listings: Map<string, Promise<ReadonlyMap<string, string>>>,
): Promise<{ readonly path: string } | "missing" | "outside"> {
  const below = root.endsWith(sep) ? root : root + sep;
  let path = root;
  for (const component of components) {
    let listing = listings.get(path);
    if (listing === undefined) {
      listing = listEntries(path);
      listings.set(path, listing);
    }
    const entries = await listing;
    const found = entries.get(component) ?? entries.get(component.toLowerCase());
    const real = found === undefined ? undefined : await realpath(join(path, found)).catch(() => undefined);
    if (real === undefined) return "missing";
    if (!real.startsWith(below)) return "outside";
    path = real;
  }
  return { path };
}

/** Entries of a folder by exact and by lower-case name; the exact one wins. */
async function listEntries(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(folder).catch((): string[] => []);
  return new Map([
    ...names.map((name) => [name.toLowerCase(), name] as const),
    ...names.map((name) => [name, name] as const),
  ]);
}
