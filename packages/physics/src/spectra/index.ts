/** Exports of photon spectra. */
export type { Spectrum } from "./spectrum.ts";
