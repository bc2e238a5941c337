/**
 * The spectrum as a detector weighs it: what beam-hardening corrections and calibrations of a scan refer to.
 */
import { computeMuCurve } from "../materials/attenuation.ts";
import type { Spectrum } from "../spectra/spectrum.ts";
import { type Acquisition, getBeamSpectrum, getScanDetector } from "./acquisition.ts";
import { computePhotonResponse } from "./detectors.ts";

/**
 * Signal per energy bin of the central ray in air: photons behind the flat filters, times the share that the detector
 * absorbs, times what a photon adds to the signal (all bins of a counting detector together). The bowtie is left out:
 * it differs from ray to ray.
 *
 * @returns relative weights as a spectrum; use it with `weighting: "photons"`, for E is already in it
 * @throws PhysicsError `BAD_SPECTRUM`, `ENERGY_OUT_OF_TABLE`
 * Tested: the noise-free line integral of a water path in `simulateScan` is that of these weights.
 */
export function createDetectedSpectrum(acquisition: Acquisition): Spectrum {
  const { energiesKev, photons } = getBeamSpectrum(acquisition.spectrum);
  const detector = getScanDetector(acquisition);
  const responses = computePhotonResponse(detector, energiesKev);
  const weights = photons.map(
    (count, e) => count * responses.reduce((sum, response) => sum + response[e], 0),
  );
  for (const { material, thicknessMm } of acquisition.filters ?? []) {
    const mu = computeMuCurve(material, energiesKev);
    for (let e = 0; e < weights.length; e++) weights[e] *= Math.exp(-mu[e] * thicknessMm);
  }
  if (detector.absorber !== undefined) {
    const mu = computeMuCurve(detector.absorber.material, energiesKev);
    for (let e = 0; e < weights.length; e++) {
      weights[e] *= -Math.expm1(-mu[e] * detector.absorber.thicknessMm);
    }
  }
  const name =
    typeof acquisition.spectrum === "number" ? `${acquisition.spectrum} keV` : acquisition.spectrum.name;
  return { name: `${name}, detected by ${detector.name}`, energiesKev, photons: weights, scale: "relative" };
}
