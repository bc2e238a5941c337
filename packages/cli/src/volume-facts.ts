/**
 * What a volume file holds, for `alara inspect`: grid, unit, values, what was assumed and what can be done with it.
 * Text of other programs in its header is not shown: it may name a person.
 */
import { stat } from "node:fs/promises";
import { AlaraError, type Unit } from "@alara/core";
import { DEFAULT_VOLUME_LIMITS, type FormatFinding, type SampleType } from "@alara/dicom";
import { type OpenedVolume, openVolumeFile } from "@alara/dicom/node";
import { findValueRange, getOrientation, questionHu, type ValueRange } from "./convert-volume.ts";
import { isOwnResult } from "./subjects.ts";

/** Facts of one volume. */
export interface VolumeFacts {
  readonly format: string;
  /** `[slices, rows, columns]` */
  readonly size: readonly [number, number, number];
  /** `[slice, row, column]` */
  readonly spacingMm: readonly [number, number, number];
  /** `"unknown"`: taken for an axial stack. */
  readonly orientation: "stated" | "unknown";
  readonly unit: Unit;
  readonly unitSource: OpenedVolume["unitSource"];
  readonly sampleType: SampleType;
  /** Of the finite values, scaled; `null` where none is finite. */
  readonly range: ValueRange | null;
  /** What Alara wrote into it. */
  readonly description: string | null;
  readonly findings: readonly FormatFinding[];
  readonly canBeEnhanced: boolean;
  /** What can be done with it. */
  readonly summary: string;
}

/** A volume that was looked at, or why it could not be. */
export interface InspectedVolume {
  readonly name: string;
  readonly facts?: VolumeFacts;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Files that are opened to be described; more are only listed. */
const MAXIMUM_FILES = 32;
/** Larger files are only listed: a folder is to be looked through in seconds. */
const MAXIMUM_FILE_BYTES = 2 ** 28;

/**
 * Opens volume files and describes them. Of many or large files the rest is left out.
 *
 * @param files - names to show, with their paths
 */
export async function inspectVolumes(
  files: readonly { readonly name: string; readonly path: string }[],
  options: { readonly signal: AbortSignal },
): Promise<readonly InspectedVolume[]> {
  const inspected: InspectedVolume[] = [];
  const single = files.length === 1;
  for (const { name, path } of files.slice(0, MAXIMUM_FILES)) {
    options.signal.throwIfAborted();
    const bytes = (await stat(path).catch(() => undefined))?.size ?? 0;
    if (!single && bytes > MAXIMUM_FILE_BYTES) continue;
    const maxFileBytes = single ? DEFAULT_VOLUME_LIMITS.maxFileBytes : 4 * MAXIMUM_FILE_BYTES;
    try {
      const opened = await openVolumeFile(path, { limits: { ...DEFAULT_VOLUME_LIMITS, maxFileBytes } });
      inspected.push({ name, facts: describeVolume(opened) });
    } catch (error) {
      if (!(error instanceof AlaraError)) throw error;
      inspected.push({ name, error: { code: error.code, message: error.message } });
    }
  }
  return inspected;
}

function describeVolume(opened: OpenedVolume): VolumeFacts {
  const { volume, unitSource, sampleType, findings, format } = opened;
  const { size, spacingMm } = volume.geometry;
  return {
    format,
    size,
    spacingMm,
    orientation: getOrientation(opened),
    unit: volume.unit,
    unitSource,
    sampleType,
    range: findValueRange(volume.data) ?? null,
    description: opened.description ?? null,
    findings,
    canBeEnhanced: volume.unit === "HU" && !isOwnResult(opened),
    summary: summarise(opened),
  };
}

function summarise(opened: OpenedVolume): string {
  if (isOwnResult(opened)) return "a result of Alara: enhanced again only with --force; can be converted";
  if (opened.volume.unit === "HU") return "can be enhanced and converted";
  if (opened.unitSource !== "nobody") {
    return `can be converted; cannot be enhanced: its values are ${opened.volume.unit}, not Hounsfield units`;
  }
  const question = questionHu(opened.volume);
  return `can be converted; can be enhanced with --unit HU, if its values are Hounsfield units${question === undefined ? "" : `, which is doubtful: ${question}`}`;
}

/** Lines for people. */
export function formatVolume({ name, facts, error }: InspectedVolume): readonly string[] {
  if (facts === undefined) return [`volume ${name}: cannot be read`, `  ! ${error?.code}: ${error?.message}`];
  const { size, spacingMm, range, unit } = facts;
  const mm = spacingMm.map((spacing) => Number(spacing.toPrecision(5)));
  const rows: readonly (readonly [string, string])[] = [
    ["Format", `${facts.format}, ${facts.sampleType}`],
    ["Matrix", `${size[2]} × ${size[1]}, ${size[0]} ${size[0] === 1 ? "slice" : "slices"}`],
    ["Spacing", `${mm[2]} × ${mm[1]} mm, slices ${mm[0]} mm`],
    ["Orientation", facts.orientation === "stated" ? "stated" : "unknown, taken for an axial stack"],
    [
      "Values",
      `${range === null ? "none finite" : `${Number(range.minimum.toPrecision(6))} to ${Number(range.maximum.toPrecision(6))}`}${facts.unitSource === "nobody" ? ", unit not stated" : ` ${unit}`}`,
    ],
    ...(facts.description === null ? [] : [["Made by Alara", facts.description] as const]),
  ];
  return [
    `volume ${name}: ${facts.summary}`,
    ...rows.map(([label, value]) => `  ${label.padEnd(16)} ${value}`),
    ...facts.findings.map(({ code, message }) => `  ! ${code}: ${message}`),
  ];
}
