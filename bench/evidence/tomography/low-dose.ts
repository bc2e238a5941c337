/**
 * Low-dose insertion against simulated scans at that dose, at a quarter and at 2 %, into the measured sinogram and into
 * the image alone: σ in three rings, the mean that the logarithm shifts, and the shape of the noise spectrum, over 52
 * realisations of a water cylinder. Seeds are fixed; the standard error of the ratio of two σ over a ring is about 0.6 %.
 */
import { createCentredGrid, createRandom, createSinogram, createVolume, type Volume } from "@alara/core";
import {
  computeLineIntegrals,
  convertPhantomToMu,
  createScanGeometry,
  createWaterCylinder,
  insertSinogramNoise,
  measureNps,
  type NoisePowerSpectrum,
  projectPhantom,
  type Scanner,
  scanners,
  simulateCounts,
} from "@alara/physics";
import {
  createLowDoseSimulator,
  createNoiseWindow,
  MU_WATER_70KEV_PER_MM,
  reconstructFbp,
} from "@alara/recon";
import { checkAtMost, deviate, type EvidencePart, findLargest } from "./tables.ts";

const REALISATIONS = 52;
const SIZE = 88;
const SPACING_MM = 2.5;
const RADIUS_MM = 100;
/** Quanta in air at the full dose; 2.1 % of them are left behind 20 cm of water. */
const QUANTA = 2.4e4;
const READOUT_QUANTA = 4;
const DOSES = [0.25, 0.02];
const RINGS_MM = [
  [0, 45],
  [45, 75],
  [75, 95],
] as const;
const SEEDS = { full: 1, low: 2, sinogram: 3, image: 4 };

/** GE's scanner, coarser. */
const scanner: Scanner = {
  ...scanners.get("ge-lightspeed"),
  name: "coarse",
  channels: 200,
  channelPitchMm: 3 * 1.0239,
  channelOffset: 0.25,
  viewsPerRotation: 240,
};
const window = { boostMm2: 0, cutoffPerMm: 0.25, order: 2 };
const geometry = createScanGeometry(scanner);
const grid = createCentredGrid([REALISATIONS, SIZE, SIZE], [3, SPACING_MM, SPACING_MM]);

async function reconstruct(data: Float32Array): Promise<Volume<"HU">> {
  const mu = await reconstructFbp(createSinogram("line integral", geometry, REALISATIONS, data), {
    grid,
    window: createNoiseWindow(window),
    oversampling: 2,
  });
  return createVolume(
    "HU",
    grid,
    mu.data.map((value) => 1000 * (value / MU_WATER_70KEV_PER_MM - 1)),
  );
}

/** σ over realisations around each pixel's mean, and the mean, over a ring. */
function measureRing(volume: Volume, from: number, to: number): { sigma: number; mean: number } {
  let [variance, total, pixels] = [0, 0, 0];
  for (let i = 0; i < SIZE * SIZE; i++) {
    const y = Math.floor(i / SIZE) - (SIZE - 1) / 2;
    const radius = SPACING_MM * Math.hypot(y, (i % SIZE) - (SIZE - 1) / 2);
    if (radius < from || radius >= to) continue;
    let [mean, square] = [0, 0];
    for (let k = 0; k < REALISATIONS; k++) {
      const value = volume.data[k * SIZE * SIZE + i];
      mean += value / REALISATIONS;
      square += value * value;
    }
    variance += (square - REALISATIONS * mean * mean) / (REALISATIONS - 1);
    total += mean;
    pixels++;
  }
  return { sigma: Math.sqrt(variance / pixels), mean: total / pixels };
}

/** Spectrum of the differences of neighbouring realisations in the middle: noise alone. */
function measureSpectrum(volume: Volume): NoisePowerSpectrum {
  const difference = createVolume("HU", grid);
  const plane = SIZE * SIZE;
  for (let i = 0; i < volume.data.length; i++) {
    difference.data[i] = (volume.data[i] - volume.data[(i + plane) % volume.data.length]) / Math.SQRT2;
  }
  const regions = Array.from({ length: REALISATIONS }, (_, slice) => ({ slice, row: 28, column: 28 }));
  return measureNps(difference, { regions, sizePixels: 32 });
}

/** Root mean square difference of two radial spectra of unit variance, of the first's peak. */
function compareShapes(a: NoisePowerSpectrum, b: NoisePowerSpectrum): number {
  let squares = 0;
  for (let i = 1; i < a.radialPower.length; i++) {
    squares += (a.radialPower[i] / a.variance - b.radialPower[i] / b.variance) ** 2;
  }
  return Math.sqrt(squares / (a.radialPower.length - 1)) / (Math.max(...a.radialPower) / a.variance);
}

/** Runs the part. */
export async function studyLowDose(): Promise<EvidencePart> {
  const phantom = convertPhantomToMu(createWaterCylinder({ radiusMm: RADIUS_MM }), MU_WATER_70KEV_PER_MM);
  const one = projectPhantom(phantom, geometry).data;
  const clean = new Float32Array(REALISATIONS * one.length);
  for (let k = 0; k < REALISATIONS; k++) clean.set(one, k * one.length);
  const model = { incidentQuanta: QUANTA, electronicNoiseQuanta: READOUT_QUANTA };
  const counts = simulateCounts(clean, model, createRandom(SEEDS.full));
  const simulator = await createLowDoseSimulator(await reconstruct(computeLineIntegrals(counts, model)), {
    seed: SEEDS.image,
    scanner,
    noise: { incidentQuanta: QUANTA, window },
  });

  const rows: string[][] = [];
  const ratios: number[] = [];
  const shapes: number[] = [];
  const shifts: number[] = [];
  for (const doseFraction of DOSES) {
    const lowModel = { ...model, incidentQuanta: doseFraction * QUANTA };
    const low = await reconstruct(
      computeLineIntegrals(simulateCounts(clean, lowModel, createRandom(SEEDS.low)), lowModel),
    );
    const inserted = insertSinogramNoise(createSinogram("counts", geometry, REALISATIONS, counts), {
      doseFraction,
      airQuanta: QUANTA,
      electronicNoiseQuanta: READOUT_QUANTA,
      seed: SEEDS.sinogram,
    });
    const spectrum = measureSpectrum(low);
    for (const [route, made] of [
      ["sinogram", await reconstruct(inserted.lineIntegrals.data)],
      ["image", await simulator.insert(doseFraction)],
    ] as const) {
      const shape = compareShapes(spectrum, measureSpectrum(made));
      shapes.push(shape);
      const cells = RINGS_MM.map(([from, to]) => {
        const wanted = measureRing(low, from, to);
        const is = measureRing(made, from, to);
        ratios.push(deviate(is.sigma, wanted.sigma));
        // Of the bias itself, half an HU forgiven where there is next to none.
        shifts.push(Math.max(0, Math.abs(is.mean - wanted.mean) - 0.5) / Math.abs(wanted.mean));
        return `${(is.sigma / wanted.sigma).toFixed(4)} (${is.sigma.toFixed(1)}, mean ${is.mean.toFixed(1)} for ${wanted.mean.toFixed(1)})`;
      });
      rows.push([`${100 * doseFraction} %, ${route}`, ...cells, `${(100 * shape).toFixed(2)} %`]);
    }
  }
  return {
    tables: [
      {
        title: `σ inserted over σ of scans at that dose (σ and means in HU), ${REALISATIONS} realisations; nRMSE of the spectrum's shape`,
        columns: [
          "dose, route",
          ...RINGS_MM.map(([from, to]) => `${from}–${to} mm from the axis`),
          "spectrum",
        ],
        rows,
      },
    ],
    checks: [
      checkAtMost("insertion, |σ ratio − 1|, worst ring, dose and route", findLargest(ratios), 0.02),
      checkAtMost("insertion, nRMSE of the spectrum's shape, worst", findLargest(shapes), 0.05),
      checkAtMost("insertion, bias against that of scans, worst, beyond 0.5 HU", findLargest(shifts), 0.1),
    ],
  };
}
