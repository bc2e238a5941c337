/**
 * From raw detector signals to line integrals: offset (dark) and air (flat) calibration per channel, a reference
 * channel's tube output per view, clamping of starved signals, and dead channels filled from their neighbours:
 * p = −ln(max(S − dark, least)/((air − dark) · output)) (tomography.md §2.5). No lag, no crosstalk, no scatter.
 */
import { countDetectorRows, countViews, createSinogram, type ScanGeometry, type Sinogram } from "@alara/core";
import { ReconError } from "../errors.ts";

/** What a detector shows without an object. Both `[row][channel]`, means over many readings. */
export interface DetectorCalibration {
  /** Signal with the beam on and nothing in it. */
  readonly air: ArrayLike<number>;
  /** Signal with the beam off; default 0. */
  readonly dark?: ArrayLike<number>;
}

/** Options of {@link calibrateCounts}. */
export interface CalibrateCountsOptions extends DetectorCalibration {
  /** Channels to be filled from neighbours, `row × channels + channel`; default those that `findDeadChannels` finds. */
  readonly deadChannels?: readonly number[];
  /** Tube output of each view relative to that of the air scan; default 1. */
  readonly relativeOutput?: ArrayLike<number>;
  /** Signals above dark are not taken lower than this before the logarithm; default 1. */
  readonly leastSignal?: number;
}

/** What {@link calibrateCounts} did. */
export interface CalibratedCounts<G extends ScanGeometry> {
  readonly sinogram: Sinogram<"line integral", G>;
  readonly deadChannels: readonly number[];
  /** Samples raised to the least signal (dead channels not counted). */
  readonly clampedSamples: number;
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  const middle = values.length >> 1;
  return values.length % 2 === 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/**
 * Channels whose gain (air − dark) is not positive and finite, or far from the median of the channels around.
 *
 * @param channels - per row
 * @param options.tolerance - relative distance from the median of the 8 nearest of the row; default 0.5
 * @returns ascending indices `row × channels + channel`
 * @throws ReconError `SHAPE_MISMATCH`, `OUT_OF_RANGE`
 */
export function findDeadChannels(
  calibration: DetectorCalibration,
  channels: number,
  options: { readonly tolerance?: number } = {},
): readonly number[] {
  const { air, dark } = calibration;
  const { tolerance = 0.5 } = options;
  if (!(channels >= 1 && air.length % channels === 0 && (dark === undefined || dark.length === air.length))) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `${air.length} air and ${dark?.length ?? "no"} dark values for rows of ${channels} channels; pass [row][channel] for both`,
    );
  }
  if (!(tolerance > 0)) {
    throw new ReconError("OUT_OF_RANGE", `a tolerance of ${tolerance}; pass a number > 0`);
  }
  const gains = Float64Array.from({ length: air.length }, (_, i) => air[i] - (dark?.[i] ?? 0));
  const isAlive = (gain: number): boolean => gain > 0 && Number.isFinite(gain);
  const dead: number[] = [];
  for (let i = 0; i < gains.length; i++) {
    if (!isAlive(gains[i])) {
      dead.push(i);
      continue;
    }
    const row = Math.floor(i / channels);
    const first = Math.max(row * channels, Math.min(i - 4, (row + 1) * channels - 9));
    const around: number[] = [];
    for (let k = first; k < Math.min((row + 1) * channels, first + 9); k++) {
      if (k !== i && isAlive(gains[k])) around.push(gains[k]);
    }
    if (around.length >= 3 && Math.abs(gains[i] / median(around) - 1) > tolerance) dead.push(i);
  }
  return dead;
}

/**
 * Line integrals of raw signals.
 *
 * @param counts - raw signals, offset included
 * @returns line integrals with dead channels interpolated linearly along the row (at its ends: the nearest alive)
 * @throws ReconError `SHAPE_MISMATCH`, `OUT_OF_RANGE` (air not above dark in a channel said to be alive, outputs or
 *   least signal ≤ 0, a row without alive channels), `NON_FINITE` (in alive channels)
 * Tested: gains, offsets and tube output fall out exactly; a dead channel in a smooth profile errs below 1e-3.
 */
export function calibrateCounts<G extends ScanGeometry>(
  counts: Sinogram<"counts", G>,
  options: CalibrateCountsOptions,
): CalibratedCounts<G> {
  const { geometry, slices, data } = counts;
  const { air, dark, relativeOutput, leastSignal = 1 } = options;
  const { channels } = geometry;
  const rows = countDetectorRows(geometry);
  const views = countViews(geometry);
  const cells = rows * channels;
  if (air.length !== cells || (dark !== undefined && dark.length !== cells)) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `${air.length} air and ${dark?.length ?? "no"} dark values for ${rows} rows × ${channels} channels = ${cells}; pass one each`,
    );
  }
  if (relativeOutput !== undefined && relativeOutput.length !== views) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `${relativeOutput.length} tube outputs for ${views} views; pass one each`,
    );
  }
  if (!(leastSignal > 0 && Number.isFinite(leastSignal))) {
    throw new ReconError("OUT_OF_RANGE", `a least signal of ${leastSignal}; pass a number > 0`);
  }
  const deadChannels = [
    ...new Set(
      options.deadChannels ?? findDeadChannels({ air, ...(dark === undefined ? {} : { dark }) }, channels),
    ),
  ];
  const isDead = new Uint8Array(cells);
  for (const cell of deadChannels) {
    if (!(Number.isInteger(cell) && cell >= 0 && cell < cells)) {
      throw new ReconError("OUT_OF_RANGE", `dead channel ${cell} is not one of 0..${cells - 1}`);
    }
    isDead[cell] = 1;
  }
  const gains = new Float64Array(cells);
  for (let i = 0; i < cells; i++) {
    gains[i] = air[i] - (dark?.[i] ?? 0);
    if (isDead[i] === 0 && !(gains[i] > 0 && Number.isFinite(gains[i]))) {
      throw new ReconError(
        "OUT_OF_RANGE",
        `channel ${i} has air ${air[i]} and dark ${dark?.[i] ?? 0}; air must be above dark, or list the channel as dead`,
      );
    }
  }
  const fills = planFills(isDead, rows, channels);
  const out = new Float32Array(data.length);
  let clampedSamples = 0;
  for (let start = 0, line = 0; start < data.length; start += cells, line++) {
    const output = relativeOutput?.[line % views] ?? 1;
    if (!(output > 0 && Number.isFinite(output))) {
      throw new ReconError(
        "OUT_OF_RANGE",
        `view ${line % views} has tube output ${output}; pass a number > 0`,
      );
    }
    for (let i = 0; i < cells; i++) {
      if (isDead[i] === 1) continue;
      const signal = data[start + i] - (dark?.[i] ?? 0);
      if (!Number.isFinite(signal)) {
        throw new ReconError(
          "NON_FINITE",
          `view ${line % views}, channel ${i} has signal ${data[start + i]}; list the channel as dead`,
        );
      }
      if (signal < leastSignal) clampedSamples++;
      out[start + i] = -Math.log(Math.max(signal, leastSignal) / (gains[i] * output));
    }
    for (const { cell, left, right, share } of fills) {
      out[start + cell] = (1 - share) * out[start + left] + share * out[start + right];
    }
  }
  return { sinogram: createSinogram("line integral", geometry, slices, out), deadChannels, clampedSamples };
}

/** How a dead channel is filled: (1 − share) of `left` plus share of `right`. */
interface Fill {
  readonly cell: number;
  readonly left: number;
  readonly right: number;
  readonly share: number;
}

function planFills(isDead: Uint8Array, rows: number, channels: number): Fill[] {
  const fills: Fill[] = [];
  for (let row = 0; row < rows; row++) {
    const first = row * channels;
    const end = first + channels;
    for (let cell = first; cell < end; cell++) {
      if (isDead[cell] === 0) continue;
      let left = cell - 1;
      while (left >= first && isDead[left] === 1) left--;
      let right = cell + 1;
      while (right < end && isDead[right] === 1) right++;
      if (left < first && right >= end) {
        throw new ReconError("OUT_OF_RANGE", `row ${row} has no alive channel to fill the others from`);
      }
      if (left < first) fills.push({ cell, left: right, right, share: 0 });
      else if (right >= end) fills.push({ cell, left, right: left, share: 0 });
      else fills.push({ cell, left, right, share: (cell - left) / (right - left) });
    }
  }
  return fills;
}
