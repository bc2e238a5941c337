/** Choosing the series to work on among what a folder holds, and saying what else was there. */
import type { LongWorkOptions } from "@alara/core";
import { AlaraError } from "@alara/core";
import type { Series, SeriesCollection, SkippedInstance } from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";
import { printNote } from "./context.ts";

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
  | "MAP_NOT_WRITABLE";

/** Error of the `cli` package. */
export class CliError extends AlaraError<CliErrorCode> {}

/** One line about a series, free of identity. */
export function describeSeries(series: Series): string {
  const { rows, columns, kernels, sliceThicknessMm, sliceSpacingMm } = series.facts;
  const facts = [
    `${series.slices.length} × ${rows} × ${columns}`,
    sliceThicknessMm === undefined ? "" : `${sliceThicknessMm} mm thick`,
    sliceSpacingMm === undefined ? "" : `every ${Number(sliceSpacingMm.toFixed(3))} mm`,
    kernels.length > 0 ? `kernel ${kernels.join(", ")}` : "",
    series.seriesNumber === undefined ? "" : `series number ${series.seriesNumber}`,
  ];
  return facts.filter((fact) => fact !== "").join(", ");
}

function countByCode(collection: SeriesCollection): string {
  const counts = new Map<string, number>();
  for (const { code } of collection.skipped) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].map(([code, count]) => `${code} × ${count}`).join(", ");
}

/** Options of {@link openSeries}. */
export interface OpenSeriesOptions extends LongWorkOptions {
  /** Which series of several, counted from 1 as listed; default: the only one. */
  readonly number?: number;
  /** `"continue"` only tells of files that look like slices but cannot be read; default `"refuse"`. */
  readonly damaged?: "refuse" | "continue";
}

/** Why a file rightly takes no part; every other code means that a slice may be missing. */
const HARMLESS: ReadonlySet<string> = new Set([
  "NOT_DICOM",
  "NOT_CT",
  "LOCALIZER",
  "SECONDARY_CAPTURE",
  "MULTI_FRAME",
  "NO_PIXEL_DATA",
  "DUPLICATE_INSTANCE",
]);

function refuseDamaged(path: string, skipped: readonly SkippedInstance[], wayOut: string): void {
  const damaged = skipped.filter(({ code }) => !HARMLESS.has(code));
  if (damaged.length === 0) return;
  const first = damaged[0];
  throw new CliError(
    "DAMAGED_FILES",
    `${damaged.length} file(s) in ${path} cannot be read, so slices may be missing; the first: ${first.name}: ${first.code}: ${first.reason}. Replace or remove them${wayOut}`,
  );
}

/**
 * Opens the one CT series of a folder.
 *
 * @throws CliError `NO_CT_SERIES` with the reasons by code, `SEVERAL_SERIES` with the list to choose from,
 *   `NO_SUCH_SERIES`, `DAMAGED_FILES` when some file may be a slice that cannot be read
 */
export async function openSeries(path: string, options: OpenSeriesOptions = {}): Promise<Series> {
  const collection = await scanSeriesFiles([path], options);
  const { series, skipped } = collection;
  if (series.length === 0) {
    const first = skipped[0];
    const detail = first
      ? `; ${countByCode(collection)}; the first: ${first.name}: ${first.reason}`
      : "; it is empty";
    throw new CliError("NO_CT_SERIES", `found no CT series in ${path}${detail}. Pass a folder of CT images`);
  }
  const list = series.map((item, index) => `  ${index + 1}: ${describeSeries(item)}`).join("\n");
  if (options.number !== undefined && !series[options.number - 1]) {
    throw new CliError(
      "NO_SUCH_SERIES",
      `there is no series ${options.number} in ${path}; there are\n${list}`,
    );
  }
  if (options.number === undefined && series.length > 1) {
    throw new CliError(
      "SEVERAL_SERIES",
      `${path} holds ${series.length} series; choose one with --series <number>:\n${list}`,
    );
  }
  if (options.damaged !== "continue") {
    refuseDamaged(
      path,
      skipped,
      options.damaged === "refuse" ? ", or pass --force to go on without them" : "",
    );
  }
  if (skipped.length > 0) printNote(`left out ${skipped.length} file(s): ${countByCode(collection)}`);
  return series[(options.number ?? 1) - 1];
}
