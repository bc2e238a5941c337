/**
 * What a photon spectrum is: photons per energy bin. The tube model stands in tube.ts, files in spectrum-csv.ts.
 */

/** Photons per bin, as they leave tube and filters. */
export interface Spectrum {
  readonly name: string;
  /** Centres of the bins, keV, ascending. */
  readonly energiesKev: Float64Array;
  /** Photons per bin, per mAs and mm² at 1 m from the focal spot; of relative spectra any scale. */
  readonly photons: Float64Array;
  /** What the photon numbers mean; default `"absolute"`. Relative ones say nothing per mAs, and are refused with it. */
  readonly scale?: "absolute" | "relative";
}
