/**
 * Where patches are taken: blocks of a coarse grid get a tissue class and a weight once, and each draw is three
 * binary searches (tissue, image, block). Balances classes to stated shares and prefers informative places (importance
 * sampling of patches; cf. the class balancing of B16). Changes what training sees, so validation must not use it.
 * Not a segmentation: tissue classes are HU thresholds on a block.
 */
import type { Random } from "@alara/core";
import { LearnError } from "../errors.ts";
import { findAbove } from "./batch-source.ts";
import type { Samples, Stack } from "./patch-reader.ts";

/** Tissue classes of blocks. */
export const SAMPLING_TISSUES = ["air", "lung", "soft", "bone"] as const;

/** A tissue class of blocks. */
export type SamplingTissue = (typeof SAMPLING_TISSUES)[number];

/** How places are chosen. */
export interface SamplingOptions {
  /**
   * Share of patches whose centre lies in a block of each tissue; normalised over the tissues that occur. Default: as
   * they occur. A tissue that is not listed is never drawn.
   */
  readonly tissueShares?: Readonly<Partial<Record<SamplingTissue, number>>>;
  /**
   * What makes a block more likely within its image: `"gradient"` the RMS gradient, `"variance"` the standard
   * deviation, both of 2 × 2 means clipped to −1024..1000 HU; default `"uniform"`.
   */
  readonly informativeness?: "uniform" | "gradient" | "variance";
  /** Weight that every block has at least, as a share of its image's mean score; default 0.1. */
  readonly floor?: number;
  /** Side of a block, samples; default 16. */
  readonly blockPx?: number;
}

/** An image to take patches from. */
export interface SampledStack extends Stack {
  /** How often it is drawn relative to others; default 1. */
  readonly weight?: number;
  /** Not 0 where patch centres may lie; default everywhere. */
  readonly region?: Uint8Array;
}

/** A drawn place. */
export interface SampledPlace {
  /** Index of the image. */
  readonly item: number;
  readonly slice: number;
  readonly row: number;
  readonly column: number;
}

/** Draws patch centres. */
export interface PatchSampler {
  /** Shares that are drawn, by tissue; one entry `"all"` without `tissueShares`. */
  readonly shares: Readonly<Record<string, number>>;
  draw(random: Random): SampledPlace;
}

/** Thresholds between air, lung, soft tissue and bone, HU. */
const LUNG_FROM_HU = -950;
const SOFT_FROM_HU = -400;
const BONE_FROM_HU = 200;
/** Bone is thin: a block with this share of it is bone. Else the most frequent class. */
const BONE_SHARE = 0.1;
const REGION_TRIES = 16;

interface Block {
  readonly tissue: number;
  /** Informativeness, 0 for blocks outside the region. */
  readonly score: number;
  /** Samples in the block that may be centres. */
  readonly area: number;
}

interface BlockGrid {
  readonly perSlice: number;
  readonly across: number;
  readonly blocks: readonly Block[];
}

function measureBlock(
  stack: SampledStack,
  slice: number,
  top: number,
  left: number,
  side: number,
  kind: "uniform" | "gradient" | "variance",
): Block {
  const { rows, columns, data, region } = stack;
  const bottom = Math.min(rows, top + side);
  const right = Math.min(columns, left + side);
  const base = slice * rows * columns;
  const counts = [0, 0, 0, 0];
  let area = 0;
  for (let r = top; r < bottom; r++) {
    for (let c = left; c < right; c++) {
      const k = base + r * columns + c;
      const hu = data[k];
      counts[hu < LUNG_FROM_HU ? 0 : hu < SOFT_FROM_HU ? 1 : hu < BONE_FROM_HU ? 2 : 3]++;
      if (region === undefined || region[k] !== 0) area++;
    }
  }
  const size = (bottom - top) * (right - left);
  let tissue = 3;
  if (counts[3] < BONE_SHARE * size) tissue = counts.indexOf(Math.max(counts[0], counts[1], counts[2]));
  const score = kind === "uniform" ? 1 : scoreBlock(data, base, columns, { top, left, bottom, right }, kind);
  return { tissue, score, area };
}

/** RMS gradient or standard deviation of 2 × 2 means. */
function scoreBlock(
  data: Samples,
  base: number,
  columns: number,
  box: { readonly top: number; readonly left: number; readonly bottom: number; readonly right: number },
  kind: "gradient" | "variance",
): number {
  const clip = (hu: number): number => (hu < -1024 ? -1024 : hu > 1000 ? 1000 : hu);
  const mean = (r: number, c: number): number => {
    const k = base + r * columns + c;
    return (clip(data[k]) + clip(data[k + 1]) + clip(data[k + columns]) + clip(data[k + columns + 1])) / 4;
  };
  let [sum, squares, gradients, count] = [0, 0, 0, 0];
  for (let r = box.top; r + 1 < box.bottom; r += 2) {
    for (let c = box.left; c + 1 < box.right; c += 2) {
      const here = mean(r, c);
      sum += here;
      squares += here * here;
      if (c + 3 < box.right) gradients += (mean(r, c + 2) - here) ** 2;
      if (r + 3 < box.bottom) gradients += (mean(r + 2, c) - here) ** 2;
      count++;
    }
  }
  if (count === 0) return 0;
  return kind === "gradient"
    ? Math.sqrt(gradients / count)
    : Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
}

function measureGrid(
  stack: SampledStack,
  side: number,
  kind: "uniform" | "gradient" | "variance",
): BlockGrid {
  const down = Math.ceil(stack.rows / side);
  const across = Math.ceil(stack.columns / side);
  const blocks: Block[] = [];
  for (let slice = 0; slice < stack.slices; slice++) {
    for (let b = 0; b < down * across; b++) {
      const top = Math.floor(b / across) * side;
      blocks.push(measureBlock(stack, slice, top, (b % across) * side, side, kind));
    }
  }
  return { perSlice: down * across, across, blocks };
}

/** Blocks of one group in one image, with cumulative weights. */
interface GroupItem {
  readonly item: number;
  readonly blocks: Uint32Array;
  readonly cumulative: Float64Array;
}

interface Group {
  readonly name: string;
  readonly share: number;
  readonly items: readonly GroupItem[];
  readonly cumulative: Float64Array;
}

function accumulate(values: readonly number[]): Float64Array {
  let sum = 0;
  return Float64Array.from(values, (value) => {
    sum += value;
    return sum;
  });
}

function drawIndex(random: Random, cumulative: Float64Array): number {
  return findAbove(cumulative, random.nextUniform() * cumulative[cumulative.length - 1]);
}

function checkSampling(options: SamplingOptions): void {
  const { blockPx = 16, floor = 0.1, tissueShares = {} } = options;
  const shares = Object.entries(tissueShares);
  const isKnown = shares.every(
    ([name, share]) => (SAMPLING_TISSUES as readonly string[]).includes(name) && share >= 0,
  );
  if (!(Number.isInteger(blockPx) && blockPx >= 4 && blockPx <= 256 && floor > 0 && floor <= 1 && isKnown)) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `sampling: blockPx ${blockPx} must be a whole number in 4..256, floor ${floor} in (0, 1], shares ≥ 0 of ${SAMPLING_TISSUES.join(", ")} (got ${JSON.stringify(tissueShares)})`,
    );
  }
}

/**
 * Prepares the drawing of patch centres.
 *
 * @param stacks - images by whose HU blocks are judged (targets, where there are any)
 * @throws LearnError `OUT_OF_RANGE`; `NO_DATA` when no block of a wanted tissue, or of the region, is left
 * @remarks Memory: 12 bytes per block. The centre lies in a block of its class; a patch at the rim of the image is
 *   moved inside it. Tested: shares and weights against counts of draws, region, seeded repetition.
 */
export function createPatchSampler(
  stacks: readonly SampledStack[],
  options: SamplingOptions = {},
): PatchSampler {
  checkSampling(options);
  const { tissueShares, informativeness = "uniform", floor = 0.1, blockPx = 16 } = options;
  const names: readonly string[] = tissueShares ? SAMPLING_TISSUES : ["all"];
  const members: GroupItem[][] = names.map(() => []);
  const grids = stacks.map((stack, item) => {
    const grid = measureGrid(stack, blockPx, informativeness);
    const usable = grid.blocks.filter(({ area }) => area > 0);
    const mean = usable.reduce((sum, { score }) => sum + score, 0) / Math.max(1, usable.length);
    const indices: number[][] = names.map(() => []);
    const weights: number[][] = names.map(() => []);
    grid.blocks.forEach(({ tissue, score, area }, index) => {
      if (area === 0) return;
      const group = tissueShares ? tissue : 0;
      indices[group].push(index);
      weights[group].push(area * (mean > 0 ? Math.max(score / mean, floor) : 1));
    });
    names.forEach((_, group) => {
      if (indices[group].length === 0 || (stack.weight ?? 1) === 0) return;
      members[group].push({
        item,
        blocks: Uint32Array.from(indices[group]),
        cumulative: accumulate(weights[group]),
      });
    });
    return { perSlice: grid.perSlice, across: grid.across };
  });
  const wanted = names.map((name, group) =>
    members[group].length === 0 ? 0 : tissueShares ? (tissueShares[name as SamplingTissue] ?? 0) : 1,
  );
  const total = wanted.reduce((sum, share) => sum + share, 0);
  if (!(total > 0)) {
    throw new LearnError(
      "NO_DATA",
      `none of ${stacks.length} images has a place for a patch centre (tissues ${tissueShares ? Object.keys(tissueShares).join(", ") : "any"}); widen the region or the shares`,
    );
  }
  const groups: Group[] = names.flatMap((name, group) =>
    wanted[group] === 0
      ? []
      : [
          {
            name,
            share: wanted[group] / total,
            items: members[group],
            cumulative: accumulate(members[group].map(({ item }) => stacks[item].weight ?? 1)),
          },
        ],
  );
  const groupShares = accumulate(groups.map(({ share }) => share));

  return {
    shares: Object.fromEntries(groups.map(({ name, share }) => [name, share])),
    draw(random) {
      const group = groups[groups.length === 1 ? 0 : drawIndex(random, groupShares)];
      const { item, blocks, cumulative } = group.items[drawIndex(random, group.cumulative)];
      const block = blocks[drawIndex(random, cumulative)];
      const { perSlice, across } = grids[item];
      const { rows, columns, region } = stacks[item];
      const slice = Math.floor(block / perSlice);
      const top = Math.floor((block % perSlice) / across) * blockPx;
      const left = ((block % perSlice) % across) * blockPx;
      const height = Math.min(blockPx, rows - top);
      const width = Math.min(blockPx, columns - left);
      const isAllowed = (k: number): boolean =>
        region === undefined ||
        region[(slice * rows + top + Math.floor(k / width)) * columns + left + (k % width)] !== 0;
      let at = random.nextInteger(height * width);
      for (let tries = 1; tries < REGION_TRIES && !isAllowed(at); tries++) {
        at = random.nextInteger(height * width);
      }
      while (!isAllowed(at)) at = (at + 1) % (height * width);
      return { item, slice, row: top + Math.floor(at / width), column: left + (at % width) };
    },
  };
}
