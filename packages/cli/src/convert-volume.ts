/**
 * Conversion between DICOM series and volume files, as the command line offers it: which of both an input is, what a
 * volume may go into, and what is lost on the way. The formats themselves are `@alara/dicom`'s.
 */
import { basename, dirname, resolve } from "node:path";
import {
  computeSha256,
  getSliceData,
  type LongWorkOptions,
  stringifyCanonical,
  type Unit,
  type Volume,
} from "@alara/core";
import {
  type CtSeriesAttributes,
  convertToClassic,
  convertToEnhanced,
  createCtSeries,
  isOrthogonal,
  readDicomFile,
  readImageVolume,
  type SampleType,
  type Series,
  shearToOrthogonal,
  transcodeFile,
  volumeFormats,
  writeEnhancedCt,
} from "@alara/dicom";
import {
  createOutputFolder,
  formatSliceFileName,
  type OpenedVolume,
  writeVolumeFiles,
} from "@alara/dicom/node";
import { CliError } from "./input.ts";

/** A volume and what a person should know about how it was read. */
export interface ReadVolume {
  readonly volume: Volume;
  readonly notes: readonly string[];
}

/** Options of {@link readSeriesVolume}. */
export interface ReadSeriesVolumeOptions extends LongWorkOptions {
  /** Shears the slices of a tilted gantry onto an orthogonal grid, by cubic interpolation. */
  readonly orthogonal?: boolean;
}

/**
 * A DICOM series as one volume: CT in HU, others in the values that their headers map to.
 *
 * @throws CliError `UNEVEN_GRID` for gaps, repeats and uneven steps, which no volume file can express
 */
export async function readSeriesVolume(
  series: Series,
  options: ReadSeriesVolumeOptions = {},
): Promise<ReadVolume> {
  const breaking = series.findings.filter(({ code }) => UNEVEN.has(code));
  if (breaking.length > 0) {
    throw new CliError(
      "UNEVEN_GRID",
      `the slices do not lie on a regular grid (${breaking.map(({ message }) => message).join("; ")}), which no volume file can express; convert a regular part of the series, or resample it first`,
    );
  }
  const notes = series.findings
    .filter(({ severity }) => severity === "warning")
    .map(({ code, message }) => `${code}: ${message}`);
  const volume: Volume = await readImageVolume(series, options);
  if (options.orthogonal !== true) return { volume, notes };
  const straight = makeOrthogonal(volume, options);
  return { volume: straight.volume, notes: [...notes, ...straight.notes] };
}

/** Shears the slices of a tilted stack onto a grid with right angles; other volumes stay as they are. */
export function makeOrthogonal(volume: Volume, work: LongWorkOptions = {}): ReadVolume {
  if (isOrthogonal(volume.geometry)) return { volume, notes: [] };
  const sheared = shearToOrthogonal(volume, { ...work, outsideValue: volume.unit === "HU" ? -1000 : 0 });
  return { volume: sheared.volume, notes: [sheared.description] };
}

/** Findings that mean that slices are not where a regular grid has them. */
const UNEVEN: ReadonlySet<string> = new Set([
  "MISSING_SLICES",
  "DUPLICATE_SLICES",
  "UNEVEN_SPACING",
  "SHIFTED_SLICES",
]);

/** What a person should know about a volume file. */
export function describeFindings(opened: OpenedVolume): readonly string[] {
  const unit =
    opened.unitSource === "nobody"
      ? [
          "UNIT_UNKNOWN: the file does not say what its values are; where they are Hounsfield units, pass --unit HU",
        ]
      : [];
  return [...opened.findings.map(({ code, message }) => `${code}: ${message}`), ...unit];
}

/** Whether a file said how its axes lie in the patient, or they were assumed. */
export function getOrientation({
  findings = [],
}: {
  readonly findings?: OpenedVolume["findings"];
}): "stated" | "unknown" {
  return findings.some(({ code }) => code === "ORIENTATION_UNKNOWN") ? "unknown" : "stated";
}

/** Options of {@link writeVolume}. */
export interface WriteVolumePathOptions {
  readonly sampleType?: SampleType;
  /** As the source file carried it. */
  readonly description?: string;
  /** Default `"stated"`. */
  readonly orientation?: "stated" | "unknown";
  readonly existing?: "refuse" | "replace";
}

/** What was written. */
export interface WrittenVolume {
  readonly path: string;
  readonly files: readonly string[];
  readonly bytes: number;
  readonly notes: readonly string[];
}

/** A name without the format's extension. */
function removeExtension(name: string, extensions: readonly string[]): string {
  const lower = name.toLowerCase();
  const found = extensions.find((extension) => lower.endsWith(extension));
  return found === undefined ? name : name.slice(0, -found.length);
}

/**
 * Writes a volume as one of the registered formats.
 *
 * @param path - the main file; its name without extension names a data file beside it
 * @throws CliError `SHEARED_GRID` for a tilted stack into a format without orientation; DicomError as the writer
 */
export async function writeVolume(
  volume: Volume,
  path: string,
  formatName: string,
  options: WriteVolumePathOptions = {},
): Promise<WrittenVolume> {
  const format = volumeFormats.get(formatName);
  const isSheared = !isOrthogonal(volume.geometry);
  if (isSheared && !format.keepsShear) {
    throw new CliError(
      "SHEARED_GRID",
      `the slices are tilted against their stacking direction, which ${formatName} cannot express; pass --orthogonal to resample them, or choose nii, nrrd, mha or npz`,
    );
  }
  const target = resolve(path);
  const baseName = removeExtension(basename(target), format.extensions);
  const files = format.write(volume, {
    baseName,
    orientation: options.orientation ?? "stated",
    ...(options.description === undefined ? {} : { description: options.description }),
    ...(options.sampleType === undefined ? {} : { sampleType: options.sampleType }),
  });
  const main = await writeVolumeFiles(dirname(target), files, {
    existing: options.existing ?? "refuse",
  });
  const lost = {
    orientation: [],
    spacing: [`${formatName} keeps no orientation and no position: they are lost`],
    nothing: [`${formatName} keeps no spacing, orientation, position or unit: they are lost`],
  }[format.keeps];
  const nifti = isSheared && ["nii", "nii.gz", "hdr"].includes(formatName);
  return {
    path: main,
    files: files.map((file) => file.name),
    bytes: files.reduce((sum, file) => sum + file.bytes.length, 0),
    notes: [
      ...lost,
      ...(nifti
        ? ["the grid is sheared: only sform holds it, and ITK refuses such NIfTI (--orthogonal resamples)"]
        : []),
    ],
  };
}

/** What was written as DICOM. */
export interface WrittenSeries {
  readonly path: string;
  readonly files: number;
  readonly seriesInstanceUid: string;
}

/** Options of the writers of DICOM. */
export interface WriteSeriesOptions extends LongWorkOptions {
  readonly transferSyntaxUid: string;
  readonly layout: "classic" | "enhanced";
}

/** Writes files into a folder that appears whole or not at all. */
async function writeFolder(
  path: string,
  count: number,
  write: (index: number) => Promise<Uint8Array>,
  work: LongWorkOptions,
): Promise<string> {
  const folder = await createOutputFolder(path);
  try {
    for (let i = 0; i < count; i++) {
      work.signal?.throwIfAborted();
      await folder.writeFile(formatSliceFileName(i), await write(i));
      work.onProgress?.({ phase: "writing", done: i + 1, total: count, unit: "files" });
    }
    await folder.commit();
    return folder.path;
  } finally {
    await folder.dispose();
  }
}

/**
 * Writes a volume in HU as a CT series, marked DERIVED and SECONDARY.
 *
 * @throws CliError `UNIT_NOT_HU`; DicomError as {@link createCtSeries} and `writeEnhancedCt`
 */
export async function writeVolumeAsCt(
  volume: Volume,
  path: string,
  attributes: CtSeriesAttributes,
  options: WriteSeriesOptions,
): Promise<WrittenSeries> {
  requireHu(volume);
  const { transferSyntaxUid } = options;
  if (options.layout === "enhanced") {
    const object = await writeEnhancedCt(volume, attributes, { transferSyntaxUid });
    const written = await writeFolder(path, 1, async () => object.bytes, options);
    return { path: written, files: 1, seriesInstanceUid: object.seriesInstanceUid };
  }
  const series = await createCtSeries(volume.geometry, attributes);
  const slices = volume.geometry.size[0];
  const write = async (i: number): Promise<Uint8Array> =>
    transcodeFile(readDicomFile(series.writeInstance(i, getSliceData(volume, i))), transferSyntaxUid);
  const written = await writeFolder(path, slices, write, options);
  return { path: written, files: slices, seriesInstanceUid: series.seriesInstanceUid };
}

/**
 * Refuses values that are not known to be Hounsfield units.
 *
 * @throws CliError `UNIT_NOT_HU`
 */
export function requireHu(volume: Volume): asserts volume is Volume<"HU"> {
  if (volume.unit === "HU") return;
  throw new CliError(
    "UNIT_NOT_HU",
    `the values are ${volume.unit === "arbitrary" ? "in no unit that the file states" : `in ${volume.unit}`}, and this is for Hounsfield units; if they are, pass --unit HU`,
  );
}

/** Lowest and highest finite value. */
export interface ValueRange {
  readonly minimum: number;
  readonly maximum: number;
  /** No NaN and no infinity. */
  readonly areFinite: boolean;
}

/** @returns `undefined` when no value is finite */
export function findValueRange(data: Float32Array): ValueRange | undefined {
  let minimum = Number.POSITIVE_INFINITY;
  let maximum = Number.NEGATIVE_INFINITY;
  let areFinite = true;
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (!Number.isFinite(value)) areFinite = false;
    else {
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
  }
  return minimum <= maximum ? { minimum, maximum, areFinite } : undefined;
}

/** HU that CT can show, with room for metal: outside, a volume said to be in HU rather is not. */
const PLAUSIBLE_HU: readonly [number, number] = [-3100, 70_000];

/**
 * A remark when values that someone called HU cannot be: air is near −1000, and CT numbers do not reach below the
 * usual padding values.
 *
 * @returns `undefined` when the range is plausible
 */
export function questionHu(volume: Volume): string | undefined {
  const range = findValueRange(volume.data);
  if (range === undefined) return "no value is finite, as Hounsfield units of a scan are";
  const { minimum: low, maximum: high } = range;
  if (low >= PLAUSIBLE_HU[0] && high <= PLAUSIBLE_HU[1] && low < 0) return undefined;
  return `the values run from ${low} to ${high}, which Hounsfield units of a scan hardly do: check --unit`;
}

/** Series as they are, in another transfer syntax or between one multi-frame object and single images. */
export async function convertSeries(
  series: Series,
  path: string,
  options: LongWorkOptions & {
    readonly transferSyntaxUid?: string;
    readonly layout?: "classic" | "enhanced";
    readonly dateTime: string;
  },
): Promise<WrittenSeries> {
  const { layout, dateTime } = options;
  const syntax =
    options.transferSyntaxUid === undefined ? {} : { transferSyntaxUid: options.transferSyntaxUid };
  if (layout === "enhanced") {
    const object = await convertToEnhanced(series, { dateTime, ...syntax });
    const written = await writeFolder(path, 1, async () => object.bytes, options);
    return { path: written, files: 1, seriesInstanceUid: object.seriesInstanceUid };
  }
  if (layout === "classic") {
    const converted = await convertToClassic(series, { dateTime, ...syntax });
    const count = series.slices.length;
    const written = await writeFolder(path, count, (i) => converted.writeInstance(i), options);
    return { path: written, files: count, seriesInstanceUid: converted.seriesInstanceUid };
  }
  const sources = [...new Set(series.slices.map((slice) => slice.source))];
  const write = async (i: number): Promise<Uint8Array> => {
    const file = readDicomFile(
      await sources[i].read(),
      series.limits === undefined ? {} : { limits: series.limits },
    );
    return transcodeFile(file, options.transferSyntaxUid ?? file.transferSyntaxUid);
  };
  const written = await writeFolder(path, sources.length, write, options);
  return { path: written, files: sources.length, seriesInstanceUid: series.seriesInstanceUid };
}

/** Units as they are named on the command line. */
export const UNIT_NAMES: readonly Unit[] = ["HU", "1/mm", "arbitrary"];

/** What decides the UIDs of DICOM made from a volume: its values and its grid. */
export async function hashVolume(volume: Volume): Promise<string> {
  const { buffer, byteOffset, byteLength } = volume.data;
  const data = await computeSha256(new Uint8Array(buffer, byteOffset, byteLength));
  return computeSha256(new TextEncoder().encode(stringifyCanonical({ data, geometry: volume.geometry })));
}
