/**
 * What every file format of volumes other than DICOM is to the rest: bytes in, a volume with its grid and what the
 * file left unsaid; a volume in, files out. Knows no format and no file system.
 */
import { AXIAL_DIRECTION, type GridGeometry, type Unit, type Volume } from "@alara/core";
import { DicomError } from "../errors.ts";
import type { SampleType } from "./samples.ts";

/** What a reader refuses before it allocates. */
export interface VolumeLimits {
  /** Bytes of one file, and of one file after decompression. Default 2 GiB. */
  readonly maxFileBytes: number;
  /** Voxels of one volume. Default 2²⁹ (2 GiB of float32). */
  readonly maxVoxels: number;
  /** Bytes of a text header. Default 1 MiB. */
  readonly maxHeaderBytes: number;
  /** Data files that one header names, pages of one TIFF, entries of one NPZ. Default 65 536. */
  readonly maxParts: number;
}

/** The limits in force when a caller names none. */
export const DEFAULT_VOLUME_LIMITS: VolumeLimits = {
  maxFileBytes: 2 ** 31,
  maxVoxels: 2 ** 29,
  maxHeaderBytes: 2 ** 20,
  maxParts: 65_536,
};

/** Stable codes of what a reader had to assume, or could not keep. */
export type FormatFindingCode =
  | "ORIENTATION_UNKNOWN"
  | "SPACING_UNKNOWN"
  | "SPACING_FROM_RESOLUTION"
  | "INEXACT_SAMPLES"
  | "NON_FINITE_SAMPLES";

/** One such assumption. */
export interface FormatFinding {
  readonly code: FormatFindingCode;
  readonly message: string;
}

/** A volume as a file held it. */
export interface StoredVolume<U extends Unit = Unit> {
  readonly volume: Volume<U>;
  /** Who said what the values are: the file, the caller, or nobody; nobody's are `"arbitrary"`. */
  readonly unitSource: "file" | "caller" | "nobody";
  /** How the file stored its samples, before any scaling. */
  readonly sampleType: SampleType;
  /** value = slope · sample + intercept, already applied. */
  readonly scaling: { readonly slope: number; readonly intercept: number };
  readonly findings: readonly FormatFinding[];
  /** What {@link WriteVolumeOptions.description} said when Alara wrote the file; other writers' text is not shown. */
  readonly description?: string;
}

/** How to read a file. */
export interface ReadVolumeOptions {
  /** The file's own name without its folder; a `.hdr` needs it to find its `.img`. */
  readonly name?: string;
  /**
   * Gives the bytes of a file beside the one being read. Only ever asked for plain names (no folder, no `..`); what
   * a header names otherwise is refused with `UNSAFE_PATH` before.
   */
  readonly openCompanion?: (name: string) => Promise<Uint8Array>;
  /** Which of several volumes (time points, channels), from 0. Without it, several are refused. */
  readonly volumeIndex?: number;
  /** What the values are; outranks what the file says. */
  readonly unit?: Unit;
  /** `[slice, row, column]` in mm; outranks what a NPY or TIFF file says, the other formats state their own. */
  readonly spacingMm?: readonly [number, number, number];
  readonly limits?: VolumeLimits;
}

/** How to write files. */
export interface WriteVolumeOptions {
  /** Name of the main file without extension; detached data take it too. Default "volume". */
  readonly baseName?: string;
  /**
   * How samples are stored; default the smallest of int16, uint16 and float32 that holds every value exactly.
   * Integer types round to nearest (ties to even) and refuse values out of their range.
   */
  readonly sampleType?: SampleType;
  /**
   * One line that says what made the values, kept by all formats but NPY: printable ASCII, cut at
   * {@link MAXIMUM_DESCRIPTION} characters and in NIfTI at about 60.
   */
  readonly description?: string;
  /**
   * `"unknown"` for axes that were only assumed: formats then say nothing of the patient's left and right, so that an
   * assumption does not become a statement. Directions other than an axial stack's are written all the same.
   * Default `"stated"`.
   */
  readonly orientation?: "stated" | "unknown";
}

/** One file to be written. */
export interface VolumeFile {
  /** A plain name. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** One file format. What is registered is round-tripped, mutated and truncated by the conformance tests. */
export interface VolumeFormat {
  /** One line for lists. */
  readonly summary: string;
  /** Lower case, with the dot. */
  readonly extensions: readonly string[];
  /** How much of the grid a file keeps: all of it, the spacing alone, or nothing. */
  readonly keeps: "orientation" | "spacing" | "nothing";
  /** Whether slices that are not perpendicular to their stacking direction can be expressed. */
  readonly keepsShear: boolean;
  /** Whether a file can say that its values are Hounsfield units. */
  readonly keepsUnit: boolean;
  readonly sampleTypes: readonly SampleType[];
  /** Whether bytes begin like this format. */
  readonly isFormat: (bytes: Uint8Array) => boolean;
  /**
   * @throws DicomError with a code for whatever the bytes hold
   */
  readonly read: (bytes: Uint8Array, options: ReadVolumeOptions) => Promise<StoredVolume>;
  /**
   * @returns the main file first, then its data file when the format keeps them apart
   * @throws DicomError `UNSUPPORTED_PIXEL_FORMAT`, `OUT_OF_RANGE`, `NON_FINITE_VALUE`, `INVALID_VALUE`
   */
  readonly write: (volume: Volume, options: WriteVolumeOptions) => readonly VolumeFile[];
}

const UNITS: readonly Unit[] = ["HU", "1/mm", "counts", "line integral", "arbitrary"];

/** The unit of a name as our writers put it into files, or `undefined`. */
export function findUnit(name: string | undefined): Unit | undefined {
  return UNITS.find((unit) => unit === name);
}

/**
 * A comment that carries the unit in formats without a field for it: `unit=HU`, `unit=1/mm`.
 * `"arbitrary"` says nothing, so it is not written.
 */
export function formatUnitComment(unit: Unit): string {
  return unit === "arbitrary" ? "" : `unit=${unit.replaceAll(" ", "_")}`;
}

/** The unit that a comment of {@link formatUnitComment} carries, or `undefined`. */
export function parseUnitComment(text: string): Unit | undefined {
  const match = /(?:^|[\s;])unit=([A-Za-z_/1]{1,16})(?=$|[\s;])/.exec(text);
  return match === null ? undefined : findUnit(match[1].replaceAll("_", " "));
}

/** Characters of a description. */
export const MAXIMUM_DESCRIPTION = 200;

/** A description as files carry it, marked as ours; empty without one. */
export function formatDescription(description: string | undefined): string {
  if (description === undefined) return "";
  const line = description.replace(/[^\x20-\x7e]+/g, " ").trim();
  return `Alara: ${line.slice(0, MAXIMUM_DESCRIPTION)}`;
}

/** The description that a text of {@link formatDescription} carries, or `undefined`; never other writers' text. */
export function parseDescription(text: string): { readonly description?: string } {
  const at = text.search(/(?:^|[\s;])Alara: /);
  if (at < 0) return {};
  const line = text.slice(text.indexOf("Alara: ", at) + 7).replace(/[^\x20-\x7e]+/g, " ");
  return { description: line.trim().slice(0, MAXIMUM_DESCRIPTION) };
}

/** Whether a volume's axes are only assumed and can be left unsaid: see {@link WriteVolumeOptions.orientation}. */
export function isOrientationUnsaid(geometry: GridGeometry, options: WriteVolumeOptions): boolean {
  const axes: readonly (keyof GridGeometry["direction"])[] = ["slice", "row", "column"];
  return (
    options.orientation === "unknown" &&
    axes.every((axis) =>
      AXIAL_DIRECTION[axis].every((x, k) => Math.abs(geometry.direction[axis][k] - x) < 1e-6),
    )
  );
}

/** Settles the unit: the caller's word, else the file's, else none. */
export function resolveUnit(
  stated: Unit | undefined,
  options: ReadVolumeOptions,
): { readonly unit: Unit; readonly unitSource: StoredVolume["unitSource"] } {
  if (options.unit !== undefined) return { unit: options.unit, unitSource: "caller" };
  if (stated !== undefined) return { unit: stated, unitSource: "file" };
  return { unit: "arbitrary", unitSource: "nobody" };
}

/**
 * Which of several volumes to read.
 *
 * @throws DicomError `SEVERAL_VOLUMES` without a choice, `OUT_OF_RANGE` for one that is not there
 */
export function resolveVolumeIndex(volumes: number, options: ReadVolumeOptions): number {
  const index = options.volumeIndex;
  if (index === undefined) {
    if (volumes === 1) return 0;
    throw new DicomError(
      "SEVERAL_VOLUMES",
      `the file holds ${volumes} volumes (time points or channels); choose one of 0..${volumes - 1}`,
    );
  }
  if (!(Number.isInteger(index) && index >= 0 && index < volumes)) {
    throw new DicomError("OUT_OF_RANGE", `there is no volume ${index}; the file holds 0..${volumes - 1}`);
  }
  return index;
}

/**
 * Checks a declared size before anything is allocated for it.
 *
 * @param size - `[slices, rows, columns]`
 * @throws DicomError `INVALID_VALUE`, `LIMIT_EXCEEDED`
 */
export function checkSize(size: readonly number[], limits: VolumeLimits): void {
  if (!size.every((n) => Number.isSafeInteger(n) && n >= 1)) {
    throw new DicomError("INVALID_VALUE", `a volume of ${size.join(" × ")} has no voxels`);
  }
  const voxels = size.reduce((product, n) => product * n, 1);
  if (voxels > limits.maxVoxels) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `the file declares ${size.join(" × ")} voxels, more than limits.maxVoxels = ${limits.maxVoxels}`,
    );
  }
}
