/**
 * Splits the slices of one Series Instance UID into stacks: images of one plane, one look and one moment. Scanners
 * put several acquisitions, phases, reconstructions and energies into one series (PS3.3 A.1.2 demands no more than a
 * common frame of reference and equipment); a stack is what can be processed as a volume.
 */
import type { InstanceSummary } from "../images/instance.ts";
import { measureLayout } from "./series-geometry.ts";
import { DUPLICATE_MM } from "./slice-steps.ts";
import {
  describePlane,
  findPlaneDifference,
  isClose,
  PARTING,
  PASSES,
  type StackKey,
  type StackPart,
  type StackRule,
  TELLING_APART,
} from "./stack-rules.ts";

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

/** Slices of one value of a rule. */
interface RuleGroup<T> {
  readonly value: string | number | undefined;
  readonly slices: T[];
}

/** Where to look for groups of a number within 1 %: its logarithm and the neighbours of that. */
function listBuckets(value: string | number | undefined): readonly string[] {
  if (typeof value !== "number") return [`=${value}`];
  const sign = Math.sign(value);
  const bucket = sign === 0 ? 0 : Math.floor(Math.log(Math.abs(value)) / 0.01);
  return [-2, -1, 0, 1, 2].map((shift) => `${sign} ${bucket + shift}`);
}

/** Groups by a rule's value; numbers within 1 % of a group's first are of that group. */
function splitByRule<T extends Summarised>(stack: Stack<T>, rule: StackRule): Stack<T>[] {
  const groups: RuleGroup<T>[] = [];
  // Time grows with slices, not with slices times groups: a hostile object has a group for every frame.
  const found = new Map<string, RuleGroup<T>[]>();
  for (const slice of stack.slices) {
    const value = rule.read(slice.summary);
    const buckets = listBuckets(value);
    const home = buckets
      .flatMap((bucket) => found.get(bucket) ?? [])
      .find((group) =>
        typeof group.value === "number" && typeof value === "number"
          ? isClose(group.value, value, 0.01 * Math.abs(group.value))
          : group.value === value,
      );
    if (home !== undefined) {
      home.slices.push(slice);
      continue;
    }
    const group = { value, slices: [slice] };
    groups.push(group);
    const own = buckets[Math.floor(buckets.length / 2)];
    found.set(own, [...(found.get(own) ?? []), group]);
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
  if (repeats === 0) return splitPasses(stack);
  const most = places.reduce((maximum, place) => Math.max(maximum, place.length), 0);
  const best =
    splitByBestRule(stack, repeats, most) ??
    (byRepetition === "allow" ? splitByRepetition(stack, places) : undefined) ??
    splitByBestRule(stack, repeats, stack.slices.length / 2);
  return best?.flatMap((part) => splitRepeats(part, byRepetition)) ?? [stack];
}

/** Slices that a pass must have between those of another one. */
const PASS_OVERLAP = 3;

/**
 * Parts passes over one region whose slices lie between each other, e.g. one with and one without contrast medium, at
 * half a step: together they would look like one fine stack. Only where every pass meets another one so: steps of the
 * table stay together.
 */
function splitPasses<T extends Summarised>(stack: Stack<T>): Stack<T>[] {
  const { slices } = stack;
  if (slices.length < 2 * PASS_OVERLAP || slices[0].summary.format.unit !== "HU") return [stack];
  for (const rule of PASSES) {
    const passes = splitByRule(stack, rule);
    if (passes.length === 1) continue;
    const layout = measureLayout(slices.map(({ summary }) => summary));
    const places = new Map(layout.order.map((index, i) => [slices[index], layout.alongNormalMm[i]]));
    const along = passes.map((pass) => pass.slices.map((slice) => places.get(slice) ?? 0));
    const areMixed = along.every((a) => along.some((b) => b !== a && reachesInto(a, b) && reachesInto(b, a)));
    if (areMixed) return passes.flatMap(splitPasses);
  }
  return [stack];
}

/** Whether enough positions of one pass lie within the extent of another. */
function reachesInto(positions: readonly number[], others: readonly number[]): boolean {
  const low = others.reduce((a, b) => Math.min(a, b));
  const high = others.reduce((a, b) => Math.max(a, b));
  return positions.filter((position) => position > low && position < high).length >= PASS_OVERLAP;
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
 * Always by modality, matrix, pixel spacing, orientation, Image Type (values 1 to 3), energy, kernel and slice
 * thickness. Where slices still share positions: by stack, time, cardiac phase, b-value, echo, tube voltage, the
 * maker's Image Type, acquisition, trigger time; at last by the order of Instance Numbers. Where CT slices of two times,
 * phases or acquisitions lie between each other: by these. Measures within 1 % are one value.
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
