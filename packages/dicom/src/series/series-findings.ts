/**
 * What is noteworthy about a series, as coded findings with a severity: the list that decides whether a method that
 * needs neighbours may run, and that reports show.
 */
import type { InstanceSummary } from "../images/instance.ts";
import type { SeriesFacts } from "./series-facts.ts";
import type { SeriesLayout } from "./series-geometry.ts";

/** Stable codes of findings. */
export type SeriesFindingCode =
  | "MISSING_SLICES"
  | "DUPLICATE_SLICES"
  | "UNEVEN_SPACING"
  | "GANTRY_TILT"
  | "OVERLAPPING_SLICES"
  | "SLICE_GAPS"
  | "SINGLE_SLICE"
  | "SPLIT_SERIES"
  | "MULTIPLE_ACQUISITIONS"
  | "MIXED_KERNEL"
  | "MIXED_TUBE_VOLTAGE"
  | "MIXED_SLICE_THICKNESS"
  | "MIXED_RESCALE"
  | "MIXED_STUDY"
  | "LOSSY_COMPRESSED"
  | "DERIVED_BY_ALARA";

/** One finding. */
export interface SeriesFinding {
  readonly code: SeriesFindingCode;
  /** `info`: worth knowing; `warning`: results need care. */
  readonly severity: "info" | "warning";
  /** Whether methods that read neighbouring slices must refuse the series. */
  readonly breaksNeighbours: boolean;
  readonly message: string;
}

function info(code: SeriesFindingCode, message: string): SeriesFinding {
  return { code, severity: "info", breaksNeighbours: false, message };
}

function warn(code: SeriesFindingCode, message: string): SeriesFinding {
  return { code, severity: "warning", breaksNeighbours: false, message };
}

function breakNeighbours(code: SeriesFindingCode, message: string): SeriesFinding {
  return { code, severity: "warning", breaksNeighbours: true, message };
}

function formatMm(value: number): string {
  return `${Number(value.toFixed(3))} mm`;
}

function countDistinct<T>(
  slices: readonly InstanceSummary[],
  read: (slice: InstanceSummary) => T | undefined,
): T[] {
  const values = new Set<T>();
  for (const slice of slices) {
    const value = read(slice);
    if (value !== undefined) values.add(value);
  }
  return [...values];
}

/**
 * Lists a series' findings.
 *
 * @param stacksInUid - series into which one Series Instance UID was split
 */
export function findSeriesProblems(
  slices: readonly InstanceSummary[],
  layout: SeriesLayout,
  facts: SeriesFacts,
  stacksInUid: number,
): SeriesFinding[] {
  const findings: SeriesFinding[] = [...findSpacingProblems(slices.length, layout, facts)];
  if (stacksInUid > 1) {
    findings.push(
      info(
        "SPLIT_SERIES",
        `the source series holds ${stacksInUid} stacks of different size, orientation, acquisition or kernel; this is one of them`,
      ),
    );
  }
  const acquisitions = countDistinct(slices, (slice) => slice.acquisitionNumber);
  if (acquisitions.length > 1) {
    findings.push(info("MULTIPLE_ACQUISITIONS", `the slices come from ${acquisitions.length} acquisitions`));
  }
  const kernels = facts.kernels;
  if (kernels.length > 1) {
    findings.push(breakNeighbours("MIXED_KERNEL", `the slices have ${kernels.length} different kernels`));
  }
  const voltages = countDistinct(slices, (slice) => slice.facts.tubeVoltageKv);
  if (voltages.length > 1) {
    findings.push(warn("MIXED_TUBE_VOLTAGE", `the slices have tube voltages of ${voltages.join(", ")} kV`));
  }
  const thicknesses = countDistinct(slices, (slice) => slice.facts.sliceThicknessMm);
  if (thicknesses.length > 1) {
    findings.push(
      breakNeighbours(
        "MIXED_SLICE_THICKNESS",
        `the slices are ${thicknesses.map(formatMm).join(", ")} thick`,
      ),
    );
  }
  const rescales = countDistinct(
    slices,
    (slice) => `${slice.format.rescale.slope} × stored + ${slice.format.rescale.intercept}`,
  );
  if (rescales.length > 1) {
    findings.push(
      info(
        "MIXED_RESCALE",
        `${rescales.length} different rescales; each slice is read and written by its own`,
      ),
    );
  }
  const studies = countDistinct(slices, (slice) => slice.studyInstanceUid);
  if (studies.length > 1) {
    findings.push(warn("MIXED_STUDY", `one Series Instance UID occurs in ${studies.length} studies`));
  }
  if (facts.lossyCompressed) {
    findings.push(warn("LOSSY_COMPRESSED", "the images were compressed with loss before"));
  }
  if (slices.some((slice) => slice.derivedByAlara)) {
    findings.push(
      warn("DERIVED_BY_ALARA", "Alara made this series; enhancing it again is refused by default rules"),
    );
  }
  return findings;
}

function findSpacingProblems(slices: number, layout: SeriesLayout, facts: SeriesFacts): SeriesFinding[] {
  const findings: SeriesFinding[] = [];
  if (slices === 1)
    findings.push(breakNeighbours("SINGLE_SLICE", "a single slice: methods that need neighbours cannot run"));
  if (layout.missingSlices > 0) {
    findings.push(
      breakNeighbours(
        "MISSING_SLICES",
        `${layout.missingSlices} slices are missing: steps reach ${formatMm(layout.largestStepMm)} where ${formatMm(layout.stepMm ?? 0)} is usual`,
      ),
    );
  }
  if (layout.duplicatePositions > 0) {
    findings.push(
      breakNeighbours("DUPLICATE_SLICES", `${layout.duplicatePositions} slices lie where another one does`),
    );
  }
  if (layout.unevenSteps > 0) {
    findings.push(
      breakNeighbours(
        "UNEVEN_SPACING",
        `slice steps vary from ${formatMm(layout.smallestStepMm)} to ${formatMm(layout.largestStepMm)}; ${layout.unevenSteps} of ${slices - 1} are not the usual ${formatMm(layout.stepMm ?? 0)}`,
      ),
    );
  }
  if (layout.tiltRad > 0) {
    findings.push(
      warn(
        "GANTRY_TILT",
        `the slices are tilted by ${((layout.tiltRad * 180) / Math.PI).toFixed(1)}° against their stacking direction; the grid is sheared`,
      ),
    );
  }
  const thickness = facts.sliceThicknessMm;
  if (thickness !== undefined && layout.stepMm !== undefined) {
    if (thickness > 1.01 * layout.stepMm) {
      findings.push(
        info(
          "OVERLAPPING_SLICES",
          `slices of ${formatMm(thickness)} lie ${formatMm(layout.stepMm)} apart: neighbours share tissue and noise`,
        ),
      );
    } else if (thickness < 0.99 * layout.stepMm) {
      findings.push(
        info("SLICE_GAPS", `slices of ${formatMm(thickness)} lie ${formatMm(layout.stepMm)} apart`),
      );
    }
  }
  return findings;
}
