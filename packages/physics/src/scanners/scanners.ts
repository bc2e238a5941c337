/**
 * The known scanners: dimensions from public simulation sources (see each entry; tomography.md §2.9). No vendor's
 * calibration. What a source does not state is said in the summary.
 */
import { createRegistry, type FanArcGeometry, type Registry } from "@alara/core";
import { fitEquiangularGeometry, tomotherapyArc } from "./arc-detector.ts";
import type { FlatPanelScanner, Scanner } from "./scanner.ts";

/** TomoTherapy's detector as evenly spaced channels; measured rows are resampled onto them. */
function createTomotherapyScanner(): Scanner {
  const { geometry } = fitEquiangularGeometry(tomotherapyArc);
  return {
    name: tomotherapyArc.name,
    summary: `${tomotherapyArc.summary}; resampled to equal angles (tomotherapyArc has the true ones)`,
    sourceToIsoMm: geometry.sourceToIsoMm,
    sourceToDetectorMm: geometry.sourceToDetectorMm,
    channels: geometry.channels,
    channelPitchMm: geometry.channelPitchRad * geometry.sourceToDetectorMm,
    channelOffset: geometry.channelOffset,
    viewsPerRotation: tomotherapyArc.viewsPerRotation,
    electronicNoiseQuanta: 4,
  };
}

/**
 * Scanners with arc detectors. Readout noise: 3500–5000 electrons at 17 electrons per keV and about 60 keV per
 * quantum (CatSim defaults) is 3.4–4.9 quanta.
 */
export const scanners: Registry<Scanner> = createRegistry<Scanner>("scanner", [
  [
    "ge-lightspeed",
    {
      name: "ge-lightspeed",
      summary: "GE LightSpeed geometry as in MIRT: 888 channels, 64 rows of 0.625 mm at the axis, 984 views",
      sourceToIsoMm: 541,
      sourceToDetectorMm: 949.075,
      channels: 888,
      channelPitchMm: 1.0239,
      channelOffset: 1.25,
      viewsPerRotation: 984,
      electronicNoiseQuanta: 4,
      rows: 64,
      rowPitchMm: 1.0964,
    },
  ],
  [
    "siemens-flash",
    {
      name: "siemens-flash",
      summary:
        "Siemens Definition Flash geometry as in VITools: 900 channels × 64 rows, 1152 views; pitches of 1 mm and the offset of 1.25 channels chosen here",
      sourceToIsoMm: 575,
      sourceToDetectorMm: 1075,
      channels: 900,
      channelPitchMm: 1,
      channelOffset: 1.25,
      viewsPerRotation: 1152,
      electronicNoiseQuanta: 4,
      rows: 64,
      rowPitchMm: 1,
    },
  ],
  [
    "siemens-force",
    {
      name: "siemens-force",
      summary:
        "Siemens Force geometry as in the FDA's simulations: 880 channels, 1160 views; rows from the stated collimation of 96 × 0.6 mm",
      sourceToIsoMm: 595,
      sourceToDetectorMm: 1085.6,
      channels: 880,
      channelPitchMm: 1,
      channelOffset: 1.25,
      viewsPerRotation: 1160,
      electronicNoiseQuanta: 4,
      rows: 96,
      rowPitchMm: (0.6 * 1085.6) / 595,
    },
  ],
  [
    "catsim",
    {
      name: "catsim",
      summary: "CatSim's default: 900 channels × 16 rows of 1 mm, 1000 views",
      sourceToIsoMm: 540,
      sourceToDetectorMm: 950,
      channels: 900,
      channelPitchMm: 1,
      channelOffset: 0.25,
      viewsPerRotation: 1000,
      electronicNoiseQuanta: 4,
      rows: 16,
      rowPitchMm: 1,
    },
  ],
  ["tomotherapy-mvct", createTomotherapyScanner()],
]);

const trueBeam = {
  sourceToIsoMm: 1000,
  sourceToDetectorMm: 1500,
  channels: 1024,
  rows: 768,
  channelPitchMm: 0.388,
  rowPitchMm: 0.388,
  electronicNoiseQuanta: 5,
  detectorShape: "flat",
} as const;

/** A rotating-gantry micro-CT at one of its magnifications. */
function createMicroGantry(magnification: number): FlatPanelScanner {
  return {
    name: `micro-gantry-${magnification}`,
    summary: `Rotating-gantry micro-CT at magnification ${magnification}; distance and panel are chosen here, the source states only the magnifications`,
    detectorShape: "flat",
    sourceToIsoMm: 300 / magnification,
    sourceToDetectorMm: 300,
    channels: 1024,
    rows: 1024,
    channelPitchMm: 0.1,
    rowPitchMm: 0.1,
    channelOffset: 0,
    viewsPerRotation: 720,
    electronicNoiseQuanta: 5,
  };
}

/**
 * Scanners with flat panels. Readout noise of 5 quanta is chosen: no public source states it for these panels.
 */
export const flatPanelScanners: Registry<FlatPanelScanner> = createRegistry<FlatPanelScanner>(
  "flat-panel scanner",
  [
    [
      "truebeam-cbct",
      {
        ...trueBeam,
        name: "truebeam-cbct",
        summary:
          "TrueBeam cone-beam CT, full fan: centred panel, short scans; 660 views per turn (660–900 in use)",
        channelOffset: 0,
        viewsPerRotation: 660,
      },
    ],
    [
      "truebeam-cbct-half-fan",
      {
        ...trueBeam,
        name: "truebeam-cbct-half-fan",
        summary:
          "TrueBeam cone-beam CT, half fan: panel moved 160 mm aside (chosen here), full turn; 900 views",
        channelOffset: -160 / 0.388,
        viewsPerRotation: 900,
      },
    ],
    [
      "tigre-cbct",
      {
        name: "tigre-cbct",
        summary: "TIGRE's default cone beam: 512² of 0.8 mm, 1000/1536 mm; 360 views chosen here",
        detectorShape: "flat",
        sourceToIsoMm: 1000,
        sourceToDetectorMm: 1536,
        channels: 512,
        rows: 512,
        channelPitchMm: 0.8,
        rowPitchMm: 0.8,
        channelOffset: 0,
        viewsPerRotation: 360,
        electronicNoiseQuanta: 5,
      },
    ],
    [
      "rtk-test",
      {
        name: "rtk-test",
        summary: "The geometry of RTK's tests: 128² of 4 mm, 600/1200 mm, 180 views",
        detectorShape: "flat",
        sourceToIsoMm: 600,
        sourceToDetectorMm: 1200,
        channels: 128,
        rows: 128,
        channelPitchMm: 4,
        rowPitchMm: 4,
        channelOffset: 0,
        viewsPerRotation: 180,
        electronicNoiseQuanta: 5,
      },
    ],
    [
      "ctsim-kv",
      {
        name: "ctsim-kv",
        summary:
          "The kV half of CTSim's dual simulation: 360 channels of 0.768 mm, 720 views; square panel chosen here",
        detectorShape: "flat",
        sourceToIsoMm: 1000,
        sourceToDetectorMm: 1500,
        channels: 360,
        rows: 360,
        channelPitchMm: 0.768,
        rowPitchMm: 0.768,
        channelOffset: 0,
        viewsPerRotation: 720,
        electronicNoiseQuanta: 5,
      },
    ],
    [
      "ctsim-mv",
      {
        name: "ctsim-mv",
        summary:
          "The MV half of CTSim's dual simulation: 360 channels of 0.784 mm, 720 views; square panel chosen here",
        detectorShape: "flat",
        sourceToIsoMm: 1000,
        sourceToDetectorMm: 1500,
        channels: 360,
        rows: 360,
        channelPitchMm: 0.784,
        rowPitchMm: 0.784,
        channelOffset: 0,
        viewsPerRotation: 720,
        electronicNoiseQuanta: 5,
      },
    ],
    [
      "micro-helsinki",
      {
        name: "micro-helsinki",
        summary:
          "Helsinki's micro-CT: pixels of 0.05 mm, 721 views of 0.5°; the published data merge 4 × 4 to 560 channels",
        detectorShape: "flat",
        sourceToIsoMm: 410.66,
        sourceToDetectorMm: 553.74,
        channels: 2240,
        rows: 2368,
        channelPitchMm: 0.05,
        rowPitchMm: 0.05,
        channelOffset: 0,
        viewsPerRotation: 720,
        electronicNoiseQuanta: 5,
      },
    ],
    ["micro-gantry-1.3", createMicroGantry(1.3)],
    ["micro-gantry-1.8", createMicroGantry(1.8)],
    ["micro-gantry-3.3", createMicroGantry(3.3)],
  ],
);

/** Angle γ of a channel's ray from the central ray, rad. Tested through the analytic sinograms. */
export function getRayAngleRad(geometry: FanArcGeometry, channel: number): number {
  return (channel - (geometry.channels - 1) / 2 - geometry.channelOffset) * geometry.channelPitchRad;
}
