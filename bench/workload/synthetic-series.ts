/**
 * A synthetic CT series for throughput benches: an elliptic body with fat, lungs, spine and soft tissue that change
 * along z, and noise of a smooth kernel. Its cost to read, enhance and write is that of a patient's series of the
 * same size; its pictures prove nothing about image quality.
 */
import fs from "node:fs";
import path from "node:path";
import { createCentredGrid, createRandom, type Random } from "@alara/core";
import { createCtSeries } from "@alara/dicom";

/** What to make. */
export interface SyntheticSeriesOptions {
  readonly slices: number;
  /** Rows and columns; default 512. */
  readonly size?: number;
  /** Default 1. */
  readonly seed?: number;
  /** Standard deviation of the noise in HU; default 30. */
  readonly noiseHu?: number;
}

const NOISE_PLANES = 8;

/** White noise smoothed by a 3 × 3 binomial kernel and scaled back to `sigma`; wraps at the rim. */
function drawNoisePlane(random: Random, size: number, sigma: number): Float32Array {
  const white = Float32Array.from({ length: size * size }, () => random.nextNormal());
  const rows = new Float32Array(size * size);
  const plane = new Float32Array(size * size);
  // The kernel's squared weights sum to (6/16)², so white noise is damped to 6/16 of its deviation.
  const scale = sigma / (6 / 16) / 16;
  for (let r = 0; r < size; r++) {
    for (let c = 0; c < size; c++) {
      const left = white[r * size + ((c + size - 1) % size)];
      const right = white[r * size + ((c + 1) % size)];
      rows[r * size + c] = left + 2 * white[r * size + c] + right;
    }
  }
  for (let r = 0; r < size; r++) {
    for (let c = 0; c < size; c++) {
      const above = rows[((r + size - 1) % size) * size + c];
      const below = rows[((r + 1) % size) * size + c];
      plane[r * size + c] = scale * (above + 2 * rows[r * size + c] + below);
    }
  }
  return plane;
}

function isInEllipse(x: number, y: number, cx: number, cy: number, rx: number, ry: number): boolean {
  return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1;
}

/** HU at (x, y) in −1..1 of the field of view, z in 0..1 along the body. */
function lookUpAnatomyHu(x: number, y: number, z: number): number {
  if (!isInEllipse(x, y, 0, 0, 0.82, 0.62)) return -1000;
  if (!isInEllipse(x, y, 0, 0, 0.74, 0.54)) return -95;
  const lung = 0.3 * Math.sqrt(Math.max(0, 1 - (z / 0.6) ** 2));
  if (lung > 0 && isInEllipse(Math.abs(x), y, 0.36, -0.05, lung, lung * 1.2)) return -850;
  if (isInEllipse(x, y, 0, 0.36, 0.1, 0.1)) return 320;
  if (isInEllipse(x, y, -0.3, 0.05, 0.28 * z, 0.3 * z)) return 110;
  return 45 + 12 * Math.sin(9 * x + 4 * z) * Math.sin(7 * y);
}

/**
 * Writes the series into an empty folder, one file per slice.
 *
 * @returns the folder's size in bytes
 */
export async function writeSyntheticSeries(folder: string, options: SyntheticSeriesOptions): Promise<number> {
  const { slices, size = 512, seed = 1, noiseHu = 30 } = options;
  const random = createRandom(seed);
  const planes = Array.from({ length: NOISE_PLANES }, () => drawNoisePlane(random, size, noiseHu));
  const series = await createCtSeries(createCentredGrid([slices, size, size], [2, 0.75, 0.75]), {
    identity: { bench: "synthetic-series", slices, size, seed, noiseHu },
    patientId: "SYNTHETIC",
    dateTime: "2026-01-01T12:00:00Z",
    seriesDescription: "Synthetic series for timing",
    softwareVersion: "bench",
    bodyPart: "ABDOMEN",
    kernel: "STANDARD",
    tubeVoltageKv: 120,
  });
  fs.mkdirSync(folder, { recursive: true });
  const hu = new Float32Array(size * size);
  let bytes = 0;
  for (let slice = 0; slice < slices; slice++) {
    const noise = planes[slice % NOISE_PLANES];
    const shift = random.nextInteger(size * size);
    for (let r = 0, i = 0; r < size; r++) {
      for (let c = 0; c < size; c++, i++) {
        const anatomy = lookUpAnatomyHu((2 * c) / size - 1, (2 * r) / size - 1, slice / slices);
        hu[i] = anatomy + noise[(i + shift) % (size * size)];
      }
    }
    const file = series.writeInstance(slice, hu);
    bytes += file.byteLength;
    fs.writeFileSync(path.join(folder, `${String(slice).padStart(4, "0")}.dcm`), file);
  }
  return bytes;
}
