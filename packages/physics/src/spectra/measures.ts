/**
 * What is measured of a spectrum and what filters do to it: mean and effective energy, half-value layer, hardening,
 * fewer bins. Narrow beam: attenuation only, no scatter.
 */
import { PhysicsError } from "../errors.ts";
import { computeMuCurve, computeMuPerMm } from "../materials/attenuation.ts";
import type { Material } from "../materials/material.ts";
import { materials } from "../materials/materials.ts";
import { computeAirEnergyAbsorption } from "./air-kerma.ts";
import type { Spectrum } from "./spectrum.ts";

/** What bins are weighted by: photons alone, or photons times energy (energy-integrating detectors). */
export type SpectrumWeighting = "energy" | "photons";

/**
 * Checks a spectrum: same lengths, ascending positive energies, finite photons ≥ 0 and more than none in all.
 *
 * @throws PhysicsError `BAD_SPECTRUM`
 */
export function checkSpectrum(spectrum: Spectrum): void {
  const { name, energiesKev, photons } = spectrum;
  const fail = (problem: string): never => {
    throw new PhysicsError("BAD_SPECTRUM", `spectrum "${name}": ${problem}`);
  };
  if (energiesKev.length === 0) fail("it has no bins");
  if (energiesKev.length !== photons.length) {
    fail(`${energiesKev.length} energies but ${photons.length} photon numbers; they must be as many`);
  }
  let total = 0;
  for (let i = 0; i < photons.length; i++) {
    if (!(energiesKev[i] > (i === 0 ? 0 : energiesKev[i - 1]) && Number.isFinite(energiesKev[i]))) {
      fail(`bin ${i} has energy ${energiesKev[i]} keV; energies must be positive and ascend`);
    }
    if (!(photons[i] >= 0 && Number.isFinite(photons[i]))) {
      fail(`bin ${i} (${energiesKev[i]} keV) has ${photons[i]} photons; they must be finite and ≥ 0`);
    }
    total += photons[i];
  }
  if (!(total > 0)) fail("all bins are empty");
}

/** Share of all photons below which a bin counts as empty. */
const EMPTY_SHARE = 1e-15;

/**
 * The bins that hold photons. Bins of next to none (soft X-rays behind a filter) cost time and may lie below the
 * tables of some materials (hydroxyapatite: 5 keV).
 *
 * @throws PhysicsError `BAD_SPECTRUM`
 */
export function dropEmptyBins(spectrum: Spectrum): Spectrum {
  checkSpectrum(spectrum);
  const { energiesKev, photons } = spectrum;
  const least = EMPTY_SHARE * photons.reduce((sum, value) => sum + value, 0);
  const kept = [...photons.keys()].filter((i) => photons[i] > least);
  return {
    ...spectrum,
    energiesKev: Float64Array.from(kept, (i) => energiesKev[i]),
    photons: Float64Array.from(kept, (i) => photons[i]),
  };
}

/** A layer in the beam. */
export interface Filter {
  readonly material: Material;
  readonly thicknessMm: number;
}

/**
 * The spectrum behind layers of material: φ e^{−Σ µ t}.
 *
 * @throws PhysicsError `OUT_OF_RANGE` for thicknesses that are negative or not finite, `BAD_MATERIAL`,
 *   `ENERGY_OUT_OF_TABLE`
 * Tested: equals the product of single layers; mean energy rises.
 */
export function filterSpectrum(spectrum: Spectrum, filters: readonly Filter[]): Spectrum {
  const photons = spectrum.photons.slice();
  for (const { material, thicknessMm } of filters) {
    if (!(thicknessMm >= 0 && Number.isFinite(thicknessMm))) {
      throw new PhysicsError(
        "OUT_OF_RANGE",
        `a filter of ${thicknessMm} mm ${material.name}; pass a finite length ≥ 0`,
      );
    }
    const mu = computeMuCurve(material, spectrum.energiesKev);
    for (let i = 0; i < photons.length; i++) photons[i] *= Math.exp(-mu[i] * thicknessMm);
  }
  return { ...spectrum, photons };
}

function weigh(spectrum: Spectrum, weighting: SpectrumWeighting): Float64Array {
  checkSpectrum(spectrum);
  const { energiesKev, photons } = spectrum;
  return weighting === "photons" ? photons : photons.map((count, i) => count * energiesKev[i]);
}

/**
 * Mean energy, keV.
 *
 * @param options.weighting - `"photons"` (default) or `"energy"`
 * @throws PhysicsError `BAD_SPECTRUM`
 */
export function computeMeanEnergyKev(
  spectrum: Spectrum,
  options: { readonly weighting?: SpectrumWeighting } = {},
): number {
  const weights = weigh(spectrum, options.weighting ?? "photons");
  let sum = 0;
  let total = 0;
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i] * spectrum.energiesKev[i];
    total += weights[i];
  }
  return sum / total;
}

/**
 * Log attenuation p = −ln(S/S_0) of the whole beam behind a thickness of material.
 *
 * @param options.weighting - of the detector; default `"energy"`
 * @throws PhysicsError `BAD_SPECTRUM`, `OUT_OF_RANGE`, `BAD_MATERIAL`, `ENERGY_OUT_OF_TABLE`
 * tomography.md §3.5, columns p(20 cm) and p(30 cm); tested against them.
 */
export function computePolyLineIntegral(
  spectrum: Spectrum,
  material: Material,
  thicknessMm: number,
  options: { readonly weighting?: SpectrumWeighting } = {},
): number {
  const held = dropEmptyBins(spectrum);
  const weights = weigh(held, options.weighting ?? "energy");
  const mu = computeMuCurve(material, held.energiesKev);
  if (!(thicknessMm >= 0 && Number.isFinite(thicknessMm))) {
    throw new PhysicsError("OUT_OF_RANGE", `a thickness of ${thicknessMm} mm; pass a finite length ≥ 0`);
  }
  // Smallest exponent taken out, so that thick layers do not underflow.
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < mu.length; i++) least = Math.min(least, mu[i] * thicknessMm);
  let open = 0;
  let behind = 0;
  for (let i = 0; i < mu.length; i++) {
    open += weights[i];
    behind += weights[i] * Math.exp(least - mu[i] * thicknessMm);
  }
  return least - Math.log(behind / open);
}

/** Solves falling(x) = 0 by bisection between two signs. */
function bisect(falling: (x: number) => number, low: number, high: number): number {
  let [a, b] = [low, high];
  for (let i = 0; i < 200 && b - a > 1e-13 * b; i++) {
    const middle = (a + b) / 2;
    if (falling(middle) > 0) a = middle;
    else b = middle;
  }
  return (a + b) / 2;
}

/**
 * Half-value layer: the thickness that halves air kerma (Σ φ E µ_en/ρ of air).
 *
 * @param options.material - of the layer; default aluminium
 * @param options.fraction - of the kerma that is left; default 0.5 (¼ minus ½ value layer = second half-value layer)
 * @returns mm
 * @throws PhysicsError `BAD_SPECTRUM`, `OUT_OF_RANGE`
 * IEC 60522 definition; µ_en/ρ of dry air from NIST XAAMDI Table 4. Tested on one energy (ln 2/µ) and against the
 * table of tomography.md §3.5.
 */
export function computeHvlMm(
  spectrum: Spectrum,
  options: { readonly material?: Material; readonly fraction?: number } = {},
): number {
  const { material = materials.get("aluminium"), fraction = 0.5 } = options;
  if (!(fraction > 0 && fraction < 1)) {
    throw new PhysicsError("OUT_OF_RANGE", `a kerma fraction of ${fraction}; pass a number between 0 and 1`);
  }
  const { energiesKev, photons } = dropEmptyBins(spectrum);
  const mu = computeMuCurve(material, energiesKev);
  const kerma = photons.map(
    (count, i) => count * energiesKev[i] * computeAirEnergyAbsorption(energiesKev[i]),
  );
  const left = (thickness: number): number =>
    kerma.reduce((sum, k, i) => sum + k * Math.exp(-mu[i] * thickness), 0);
  const wanted = fraction * left(0);
  const thickest = -Math.log(fraction) / mu.reduce((least, value) => Math.min(least, value));
  return bisect((thickness) => left(thickness) - wanted, 0, thickest);
}

/**
 * Effective energy: that of the monoenergetic beam which a water path attenuates as much.
 *
 * @param options.waterPathMm - default 200; 0 compares attenuation of a thin layer
 * @param options.weighting - of the detector; default `"energy"`
 * @throws PhysicsError `BAD_SPECTRUM`, `OUT_OF_RANGE`
 * tomography.md §3.5, column E_eff(20 cm); tested against it.
 */
export function computeEffectiveEnergyKev(
  spectrum: Spectrum,
  options: { readonly waterPathMm?: number; readonly weighting?: SpectrumWeighting } = {},
): number {
  const { waterPathMm = 200, weighting = "energy" } = options;
  const water = materials.get("water");
  const path = waterPathMm === 0 ? 1e-6 : waterPathMm;
  const mu = computePolyLineIntegral(spectrum, water, path, { weighting }) / path;
  const { energiesKev } = spectrum;
  return bisect(
    (energy) => computeMuPerMm(water, energy) - mu,
    Math.max(1, energiesKev[0] * 0.999),
    Math.min(20000, energiesKev[energiesKev.length - 1] * 1.001),
  );
}

/**
 * Fewer bins, for faster scans: bins are joined in groups of equal width over those that hold photons. Each group
 * keeps its photons and stands at their mean energy, so total and mean energy stay as they were.
 *
 * @param bins - most groups wanted, ≥ 1; groups without photons are left out
 * @throws PhysicsError `BAD_SPECTRUM`, `OUT_OF_RANGE`
 */
export function rebinSpectrum(spectrum: Spectrum, bins: number): Spectrum {
  checkSpectrum(spectrum);
  if (!(Number.isInteger(bins) && bins >= 1)) {
    throw new PhysicsError("OUT_OF_RANGE", `${bins} bins; pass an integer ≥ 1`);
  }
  const { energiesKev, photons } = spectrum;
  let first = 0;
  while (photons[first] === 0) first++;
  let last = photons.length - 1;
  while (photons[last] === 0) last--;
  const low = energiesKev[first];
  const width = (energiesKev[last] - low) / bins;
  const sums = new Float64Array(bins);
  const moments = new Float64Array(bins);
  for (let i = first; i <= last; i++) {
    const group = width === 0 ? 0 : Math.min(bins - 1, Math.floor((energiesKev[i] - low) / width));
    sums[group] += photons[i];
    moments[group] += photons[i] * energiesKev[i];
  }
  const kept = [...sums.keys()].filter((group) => sums[group] > 0);
  return {
    ...spectrum,
    energiesKev: Float64Array.from(kept, (group) => moments[group] / sums[group]),
    photons: Float64Array.from(kept, (group) => sums[group]),
  };
}
