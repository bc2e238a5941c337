/**
 * A tungsten reflection tube, 40–150 kV: thick-target bremsstrahlung made along the electron's way into the anode,
 * absorbed on its way out, plus K lines, behind filters. Electrons slow down by Thomson–Whiddington's law
 * T² = T0² − cρx (Whiddington 1912; as used by Birch & Marshall 1979, Phys. Med. Biol. 24:505); the photons of a slice
 * of energy dT are (1 + a1·u + a2·u²)/E, u = E/T (Kramers 1923 with Birch & Marshall's polynomial); K lines grow as
 * (T0/E_K − 1)^1.63 (Green & Cosslett 1961). Five constants are calibrated; no off-focus radiation, no electron
 * scatter as such (it is in the calibrated c), no L lines.
 */
import { PhysicsError } from "../errors.ts";
import { computeMuCurve, computeMuPerMm } from "../materials/attenuation.ts";
import { materials } from "../materials/materials.ts";
import { type Filter, filterSpectrum } from "./measures.ts";
import type { Spectrum } from "./spectrum.ts";

/** c of Thomson–Whiddington's law for tungsten, keV² cm²/g; calibrated. */
const STOPPING_KEV2_CM2_PER_G = 0.76046e6;
/** Polynomial of the bremsstrahlung in u = E/T; calibrated. */
const SHAPE: readonly [number, number] = [-1.49482, 0.71958];
/** K photons per unit of (T0/E_K − 1)^1.63 on the scale of the continuum; calibrated. */
const LINE_YIELD = 1.05223;
/** K edge of tungsten, keV. */
const K_EDGE_KEV = 69.525;
/** Energy (keV) and share of the lines Kα2, Kα1, Kβ1,3, Kβ2 (Kα1 = 1 before normalisation to their sum). */
const K_LINES: readonly (readonly [number, number])[] = [
  [57.98, 0.577],
  [59.32, 1],
  [67.24, 0.333],
  [69.1, 0.085],
];
/** Photons per mAs, mm² at 1 m, and unit of the model at 100 kV; calibrated. */
const OUTPUT_SCALE = 2.085e5;
/** Slices of the electron's way. */
const SLICES = 60;

/** Calibrated inherent filtration of a CT tube (window, oil, housing, anode roughness), mm aluminium. */
export const CT_INHERENT_ALUMINIUM_MM = 6.7615;

/** Options of {@link createTubeSpectrum}. */
export interface TubeOptions {
  /** Angle between the anode's face and the central ray, rad; default 7°. */
  readonly anodeAngleRad?: number;
  /** Angle of the ray from the central ray towards the cathode (heel effect), rad; default 0. */
  readonly heelAngleRad?: number;
  /** What stands in the beam beside the inherent filtration; default none. */
  readonly filters?: readonly Filter[];
  /** Inherent filtration, mm aluminium; default {@link CT_INHERENT_ALUMINIUM_MM}. */
  readonly inherentAluminiumMm?: number;
  /** Width of the bins, keV; default 1. */
  readonly binWidthKev?: number;
  /** Default says kV and filters. */
  readonly name?: string;
}

/**
 * The spectrum of a tungsten tube behind its filters.
 *
 * @param kilovolts - 40..150
 * @returns photons per bin, mAs and mm² at 1 m; centres at half bin widths from 3 keV on
 * @throws PhysicsError `OUT_OF_RANGE` for settings outside the model, and what `filterSpectrum` throws
 * @remarks Calibrated to tungsten 7° with 3 mm Al at 80–140 kV (tomography.md §3.5, from CatSim's tables). Residuals
 * there: mean energy ≤ 0.12 %, half-value layer ≤ 1.2 %, µ of water (energy-weighted) ≤ 0.2 %, p(20 cm) and p(30 cm)
 * ≤ 0.1 %; output within 4 % of CatSim's `tungsten_tar7.0_80_filt` and `_120_filt` tables. Away from the calibration,
 * 12° without inherent filtration against MIRT's 120 kV + 2.5 and + 6 mm Al: mean energy within 1.3 %, half-value
 * layer +20 % and +3 %; 60 kV + 0.5 mm Al: mean energy within 1 %, half-value layer +10 %.
 */
export function createTubeSpectrum(kilovolts: number, options: TubeOptions = {}): Spectrum {
  const {
    anodeAngleRad = (7 * Math.PI) / 180,
    heelAngleRad = 0,
    filters = [],
    inherentAluminiumMm = CT_INHERENT_ALUMINIUM_MM,
    binWidthKev = 1,
  } = options;
  if (!(kilovolts >= 40 && kilovolts <= 150)) {
    throw new PhysicsError("OUT_OF_RANGE", `${kilovolts} kV; the tube model covers 40..150 kV`);
  }
  const takeOffRad = anodeAngleRad + heelAngleRad;
  if (!(takeOffRad > 0 && takeOffRad <= Math.PI / 2)) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `rays leave the anode at ${takeOffRad} rad (anode ${anodeAngleRad}, heel ${heelAngleRad}); they must leave at 0..π/2, beyond is the anode's shadow`,
    );
  }
  if (!(binWidthKev > 0 && binWidthKev <= 10)) {
    throw new PhysicsError("OUT_OF_RANGE", `bins of ${binWidthKev} keV; pass 0..10 (exclusive of 0)`);
  }
  const lowest = 3;
  const bins = Math.ceil((kilovolts - lowest) / binWidthKev - 1e-9);
  const energiesKev = Float64Array.from({ length: bins }, (_, i) => lowest + (i + 0.5) * binWidthKev);
  const tungsten = materials.get("tungsten");
  const mu = computeMuCurve(tungsten, energiesKev);
  // Way out of the anode per way in, and x of Thomson–Whiddington in mm.
  const outPerIn = 1 / Math.tan(takeOffRad);
  const mmPerKev2 = 10 / (STOPPING_KEV2_CM2_PER_G * tungsten.densityGPerCm3);
  const depthMm = (energy: number): number => (kilovolts ** 2 - energy ** 2) * mmPerKev2;
  const scale = OUTPUT_SCALE * Math.sqrt(100 / kilovolts);
  const photons = new Float64Array(bins);
  for (let i = 0; i < bins; i++) {
    // The last bin is cut at the tube voltage.
    const low = energiesKev[i] - binWidthKev / 2;
    const width = Math.min(binWidthKev, kilovolts - low);
    const energy = low + width / 2;
    const step = (kilovolts - energy) / SLICES;
    let sum = 0;
    for (let k = 0; k < SLICES; k++) {
      const electron = energy + (k + 0.5) * step;
      const u = energy / electron;
      sum += (1 + SHAPE[0] * u + SHAPE[1] * u * u) * Math.exp(-mu[i] * depthMm(electron) * outPerIn);
    }
    photons[i] = (scale * width * sum * step) / energy;
  }
  if (kilovolts > K_EDGE_KEV) {
    const total = scale * LINE_YIELD * (kilovolts / K_EDGE_KEV - 1) ** 1.63;
    const shares = K_LINES.reduce((sum, [, share]) => sum + share, 0);
    const depth = depthMm((kilovolts + K_EDGE_KEV) / 2);
    for (const [line, share] of K_LINES) {
      const bin = Math.min(bins - 1, Math.floor((line - lowest) / binWidthKev));
      photons[bin] +=
        ((total * share) / shares) * Math.exp(-computeMuPerMm(tungsten, line) * depth * outPerIn);
    }
  }
  const names = filters.map(({ material, thicknessMm }) => ` + ${thicknessMm} mm ${material.name}`);
  return filterSpectrum(
    { name: options.name ?? `W ${kilovolts} kV${names.join("")}`, energiesKev, photons },
    [{ material: materials.get("aluminium"), thicknessMm: inherentAluminiumMm }, ...filters],
  );
}
