/**
 * Hounsfield units of materials: HU = 1000 (µ − µ_water)/µ_water at one energy, or with µ averaged over a spectrum
 * (tomography.md §2.5, §3.4). What an ideal, scatter-free scanner would show, not what a given one does.
 */
import { PhysicsError } from "../errors.ts";
import { dropEmptyBins } from "../spectra/measures.ts";
import type { Spectrum } from "../spectra/spectrum.ts";
import { computeMuCurve, computeMuPerMm } from "./attenuation.ts";
import type { Material } from "./material.ts";
import { materials } from "./materials.ts";

const WATER = materials.get("water");

/**
 * HU of a material at one energy.
 *
 * @throws PhysicsError `ENERGY_OUT_OF_TABLE`, `BAD_MATERIAL`
 * Tested against the table of tomography.md §3.4 (60, 70, 80 keV and 1 MeV) and the Catphan manual's ranges.
 */
export function computeHu(material: Material, energyKev: number): number {
  const water = computeMuPerMm(WATER, energyKev);
  return 1000 * (computeMuPerMm(material, energyKev) / water - 1);
}

/** Options of {@link computeEffectiveMuPerMm} and {@link computeSpectralHu}. */
export interface EffectiveMuOptions {
  /** Water that the beam has passed before, mm; default 0 (thin object). */
  readonly waterPathMm?: number;
  /** What the detector adds up: `"energy"` (integrating, default) or `"photons"` (counting). */
  readonly weighting?: "energy" | "photons";
}

/**
 * Attenuation of a thin layer, averaged over a spectrum: Σ φ w e^{−µ_w t} µ / Σ φ w e^{−µ_w t} with w = E or 1.
 *
 * @returns 1/mm
 * @throws PhysicsError `ENERGY_OUT_OF_TABLE`, `BAD_MATERIAL`, `OUT_OF_RANGE`, `BAD_SPECTRUM`
 */
export function computeEffectiveMuPerMm(
  material: Material,
  spectrum: Spectrum,
  options: EffectiveMuOptions = {},
): number {
  const { waterPathMm = 0, weighting = "energy" } = options;
  if (!(waterPathMm >= 0 && Number.isFinite(waterPathMm))) {
    throw new PhysicsError("OUT_OF_RANGE", `a water path of ${waterPathMm} mm; pass a finite length ≥ 0`);
  }
  const { energiesKev, photons } = dropEmptyBins(spectrum);
  const mu = computeMuCurve(material, energiesKev);
  const water = computeMuCurve(WATER, energiesKev);
  let sum = 0;
  let total = 0;
  for (let i = 0; i < mu.length; i++) {
    const weight =
      photons[i] * (weighting === "energy" ? energiesKev[i] : 1) * Math.exp(-water[i] * waterPathMm);
    sum += weight * mu[i];
    total += weight;
  }
  if (!(total > 0 && Number.isFinite(total))) {
    throw new PhysicsError("BAD_SPECTRUM", `spectrum "${spectrum.name}" leaves no photons to average over`);
  }
  return sum / total;
}

/**
 * HU of a material for a spectrum: thin object, or behind a water path.
 *
 * @throws PhysicsError `ENERGY_OUT_OF_TABLE`, `BAD_MATERIAL`, `OUT_OF_RANGE`, `BAD_SPECTRUM`
 * tomography.md §3.4 (last columns); tested against them at 120 kV.
 */
export function computeSpectralHu(
  material: Material,
  spectrum: Spectrum,
  options: EffectiveMuOptions = {},
): number {
  const water = computeEffectiveMuPerMm(WATER, spectrum, options);
  return 1000 * (computeEffectiveMuPerMm(material, spectrum, options) / water - 1);
}
