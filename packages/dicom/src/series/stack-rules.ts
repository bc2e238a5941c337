/**
 * What tells the stacks of one series apart: header values, planes, and how each is named. The splitting itself is in
 * series-stacks.ts.
 */
import { dotVectors } from "@alara/core";
import type { InstanceSummary } from "../images/instance.ts";
import type { InstanceFacts } from "../images/instance-facts.ts";
import { computeNormal } from "./series-geometry.ts";

/** What tells stacks of one series apart. */
export type StackKey =
  | "matrix"
  | "pixel spacing"
  | "orientation"
  | "modality"
  | "image type"
  | "energy"
  | "kernel"
  | "slice thickness"
  | "stack"
  | "field of view"
  | "time"
  | "phase"
  | "trigger time"
  | "b-value"
  | "echo time"
  | "acquisition"
  | "tube voltage"
  | "repetition";

/** A part of a series' name, e.g. phase 40 %. */
export interface StackPart {
  readonly key: StackKey;
  /** The value in words, with its unit; never free text. */
  readonly value: string;
}

/** A header value by which slices are parted. */
export interface StackRule {
  readonly key: StackKey;
  /** The value that slices of one stack share; numbers within 1 % are one, text only when equal. */
  readonly read: (summary: InstanceSummary) => string | number | undefined;
  readonly describe?: (value: string | number) => string;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

function fact(key: StackKey, name: keyof InstanceFacts, unit: string): StackRule {
  return {
    key,
    read: (summary) => {
      const value = summary.facts[name];
      return typeof value === "number" || typeof value === "string" ? value : undefined;
    },
    describe: (value) => (typeof value === "number" ? `${round(value, 3)}${unit}` : value),
  };
}

/** A number that counts: text, so that 200 and 201 are two. */
function counter(key: StackKey, name: "acquisitionNumber" | "temporalPosition"): StackRule {
  return {
    key,
    read: (summary) => {
      const value = summary[name];
      return value === undefined ? undefined : String(value);
    },
  };
}

/** Image Type values that say nothing of how an image looks. */
const SILENT_TYPES: readonly string[] = ["", "PRIMARY", "SECONDARY", "AXIAL"];

/** Image Type, values 1 to 3 (PS3.3 C.7.6.1.1.2): original or derived, and what kind of image. */
function readImageKind({ imageType }: InstanceSummary): string {
  return imageType
    .slice(0, 3)
    .filter((value) => !SILENT_TYPES.includes(value))
    .join("\\");
}

/** Image Type from value 4 on, the maker's own: reconstructions differ in it, but so do slices of one volume. */
function readMakersType({ imageType }: InstanceSummary): string {
  return imageType.slice(3).join("\\");
}

/** Differences that always part: such images do not belong into one volume. */
export const PARTING: readonly StackRule[] = [
  { key: "modality", read: (summary) => `${summary.modality} ${summary.format.unit}` },
  { key: "matrix", read: ({ format }) => `${format.columns} × ${format.rows}` },
  fact("energy", "monoenergeticKev", " keV"),
  fact("kernel", "kernel", ""),
  fact("slice thickness", "sliceThicknessMm", " mm"),
  { key: "image type", read: readImageKind },
];

/** Where the first pixel lies within the slice plane, mm: reconstructions of both knees share positions along z. */
function readPlanePosition({ positionMm, columnDirection, rowDirection }: InstanceSummary): string {
  return [columnDirection, rowDirection]
    .map((axis) => Math.round(dotVectors(axis, positionMm)) + 0)
    .join(", ");
}

const STACK: StackRule = { key: "stack", read: (summary) => summary.stackId };
const TIME = counter("time", "temporalPosition");
const PHASE = fact("phase", "cardiacPhasePercent", " %");
const ACQUISITION = counter("acquisition", "acquisitionNumber");
const MAKERS_TYPE: StackRule = { key: "image type", read: readMakersType };

/** Differences that part only where slices would share positions otherwise, in this order. */
export const TELLING_APART: readonly StackRule[] = [
  STACK,
  { key: "field of view", read: readPlanePosition, describe: (value) => `at ${value} mm` },
  TIME,
  PHASE,
  fact("b-value", "diffusionBValue", " s/mm²"),
  fact("echo time", "echoTimeMs", " ms"),
  fact("tube voltage", "tubeVoltageKv", " kV"),
  MAKERS_TYPE,
  ACQUISITION,
  fact("trigger time", "triggerTimeMs", " ms"),
];

/** Differences that part passes of a CT scanner over one region whose slices lie between each other. */
export const PASSES: readonly StackRule[] = [STACK, TIME, PHASE, MAKERS_TYPE, ACQUISITION];

/** Whether two numbers differ by no more than a tolerance. */
export function isClose(a: number, b: number, tolerance: number): boolean {
  return Math.abs(a - b) <= tolerance;
}

/** Whether two images lie in parallel planes with one pixel spacing; orientations within 0.1° are one. */
export function findPlaneDifference(a: InstanceSummary, b: InstanceSummary): StackKey | undefined {
  if (
    !isClose(a.pixelSpacingMm[0], b.pixelSpacingMm[0], 1e-4 * a.pixelSpacingMm[0]) ||
    !isClose(a.pixelSpacingMm[1], b.pixelSpacingMm[1], 1e-4 * a.pixelSpacingMm[1])
  ) {
    return "pixel spacing";
  }
  const isTurned =
    a.columnDirection.some((value, i) => !isClose(value, b.columnDirection[i], 0.002)) ||
    a.rowDirection.some((value, i) => !isClose(value, b.rowDirection[i], 0.002));
  return isTurned ? "orientation" : undefined;
}

/** The plane of a slice in words: the axis that its normal is nearest to. */
export function describePlane(key: StackKey, summary: InstanceSummary): string {
  if (key === "pixel spacing") {
    return `${summary.pixelSpacingMm.map((value) => round(value, 4)).join(" × ")} mm`;
  }
  const sizes = computeNormal(summary).map(Math.abs);
  return ["sagittal", "coronal", "axial"][sizes.indexOf(Math.max(...sizes))];
}
