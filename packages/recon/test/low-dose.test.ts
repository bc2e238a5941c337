/**
 * Low-dose insertion against simulated scans of water cylinders, and its bookkeeping.
 */
import { createCentredGrid, createRandom, createVolume, type Volume } from "@alara/core";
import { describe, expect, it } from "vitest";
import { createLowDoseSimulator } from "../src/index.ts";

const window = { boostMm2: 0, cutoffPerMm: 0.5, order: 2 };

/** Noise-free water cylinder in air, HU. */
function createWater(slices: number, size: number, spacing: number, radiusMm: number): Volume<"HU"> {
  const volume = createVolume("HU", createCentredGrid([slices, size, size], [3, spacing, spacing]));
  for (let i = 0; i < volume.data.length; i++) {
    const r = Math.floor((i % (size * size)) / size) - (size - 1) / 2;
    const c = (i % size) - (size - 1) / 2;
    volume.data[i] = Math.hypot(r, c) * spacing < radiusMm ? 0 : -1000;
  }
  return volume;
}

describe("createLowDoseSimulator", () => {
  it("is a function of seed, realisation and slice alone, with zero mean and zero noise at full dose", async () => {
    const volume = createWater(6, 128, 2.4, 120);
    const given = { sigmaHu: 12, window, sliceCorrelation: [1, 0.3] };
    const simulator = await createLowDoseSimulator(volume, { seed: 7, noise: given });
    const first = await simulator.noise(0.25, { realisation: 1 });
    const again = await simulator.noise(0.25, { realisation: 1 });
    const other = await simulator.noise(0.25, { realisation: 2 });
    expect(again.data).toEqual(first.data);
    expect(other.data).not.toEqual(first.data);
    const single = await createLowDoseSimulator(createWater(1, 128, 2.4, 120), { seed: 7, noise: given });
    const alone = await single.noise(0.25, { realisation: 1 });
    expect(alone.data).toEqual(first.data.slice(0, 128 * 128));
    let mean = 0;
    for (const value of first.data) mean += value / first.data.length;
    expect(Math.abs(mean)).toBeLessThan(0.2);
    const none = await simulator.noise(1);
    expect(none.data.every((value) => value === 0)).toBe(true);
  });

  it("finds the noise that was put in and inserts as much as asked for", async () => {
    const volume = createWater(8, 256, 1.2, 130);
    const maker = await createLowDoseSimulator(volume, { seed: 3, noise: { sigmaHu: 15, window } });
    const noisy = await maker.scanNoise(1);
    const anatomy = createRandom(1);
    for (let i = 0; i < noisy.data.length; i++) noisy.data[i] += volume.data[i] + 0.1 * anatomy.nextNormal();
    const simulator = await createLowDoseSimulator(noisy, { seed: 4 });
    const { incidentQuanta } = maker.calibration;
    expect(Math.abs(simulator.calibration.incidentQuanta / incidentQuanta - 1)).toBeLessThan(0.15);
    const added = await simulator.noise(0.25);
    const sigmaAt = (source: Volume<"HU">): number => {
      let sum = 0;
      let count = 0;
      for (let s = 0; s < 8; s++) {
        for (let r = 108; r < 148; r++) {
          for (let c = 108; c < 148; c++) {
            sum += source.data[(s * 256 + r) * 256 + c] ** 2;
            count++;
          }
        }
      }
      return Math.sqrt(sum / count);
    };
    expect(sigmaAt(added) / (15 * Math.sqrt(3))).toBeCloseTo(1, 1);
  });
});
