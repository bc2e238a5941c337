/** Choosing the series to work on among what a folder holds, and saying what else was there. */
import type { LongWorkOptions } from "@alara/core";
import { AlaraError } from "@alara/core";
import type { ModalityChoice, Series, SkippedInstance } from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";
import { printNote } from "./context.ts";
import { formatCount } from "./facts.ts";
import { formatSeriesTable } from "./series-table.ts";

/** Codes that the command line itself throws. */
export type CliErrorCode =
  | "NO_CT_SERIES"
  | "SEVERAL_SERIES"
  | "NO_SUCH_SERIES"
  | "GRID_MISMATCH"
  | "ALREADY_DERIVED"
  | "DAMAGED_FILES"
  | "SPLIT_OVERLAP"
  | "INPUT_NOT_READABLE"
  | "NOTHING_DEIDENTIFIED"
  | "MAP_NOT_WRITABLE"
  | "UNEVEN_GRID"
  | "SHEARED_GRID"
  | "UNIT_NOT_HU"
  | "TOO_LITTLE_MEMORY";

/** Error of the `cli` package. */
export class CliError extends AlaraError<CliErrorCode> {}

/** "CODE × 3, OTHER × 1". */
export function countByCode(skipped: readonly SkippedInstance[]): string {
  const counts = new Map<string, number>();
  for (const { code } of skipped) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].map(([code, count]) => `${code} × ${count}`).join(", ");
}

/** What can be done with a series. */
export interface Enhancement {
  readonly sliceBySlice: boolean;
  /** Methods that read neighbouring slices. */
  readonly withNeighbours: boolean;
  /** In words, with the reason. */
  readonly summary: string;
}

/** Whether `alara enhance` takes a series at all. */
export function takesEnhancement(series: Series): boolean {
  return series.modality === "CT" && series.unit === "HU";
}

/** Says whether a series can be enhanced, how, and why not. */
export function describeEnhancement(series: Series): Enhancement {
  if (!takesEnhancement(series)) {
    const reason =
      series.modality === "CT" ? "its values are not Hounsfield units" : `${series.modality} is not CT`;
    return { sliceBySlice: false, withNeighbours: false, summary: `cannot be enhanced: ${reason}` };
  }
  const breaking = series.findings.filter((finding) => finding.breaksNeighbours).map(({ code }) => code);
  const neighbours = breaking.length === 0;
  const isDerived = series.findings.some((finding) => finding.code === "DERIVED_BY_ALARA");
  const how = neighbours
    ? "can be enhanced"
    : `can be enhanced slice by slice; methods that need neighbours refuse it (${breaking.join(", ")})`;
  return {
    sliceBySlice: !isDerived,
    withNeighbours: neighbours && !isDerived,
    summary: isDerived ? "a result of Alara: enhanced again only with --force" : how,
  };
}

/** Options of {@link openSeries}. */
export interface OpenSeriesOptions extends LongWorkOptions {
  /**
   * Which series of several: the number in the list, counted from 1, or a part of its UID as {@link chooseSeries}
   * takes it; default: the only one.
   */
  readonly choice?: string;
  /** `"any"` takes series of other modalities too; default `"CT"`. */
  readonly modalities?: ModalityChoice;
  /** `"continue"` only tells of files that look like slices but cannot be read; default `"refuse"`. */
  readonly damaged?: "refuse" | "continue";
}

/** Why a file rightly takes no part; every other code means that a slice may be missing. */
const HARMLESS: ReadonlySet<string> = new Set([
  "NOT_DICOM",
  "NOT_CT",
  "NOT_AN_IMAGE",
  "LOCALIZER",
  "SECONDARY_CAPTURE",
  "MULTI_FRAME",
  "NO_PIXEL_DATA",
  "DUPLICATE_INSTANCE",
  "DUPLICATE_PIXELS",
]);

/** Whether a file may be a slice that cannot be read; the others rightly take no part. */
export function isDamaged(skipped: SkippedInstance): boolean {
  const modality = skipped.object?.modality;
  return !HARMLESS.has(skipped.code) && (modality === undefined || modality === "CT");
}

function refuseDamaged(path: string, skipped: readonly SkippedInstance[], wayOut: string): void {
  const damaged = skipped.filter(isDamaged);
  if (damaged.length === 0) return;
  const first = damaged[0];
  throw new CliError(
    "DAMAGED_FILES",
    `${formatCount(damaged.length, "file")} in ${path} cannot be read, so slices may be missing; the first: ${first.name}: ${first.code}: ${first.reason}. Replace or remove them${wayOut}`,
  );
}

/**
 * Picks a series from a list.
 *
 * @param choice - up to four digits: the number in the list, from 1; else a Series Instance UID, its beginning or its
 *   end
 * @throws CliError `NO_SUCH_SERIES`, or `SEVERAL_SERIES` when the part of the UID fits several or its stacks
 */
export function chooseSeries(series: readonly Series[], choice: string): Series {
  if (series.length === 0) {
    throw new CliError("NO_SUCH_SERIES", `there is no series ${choice}: there is none to choose from`);
  }
  const list = formatSeriesTable(series);
  if (/^\d{1,4}$/.test(choice)) {
    const found = series[Number(choice) - 1];
    if (found !== undefined) return found;
    throw new CliError(
      "NO_SUCH_SERIES",
      `there is no series ${choice}; there ${series.length === 1 ? "is" : "are"}\n${list}`,
    );
  }
  const fitting = series.filter(
    ({ seriesInstanceUid: uid }) => uid.startsWith(choice) || uid.endsWith(choice),
  );
  if (fitting.length === 0) {
    throw new CliError(
      "NO_SUCH_SERIES",
      `no Series Instance UID begins or ends with ${choice}; there are\n${list}`,
    );
  }
  if (fitting.length > 1) {
    const numbers = fitting.map((item) => series.indexOf(item) + 1);
    throw new CliError(
      "SEVERAL_SERIES",
      `--series ${choice} fits the series ${numbers.join(", ")}; choose one by its number:\n${list}`,
    );
  }
  return fitting[0];
}

/**
 * Opens the one CT series of a folder.
 *
 * @throws CliError `NO_CT_SERIES` with the reasons by code, `SEVERAL_SERIES` with the list to choose from,
 *   `NO_SUCH_SERIES`, `DAMAGED_FILES` when some file may be a slice that cannot be read
 */
export async function openSeries(path: string, options: OpenSeriesOptions = {}): Promise<Series> {
  const { series, skipped } = await scanSeriesFiles([path], options);
  if (series.length === 0) {
    const first = skipped[0];
    const detail = first
      ? `; ${countByCode(skipped)}; the first: ${first.name}: ${first.reason}`
      : "; it is empty";
    const what = options.modalities === "any" ? "image" : "CT";
    throw new CliError(
      "NO_CT_SERIES",
      `found no ${what} series in ${path}${detail}. Pass a folder of ${what === "CT" ? "CT images" : "images"}`,
    );
  }
  if (options.choice === undefined && series.length > 1) {
    throw new CliError(
      "SEVERAL_SERIES",
      `${path} holds ${series.length} series; choose one with --series <number>, or the end of its UID:\n${formatSeriesTable(series)}`,
    );
  }
  const chosen = options.choice === undefined ? series[0] : chooseSeries(series, options.choice);
  if (options.damaged !== "continue") {
    refuseDamaged(
      path,
      skipped,
      options.damaged === "refuse" ? ", or pass --force to go on without them" : "",
    );
  }
  if (skipped.length > 0)
    printNote(`left out ${formatCount(skipped.length, "file")}: ${countByCode(skipped)}`);
  return chosen;
}
