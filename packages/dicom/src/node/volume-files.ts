/**
 * Volumes in files other than DICOM: opens a file with the data file that its header names, or a folder of numbered
 * TIFF pages; writes files that are whole or absent.
 */
import { open, readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { writeFileAtomically } from "@alara/core/node";
import { DicomError } from "../errors.ts";
import { parseCompanionName } from "../formats/companions.ts";
import {
  DEFAULT_VOLUME_LIMITS,
  type ReadVolumeOptions,
  type StoredVolume,
  type VolumeFile,
} from "../formats/format.ts";
import { detectFormat, findFormatByName, readVolumeFile } from "../formats/formats.ts";
import { compareNumbered, readTiffStack } from "../formats/tiff.ts";

/** A volume, the format that it was in, and the path that it came from. */
export type OpenedVolume = StoredVolume & { readonly format: string };

const TIFF_NAME = /\.tiff?$/i;

/** Names in a folder that are all TIFF pages, in the order of their numbers; `undefined` for other folders. */
async function listTiffFolder(path: string): Promise<readonly string[] | undefined> {
  const entries = await readdir(path, { withFileTypes: true });
  const visible = entries.filter((entry) => !entry.name.startsWith("."));
  const isStack =
    visible.length > 0 && visible.every((entry) => entry.isFile() && TIFF_NAME.test(entry.name));
  return isStack ? visible.map((entry) => entry.name).sort(compareNumbered) : undefined;
}

/**
 * Whether a path is a volume in another format than DICOM: by its first bytes, or a folder of TIFF files alone.
 * A file that says DICM at byte 128 is DICOM whatever its preamble looks like.
 *
 * @returns `false` too where nothing is
 */
export async function isVolumePath(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory()) return (await listTiffFolder(path)) !== undefined;
  if (!info?.isFile()) return false;
  const start = new Uint8Array(1024);
  const file = await open(path, "r");
  try {
    const { bytesRead } = await file.read(start, 0, start.length, 0);
    const isDicom = bytesRead >= 132 && String.fromCharCode(...start.subarray(128, 132)) === "DICM";
    const format = detectFormat(start.subarray(0, bytesRead));
    // Gzip and zip hold many things: there the name decides.
    const isSure = format !== undefined && !["nii.gz", "npz"].includes(format);
    return !isDicom && (isSure || (format !== undefined && findFormatByName(path) !== undefined));
  } finally {
    await file.close();
  }
}

async function readBounded(path: string, maxFileBytes: number): Promise<Uint8Array> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new DicomError("INPUT_NOT_FOUND", `there is no file ${path}`, { cause });
  });
  if (!info.isFile()) throw new DicomError("INPUT_UNREADABLE", `${path} is not a file`);
  if (info.size > maxFileBytes) {
    throw new DicomError(
      "FILE_TOO_LARGE",
      `${path} has ${info.size} bytes, more than the cap of ${maxFileBytes}`,
    );
  }
  try {
    return await readFile(path);
  } catch (cause) {
    throw new DicomError("INPUT_UNREADABLE", `${path} cannot be read`, { cause });
  }
}

/**
 * Opens a volume file, or a folder of TIFF pages. Data files that a header names are opened beside it only: links
 * that lead out of the folder are refused.
 *
 * @throws DicomError `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`, `FILE_TOO_LARGE`, `UNSAFE_PATH`, and as `readVolumeFile`
 */
export async function openVolumeFile(path: string, options: ReadVolumeOptions = {}): Promise<OpenedVolume> {
  const { maxFileBytes } = options.limits ?? DEFAULT_VOLUME_LIMITS;
  const target = resolve(path);
  const info = await stat(target).catch((cause: unknown) => {
    throw new DicomError("INPUT_NOT_FOUND", `there is no file or folder ${path}`, { cause });
  });
  if (info.isDirectory()) {
    const names = await listTiffFolder(target);
    if (names === undefined) {
      throw new DicomError("UNSUPPORTED_FORMAT", `${path} is not a folder of TIFF files alone`);
    }
    const files: Uint8Array[] = [];
    let total = 0;
    for (const name of names) {
      const bytes = await readBounded(join(target, name), maxFileBytes - total);
      total += bytes.length;
      files.push(bytes);
    }
    return { ...(await readTiffStack(files, options)), format: "tiff" };
  }
  const folder = await realpath(dirname(target));
  const openCompanion = async (text: string): Promise<Uint8Array> => {
    const companion = join(folder, parseCompanionName(text));
    const real = await realpath(companion).catch((cause: unknown) => {
      throw new DicomError(
        "INPUT_NOT_FOUND",
        `the data file that the header of ${basename(target)} names is not beside it`,
        { cause },
      );
    });
    if (dirname(real) !== folder) {
      throw new DicomError("UNSAFE_PATH", "the data file is a link that leads out of the header's folder");
    }
    return readBounded(real, maxFileBytes);
  };
  return readVolumeFile(await readBounded(target, maxFileBytes), {
    ...options,
    name: basename(target),
    openCompanion,
  });
}

/** Options of {@link writeVolumeFiles}. */
export interface WriteVolumeFilesOptions {
  /** Replaces files of the same names; default `"refuse"`. */
  readonly existing?: "refuse" | "replace";
}

/**
 * Refuses output files that are there already.
 *
 * @throws DicomError `OUTPUT_NOT_EMPTY`
 */
export async function requireNoFile(path: string): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  if (info !== undefined) {
    throw new DicomError("OUTPUT_NOT_EMPTY", `${path} exists already; choose another name`);
  }
}

/**
 * Writes the files of a format into a folder, each whole or not at all: data first, the header that names them last.
 *
 * @returns the path of the main file
 * @throws DicomError `OUTPUT_NOT_EMPTY`, `OUTPUT_UNWRITABLE`
 */
export async function writeVolumeFiles(
  folder: string,
  files: readonly VolumeFile[],
  options: WriteVolumeFilesOptions = {},
): Promise<string> {
  const paths = files.map((file) => join(folder, parseCompanionName(file.name)));
  if (options.existing !== "replace") for (const path of paths) await requireNoFile(path);
  for (let i = files.length - 1; i >= 0; i--) {
    try {
      await writeFileAtomically(paths[i], files[i].bytes);
    } catch (cause) {
      throw new DicomError(
        "OUTPUT_UNWRITABLE",
        `cannot write ${paths[i]}: its folder must exist and be writable, and have room`,
        { cause },
      );
    }
  }
  return paths[0];
}
