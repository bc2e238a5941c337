/**
 * Where images made here go: a folder of DICOM, or a volume file, by the name of the output.
 */
import { access, constants } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import type { LongWorkOptions, Volume } from "@alara/core";
import {
  type CtSeriesAttributes,
  DicomError,
  findFormatByName,
  TRANSFER_SYNTAX_UID,
  volumeFormats,
} from "@alara/dicom";
import { createOutputFolder, requireNoFile } from "@alara/dicom/node";
import { Option } from "commander";
import { UsageError } from "./context.ts";
import { writeVolume, writeVolumeAsCt } from "./convert-volume.ts";

/** `"dicom"` or a volume format. */
export type OutputFormat = string;

/** `--format` of the commands that write images. */
export function createFormatOption(): Option {
  return new Option(
    "--format <name>",
    "output format (default: by the extension; a folder means DICOM)",
  ).choices(["dicom", ...volumeFormats.names]);
}

/**
 * The format of an output path: by its extension, a name without one is a folder of DICOM.
 *
 * @param chosen - `--format`
 * @throws UsageError for extensions that nothing writes
 */
export function chooseOutputFormat(output: string, chosen?: string): OutputFormat {
  const byName = chosen ?? findFormatByName(output);
  if (byName !== undefined) return byName;
  const name = basename(output);
  if (!/[^.]\.[A-Za-z]\w{0,7}$/.test(name)) return "dicom";
  throw new UsageError(
    `the extension of ${name} names no format that is written (${volumeFormats.names.join(", ")}); DICOM goes into a folder: name one, or pass --format dicom`,
  );
}

/** What was written. */
export interface WrittenImages {
  readonly path: string;
  readonly files: number;
  readonly seriesInstanceUid?: string;
  readonly notes: readonly string[];
}

/**
 * Writes images in HU.
 *
 * @throws DicomError `OUTPUT_NOT_EMPTY` and as the writers
 */
export async function writeHuVolume(
  volume: Volume<"HU">,
  output: string,
  format: OutputFormat,
  attributes: CtSeriesAttributes,
  work: LongWorkOptions,
): Promise<WrittenImages> {
  if (format === "dicom") {
    const written = await writeVolumeAsCt(volume, output, attributes, {
      ...work,
      transferSyntaxUid: TRANSFER_SYNTAX_UID.explicitLittleEndian,
      layout: "classic",
    });
    return { ...written, notes: [] };
  }
  const written = await writeVolume(volume, output, format, { description: attributes.seriesDescription });
  return { path: written.path, files: written.files.length, notes: written.notes };
}

/**
 * Refuses an output that exists or cannot be written, before long work.
 *
 * @throws DicomError `OUTPUT_NOT_EMPTY`, `OUTPUT_UNWRITABLE`
 */
export async function requireFreeOutput(output: string, format: OutputFormat): Promise<void> {
  if (format === "dicom") {
    const folder = await createOutputFolder(output);
    await folder.dispose();
    return;
  }
  await requireNoFile(output);
  const parent = dirname(resolve(output));
  await access(parent, constants.W_OK).catch((cause: unknown) => {
    throw new DicomError("OUTPUT_UNWRITABLE", `cannot write into ${parent}; it must exist and be writable`, {
      cause,
    });
  });
}
