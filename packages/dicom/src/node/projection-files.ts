/**
 * Projections on disk: Alara's sinogram files and folders of DICOM-CT-PD.
 */
import { readFile, stat } from "node:fs/promises";
import type { LongWorkOptions, Sinogram } from "@alara/core";
import { writeFileAtomically } from "@alara/core/node";
import { readDicomFile } from "../dataset/read.ts";
import { DicomError } from "../errors.ts";
import { DEFAULT_VOLUME_LIMITS, type VolumeLimits } from "../formats/format.ts";
import {
  isSinogram,
  readSinogram,
  SINOGRAM_SUFFIX,
  type SinogramFacts,
  type StoredSinogram,
  writeSinogram,
} from "../formats/sinogram.ts";
import { DEFAULT_DICOM_LIMITS } from "../limits.ts";
import {
  assembleCtProjections,
  type CtProjections,
  type CtProjectionView,
  isCtProjection,
  readCtProjection,
} from "../projections/ct-pd.ts";
import { findInputFiles } from "./input-files.ts";
import { requireNoFile } from "./volume-files.ts";

/** Whether a path is a sinogram file, by its name or by what the archive holds. */
export async function isSinogramPath(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  if (!info?.isFile()) return false;
  if (path.toLowerCase().endsWith(SINOGRAM_SUFFIX)) return true;
  if (!path.toLowerCase().endsWith(".npz") || info.size > DEFAULT_VOLUME_LIMITS.maxFileBytes) return false;
  return isSinogram(await readFile(path));
}

/**
 * Opens a sinogram file.
 *
 * @throws DicomError `INPUT_NOT_FOUND`, `FILE_TOO_LARGE`, and as `readSinogram`
 */
export async function openSinogram(
  path: string,
  limits: VolumeLimits = DEFAULT_VOLUME_LIMITS,
): Promise<StoredSinogram> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new DicomError("INPUT_NOT_FOUND", `there is no file ${path}`, { cause });
  });
  if (info.size > limits.maxFileBytes) {
    throw new DicomError(
      "FILE_TOO_LARGE",
      `${path} has ${info.size} bytes, more than the cap of ${limits.maxFileBytes}`,
    );
  }
  return readSinogram(await readFile(path), limits);
}

/**
 * Writes a sinogram file, whole or not at all.
 *
 * @param path - ends with `.sino.npz`; must not exist
 * @throws DicomError `OUTPUT_NOT_EMPTY`, `OUTPUT_UNWRITABLE`, `UNSUPPORTED_FORMAT` for another ending, and as
 *   `writeSinogram`
 */
export async function saveSinogram(
  path: string,
  sinogram: Sinogram,
  facts: SinogramFacts = {},
): Promise<void> {
  if (!path.toLowerCase().endsWith(SINOGRAM_SUFFIX)) {
    throw new DicomError(
      "UNSUPPORTED_FORMAT",
      `${path} does not end with ${SINOGRAM_SUFFIX}, as sinogram files do`,
    );
  }
  await requireNoFile(path);
  const bytes = writeSinogram(sinogram, facts);
  try {
    await writeFileAtomically(path, bytes);
  } catch (cause) {
    throw new DicomError(
      "OUTPUT_UNWRITABLE",
      `cannot write ${path}: its folder must exist and be writable, and have room`,
      {
        cause,
      },
    );
  }
}

/** Whether a folder (or file) holds DICOM-CT-PD, by its first DICOM file. */
export async function isCtProjectionPath(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return false;
  const { paths } = await findInputFiles([path]);
  for (const file of paths.slice(0, 16)) {
    try {
      return isCtProjection(readDicomFile(await readFile(file)).dataset);
    } catch {
      // Not DICOM: the next file may be.
    }
  }
  return false;
}

/** Options of {@link openCtProjections}. */
export interface OpenCtProjectionsOptions extends LongWorkOptions {
  /** Most samples in memory; default 2²⁹ (2 GiB of float32). */
  readonly maxSamples?: number;
  /** First and last instance number to read; default all. */
  readonly range?: readonly [number, number];
}

/**
 * Reads all projections below a folder.
 *
 * @throws DicomError `INPUT_NOT_FOUND`, `LIMIT_EXCEEDED` (name a range), and as `readCtProjection` and
 *   `assembleCtProjections`; files that are no projections are an error too, so that none is lost silently
 */
export async function openCtProjections(
  folder: string,
  options: OpenCtProjectionsOptions = {},
): Promise<CtProjections> {
  const { maxSamples = 2 ** 29, range } = options;
  const { paths } = await findInputFiles([folder]);
  const views: CtProjectionView[] = [];
  let samples = 0;
  for (let i = 0; i < paths.length; i++) {
    options.signal?.throwIfAborted();
    const bytes = await readFile(paths[i]);
    if (bytes.length > DEFAULT_DICOM_LIMITS.maxFileBytes) {
      throw new DicomError("FILE_TOO_LARGE", `${paths[i]} has ${bytes.length} bytes`);
    }
    const file = readDicomFile(bytes);
    if (!isCtProjection(file.dataset)) {
      throw new DicomError(
        "UNSUPPORTED_OBJECT",
        `${paths[i]} is no DICOM-CT-PD projection; pass a folder of one scan`,
      );
    }
    const view = await readCtProjection(file);
    const isWanted =
      range === undefined || (view.instanceNumber >= range[0] && view.instanceNumber <= range[1]);
    if (isWanted) {
      samples += view.data.length;
      if (samples > maxSamples) {
        throw new DicomError(
          "LIMIT_EXCEEDED",
          `the scan has more than ${maxSamples} samples; read a range of its ${paths.length} projections at a time`,
        );
      }
      views.push(view);
    }
    options.onProgress?.({ phase: "reading", done: i + 1, total: paths.length, unit: "projections" });
  }
  if (views.length === 0) {
    throw new DicomError("INPUT_NOT_FOUND", `no projection below ${folder} is in the range asked for`);
  }
  return assembleCtProjections(views);
}
