/**
 * Ring artifacts: channels whose gain is wrong by the same factor in every view leave −ln g in their line integrals,
 * which back-projects to circles of radius D sin|γ| around the axis. Energy dependence and drift are not modelled.
 */
import { createRandom } from "@alara/core";
import { ReconError } from "../errors.ts";
import {
  type ChainOptions,
  checkOption,
  type DegradationSource,
  type DegradedPair,
  degradeThroughChain,
  reconstructDifferences,
} from "./degradation.ts";

/** Options of {@link degradeByRings}. */
export interface RingOptions extends ChainOptions {
  /** Seed of the gains; every slice (detector row) has its own. */
  readonly seed: number;
  /** Standard deviation of the relative gain of all channels; default 0.004. */
  readonly gainSigma?: number;
  /** Channels with a gain of their own, e.g. `{ channel: 500, gain: 0.97 }`, in all slices; default none. */
  readonly channels?: readonly { readonly channel: number; readonly gain: number }[];
}

/**
 * Adds ring artifacts.
 *
 * @throws ReconError `OUT_OF_RANGE`, `NON_FINITE`
 * Tested: radius and circularity of a single ring, its sign, zero gain error is clean bit for bit.
 */
export async function degradeByRings(source: DegradationSource, options: RingOptions): Promise<DegradedPair> {
  const { seed, gainSigma = 0.004, channels = [] } = options;
  checkOption("gainSigma", gainSigma, 0, 0.2, "calibrated detectors are within 0.01");
  for (const { channel, gain } of channels) {
    if (!(gain > 0 && Number.isFinite(gain) && Number.isInteger(channel) && channel >= 0)) {
      throw new ReconError(
        "OUT_OF_RANGE",
        `channel ${channel} with gain ${gain}: channels are integers ≥ 0 and gains > 0, 1 is right`,
      );
    }
  }
  const root = createRandom(seed);
  return degradeThroughChain(
    source,
    options,
    { degradation: "rings", seed, gainSigma, channels },
    ({ chain, start, lineIntegrals }) => {
      const { channels: width } = chain.geometry;
      const differences = lineIntegrals.map((line, i) => {
        const random = root.derive(`rings/${start + i}`);
        const errors = Float64Array.from({ length: width }, () =>
          gainSigma === 0 ? 0 : -Math.log(Math.max(0.05, 1 + gainSigma * random.nextNormal())),
        );
        for (const { channel, gain } of channels) {
          checkOption("channel", channel, 0, width - 1, "the detector ends there");
          errors[channel] = gain === 1 ? 0 : -Math.log(gain);
        }
        const difference = new Float32Array(line.length);
        for (let k = 0; k < difference.length; k++) difference[k] = errors[k % width];
        return difference;
      });
      return reconstructDifferences(chain, differences);
    },
  );
}
