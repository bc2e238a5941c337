/**
 * Splits the slices of one Series Instance UID into stacks: images of one plane, one look and one moment. Scanners
 * put several acquisitions, phases, reconstructions and energies into one series (PS3.3 A.1.2 demands no more than a
 * common frame of reference and equipment); a stack is what can be processed as a volume.
 */
import type { InstanceSummary } from "../images/instance.ts";
import type { InstanceFacts } from "../images/instance-facts.ts";
import { measureLayout } from "./series-geometry.ts";
import { DUPLICATE_MM } from "./slice-steps.ts";

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

/** Slices that belong together. */
export interface Stack<T> {
  readonly slices: readonly T[];
  /** What tells this stack from the others of its series; empty when it is the only one. */
  readonly parts: readonly StackPart[];
}

/** Anything with a summary. */
interface Summarised {
  readonly summary: InstanceSummary;
}

interface Rule {
  readonly key: StackKey;
  /** The value that slices of one stack share; numbers are compared with 1 % tolerance. */
  readonly read: (summary: InstanceSummary) => string | number | undefined;
  readonly describe?: (value: string | number) => string;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

function fact(key: StackKey, name: keyof InstanceFacts, unit: string): Rule {
  return {
    key,
    read: (summary) => {
      const value = summary.facts[name];
      return typeof value === "number" || typeof value === "string" ? value : undefined;
    },
    describe: (value) => (typeof value === "number" ? `${round(value, 3)}${unit}` : value),
  };
}

/** Image Type without what says nothing of how an image looks. */
function readFlavour(summary: InstanceSummary): string {
  const silent: readonly string[] = ["", "PRIMARY", "SECONDARY", "AXIAL"];
  return summary.imageType.filter((value) => !silent.includes(value)).join("\\");
}

/** Differences that always part: such images do not belong into one volume. */
const PARTING: readonly Rule[] = [
  { key: "modality", read: (summary) => `${summary.modality} ${summary.format.unit}` },
  { key: "matrix", read: ({ format }) => `${format.columns} × ${format.rows}` },
  fact("energy", "monoenergeticKev", " keV"),
  fact("kernel", "kernel", ""),
  fact("slice thickness", "sliceThicknessMm", " mm"),
  { key: "image type", read: readFlavour },
];

/** Where the first pixel lies within the slice plane, mm: reconstructions of both knees share positions along z. */
function readPlanePosition({ positionMm, columnDirection, rowDirection }: InstanceSummary): string {
  return [columnDirection, rowDirection]
    .map(
      (axis) => Math.round(axis[0] * positionMm[0] + axis[1] * positionMm[1] + axis[2] * positionMm[2]) + 0,
    )
    .join(", ");
}

/** Differences that part only where slices would share positions otherwise, in this order. */
const TELLING_APART: readonly Rule[] = [
  { key: "stack", read: (summary) => summary.stackId },
  { key: "field of view", read: readPlanePosition, describe: (value) => `at ${value} mm` },
  { key: "time", read: (summary) => summary.temporalPosition },
  fact("phase", "cardiacPhasePercent", " %"),
  fact("b-value", "diffusionBValue", " s/mm²"),
  fact("echo time", "echoTimeMs", " ms"),
  fact("tube voltage", "tubeVoltageKv", " kV"),
  { key: "acquisition", read: (summary) => summary.acquisitionNumber },
  fact("trigger time", "triggerTimeMs", " ms"),
];

function isClose(a: number, b: number, tolerance: number): boolean {
  return Math.abs(a - b) <= tolerance;
}

/** Whether two images lie in parallel planes with one pixel spacing; orientations within 0.1° are one. */
function findPlaneDifference(a: InstanceSummary, b: InstanceSummary): StackKey | undefined {
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
function describePlane(key: StackKey, summary: InstanceSummary): string {
  if (key === "pixel spacing") {
    return `${summary.pixelSpacingMm.map((value) => round(value, 4)).join(" × ")} mm`;
  }
  const [a, b] = [summary.columnDirection, summary.rowDirection];
  const normal = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const sizes = normal.map(Math.abs);
  return ["sagittal", "coronal", "axial"][sizes.indexOf(Math.max(...sizes))];
}

function splitByPlane<T extends Summarised>(stack: Stack<T>): Stack<T>[] {
  const groups: T[][] = [];
  let key: StackKey | undefined;
  for (const slice of stack.slices) {
    let home: T[] | undefined;
    for (const group of groups) {
      const difference = findPlaneDifference(group[0].summary, slice.summary);
      if (difference === undefined) {
        home = group;
        break;
      }
      key = difference;
    }
    if (home === undefined) groups.push([slice]);
    else home.push(slice);
  }
  if (groups.length === 1 || key === undefined) return [stack];
  const named = key;
  const words = groups.map((slices) => describePlane(named, slices[0].summary));
  return groups.map((slices, i) => {
    const alike = words.filter((word) => word === words[i]).length;
    const rank = words.slice(0, i + 1).filter((word) => word === words[i]).length;
    const value = alike === 1 ? words[i] : `${words[i]}, ${rank} of ${alike}`;
    return { slices, parts: [...stack.parts, { key: named, value }] };
  });
}

/** Groups by a rule's value; numbers within 1 % of a group's first are of that group. */
function splitByRule<T extends Summarised>(stack: Stack<T>, rule: Rule): Stack<T>[] {
  const groups: { readonly value: string | number | undefined; readonly slices: T[] }[] = [];
  for (const slice of stack.slices) {
    const value = rule.read(slice.summary);
    const home = groups.find((group) =>
      typeof group.value === "number" && typeof value === "number"
        ? isClose(group.value, value, 0.01 * Math.abs(group.value))
        : group.value === value,
    );
    if (home === undefined) groups.push({ value, slices: [slice] });
    else home.slices.push(slice);
  }
  if (groups.length === 1) return [stack];
  return groups.map(({ value, slices }) => ({
    slices,
    parts: [
      ...stack.parts,
      {
        key: rule.key,
        value: value === undefined || value === "" ? "not stated" : (rule.describe?.(value) ?? String(value)),
      },
    ],
  }));
}

/** Slices by position along the normal; those of one inner list share a position. */
export function listPlaces<T extends Summarised>(slices: readonly T[]): T[][] {
  const layout = measureLayout(slices.map((slice) => slice.summary));
  const places: T[][] = [];
  let last = Number.NaN;
  for (const [i, index] of layout.order.entries()) {
    const position = layout.alongNormalMm[i];
    if (!(position - last <= DUPLICATE_MM)) places.push([]);
    places[places.length - 1].push(slices[index]);
    last = position;
  }
  return places;
}

/**
 * Parts slices that share positions: by the first rule that leaves no position twice, else by the one that leaves
 * fewest, and so on. A rule that makes more stacks than images share a position cuts volumes into pieces (steps of
 * the table have acquisition numbers too), so it comes after the order of Instance Numbers.
 */
function splitRepeats<T extends Summarised>(stack: Stack<T>, byRepetition: "allow" | "never"): Stack<T>[] {
  const places = listPlaces(stack.slices);
  const repeats = stack.slices.length - places.length;
  if (repeats === 0) return [stack];
  const most = places.reduce((maximum, place) => Math.max(maximum, place.length), 0);
  const best =
    splitByBestRule(stack, repeats, most) ??
    (byRepetition === "allow" ? splitByRepetition(stack, places) : undefined) ??
    splitByBestRule(stack, repeats, stack.slices.length / 2);
  return best?.flatMap((part) => splitRepeats(part, byRepetition)) ?? [stack];
}

function splitByBestRule<T extends Summarised>(
  stack: Stack<T>,
  repeats: number,
  maximumStacks: number,
): Stack<T>[] | undefined {
  let best: Stack<T>[] | undefined;
  let fewest = repeats;
  for (const rule of TELLING_APART) {
    const stacks = splitByRule(stack, rule);
    if (stacks.length === 1 || stacks.length > maximumStacks) continue;
    const left = stacks.reduce((sum, part) => sum + part.slices.length - listPlaces(part.slices).length, 0);
    if (left < fewest) {
      fewest = left;
      best = stacks;
    }
    if (left === 0) break;
  }
  return best;
}

/**
 * Where nothing in the headers tells images of one position apart and every position occurs equally often, the order
 * of Instance Numbers does: the first at every position are one stack, and so on.
 */
function splitByRepetition<T extends Summarised>(
  stack: Stack<T>,
  places: readonly T[][],
): Stack<T>[] | undefined {
  const times = places[0].length;
  const numbers = stack.slices.map((slice) => slice.summary.instanceNumber);
  const isNumbered = !numbers.includes(undefined) && new Set(numbers).size === numbers.length;
  if (times < 2 || places.length < 2 || !isNumbered || places.some((place) => place.length !== times)) {
    return undefined;
  }
  const sorted = places.map((place) =>
    place.toSorted((a, b) => (a.summary.instanceNumber ?? 0) - (b.summary.instanceNumber ?? 0)),
  );
  return Array.from({ length: times }, (_, k) => ({
    slices: sorted.map((place) => place[k]),
    parts: [...stack.parts, { key: "repetition" as const, value: `${k + 1} of ${times} by Instance Number` }],
  }));
}

/** Options of {@link splitIntoStacks}. */
export interface SplitStacksOptions {
  /** Whether the order of Instance Numbers may part images that nothing else tells apart; default `"allow"`. */
  readonly byRepetition?: "allow" | "never";
}

/**
 * Splits the slices of one series into stacks.
 *
 * Always by modality, matrix, pixel spacing, orientation, Image Type, energy, kernel and slice thickness. Where slices
 * still share positions: by stack, time, cardiac phase, b-value, echo, tube voltage, acquisition, trigger time; at
 * last by the order of Instance Numbers. Numbers within 1 % are one value.
 *
 * @returns at least one stack for at least one slice, in the order in which their first slices came
 * Tested on series made in code for every key.
 */
export function splitIntoStacks<T extends Summarised>(
  slices: readonly T[],
  options: SplitStacksOptions = {},
): Stack<T>[] {
  let stacks: Stack<T>[] = [{ slices, parts: [] }];
  for (const rule of PARTING) stacks = stacks.flatMap((stack) => splitByRule(stack, rule));
  return stacks
    .flatMap(splitByPlane)
    .flatMap((stack) => splitRepeats(stack, options.byRepetition ?? "allow"));
}

/** A stack's name: "kernel B70f, phase 40 %"; empty for the only one. */
export function formatStackName(parts: readonly StackPart[]): string {
  return parts.map(({ key, value }) => (key === "modality" ? value : `${key} ${value}`)).join(", ");
}
