/**
 * Training data that was scanned, not made: pairs of low- and high-dose scans (M1), repeats, unpaired pools (O1), single
 * images; and their limitation to lung or to everything else (N3).
 */
import type { Volume } from "@alara/core";
import type { ExplicitPair, RepeatSet, TrainingImage, UnpairedPools } from "@alara/learn";
import { EnhanceError } from "../errors.ts";
import { clampToAir } from "../padding.ts";
import { alignInput } from "./alignment.ts";
import { invertMask, segmentLungs } from "./lung-mask.ts";
import { type TrainingDataOptions, type TrainingSeries, toStack } from "./training-series.ts";

/** Where patch centres may lie. */
export type TrainingRegion = "all" | "lung" | "other";

/** Options of the functions below. */
export interface RealDataOptions extends TrainingDataOptions {
  /** Default `"all"`. The lungs are found on the target (pairs), the first repeat or the image itself. */
  readonly region?: TrainingRegion;
}

/** Options of {@link buildScannedPairs}. */
export interface ScannedPairOptions extends RealDataOptions {
  /** How much finer targets are; default 1. */
  readonly scale?: number;
  /** Lay inputs onto targets by a rigid motion; pairs that need more are left out and named; default `"none"`. */
  readonly alignment?: "rigid" | "none";
}

/** Region mask of a volume as patches take it; nothing for `"all"`. */
function findRegion(volume: Volume<"HU">, region: TrainingRegion): { region?: Uint8Array } {
  if (region === "all") return {};
  const lungs = segmentLungs(volume);
  return { region: region === "lung" ? lungs : invertMask(lungs) };
}

function prepare(volume: Volume<"HU">): ReturnType<typeof toStack> {
  return toStack(clampToAir(volume));
}

/** A long series is drawn more often than a short one, but less than in proportion: n^¾, see `buildTrainingPairs`. */
function weigh(slices: number): number {
  return slices ** 0.75;
}

/** Whether a region leaves anything; says so when not. */
function hasPlace(id: string, mask: Uint8Array | undefined, options: RealDataOptions): boolean {
  if (mask === undefined || mask.includes(1)) return true;
  options.onSkipped?.({ id, code: "NO_REGION", reason: `no ${options.region} was found in it` });
  return false;
}

/** Groups series of one role set by pair identifier. */
function groupByPair(series: readonly TrainingSeries[]): Map<string, TrainingSeries[]> {
  const groups = new Map<string, TrainingSeries[]>();
  for (const item of series) {
    if (item.pairId === undefined) continue;
    groups.set(item.pairId, [...(groups.get(item.pairId) ?? []), item]);
  }
  return groups;
}

/**
 * Pairs of real scans: one series with role `"input"` and one with `"target"` per pair identifier.
 *
 * @throws EnhanceError `NO_TRAINING_DATA` when no pair can be used
 * @remarks Targets are noisy too: what a network learns is the mean (L2) or median (L1) of possible targets, and errors
 *   against them contain the target's noise. Incomplete and unalignable pairs are reported to `onSkipped`.
 */
export function buildScannedPairs(
  series: readonly TrainingSeries[],
  options: ScannedPairOptions = {},
): ExplicitPair[] {
  const { scale = 1, region = "all", alignment = "none" } = options;
  const pairs: ExplicitPair[] = [];
  const groups = groupByPair(series.filter(({ role }) => role === "input" || role === "target"));
  for (const [pairId, group] of groups) {
    const inputs = group.filter(({ role }) => role === "input");
    const targets = group.filter(({ role }) => role === "target");
    if (inputs.length !== 1 || targets.length !== 1) {
      const reason = `${inputs.length} inputs and ${targets.length} targets; one of each is needed`;
      options.onSkipped?.({ id: group[0].id, code: "INCOMPLETE_PAIR", reason });
      continue;
    }
    const [{ volume: target }] = targets;
    let [{ volume: input }] = inputs;
    if (alignment === "rigid" && scale === 1) {
      try {
        input = alignInput(target, input).input;
      } catch (error) {
        if (!(error instanceof EnhanceError)) throw error;
        options.onSkipped?.({ id: inputs[0].id, code: error.code, reason: error.message });
        continue;
      }
    }
    const [from, to] = [prepare(input), prepare(target)];
    if (to.data.length !== from.data.length * scale * scale || to.slices !== from.slices) {
      const reason = `input ${input.geometry.size.join(" × ")} and target ${target.geometry.size.join(" × ")} do not fit at scale ${scale}`;
      options.onSkipped?.({ id: inputs[0].id, code: "SIZE_MISMATCH", reason });
      continue;
    }
    const mask = findRegion(scale === 1 ? target : input, region);
    if (!hasPlace(inputs[0].id, mask.region, options)) continue;
    const { slices, rows, columns, data } = from;
    pairs.push({
      id: pairId,
      slices,
      rows,
      columns,
      input: data,
      target: to.data,
      weight: weigh(slices),
      ...mask,
    });
  }
  if (pairs.length === 0) {
    throw new EnhanceError(
      "NO_TRAINING_DATA",
      `none of ${series.length} series made a pair; give an input and a target the same pair identifier`,
    );
  }
  return pairs;
}

/**
 * Repeats: two or more series with role `"repeat"` per pair identifier, all of one size.
 *
 * @throws EnhanceError `NO_TRAINING_DATA`
 */
export function buildRepeatSets(
  series: readonly TrainingSeries[],
  options: RealDataOptions = {},
): RepeatSet[] {
  const sets: RepeatSet[] = [];
  for (const [pairId, group] of groupByPair(series.filter(({ role }) => role === "repeat"))) {
    const stacks = group.map(({ volume }) => prepare(volume));
    const [{ slices, rows, columns }] = stacks;
    if (
      stacks.length < 2 ||
      stacks.some((s) => s.rows !== rows || s.columns !== columns || s.slices !== slices)
    ) {
      const reason = `${stacks.length} scans of sizes ${stacks.map((s) => `${s.slices} × ${s.rows} × ${s.columns}`).join(", ")}; two or more of one size are needed`;
      options.onSkipped?.({ id: group[0].id, code: "INCOMPLETE_PAIR", reason });
      continue;
    }
    const mask = findRegion(group[0].volume, options.region ?? "all");
    if (!hasPlace(group[0].id, mask.region, options)) continue;
    const repeats = stacks.map(({ data }) => data);
    sets.push({ id: pairId, slices, rows, columns, repeats, weight: weigh(slices), ...mask });
  }
  if (sets.length === 0) {
    throw new EnhanceError(
      "NO_TRAINING_DATA",
      `none of ${series.length} series had a repeat; give repeats of one object the same pair identifier`,
    );
  }
  return sets;
}

/**
 * Single images, whatever their role.
 *
 * @throws EnhanceError `NO_TRAINING_DATA`
 */
export function buildImages(
  series: readonly TrainingSeries[],
  options: RealDataOptions = {},
): TrainingImage[] {
  const images = series.flatMap(({ id, volume }): TrainingImage[] => {
    const mask = findRegion(volume, options.region ?? "all");
    if (!hasPlace(id, mask.region, options)) return [];
    const stack = prepare(volume);
    return [{ id, ...stack, weight: weigh(stack.slices), ...mask }];
  });
  if (images.length === 0) {
    throw new EnhanceError("NO_TRAINING_DATA", `none of ${series.length} series can be used`);
  }
  return images;
}

/**
 * Unpaired pools: series with pool "x" and "y".
 *
 * @throws EnhanceError `NO_TRAINING_DATA` when one pool is empty
 */
export function buildPools(series: readonly TrainingSeries[], options: RealDataOptions = {}): UnpairedPools {
  const take = (pool: string): TrainingImage[] => {
    const members = series.filter((item) => item.pool === pool);
    if (members.length === 0) {
      throw new EnhanceError(
        "NO_TRAINING_DATA",
        `no series belongs to pool "${pool}"; name "x" and "y" in the split`,
      );
    }
    return buildImages(members, options);
  };
  return { x: take("x"), y: take("y") };
}
