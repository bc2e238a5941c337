/**
 * The noise of a lower dose as a degradation: `createLowDoseSimulator` behind the shape of the others. The clean image
 * keeps the noise it has.
 */
import { createLowDoseSimulator, type LowDoseOptions } from "../low-dose/low-dose.ts";
import { type DegradationSource, type DegradedPair, renderSource } from "./degradation.ts";

/** Options of {@link degradeByDose}. */
export interface DoseOptions extends LowDoseOptions {
  /** Share of the dose that is left, in (0, 1]; 1 is clean bit for bit. */
  readonly doseFraction: number;
  /** Which of the independent noises; default 0. */
  readonly realisation?: number;
}

/**
 * Adds the noise of a lower dose.
 *
 * @throws ReconError `NO_NOISE_MEASURED` when the noise cannot be measured and is not given; PhysicsError
 *   `OUT_OF_RANGE`
 * @remarks Phantoms have no noise to measure: state it in `options.noise`.
 */
export async function degradeByDose(source: DegradationSource, options: DoseOptions): Promise<DegradedPair> {
  const clean = renderSource(source, options.axisOffsetMm);
  const { doseFraction, realisation = 0 } = options;
  const parameters = { degradation: "dose", seed: options.seed, doseFraction, realisation };
  if (doseFraction === 1) return { clean, degraded: { ...clean, data: clean.data.slice() }, parameters };
  const simulator = await createLowDoseSimulator(clean, options);
  const degraded = await simulator.insert(doseFraction, {
    realisation,
    ...(options.signal && { signal: options.signal }),
  });
  return { clean, degraded, parameters: { ...parameters, sigmaHu: simulator.calibration.sigmaHu } };
}
