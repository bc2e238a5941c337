/**
 * Lowers the dose of a scan in two ways: by thinning the quanta of its sinogram, and from the reconstructed image alone,
 * as for series whose projections are gone. Prints the noise of the full dose and of both.
 *
 *     node examples/03-lower-the-dose.ts <scan.sino.npz> <dose fraction> [pixels]
 */
import process from "node:process";
import { createCentredGrid, type FanArcGeometry, type Sinogram, type Volume } from "@alara/core";
import { openSinogram } from "@alara/dicom/node";
import { insertSinogramNoise } from "@alara/physics";
import { convertMuToHu, createLowDoseSimulator, reconstructFbp } from "@alara/recon";

const [input, fraction, pixels = "512"] = process.argv.slice(2);
const [doseFraction, size] = [Number(fraction), Number(pixels)];

const { sinogram, facts } = await openSinogram(input);
const { geometry } = sinogram;
if (geometry.kind !== "fan-arc" || sinogram.unit !== "line integral") {
  throw new Error(`expected line integrals of a fan beam, got ${sinogram.unit} of ${geometry.kind}`);
}
const { incidentQuanta, muWaterPerMm = 0.0193, electronicNoiseQuanta = 0 } = facts;
if (incidentQuanta === undefined) throw new Error("the file does not say its dose");
const grid = createCentredGrid([sinogram.slices, size, size], [1, 240 / size, 240 / size]);

async function reconstruct(data: Sinogram<"line integral", FanArcGeometry>): Promise<Volume<"HU">> {
  return convertMuToHu(await reconstructFbp(data, { grid, window: "hann" }), muWaterPerMm);
}

const scan = { ...sinogram, geometry };
const full = await reconstruct(scan);

// Where the projections are there: each quantum is kept with the probability of the dose fraction.
const thinned = insertSinogramNoise(scan, {
  doseFraction,
  airQuanta: incidentQuanta,
  electronicNoiseQuanta,
  seed: 1,
});
const fromSinogram = await reconstruct(thinned.lineIntegrals);

// Where they are not: the image's own noise is measured, and explained by a dose and a kernel first.
const simulator = await createLowDoseSimulator(full, { seed: 1, muWaterPerMm });
const fromImage = await simulator.insert(doseFraction);

/** Standard deviation within 20 mm of the middle of the first slice. */
function measureNoise({ data }: Volume): number {
  const reach = Math.round((20 * size) / 240);
  const values: number[] = [];
  for (let row = size / 2 - reach; row < size / 2 + reach; row++) {
    values.push(...data.subarray(row * size + size / 2 - reach, row * size + size / 2 + reach));
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

console.log(`full dose: noise ${measureNoise(full).toFixed(2)} HU`);
console.log(`sinogram at ${100 * doseFraction} %: noise ${measureNoise(fromSinogram).toFixed(2)} HU`);
console.log(`image at ${100 * doseFraction} %: noise ${measureNoise(fromImage).toFixed(2)} HU`);
