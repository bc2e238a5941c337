/**
 * Reconstructs a sinogram file twice, by filtered back-projection and by total variation (FISTA), and writes both as
 * NIfTI in HU. Prints HU and noise in the middle of each.
 *
 *     node examples/02-reconstruct.ts <scan.sino.npz> <output folder> [pixels]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createCentredGrid, type Volume } from "@alara/core";
import { volumeFormats } from "@alara/dicom";
import { openSinogram } from "@alara/dicom/node";
import { convertMuToHu, reconstructFbp, reconstructIterative } from "@alara/recon";

const [input, output, pixels = "512"] = process.argv.slice(2);
const size = Number(pixels);

const { sinogram, facts } = await openSinogram(input);
const { geometry } = sinogram;
if (geometry.kind !== "fan-arc" || sinogram.unit !== "line integral") {
  throw new Error(`expected line integrals of a fan beam, got ${sinogram.unit} of ${geometry.kind}`);
}
// 240 mm around the isocentre; a sinogram of one row per slice gives as many slices.
const grid = createCentredGrid([sinogram.slices, size, size], [1, 240 / size, 240 / size]);

const fbp = await reconstructFbp({ ...sinogram, geometry }, { grid, window: "hann" });
const tv = await reconstructIterative(sinogram, {
  method: "fista-tv",
  grid,
  initial: fbp,
  iterations: 20,
  noise: {
    incidentQuanta: facts.incidentQuanta ?? 1e5,
    electronicNoiseQuanta: facts.electronicNoiseQuanta ?? 0,
  },
});

/** Mean and standard deviation within 20 mm of the middle. */
function measureMiddle({ data }: Volume): { readonly mean: number; readonly sigma: number } {
  const reach = Math.round((20 * size) / 240);
  const values: number[] = [];
  for (let row = size / 2 - reach; row < size / 2 + reach; row++) {
    values.push(...data.subarray(row * size + size / 2 - reach, row * size + size / 2 + reach));
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, sigma: Math.sqrt(variance) };
}

mkdirSync(output, { recursive: true });
for (const [name, volume] of Object.entries({ fbp, tv })) {
  const hu = convertMuToHu(volume, facts.muWaterPerMm ?? 0.0193);
  const [file] = volumeFormats.get("nii.gz").write(hu, { baseName: name });
  writeFileSync(join(output, file.name), file.bytes);
  const { mean, sigma } = measureMiddle(hu);
  console.log(`${name}: ${mean.toFixed(1)} HU, noise ${sigma.toFixed(2)} HU`);
}
