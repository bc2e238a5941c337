/**
 * A polychromatic beam through known lengths of materials: signal Σ φ w e^{−Σ µ_m(E) L_m}, its logarithm, and what a
 * scanner makes of it: scaled so that one water path is right, or corrected for water exactly (tomography.md §2.5).
 * No scatter and no detector response beyond the energy weight.
 */
import {
  computeMuCurve,
  computeMuPerMm,
  getMaterialAmounts,
  type Material,
  materials,
  rebinSpectrum,
  type Spectrum,
  type SpectrumWeighting,
  spectra,
  type VoxelPhantom,
} from "@alara/physics";
import { checkOption, type DegradationChain } from "./degradation.ts";

/** Options of a polychromatic beam. */
export interface BeamOptions {
  /** Name in `spectra` or a spectrum; default `"ct-120"`. */
  readonly spectrum?: string | Spectrum;
  /** Energy bins used; default 24. */
  readonly energyBins?: number;
  /** Default `"energy"` (energy-integrating detector). */
  readonly weighting?: SpectrumWeighting;
  /** Energy whose attenuation is the truth, keV; default 70. */
  readonly referenceEnergyKev?: number;
  /**
   * `"none"`: one factor makes `calibrationPathMm` of water right, other lengths err; `"water"`: water of any length is
   * right, other materials err. Defaults are the faults' own.
   */
  readonly correction?: "none" | "water";
  /** Default 200. */
  readonly calibrationPathMm?: number;
}

/** A prepared beam; line integrals are those of the reference energy times the chain's scale. */
export interface BeamModel {
  /** Attenuation of each material at the reference energy, 1/mm. */
  readonly referenceMuPerMm: Float64Array;
  /** Signal relative to air, 1 for nothing in the beam. */
  transmit(lengthsMm: Float64Array): number;
  /** What the scanner takes for the line integral when −ln(signal) is `negativeLog`. */
  correct(negativeLog: number): number;
}

const LONGEST_WATER_MM = 2000;

/**
 * Prepares a beam.
 *
 * @throws PhysicsError for unknown spectra and energies outside the tables; ReconError `OUT_OF_RANGE`
 */
export function createBeamModel(
  list: readonly Material[],
  options: BeamOptions,
  correction: "none" | "water",
): BeamModel {
  const { energyBins = 24, weighting = "energy", referenceEnergyKev = 70, calibrationPathMm = 200 } = options;
  checkOption("energyBins", energyBins, 1, 1000, "pass e.g. 24");
  checkOption("calibrationPathMm", calibrationPathMm, 1, 1000, "pass e.g. 200");
  const full =
    typeof options.spectrum === "object"
      ? options.spectrum
      : spectra.get(options.spectrum ?? "ct-120").create();
  const { energiesKev, photons } =
    energyBins < full.energiesKev.length ? rebinSpectrum(full, energyBins) : full;
  const bins = energiesKev.length;
  const weights = photons.map((count, e) => count * (weighting === "energy" ? energiesKev[e] : 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (let e = 0; e < bins; e++) weights[e] /= total;
  const curves = list.map((material) => computeMuCurve(material, energiesKev));
  const water = materials.get("water");
  const waterCurve = computeMuCurve(water, energiesKev);
  const waterMu = computeMuPerMm(water, referenceEnergyKev);
  const logWater = (lengthMm: number): number => {
    let signal = 0;
    for (let e = 0; e < bins; e++) signal += weights[e] * Math.exp(-waterCurve[e] * lengthMm);
    return -Math.log(signal);
  };
  const exponents = new Float64Array(bins);
  return {
    referenceMuPerMm: Float64Array.from(list, (material) => computeMuPerMm(material, referenceEnergyKev)),
    transmit(lengthsMm) {
      exponents.fill(0);
      for (let m = 0; m < curves.length; m++) {
        const length = lengthsMm[m];
        if (length === 0) continue;
        const curve = curves[m];
        for (let e = 0; e < bins; e++) exponents[e] -= curve[e] * length;
      }
      let signal = 0;
      for (let e = 0; e < bins; e++) signal += weights[e] * Math.exp(exponents[e]);
      return signal;
    },
    correct:
      (options.correction ?? correction) === "none"
        ? createScale((waterMu * calibrationPathMm) / logWater(calibrationPathMm))
        : createWaterInverse(logWater, waterMu),
  };
}

function createScale(factor: number): (negativeLog: number) => number {
  return (negativeLog) => factor * negativeLog;
}

/** µ_ref times the water length that explains −ln(signal): a table of 1 mm, linear between and beyond. */
function createWaterInverse(
  logWater: (mm: number) => number,
  waterMu: number,
): (negativeLog: number) => number {
  const table = Float64Array.from({ length: LONGEST_WATER_MM + 1 }, (_, mm) => logWater(mm));
  return (negativeLog) => {
    let low = 0;
    let high = LONGEST_WATER_MM;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (table[middle] <= negativeLog) low = middle;
      else high = middle;
    }
    return waterMu * (low + (negativeLog - table[low]) / (table[low + 1] - table[low]));
  };
}

/** Path lengths of every material of a voxel phantom on the chain's grid, `[material][view·channel]`. */
export function projectAmounts(
  chain: DegradationChain,
  phantom: VoxelPhantom,
  keep?: Float32Array,
): Float32Array[] {
  const images = phantom.materials.map((_, material) => {
    const amounts = getMaterialAmounts(phantom, material);
    if (keep) for (let i = 0; i < amounts.length; i++) amounts[i] *= keep[i];
    return amounts;
  });
  const lengths: Float32Array[] = [];
  for (let start = 0; start < images.length; start += 4) {
    lengths.push(...chain.project(images.slice(start, start + 4)));
  }
  return lengths;
}
