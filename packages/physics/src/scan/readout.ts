/**
 * What happens to a signal between the photons and the converter: afterglow over views (lag) and light that leaks to
 * neighbouring cells (crosstalk). Both linear; both keep the sum.
 */
import { PhysicsError } from "../errors.ts";

/** Afterglow: a share of the signal decays exponentially. */
export interface LagModel {
  /** Duration of a view, ms. */
  readonly viewTimeMs: number;
  /** Shares and decay times; shares sum to at most 1. */
  readonly components: readonly { readonly share: number; readonly decayMs: number }[];
}

/** Share of a cell's light that reaches each neighbour along channels and along rows. CatSim: 0.04 and 0.045. */
export interface CrosstalkModel {
  readonly channelShare: number;
  readonly rowShare?: number;
}

/** @throws PhysicsError `OUT_OF_RANGE` */
export function checkLag(lag: LagModel): void {
  let sum = 0;
  let isGood = lag.viewTimeMs > 0;
  for (const { share, decayMs } of lag.components) {
    sum += share;
    isGood &&= share >= 0 && decayMs > 0;
  }
  if (!(isGood && sum <= 1)) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `lag with a view of ${lag.viewTimeMs} ms and shares summing to ${sum}: times must be > 0, shares ≥ 0 and ≤ 1 together`,
    );
  }
}

/** @throws PhysicsError `OUT_OF_RANGE` */
export function checkCrosstalk(crosstalk: CrosstalkModel): void {
  const { channelShare, rowShare = 0 } = crosstalk;
  if (!(channelShare >= 0 && rowShare >= 0 && 2 * (channelShare + rowShare) <= 1)) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `crosstalk of ${channelShare} to channels and ${rowShare} to rows: shares must be ≥ 0 and leave the cell something`,
    );
  }
}

/**
 * Applies lag in place: S_v = (1 − Σa)·I_v + Σ a·L_v with L_v = d·L_{v−1} + (1 − d)·I_v and d = exp(−T/τ). The first
 * view is settled: L_{−1} = I_0.
 *
 * @param data - `[slice][view][cell]`; slices are scanned apart
 * Tested: impulse response; sums are kept; a constant signal stays.
 */
export function applyLag(
  data: Float32Array,
  slices: number,
  views: number,
  cells: number,
  lag: LagModel,
): void {
  const decays = lag.components.map(({ decayMs }) => Math.exp(-lag.viewTimeMs / decayMs));
  const shares = lag.components.map(({ share }) => share);
  const prompt = 1 - shares.reduce((a, b) => a + b, 0);
  const states = decays.map(() => new Float64Array(cells));
  for (let slice = 0; slice < slices; slice++) {
    for (let view = 0; view < views; view++) {
      const start = (slice * views + view) * cells;
      if (view === 0) {
        for (const state of states) for (let i = 0; i < cells; i++) state[i] = data[start + i];
      }
      for (let i = 0; i < cells; i++) {
        const input = data[start + i];
        let sum = prompt * input;
        for (let k = 0; k < states.length; k++) {
          const value = decays[k] * states[k][i] + (1 - decays[k]) * input;
          states[k][i] = value;
          sum += shares[k] * value;
        }
        data[start + i] = sum;
      }
    }
  }
}

function leak(
  line: Float64Array,
  length: number,
  share: number,
  write: (i: number, value: number) => void,
): void {
  for (let i = 0; i < length; i++) {
    // At the border the light that has nowhere to go stays.
    let value = line[i];
    if (i > 0) value += share * (line[i - 1] - line[i]);
    if (i + 1 < length) value += share * (line[i + 1] - line[i]);
    write(i, value);
  }
}

/**
 * Applies crosstalk in place, along channels, then along rows.
 *
 * @param data - `[image][row][channel]`
 * Tested: impulse response; sums are kept.
 */
export function applyCrosstalk(
  data: Float32Array,
  rows: number,
  channels: number,
  crosstalk: CrosstalkModel,
): void {
  const { channelShare, rowShare = 0 } = crosstalk;
  const line = new Float64Array(Math.max(rows, channels));
  for (let start = 0; channelShare > 0 && start < data.length; start += channels) {
    for (let c = 0; c < channels; c++) line[c] = data[start + c];
    leak(line, channels, channelShare, (c, value) => {
      data[start + c] = value;
    });
  }
  for (let start = 0; rowShare > 0 && rows > 1 && start < data.length; start += rows * channels) {
    for (let c = 0; c < channels; c++) {
      for (let r = 0; r < rows; r++) line[r] = data[start + r * channels + c];
      leak(line, rows, rowShare, (r, value) => {
        data[start + r * channels + c] = value;
      });
    }
  }
}
