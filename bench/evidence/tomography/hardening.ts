/**
 * Cupping of water cylinders, 20 to 40 cm, before and after the water polynomial: exact energy-integrated line integrals
 * of three tubes, fan beam, HU of the ring at 0.8–0.9 of the radius less those of the middle.
 */
import { createCentredGrid, createSinogram, type Sinogram } from "@alara/core";
import {
  computePolyLineIntegral,
  createScanGeometry,
  materials,
  projectValuePhantom,
  scanners,
  spectra,
} from "@alara/physics";
import { correctBeamHardening, fitBeamHardening, reconstructFbp } from "@alara/recon";
import { createRound } from "../../workload/round-phantoms.ts";
import { checkAtMost, type EvidencePart, findLargest } from "./tables.ts";

const water = materials.get("water");
/** Tube and the energy corrected to, keV. */
const BEAMS = [
  ["ct-80", 55],
  ["ct-120", 70],
  ["ct-140", 75],
] as const;
const DIAMETERS_MM = [200, 300, 400];
const SIZE = 96;

const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 246, channelBinning: 2 });
type Scan = Sinogram<"line integral", typeof geometry>;

/** A water cylinder on the axis: all views alike. */
function scanWater(beam: string, diameterMm: number): Scan {
  const spectrum = spectra.get(beam).create();
  const paths = projectValuePhantom(createRound("cylinder", [0, 0, 0], diameterMm / 2, 1), geometry).data;
  const { channels, anglesRad } = geometry;
  const row = Float32Array.from(paths.subarray(0, channels), (path) =>
    computePolyLineIntegral(spectrum, water, path),
  );
  const data = new Float32Array(anglesRad.length * channels);
  for (let view = 0; view < anglesRad.length; view++) data.set(row, view * channels);
  return createSinogram("line integral", geometry, 1, data);
}

/** HU in the middle and at the rim. */
async function measureRings(
  scan: Scan,
  diameterMm: number,
  muWater: number,
): Promise<{ centre: number; edge: number }> {
  const pixel = (diameterMm * 1.05) / SIZE;
  const grid = createCentredGrid([1, SIZE, SIZE], [1, pixel, pixel]);
  const { data } = await reconstructFbp(scan, { grid, window: "hann" });
  const ring = (from: number, to: number): number => {
    let [sum, count] = [0, 0];
    for (let i = 0; i < data.length; i++) {
      const y = Math.floor(i / SIZE) - (SIZE - 1) / 2;
      const r = (pixel * Math.hypot(y, (i % SIZE) - (SIZE - 1) / 2)) / (diameterMm / 2);
      if (r < from || r > to) continue;
      sum += 1000 * (data[i] / muWater - 1);
      count++;
    }
    return sum / count;
  };
  return { centre: ring(0, 0.15), edge: ring(0.8, 0.9) };
}

/** Runs the part. */
export async function studyHardening(): Promise<EvidencePart> {
  const rows: string[][] = [];
  const left: number[] = [];
  const offsets: number[] = [];
  for (const [beam, energyKev] of BEAMS) {
    const fit = fitBeamHardening(spectra.get(beam).create(), { energyKev });
    for (const diameter of DIAMETERS_MM) {
      const scan = scanWater(beam, diameter);
      const mu = computePolyLineIntegral(spectra.get(beam).create(), water, diameter) / diameter;
      const before = await measureRings(scan, diameter, mu);
      const after = await measureRings(correctBeamHardening(scan, fit), diameter, fit.muPerMm);
      left.push(after.edge - after.centre);
      offsets.push(after.centre);
      rows.push([
        `${beam}, ${diameter / 10} cm`,
        (before.edge - before.centre).toFixed(1),
        (after.edge - after.centre).toFixed(2),
        after.centre.toFixed(2),
      ]);
    }
  }
  return {
    tables: [
      {
        title:
          "Water cylinders: cupping (rim less middle), HU, and the middle's HU after the correction (order 4)",
        columns: ["tube, diameter", "before", "after", "middle after"],
        rows,
      },
    ],
    checks: [
      checkAtMost("cupping after the correction, HU, worst", findLargest(left), 2),
      checkAtMost("HU of water in the middle after the correction, worst", findLargest(offsets), 2),
    ],
  };
}
