/** Exports of photon spectra. */
export { computeAirEnergyAbsorption } from "./air-kerma.ts";
export { createLinacSpectrum, FLATTENING_COPPER_MM, type LinacOptions } from "./linac.ts";
export {
  checkSpectrum,
  computeEffectiveEnergyKev,
  computeHvlMm,
  computeMeanEnergyKev,
  computePolyLineIntegral,
  type Filter,
  filterSpectrum,
  rebinSpectrum,
  type SpectrumWeighting,
} from "./measures.ts";
export { type SpectrumPreset, spectra } from "./spectra.ts";
export type { Spectrum } from "./spectrum.ts";
export { formatSpectrumCsv, parseSpectrumCsv } from "./spectrum-csv.ts";
export { CT_INHERENT_ALUMINIUM_MM, createTubeSpectrum, type TubeOptions } from "./tube.ts";
