/** Noise fields for inputs that are made, not scanned: the noise of a whole scan with a given kernel and level. */
import type { Volume } from "@alara/core";
import { createLowDoseSimulator, type GivenNoise } from "@alara/recon";
import { EnhanceError } from "../errors.ts";
import { roundToInt16 } from "./training-series.ts";

/** Noise that is added to made inputs. */
export interface AddedNoise {
  /** Noise at full dose: σ or quanta, and the kernel's window. */
  readonly given: GivenNoise;
  /** Share of the full dose at which the input is "scanned", in (0, 1]; default 1. */
  readonly doseFraction?: number;
  /** Independent fields; default 2. */
  readonly realisations?: number;
  /** Factors on the fields `[least, most]`, drawn per patch; default `[1, 1]`. */
  readonly levelRange?: readonly [number, number];
}

/** Fields and levels as pairs take them. */
export interface NoiseFields {
  readonly noises: readonly Int16Array[];
  readonly levelRange: readonly [number, number];
}

/**
 * Makes noise fields for an image.
 *
 * @param volume - the noise-free image, HU: its attenuation shapes the noise
 * @throws EnhanceError `OUT_OF_RANGE`; what `createLowDoseSimulator` throws
 */
export async function makeNoiseFields(
  volume: Volume<"HU">,
  noise: AddedNoise,
  options: { readonly seed: number; readonly signal?: AbortSignal },
): Promise<NoiseFields> {
  const { given, doseFraction = 1, realisations = 2, levelRange = [1, 1] } = noise;
  if (!(Number.isInteger(realisations) && realisations >= 1 && realisations <= 64)) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `${realisations} noise realisations; pass a whole number in 1..64`,
    );
  }
  const work = options.signal ? { signal: options.signal } : {};
  const simulator = await createLowDoseSimulator(volume, { ...work, seed: options.seed, noise: given });
  const noises: Int16Array[] = [];
  for (let realisation = 0; realisation < realisations; realisation++) {
    noises.push(roundToInt16((await simulator.scanNoise(doseFraction, { ...work, realisation })).data));
  }
  return { noises, levelRange };
}
