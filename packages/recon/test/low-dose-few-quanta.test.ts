/**
 * Low-dose insertion down to a few quanta against simulated scans at that dose, by both routes: into the measured
 * sinogram and into the image alone. 52 realisations. The standard error of the ratio of two σ over a ring is about 0.6 %
 * (some 25 000 independent pixels each), so that 2 % are three of them; seeds are fixed.
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
import { beforeAll, describe, expect, it } from "vitest";
import {
  createLowDoseSimulator,
  createNoiseWindow,
  type LowDoseSimulator,
  MU_WATER_70KEV_PER_MM,
  reconstructFbp,
} from "../src/index.ts";
import { createLogNoise } from "../src/low-dose/log-noise.ts";

/** The GE scanner, coarser. */
const scanner: Scanner = {
  ...scanners.get("ge-lightspeed"),
  name: "coarse",
  channels: 200,
  channelPitchMm: 3 * 1.0239,
  channelOffset: 0.25,
  viewsPerRotation: 240,
};
const window = { boostMm2: 0, cutoffPerMm: 0.25, order: 2 };
const electronicNoiseQuanta = 4;
const slices = 52;
const size = 88;
const spacingMm = 2.5;
const grid = createCentredGrid([slices, size, size], [3, spacingMm, spacingMm]);
const geometry = createScanGeometry(scanner);
const radiusMm = 100;

async function reconstruct(data: Float32Array): Promise<Volume<"HU">> {
  const mu = await reconstructFbp(createSinogram("line integral", geometry, slices, data), {
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

/** Variance over slices around each pixel's mean, and the mean, over an annulus. */
function measureAnnulus(volume: Volume, low: number, high: number): { variance: number; mean: number } {
  let sum = 0;
  let total = 0;
  let pixels = 0;
  for (let i = 0; i < size * size; i++) {
    const radius = spacingMm * Math.hypot(Math.floor(i / size) - (size - 1) / 2, (i % size) - (size - 1) / 2);
    if (radius < low || radius >= high) continue;
    let mean = 0;
    let square = 0;
    for (let k = 0; k < slices; k++) {
      const value = volume.data[k * size * size + i];
      mean += value / slices;
      square += value * value;
    }
    sum += (square - slices * mean * mean) / (slices - 1);
    total += mean;
    pixels++;
  }
  return { variance: sum / pixels, mean: total / pixels };
}

function measureSpectrum(volume: Volume): NoisePowerSpectrum {
  // Regions of the differences of neighbouring scans: no anatomy, no bias, noise alone.
  const difference = createVolume("HU", volume.geometry);
  const plane = size * size;
  for (let i = 0; i < volume.data.length; i++) {
    difference.data[i] = (volume.data[i] - volume.data[(i + plane) % volume.data.length]) / Math.SQRT2;
  }
  const regions = Array.from({ length: slices }, (_, slice) => ({ slice, row: 28, column: 28 }));
  return measureNps(difference, { regions, sizePixels: 32 });
}

/** Root mean square difference of two radial spectra of unit variance over the peak. */
function compareShapes(a: NoisePowerSpectrum, b: NoisePowerSpectrum): number {
  let squares = 0;
  for (let i = 1; i < a.radialPower.length; i++) {
    squares += (a.radialPower[i] / a.variance - b.radialPower[i] / b.variance) ** 2;
  }
  return Math.sqrt(squares / (a.radialPower.length - 1)) / (Math.max(...a.radialPower) / a.variance);
}

const rings = [
  [0, 45],
  [45, 75],
  [75, 95],
] as const;

/** Quanta in air at the full dose; behind 20 cm of water 2.1 % of them are left. */
const incidentQuanta = 2.4e4;
const model = { incidentQuanta, electronicNoiseQuanta };

/** The full-dose scans, made once: line integrals, drawn counts, and what inserts noise into their images. */
let clean: Float32Array;
let counts: Float32Array;
let simulator: LowDoseSimulator;

beforeAll(async () => {
  const phantom = createWaterCylinder({ radiusMm });
  const one = projectPhantom(convertPhantomToMu(phantom, MU_WATER_70KEV_PER_MM), geometry).data;
  clean = new Float32Array(slices * one.length);
  for (let k = 0; k < slices; k++) clean.set(one, k * one.length);
  counts = simulateCounts(clean, model, createRandom(1));
  simulator = await createLowDoseSimulator(await reconstruct(computeLineIntegrals(counts, model)), {
    seed: 4,
    scanner,
    noise: { incidentQuanta, window },
  });
});

describe.each([
  { name: "a quarter of the dose", doseFraction: 0.25 },
  { name: "2 % of the dose, 10 quanta behind the middle", doseFraction: 0.02 },
])("$name", ({ doseFraction }) => {
  let low: Volume<"HU">;
  let bySinogram: Volume<"HU">;
  let byImage: Volume<"HU">;
  let clamped = 0;

  beforeAll(async () => {
    const lowModel = { incidentQuanta: doseFraction * incidentQuanta, electronicNoiseQuanta };
    low = await reconstruct(computeLineIntegrals(simulateCounts(clean, lowModel, createRandom(2)), lowModel));
    const inserted = insertSinogramNoise(createSinogram("counts", geometry, slices, counts), {
      doseFraction,
      airQuanta: incidentQuanta,
      electronicNoiseQuanta,
      seed: 3,
    });
    clamped = inserted.clampedSamples;
    bySinogram = await reconstruct(inserted.lineIntegrals.data);
    byImage = await simulator.insert(doseFraction);
  });

  it("has the σ of a scan at that dose within 2 %, in every ring, by both routes", () => {
    for (const [from, to] of rings) {
      const wanted = measureAnnulus(low, from, to);
      for (const made of [bySinogram, byImage]) {
        const is = measureAnnulus(made, from, to);
        expect(Math.abs(Math.sqrt(is.variance / wanted.variance) - 1)).toBeLessThan(0.02);
        // The logarithm's bias too: 70 HU in the middle at 2 %; its standard error is 4 % of that.
        expect(Math.abs(is.mean - wanted.mean)).toBeLessThan(0.1 * Math.abs(wanted.mean) + 0.5);
      }
    }
  });

  it("has its spectrum within 5 %, by both routes", () => {
    const wanted = measureSpectrum(low);
    expect(clamped > 0).toBe(doseFraction < 0.1);
    expect(compareShapes(wanted, measureSpectrum(bySinogram))).toBeLessThan(0.05);
    expect(compareShapes(wanted, measureSpectrum(byImage))).toBeLessThan(0.05);
  });
});

describe("insertion into an image", () => {
  it("leaves the anatomy as it was: the mean of many realisations is the image", async () => {
    const one = createCentredGrid([1, size, size], [3, spacingMm, spacingMm]);
    const body = createVolume("HU", one);
    for (let i = 0; i < body.data.length; i++) {
      const y = spacingMm * (Math.floor(i / size) - (size - 1) / 2);
      const x = spacingMm * ((i % size) - (size - 1) / 2);
      // Water with a bone, a lung and fine stripes.
      let hu = Math.hypot(x, y) < radiusMm ? 0 : -1000;
      if (Math.hypot(x - 45, y) < 20) hu = 900;
      if (Math.hypot(x + 45, y) < 25) hu = -800;
      if (Math.abs(x) < 15 && Math.abs(y) < 15) hu = i % 2 === 0 ? 150 : -150;
      body.data[i] = hu;
    }
    const ofBody = await createLowDoseSimulator(body, {
      seed: 6,
      scanner,
      noise: { incidentQuanta: 2e5, window },
    });
    const repeats = 24;
    const mean = new Float64Array(body.data.length);
    const square = new Float64Array(body.data.length);
    for (let realisation = 0; realisation < repeats; realisation++) {
      const low = await ofBody.insert(0.25, { realisation });
      low.data.forEach((value, i) => {
        const noise = value - body.data[i];
        mean[i] += noise / repeats;
        square[i] += (noise * noise) / repeats;
      });
    }
    // Mean over σ/√n is a unit normal number at every pixel, at edges and stripes too.
    let chiSquare = 0;
    let stripes = 0;
    let inStripes = 0;
    let pixels = 0;
    for (let i = 0; i < mean.length; i++) {
      // Outside the circular field of view there is no noise.
      if (square[i] === 0) continue;
      const value = (mean[i] * mean[i]) / (square[i] / repeats);
      chiSquare += value;
      pixels++;
      if (Math.abs(body.data[i]) === 150) {
        stripes += value;
        inStripes++;
      }
    }
    expect(pixels).toBeGreaterThan(5000);
    expect(Math.abs(chiSquare / pixels - 1)).toBeLessThan(0.1);
    expect(Math.abs(stripes / inStripes - 1)).toBeLessThan(0.5);
  });
});

describe("createLogNoise", () => {
  it.each([
    [0.5, 4],
    [2, 4],
    [8, 4],
    [8, 0],
    [29, 4],
    [31, 4],
    [60, 0],
    [1e4, 4],
  ])("has the mean and the σ of logarithms of %f quanta with σe %f", (quanta, readout) => {
    const draws = 40_000;
    const model = { incidentQuanta: quanta, electronicNoiseQuanta: readout };
    const drawn = computeLineIntegrals(
      simulateCounts(new Float32Array(draws), model, createRandom(1)),
      model,
    );
    const noise = createLogNoise("scan", 1, readout);
    const random = createRandom(2);
    const made = drawn.map(() => noise.evaluate(Math.log(quanta), random.nextNormal()));
    const describeSample = (values: Float32Array): { mean: number; sigma: number } => {
      let mean = 0;
      let square = 0;
      for (const value of values) mean += value / draws;
      for (const value of values) square += (value - mean) ** 2 / draws;
      return { mean, sigma: Math.sqrt(square) };
    };
    const wanted = describeSample(drawn);
    const is = describeSample(made);
    // Standard errors: σ·√(2/n) of the difference of means, about as much of σ.
    expect(Math.abs(is.mean - wanted.mean)).toBeLessThan(4.5 * wanted.sigma * Math.sqrt(2 / draws));
    expect(Math.abs(is.sigma / wanted.sigma - 1)).toBeLessThan(0.025);
  });

  it("adds the variance and the bias that a full dose lacks, and nothing to the full dose", () => {
    const sample = (noise: { evaluate(u: number, z: number): number }, logQuanta: number) => {
      let mean = 0;
      let square = 0;
      let sum = 0;
      for (let z = -6; z <= 6; z += 0.01) {
        const weight = Math.exp(-0.5 * z * z);
        const value = noise.evaluate(logQuanta, z);
        sum += weight;
        mean += weight * value;
        square += weight * value * value;
      }
      return { mean: mean / sum, variance: square / sum - (mean / sum) ** 2 };
    };
    for (const quanta of [100, 1000, 1e5]) {
      const u = Math.log(quanta);
      const added = sample(createLogNoise("added", 0.05, 4), u);
      const low = sample(createLogNoise("scan", 0.05, 4), u);
      const full = sample(createLogNoise("scan", 1, 4), u);
      expect((added.variance + full.variance) / low.variance).toBeCloseTo(1, 2);
      expect(added.mean + full.mean).toBeCloseTo(low.mean, 3);
      if (quanta > 1e4)
        expect(low.variance / (1 / (0.05 * quanta) + 16 / (0.05 * quanta) ** 2)).toBeCloseTo(1, 2);
    }
    expect(createLogNoise("added", 1, 4).evaluate(3, 1.7)).toBe(0);
  });
});
