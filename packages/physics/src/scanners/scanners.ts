/**
 * Fan-beam scanners: geometry and electronic noise of third-generation CT with an equiangular detector.
 * Dimensions from public simulation sources (see each entry); no vendor's calibration, no bowtie, one row.
 */
import { createRegistry, type FanArcGeometry, type Registry } from "@alara/core";
import { PhysicsError } from "../errors.ts";

/** What of a scanner decides sampling and noise. */
export interface Scanner {
  readonly name: string;
  readonly summary: string;
  /** Source to isocentre, mm. */
  readonly sourceToIsoMm: number;
  /** Source to detector, mm. */
  readonly sourceToDetectorMm: number;
  readonly channels: number;
  /** Arc length of one channel at the detector, mm. */
  readonly channelPitchMm: number;
  /** Shift of the central ray from the detector's middle, channels. */
  readonly channelOffset: number;
  /** Views per rotation. */
  readonly viewsPerRotation: number;
  /** Standard deviation of a channel's readout in detected quanta at the effective energy. */
  readonly electronicNoiseQuanta: number;
}

/**
 * The known scanners. Readout noise: 3500–5000 electrons at 17 electrons per keV and about 60 keV per quantum
 * (CatSim defaults) is 3.4–4.9 quanta.
 */
export const scanners: Registry<Scanner> = createRegistry<Scanner>("scanner", [
  [
    "ge-lightspeed",
    {
      name: "ge-lightspeed",
      summary: "GE LightSpeed geometry as in MIRT: 888 channels, 984 views",
      sourceToIsoMm: 541,
      sourceToDetectorMm: 949.075,
      channels: 888,
      channelPitchMm: 1.0239,
      channelOffset: 1.25,
      viewsPerRotation: 984,
      electronicNoiseQuanta: 4,
    },
  ],
  [
    "siemens-flash",
    {
      name: "siemens-flash",
      summary: "Siemens Definition Flash geometry as in VITools: 900 channels, 1152 views",
      sourceToIsoMm: 575,
      sourceToDetectorMm: 1075,
      channels: 900,
      channelPitchMm: 1,
      channelOffset: 1.25,
      viewsPerRotation: 1152,
      electronicNoiseQuanta: 4,
    },
  ],
  [
    "siemens-force",
    {
      name: "siemens-force",
      summary: "Siemens Force geometry as in the FDA's simulations: 880 channels, 1160 views",
      sourceToIsoMm: 595,
      sourceToDetectorMm: 1085.6,
      channels: 880,
      channelPitchMm: 1,
      channelOffset: 1.25,
      viewsPerRotation: 1160,
      electronicNoiseQuanta: 4,
    },
  ],
  [
    "catsim",
    {
      name: "catsim",
      summary: "CatSim's default: 900 channels, 1000 views",
      sourceToIsoMm: 540,
      sourceToDetectorMm: 950,
      channels: 900,
      channelPitchMm: 1,
      channelOffset: 0.25,
      viewsPerRotation: 1000,
      electronicNoiseQuanta: 4,
    },
  ],
]);

/** Options of {@link createScanGeometry}. */
export interface ScanGeometryOptions {
  /** Views over the full turn; default: the scanner's. */
  readonly views?: number;
  /** Merges this many neighbouring channels into one; default 1. */
  readonly channelBinning?: number;
  /** Source angle of the first view, rad; default 0. */
  readonly startAngleRad?: number;
}

/**
 * Full-turn scan geometry of a scanner, optionally sampled more coarsely over the same fan.
 *
 * @returns angles β evenly over 2π; the central ray's place on the detector is kept when channels are merged
 * @throws PhysicsError `OUT_OF_RANGE`
 */
export function createScanGeometry(scanner: Scanner, options: ScanGeometryOptions = {}): FanArcGeometry {
  const views = options.views ?? scanner.viewsPerRotation;
  const binning = options.channelBinning ?? 1;
  if (!(views >= 2) || !Number.isInteger(views)) {
    throw new PhysicsError("OUT_OF_RANGE", `views ${views} is not an integer ≥ 2; pass e.g. 984`);
  }
  if (!(binning >= 1) || !Number.isInteger(binning)) {
    throw new PhysicsError("OUT_OF_RANGE", `channelBinning ${binning} is not an integer ≥ 1; pass e.g. 4`);
  }
  const channels = Math.ceil(scanner.channels / binning);
  const anglesRad = new Float64Array(views);
  for (let v = 0; v < views; v++) {
    anglesRad[v] = (options.startAngleRad ?? 0) + (2 * Math.PI * v) / views;
  }
  // Coarse channel c is centred on fine channel (c + ½)·binning − ½.
  const centreFine = (scanner.channels - 1) / 2 + scanner.channelOffset;
  const centreCoarse = (centreFine + 0.5) / binning - 0.5;
  return {
    kind: "fan-arc",
    sourceToIsoMm: scanner.sourceToIsoMm,
    sourceToDetectorMm: scanner.sourceToDetectorMm,
    channels,
    channelPitchRad: (binning * scanner.channelPitchMm) / scanner.sourceToDetectorMm,
    channelOffset: centreCoarse - (channels - 1) / 2,
    anglesRad,
  };
}

/** Angle γ of a channel's ray from the central ray, rad. Tested through the analytic sinograms. */
export function getRayAngleRad(geometry: FanArcGeometry, channel: number): number {
  return (channel - (geometry.channels - 1) / 2 - geometry.channelOffset) * geometry.channelPitchRad;
}
