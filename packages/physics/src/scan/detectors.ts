/**
 * What detectors make of a photon: how likely it is absorbed and what it adds to the signal. Energy-integrating
 * detectors give electrons, photon-counting ones counts per energy bin (tomography.md §2.5).
 *
 * Every absorbed photon leaves all its energy: no K-escape, no Swank factor, no depth-dependent light. Pile-up is
 * not modelled.
 */
import { createRegistry, type Registry } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { materials } from "../materials/materials.ts";
import { withDensity } from "../materials/mixtures.ts";
import { computeNormalTail } from "../noise/normal-tail.ts";
import type { Filter } from "../spectra/measures.ts";

/** What detectors of both kinds have. */
interface DetectorBase {
  readonly name: string;
  /** Absorbs 1 − exp(−µt/cosβ) of the photons; none: all of them. */
  readonly absorber?: Filter;
  /** Share of the photons on a cell that can be detected (active area, or a stated DQE), in (0, 1]; default 1. */
  readonly fillFactor?: number;
  /** Highest signal of a cell, electrons or counts per energy bin; default none. */
  readonly saturation?: number;
}

/** Sums E·g over the absorbed photons; its signal is in electrons. */
export interface EnergyIntegratingDetector extends DetectorBase {
  readonly kind: "energy-integrating";
  /** Gain g, electrons per keV. */
  readonly electronsPerKev: number;
  /** Standard deviation σe of the readout, electrons. */
  readonly electronicNoiseElectrons: number;
}

/** Counts photons between thresholds; its signal is in counts. */
export interface PhotonCountingDetector extends DetectorBase {
  readonly kind: "photon-counting";
  /** Ascending; bin b counts from threshold b to the next, the last one without end. */
  readonly thresholdsKev: readonly number[];
  /** Full width at half maximum of a measured energy, keV; default 0. */
  readonly energyResolutionKev?: number;
  /**
   * Share of photons whose charge is split with one neighbour, in [0, 1]; default 0. The split is uniform, and a cell
   * counts its own part and, in a flat field, as many parts of its neighbours' photons. Counts of neighbours are
   * drawn independently: the correlation that real sharing brings is not modelled.
   */
  readonly chargeSharing?: number;
}

/** A detector. */
export type ScanDetector = EnergyIntegratingDetector | PhotonCountingDetector;

const GADOLINIUM_OXYSULFIDE = materials.get("gadolinium-oxysulfide");
const CESIUM_IODIDE = materials.get("cesium-iodide");
/** The crystal's density; NIST's table states 6.2. */
const CADMIUM_TELLURIDE = withDensity(materials.get("cadmium-telluride"), 5.85);

/** Gain and readout noise of CatSim's defaults. */
const CATSIM_READOUT = { electronsPerKev: 17, electronicNoiseElectrons: 3500 } as const;

/**
 * Detectors by name. Gains and readout noise are CatSim's defaults throughout; thicknesses are usual ones, chosen
 * here, none is a vendor's.
 */
export const scanDetectors: Registry<ScanDetector> = createRegistry<ScanDetector>("detector", [
  ["ideal-integrating", { kind: "energy-integrating", name: "ideal-integrating", ...CATSIM_READOUT }],
  ["ideal-counting", { kind: "photon-counting", name: "ideal-counting", thresholdsKev: [0] }],
  [
    "gos",
    {
      kind: "energy-integrating",
      name: "gos",
      absorber: { material: GADOLINIUM_OXYSULFIDE, thicknessMm: 1.4 },
      ...CATSIM_READOUT,
    },
  ],
  [
    "csi-panel",
    {
      kind: "energy-integrating",
      name: "csi-panel",
      absorber: { material: CESIUM_IODIDE, thicknessMm: 0.6 },
      ...CATSIM_READOUT,
    },
  ],
  [
    "gos-mv",
    {
      kind: "energy-integrating",
      name: "gos-mv",
      absorber: { material: GADOLINIUM_OXYSULFIDE, thicknessMm: 10 },
      ...CATSIM_READOUT,
    },
  ],
  // The stated DQE of CTSim's kV and MV panels, 0.70 and 0.25, as the share of photons.
  ["ctsim-kv", { kind: "energy-integrating", name: "ctsim-kv", fillFactor: 0.7, ...CATSIM_READOUT }],
  ["ctsim-mv", { kind: "energy-integrating", name: "ctsim-mv", fillFactor: 0.25, ...CATSIM_READOUT }],
  [
    "cdte-counting",
    {
      kind: "photon-counting",
      name: "cdte-counting",
      absorber: { material: CADMIUM_TELLURIDE, thicknessMm: 1.6 },
      thresholdsKev: [25, 65],
      energyResolutionKev: 6,
      chargeSharing: 0.15,
    },
  ],
]);

/** Abscissae (fractions of the energy) over which a split photon is averaged. */
const SPLIT_STEPS = 64;

/** Share of photons whose measured energy, normal around `energyKev`, is at or above a threshold. */
function passThreshold(energyKev: number, thresholdKev: number, sigmaKev: number): number {
  if (!(sigmaKev > 0)) return energyKev >= thresholdKev ? 1 : 0;
  return computeNormalTail((thresholdKev - energyKev) / sigmaKev);
}

/** @throws PhysicsError `OUT_OF_RANGE` */
export function checkDetector(detector: ScanDetector): void {
  const refuse = (what: string): never => {
    throw new PhysicsError("OUT_OF_RANGE", `detector ${detector.name}: ${what}`);
  };
  const { absorber, fillFactor = 1, saturation = Number.POSITIVE_INFINITY } = detector;
  if (absorber !== undefined && !(absorber.thicknessMm > 0)) {
    refuse(`absorber of ${absorber.thicknessMm} mm; pass a thickness > 0, or none for full absorption`);
  }
  if (!(fillFactor > 0 && fillFactor <= 1)) refuse(`fillFactor ${fillFactor} is outside (0, 1]`);
  if (!(saturation > 0)) refuse(`saturation ${saturation} must be > 0`);
  if (detector.kind === "energy-integrating") {
    if (!(detector.electronsPerKev > 0)) refuse(`electronsPerKev ${detector.electronsPerKev} must be > 0`);
    if (!(detector.electronicNoiseElectrons >= 0)) {
      refuse(`electronicNoiseElectrons ${detector.electronicNoiseElectrons} must be ≥ 0`);
    }
    return;
  }
  const { thresholdsKev, energyResolutionKev = 0, chargeSharing = 0 } = detector;
  if (
    thresholdsKev.length === 0 ||
    thresholdsKev.some((t, i) => !(t >= 0 && (i === 0 || t > thresholdsKev[i - 1])))
  ) {
    refuse(`thresholds ${thresholdsKev.join(", ")} keV must ascend from ≥ 0; pass e.g. [25, 65]`);
  }
  if (!(energyResolutionKev >= 0)) refuse(`energyResolutionKev ${energyResolutionKev} must be ≥ 0`);
  if (!(chargeSharing >= 0 && chargeSharing <= 1)) refuse(`chargeSharing ${chargeSharing} is outside [0, 1]`);
}

/**
 * Signal per absorbed photon at each energy.
 *
 * @returns `[bin][energy]`: electrons for the one bin of energy-integrating detectors, expected counts for
 *   photon-counting ones (sums over the bins may exceed 1 where charge is shared)
 */
export function computePhotonResponse(
  detector: ScanDetector,
  energiesKev: ArrayLike<number>,
): Float64Array[] {
  const energies = Float64Array.from(energiesKev);
  if (detector.kind === "energy-integrating") return [energies.map((e) => e * detector.electronsPerKev)];
  const { thresholdsKev, energyResolutionKev = 0, chargeSharing = 0 } = detector;
  const sigma = energyResolutionKev / (2 * Math.sqrt(2 * Math.log(2)));
  const above = thresholdsKev.map((threshold) =>
    energies.map((energy) => {
      const whole = passThreshold(energy, threshold, sigma);
      if (chargeSharing === 0) return whole;
      let split = 0;
      for (let i = 0; i < SPLIT_STEPS; i++) {
        split += passThreshold((energy * (i + 0.5)) / SPLIT_STEPS, threshold, sigma) / SPLIT_STEPS;
      }
      return (1 - chargeSharing) * whole + 2 * chargeSharing * split;
    }),
  );
  return above.map((counts, b) =>
    b + 1 < above.length ? counts.map((x, e) => x - above[b + 1][e]) : counts,
  );
}
