/**
 * Writes a folder all or nothing: files go into a hidden sibling folder, are synced to disk, and the whole is renamed
 * into place at the end. A crash or an abort leaves no half result under the wanted name.
 */
import { mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { syncFolder } from "@alara/core/node";
import { DicomError } from "../errors.ts";

/** A folder under construction; `commit` or `dispose` ends it. */
export interface OutputFolder {
  /** Where the folder will be. */
  readonly path: string;
  /**
   * Writes one file and syncs it.
   *
   * @param name - relative, parts separated by `/`, each of letters, digits, `.`, `_`, `-`, not starting with a dot.
   * Names come from the caller's own counting, never from what a file or a network says.
   * @throws DicomError `INVALID_VALUE`, `OUTPUT_UNWRITABLE`, `OUTPUT_CLOSED`
   */
  writeFile(name: string, content: Uint8Array | string): Promise<void>;
  /**
   * Moves the folder into place.
   *
   * @throws DicomError `OUTPUT_NOT_EMPTY` when something appeared there meanwhile, `OUTPUT_UNWRITABLE`, `OUTPUT_CLOSED`
   */
  commit(): Promise<void>;
  /** Removes what was written unless committed; safe to call twice. */
  dispose(): Promise<void>;
}

const NAME_PART = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

/**
 * Starts an output folder.
 *
 * @param path - must not exist, or be an empty folder; parents are created
 * @throws DicomError `OUTPUT_NOT_EMPTY`, `OUTPUT_UNWRITABLE`
 */
export async function createOutputFolder(path: string): Promise<OutputFolder> {
  const target = resolve(path);
  const parent = dirname(target);
  await requireEmpty(target, path);
  let firstCreated: string | undefined;
  let partial: string;
  try {
    firstCreated = await mkdir(parent, { recursive: true });
    partial = await createPartialFolder(join(parent, `.${basename(target)}.partial-${process.pid}`));
  } catch (cause) {
    throw new DicomError("OUTPUT_UNWRITABLE", `cannot write into ${parent}; choose another output folder`, {
      cause,
    });
  }
  let isOpen = true;
  const folders = new Set<string>([partial]);

  const requireOpen = (): void => {
    if (!isOpen) throw new DicomError("OUTPUT_CLOSED", `the output folder ${path} is already finished`);
  };
  return {
    path: target,
    writeFile: async (name, content) => {
      requireOpen();
      const parts = name.split("/");
      if (!parts.every((part) => NAME_PART.test(part))) {
        throw new DicomError("INVALID_VALUE", "an output file name may hold letters, digits and . _ - only");
      }
      try {
        let folder = partial;
        for (const part of parts.slice(0, -1)) {
          folder = join(folder, part);
          if (!folders.has(folder)) await mkdir(folder, { recursive: true });
          folders.add(folder);
        }
        const handle = await open(join(folder, parts[parts.length - 1]), "wx");
        try {
          await handle.writeFile(content);
          await handle.sync();
        } finally {
          await handle.close();
        }
      } catch (cause) {
        throw new DicomError("OUTPUT_UNWRITABLE", `cannot write ${name} below ${parent}`, { cause });
      }
    },
    commit: async () => {
      requireOpen();
      for (const folder of folders) await syncFolder(folder);
      await requireEmpty(target, path);
      try {
        await rmdir(target).catch(ignoreMissing);
        await rename(partial, target);
      } catch (cause) {
        throw new DicomError("OUTPUT_UNWRITABLE", `cannot move the result to ${path}`, { cause });
      }
      isOpen = false;
      await syncFolder(parent);
    },
    dispose: async () => {
      if (!isOpen) return;
      isOpen = false;
      await rm(partial, { recursive: true, force: true });
      // Parents made for this folder go too, as far as they are empty.
      for (let folder = parent; firstCreated !== undefined; folder = dirname(folder)) {
        await rmdir(folder).catch(() => undefined);
        if (folder === firstCreated || folder === dirname(folder)) break;
      }
    },
  };
}

/** A new folder with the usual permissions (`mkdtemp` would make the result private to its owner). */
async function createPartialFolder(stem: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const path = `${stem}-${attempt}`;
    try {
      await mkdir(path);
      return path;
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
  }
}

async function requireEmpty(target: string, shown: string): Promise<void> {
  let entries: string[];
  try {
    entries = await readdir(target);
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return;
    if (hasCode(cause, "ENOTDIR")) {
      throw new DicomError("OUTPUT_NOT_EMPTY", `${shown} is a file; choose another output folder`, { cause });
    }
    throw new DicomError("OUTPUT_UNWRITABLE", `${shown} cannot be opened; choose another output folder`, {
      cause,
    });
  }
  if (entries.length > 0) {
    throw new DicomError(
      "OUTPUT_NOT_EMPTY",
      `${shown} already holds ${entries.length} entries; choose a new folder or empty it`,
    );
  }
}

function ignoreMissing(error: unknown): void {
  if (!hasCode(error, "ENOENT")) throw error;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** "slice-0001.dcm": the name of a slice by its index from 0. */
export function formatSliceFileName(slice: number): string {
  return `slice-${String(slice + 1).padStart(4, "0")}.dcm`;
}
