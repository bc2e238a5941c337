/**
 * Attenuation to Hounsfield units and back, HU = 1000 (µ − µ_water)/µ_water (tomography.md §1). Which µ_water belongs
 * to a scan is calibration's business.
 */
import { createVolume, type Volume } from "@alara/core";
import { ReconError } from "../errors.ts";

function checkMuWater(muWaterPerMm: number): void {
  if (!(muWaterPerMm > 0 && Number.isFinite(muWaterPerMm))) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `muWaterPerMm ${muWaterPerMm} must be > 0; pass e.g. 0.0193 (70 keV)`,
    );
  }
}

/**
 * Hounsfield units of attenuation.
 *
 * @throws ReconError `OUT_OF_RANGE`
 */
export function convertMuToHu(volume: Volume<"1/mm">, muWaterPerMm: number): Volume<"HU"> {
  checkMuWater(muWaterPerMm);
  const scale = 1000 / muWaterPerMm;
  const hu = createVolume("HU", volume.geometry);
  for (let i = 0; i < hu.data.length; i++) hu.data[i] = volume.data[i] * scale - 1000;
  return hu;
}

/**
 * Attenuation of Hounsfield units.
 *
 * @throws ReconError `OUT_OF_RANGE`
 */
export function convertHuToMu(volume: Volume<"HU">, muWaterPerMm: number): Volume<"1/mm"> {
  checkMuWater(muWaterPerMm);
  const mu = createVolume("1/mm", volume.geometry);
  for (let i = 0; i < mu.data.length; i++) mu.data[i] = muWaterPerMm * (1 + volume.data[i] / 1000);
  return mu;
}
