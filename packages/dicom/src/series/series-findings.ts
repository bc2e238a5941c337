/**
 * What is noteworthy about a series, as coded findings with a severity: the list that decides whether a method that
 * needs neighbours may run, and that reports show.
 */
import type { InstanceSummary } from "../images/instance.ts";
import type { SeriesFacts } from "./series-facts.ts";
import type { SeriesLayout } from "./series-geometry.ts";
import { formatStackName } from "./series-stacks.ts";
import type { StackPart } from "./stack-rules.ts";

/** Stable codes of findings. */
export type SeriesFindingCode =
  | "MISSING_SLICES"
  | "DUPLICATE_SLICES"
  | "UNEVEN_SPACING"
  | "SHIFTED_SLICES"
  | "GANTRY_TILT"
  | "TILT_NOT_IN_GEOMETRY"
  | "OVERLAPPING_SLICES"
  | "SLICE_GAPS"
  | "SINGLE_SLICE"
  | "SPLIT_SERIES"
  | "MULTIPLE_ACQUISITIONS"
  | "MIXED_TUBE_VOLTAGE"
  | "MIXED_RESCALE"
  | "MIXED_STUDY"
  | "UIDS_COMPLETED"
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

/** How a series came out of its Series Instance UID. */
export interface StackOrigin {
  /** What tells this stack from the others. */
  readonly parts: readonly StackPart[];
  /** Stacks into which the UID was split. */
  readonly stacksInUid: number;
}

/** "1 slice", "3 slices". */
function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}

/**
 * Lists a series' findings.
 *
 * @param slices - sorted along the normal, at least one
 */
export function findSeriesProblems(
  slices: readonly InstanceSummary[],
  layout: SeriesLayout,
  facts: SeriesFacts,
  origin: StackOrigin,
): SeriesFinding[] {
  const findings: SeriesFinding[] = [
    ...findSpacingProblems(slices.length, layout, facts),
    ...findTilt(slices, layout, facts),
  ];
  if (origin.stacksInUid > 1) {
    const name = formatStackName(origin.parts);
    findings.push(
      info(
        "SPLIT_SERIES",
        `the source series holds ${origin.stacksInUid} stacks; this is the one with ${name}. Each is enhanced on its own`,
      ),
    );
  }
  const acquisitions = countDistinct(slices, (slice) => slice.acquisitionNumber);
  if (acquisitions.length > 1) {
    findings.push(info("MULTIPLE_ACQUISITIONS", `the slices come from ${acquisitions.length} acquisitions`));
  }
  const voltages = countDistinct(slices, (slice) => slice.facts.tubeVoltageKv);
  if (voltages.length > 1) {
    findings.push(
      warn(
        "MIXED_TUBE_VOLTAGE",
        `the slices have tube voltages of ${voltages.join(", ")} kV: HU of bone and contrast differ between them`,
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
  const completed = new Set(slices.flatMap((slice) => slice.completedUids));
  if (completed.size > 0) {
    findings.push(
      warn(
        "UIDS_COMPLETED",
        `the files leave ${[...completed].join(", ")} empty; instances keep the UID of their file meta information, series and study got one made from the Frame of Reference UID`,
      ),
    );
  }
  if (facts.lossyCompressed) {
    findings.push(
      warn("LOSSY_COMPRESSED", "the images were compressed with loss before; what was lost stays lost"),
    );
  }
  if (slices.some((slice) => slice.derivedByAlara)) {
    findings.push(
      warn("DERIVED_BY_ALARA", "Alara made this series; enhancing it again is refused unless forced"),
    );
  }
  return findings;
}

function findSpacingProblems(slices: number, layout: SeriesLayout, facts: SeriesFacts): SeriesFinding[] {
  const findings: SeriesFinding[] = [];
  const usual = formatMm(layout.stepMm ?? 0);
  if (slices === 1)
    findings.push(breakNeighbours("SINGLE_SLICE", "a single slice: methods that need neighbours cannot run"));
  if (layout.missingSlices > 0) {
    findings.push(
      breakNeighbours(
        "MISSING_SLICES",
        `${count(layout.missingSlices, "slice is", "slices are")} missing: steps reach ${formatMm(layout.largestStepMm)} where slices lie ${usual} apart; send the whole series again`,
      ),
    );
  }
  if (layout.duplicatePositions > 0) {
    findings.push(
      breakNeighbours(
        "DUPLICATE_SLICES",
        `${count(layout.duplicatePositions, "slice lies", "slices lie")} where another one with other pixels does, and no header tells them apart`,
      ),
    );
  }
  if (layout.unevenSteps > 0) {
    const runs = layout.runs.map((run) => `${run.steps} × ${formatMm(run.stepMm)}`);
    const shown =
      runs.length <= 5 ? runs.join(", ") : `${runs.slice(0, 4).join(", ")} … (${runs.length} runs)`;
    findings.push(
      breakNeighbours(
        "UNEVEN_SPACING",
        `slice steps vary from ${formatMm(layout.smallestStepMm)} to ${formatMm(layout.largestStepMm)}: in order, ${shown}`,
      ),
    );
  }
  if (layout.largestShiftMm > SHIFT_MM) {
    findings.push(
      breakNeighbours(
        "SHIFTED_SLICES",
        `slices lie up to ${formatMm(layout.largestShiftMm)} sideways of their common line: the field of view moved within the series`,
      ),
    );
  }
  const thickness = facts.sliceThicknessMm;
  if (thickness !== undefined && layout.stepMm !== undefined) {
    const slack = Math.max(0.01 * layout.stepMm, layout.toleranceMm);
    if (thickness > layout.stepMm + slack) {
      findings.push(
        info(
          "OVERLAPPING_SLICES",
          `slices of ${formatMm(thickness)} lie ${usual} apart: neighbours share tissue and noise`,
        ),
      );
    } else if (thickness < layout.stepMm - slack) {
      findings.push(
        info(
          "SLICE_GAPS",
          `slices of ${formatMm(thickness)} lie ${usual} apart: tissue between them was not imaged`,
        ),
      );
    }
  }
  return findings;
}

/** Sideways more than this is no rounding, mm. */
const SHIFT_MM = 0.5;
/** Header and geometry that differ by more disagree, degrees. */
const TILT_DIFFERENCE_DEGREES = 1;

function findTilt(
  slices: readonly InstanceSummary[],
  layout: SeriesLayout,
  facts: SeriesFacts,
): SeriesFinding[] {
  const measured = (layout.tiltRad * 180) / Math.PI;
  const stated = Math.abs(facts.gantryTiltDegrees ?? 0);
  if (measured === 0) {
    if (stated < TILT_DIFFERENCE_DEGREES) return [];
    const what =
      slices.length === 1
        ? "a single slice does not show it"
        : "the slices form a right-angled stack, so they were straightened or their positions were";
    return [
      info("TILT_NOT_IN_GEOMETRY", `the header states a gantry tilt of ${stated.toFixed(1)}°, but ${what}`),
    ];
  }
  const disagreement =
    Math.abs(measured - stated) > TILT_DIFFERENCE_DEGREES
      ? facts.gantryTiltDegrees === undefined
        ? "; the header states no tilt"
        : `; the header states ${stated.toFixed(1)}°`
      : "";
  const shiftMm = (layout.stepMm ?? 0) * Math.tan(layout.tiltRad);
  return [
    warn(
      "GANTRY_TILT",
      `the slices are tilted by ${measured.toFixed(1)}° against their stacking direction${disagreement}. They are processed and written as they are; neighbours are shifted by ${formatMm(shiftMm)} within their planes`,
    ),
  ];
}
