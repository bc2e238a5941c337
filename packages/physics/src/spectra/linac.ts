/**
 * Megavolt spectra of linear accelerators, forward direction: E^−g (1 − E/E0)^a behind tungsten and copper. A fitted
 * form, not a transport model: its three constants per energy are chosen so that mean energies and attenuation in
 * water are those of published spectra (tomography.md §3.5). Relative photon numbers.
 */
import { PhysicsError } from "../errors.ts";
import { materials } from "../materials/materials.ts";
import { filterSpectrum } from "./measures.ts";
import type { Spectrum } from "./spectrum.ts";

/** Constants g, a and mm tungsten at two end-point energies (keV), linear between. */
const FITS: readonly (readonly [number, number, number, number])[] = [
  [2500, 1.48257, 0.893, 0.21794],
  [6000, 1.17281, 0.80078, 0.26218],
];

/** Copper that stands for the flattening filter of a 6 MV Clinac, mm. */
export const FLATTENING_COPPER_MM = 24.862;

/** Options of {@link createLinacSpectrum}. */
export interface LinacOptions {
  /** Copper in the beam, mm; {@link FLATTENING_COPPER_MM} for a flattened 6 MV beam; default 0. */
  readonly copperMm?: number;
  /** Default says the end-point energy. */
  readonly name?: string;
}

/**
 * The spectrum of an accelerator.
 *
 * @param endPointKev - 2500..6000
 * @returns relative photons in bins of 10 keV
 * @throws PhysicsError `OUT_OF_RANGE`
 * @remarks Residuals against tomography.md §3.5: 2.5 MeV mean energies, µ of water and p(20 cm) ≤ 0.1 %; 6 MeV without
 * filter ≤ 0.1 %; 6 MeV with filter mean energies ≤ 1 %, p(20 cm) ≤ 0.2 %. 3.5 MV lies between by interpolation, not
 * by a measurement.
 */
export function createLinacSpectrum(endPointKev: number, options: LinacOptions = {}): Spectrum {
  const [low, high] = FITS;
  if (!(endPointKev >= low[0] && endPointKev <= high[0])) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `an end point of ${endPointKev} keV; the accelerator model covers ${low[0]}..${high[0]} keV`,
    );
  }
  const t = (endPointKev - low[0]) / (high[0] - low[0]);
  const mix = (k: number): number => low[k] + t * (high[k] - low[k]);
  const energiesKev = Float64Array.from({ length: Math.ceil((endPointKev - 5) / 10) }, (_, i) => 5 + 10 * i);
  const photons = energiesKev.map((energy) => energy ** -mix(1) * (1 - energy / endPointKev) ** mix(2));
  const copperMm = options.copperMm ?? 0;
  const name = options.name ?? `${endPointKev / 1000} MeV${copperMm > 0 ? ` + ${copperMm} mm copper` : ""}`;
  return filterSpectrum({ name, energiesKev, photons, scale: "relative" }, [
    { material: materials.get("tungsten"), thicknessMm: mix(3) },
    { material: materials.get("copper"), thicknessMm: copperMm },
  ]);
}
