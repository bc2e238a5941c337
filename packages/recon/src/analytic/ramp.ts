/**
 * The ramp filter's gain, from taps in the spatial domain (Kak & Slaney 1988, eq. 3.61 and 3.100; tomography.md
 * §2.2). A ramp sampled in the frequency domain would be zero at frequency 0 and lower the mean by percents.
 */
import { createFftPlan, nextPowerOfTwo, transformForward } from "@alara/core";
import { ReconError } from "../errors.ts";
import type { DetectorLine } from "./detector-line.ts";
import type { RampWindow } from "./windows.ts";

/** Length of the transforms that filter rows of `channels` samples: no wrap-around reaches a channel. */
export function getFilterLength(channels: number): number {
  return nextPowerOfTwo(2 * channels);
}

/**
 * Computes the filter's gain at each frequency of a transform of {@link getFilterLength} samples.
 *
 * h[0] = 1/(4T²), h[odd n] = −1/(πnT)², or −1/(π sin(nΔγ))² for channels spaced by angle; times T.
 *
 * @param window - gain over frequency at the axis
 * @returns real and even, 1/pitch in unit
 * @throws ReconError `NON_FINITE` when the window has no finite gain somewhere
 */
export function createRampResponse(line: DetectorLine, channels: number, window: RampWindow): Float64Array {
  const { pitch, isAngular } = line;
  const length = getFilterLength(channels);
  const response = new Float64Array(length);
  response[0] = 1 / (4 * pitch);
  for (let n = 1; n < channels; n += 2) {
    const distance = isAngular ? Math.sin(n * pitch) : n * pitch;
    const tap = -pitch / (Math.PI * distance) ** 2;
    response[n] = tap;
    response[length - n] = tap;
  }
  transformForward(createFftPlan(length), response, new Float64Array(length));
  const nyquist = 0.5 / line.pitchAtAxisMm;
  for (let k = 0; k < length; k++) {
    const cycles = Math.min(k, length - k) / length;
    const frequency = 2 * cycles * nyquist;
    const gain = window(frequency, nyquist);
    if (!Number.isFinite(gain)) {
      throw new ReconError(
        "NON_FINITE",
        `the window's gain at ${frequency.toFixed(4)}/mm (Nyquist ${nyquist.toFixed(4)}/mm) is ${gain}; every frequency from 0 to Nyquist needs a number`,
      );
    }
    response[k] *= gain;
  }
  return response;
}
