/**
 * Where training patches come from: an interface, and its implementation over pairs made by adding noise
 * fields to full-dose slices. The same noise field serves many dose levels: input = target + s·noise.
 * Not here: making the noise (physics) or reading the slices (dicom).
 */
import type { Random } from "@alara/core";
import { LearnError } from "./errors.ts";

/** One batch: [batch, 1, patch, patch] each, HU. */
export interface Batch {
  readonly input: Float32Array;
  readonly target: Float32Array;
}

/** Draws training batches; everything random comes from `random`. */
export interface PatchSource {
  drawBatch(random: Random, batch: number, patch: number): Batch;
}

/** A full-dose slice and noise fields that can be added to it. */
export interface TrainingPair {
  /** Stable name, free of patient data. */
  readonly id: string;
  readonly rows: number;
  readonly columns: number;
  /** Full-dose slice, HU, `[row][column]`. */
  readonly target: Float32Array | Int16Array;
  /** Realisations of added noise at unit level, HU, `[row][column]`. */
  readonly noises: readonly (Float32Array | Int16Array)[];
  /** How often the pair is drawn relative to others; default 1. */
  readonly weight?: number;
  /** Factors on the noise [least, most], > 0; each patch draws one, log-uniformly. */
  readonly levelRange: readonly [number, number];
}

/** Options of {@link createPairSource}. */
export interface PairSourceOptions {
  /** Share of patches that must not be mostly air, where a slice has such; default 0.9. */
  readonly tissueFraction?: number;
  /** A sample above this is not air, HU; default −950 (keeps lung). */
  readonly airHu?: number;
  /** Flips and quarter turns; default `"all"`. */
  readonly augmentation?: "all" | "none";
}

const POSITION_TRIES = 8;
const PROBES_PER_SIDE = 5;

/** Whether at least half of a grid of probe samples lies above `airHu`. */
function isMostlyTissue(
  pair: TrainingPair,
  top: number,
  left: number,
  patch: number,
  airHu: number,
): boolean {
  let above = 0;
  for (let r = 0; r < PROBES_PER_SIDE; r++) {
    const y = top + Math.floor(((r + 0.5) * patch) / PROBES_PER_SIDE);
    for (let c = 0; c < PROBES_PER_SIDE; c++) {
      const x = left + Math.floor(((c + 0.5) * patch) / PROBES_PER_SIDE);
      if (pair.target[y * pair.columns + x] > airHu) above++;
    }
  }
  return 2 * above >= PROBES_PER_SIDE * PROBES_PER_SIDE;
}

function checkPairs(pairs: readonly TrainingPair[]): void {
  if (pairs.length === 0) throw new LearnError("NO_DATA", "no training pairs given; pass at least one");
  for (const { id, rows, columns, target, noises, levelRange, weight = 1 } of pairs) {
    const lengths = [target.length, ...noises.map((noise) => noise.length)];
    if (noises.length === 0 || lengths.some((length) => length !== rows * columns)) {
      throw new LearnError(
        "SHAPE_MISMATCH",
        `pair "${id}" is ${rows} × ${columns} but its arrays have ${lengths.join(", ")} samples (target, then ${noises.length} noise fields, at least one)`,
      );
    }
    if (!(levelRange[0] > 0 && levelRange[0] <= levelRange[1]) || !(weight >= 0)) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `pair "${id}": levels ${levelRange.join("..")} must be 0 < least ≤ most and weight ${weight} ≥ 0`,
      );
    }
  }
}

/** Copies one patch of the pair, turned by `turn` (0..7: bit 0 flips rows, 1 flips columns, 2 transposes). */
function copyPatch(
  pair: TrainingPair,
  noise: Float32Array | Int16Array,
  place: { top: number; left: number; patch: number; turn: number; level: number; offset: number },
  out: Batch,
): void {
  const { top, left, patch, turn, level, offset } = place;
  const { columns, target } = pair;
  const transposes = (turn & 4) !== 0;
  let rowStep = transposes ? 1 : columns;
  let columnStep = transposes ? columns : 1;
  let start = top * columns + left;
  if ((turn & 1) !== 0) {
    start += (patch - 1) * rowStep;
    rowStep = -rowStep;
  }
  if ((turn & 2) !== 0) {
    start += (patch - 1) * columnStep;
    columnStep = -columnStep;
  }
  let o = offset;
  for (let r = 0; r < patch; r++) {
    let p = start + r * rowStep;
    for (let c = 0; c < patch; c++) {
      const value = target[p];
      out.target[o] = value;
      out.input[o] = value + level * noise[p];
      o++;
      p += columnStep;
    }
  }
}

/**
 * A patch source over pairs.
 *
 * Each patch draws: a pair (by weight), a noise field, a level (log-uniform in the pair's range), a place (with
 * probability `tissueFraction`, up to eight tries for one that is not mostly air), and a turn.
 *
 * @throws LearnError `NO_DATA`, `SHAPE_MISMATCH`, `OUT_OF_RANGE`; when drawing, `OUT_OF_RANGE` for a patch
 *   larger than a slice
 * Tested: seeded repetition, input − target is the scaled noise at the same place, all eight turns occur.
 */
export function createPairSource(
  pairs: readonly TrainingPair[],
  options: PairSourceOptions = {},
): PatchSource {
  const { tissueFraction = 0.9, airHu = -950, augmentation = "all" } = options;
  checkPairs(pairs);
  const cumulative: number[] = [];
  let total = 0;
  for (const { weight = 1 } of pairs) {
    total += weight;
    cumulative.push(total);
  }
  if (!(total > 0)) throw new LearnError("NO_DATA", "the weights of all training pairs are 0");
  const drawPair = (random: Random): TrainingPair => {
    const x = random.nextUniform() * total;
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle] > x) high = middle;
      else low = middle + 1;
    }
    return pairs[low];
  };
  return {
    drawBatch(random, batch, patch) {
      const size = patch * patch;
      const out = { input: new Float32Array(batch * size), target: new Float32Array(batch * size) };
      for (let n = 0; n < batch; n++) {
        const pair = drawPair(random);
        if (patch > pair.rows || patch > pair.columns) {
          throw new LearnError(
            "OUT_OF_RANGE",
            `patch ${patch} does not fit pair "${pair.id}" of ${pair.rows} × ${pair.columns}; choose a smaller patch`,
          );
        }
        const noise = pair.noises[random.nextInteger(pair.noises.length)];
        const [least, most] = pair.levelRange;
        const level = least * (most / least) ** random.nextUniform();
        const tries = random.nextUniform() < tissueFraction ? POSITION_TRIES : 1;
        let top = 0;
        let left = 0;
        for (let k = 0; k < tries; k++) {
          top = random.nextInteger(pair.rows - patch + 1);
          left = random.nextInteger(pair.columns - patch + 1);
          if (tries > 1 && isMostlyTissue(pair, top, left, patch, airHu)) break;
        }
        const turn = augmentation === "all" ? random.nextInteger(8) : 0;
        copyPatch(pair, noise, { top, left, patch, turn, level, offset: n * size }, out);
      }
      return out;
    },
  };
}
