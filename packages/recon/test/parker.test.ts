/**
 * Redundancy weights: every line counts once. Parker's identity in the convention θ = β + π/2 − γ, its over-scan,
 * overlapping turns, displaced detectors (tomography.md §2.3, §6.6).
 */
import { createCentredGrid, createRandom, type FanArcGeometry } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  computeOffsetWeight,
  computeOverlapWeight,
  computeParkerWeight,
  createFbpPlan,
} from "../src/index.ts";
import { spreadAngles } from "./fbp-scans.ts";

const random = createRandom(11);
const uniform = (low: number, high: number): number => low + (high - low) * random.nextUniform();

describe("Parker's weights", () => {
  it.each([
    ["the shortest scan", 0.4, Math.PI + 0.8],
    ["an over-scan", 0.4, Math.PI + 1.7],
    ["a turn", 0.4, 2 * Math.PI],
    ["a fan wider than the scan allows", 0.4, Math.PI + 0.6],
  ])("of a line and its conjugate sum to 1 to 1e-12: %s", (_, halfFan, range) => {
    const overscan = (range - Math.PI) / 2;
    let pairs = 0;
    let worst = 0;
    for (let k = 0; k < 5000; k++) {
      const position = uniform(0, range);
      const gamma = uniform(-Math.min(halfFan, overscan), Math.min(halfFan, overscan));
      // The same line from the other side; within the scan either half a turn later or earlier, or in neither.
      const later = position + Math.PI - 2 * gamma;
      const earlier = position - Math.PI - 2 * gamma;
      const sum =
        computeParkerWeight(position, gamma, range) +
        computeParkerWeight(later, -gamma, range) +
        computeParkerWeight(earlier, -gamma, range);
      worst = Math.max(worst, Math.abs(sum - 1));
      if (later <= range || earlier >= 0) pairs++;
    }
    expect(worst).toBeLessThanOrEqual(1e-12);
    expect(pairs).toBeGreaterThan(500);
  });

  it("are smooth: 0 where the scan starts and ends, no jump anywhere", () => {
    const range = Math.PI + 0.8;
    for (const gamma of [-0.39, -0.1, 0, 0.25, 0.39]) {
      expect(computeParkerWeight(0, gamma, range)).toBe(0);
      expect(computeParkerWeight(range, gamma, range)).toBe(0);
      expect(computeParkerWeight(Math.PI / 2 + gamma, gamma, range)).toBe(1);
      let last = 0;
      let jump = 0;
      for (let t = 0; t <= range; t += 1e-4) {
        const weight = computeParkerWeight(t, gamma, range);
        jump = Math.max(jump, Math.abs(weight - last));
        last = weight;
      }
      expect(jump).toBeLessThan(0.01);
    }
    expect(computeParkerWeight(-0.1, 0, range)).toBe(0);
    expect(computeParkerWeight(range + 0.1, 0, range)).toBe(0);
  });

  it("stand in the plan, with the fan turned about when the angles fall", () => {
    const geometry: FanArcGeometry = {
      kind: "fan-arc",
      sourceToIsoMm: 500,
      sourceToDetectorMm: 900,
      channels: 101,
      channelOffset: 0,
      channelPitchRad: 0.008,
      anglesRad: spreadAngles(300, Math.PI + 0.8, 0.7),
    };
    const grid = createCentredGrid([1, 8, 8], [1, 20, 20]);
    const rising = createFbpPlan(geometry, grid);
    const falling = createFbpPlan({ ...geometry, anglesRad: geometry.anglesRad.map((beta) => -beta) }, grid);
    expect(rising.scan).toBe("short");
    const step = (Math.PI + 0.8) / 300;
    for (let view = 0; view < 300; view += 7) {
      for (let channel = 0; channel < 101; channel++) {
        const weight = rising.viewWeights?.[view * 101 + channel] ?? Number.NaN;
        const expected = computeParkerWeight((view + 0.5) * step, (channel - 50) * 0.008, Math.PI + 0.8);
        expect(weight).toBeCloseTo(expected, 10);
        expect(falling.viewWeights?.[view * 101 + 100 - channel]).toBeCloseTo(expected, 10);
      }
    }
    expect(rising.scale).toBeCloseTo(step, 12);
  });
});

describe("weights of more than a turn", () => {
  it.each([1, 1.2, 1.9, 2, 2.3, 3.7])("sum to 1 over views whole turns apart: %f turns", (turns) => {
    const period = 2 * Math.PI;
    const range = turns * period;
    for (let k = 0; k < 1000; k++) {
      const start = uniform(0, period);
      let sum = 0;
      for (let position = start; position < range; position += period) {
        sum += computeOverlapWeight(position, range, period);
      }
      expect(Math.abs(sum - 1)).toBeLessThanOrEqual(1e-9);
    }
  });
});

describe("weights of a displaced detector", () => {
  it("of a place and its mirror image sum to 2, and are 0 where the detector ends", () => {
    for (let k = 0; k < 1000; k++) {
      const across = uniform(-300, 300);
      expect(Math.abs(computeOffsetWeight(across, 90) + computeOffsetWeight(-across, 90) - 2)).toBeLessThan(
        1e-12,
      );
    }
    expect(computeOffsetWeight(-90, 90)).toBe(0);
    expect(computeOffsetWeight(90, 90)).toBe(2);
    expect(computeOffsetWeight(0, 90)).toBeCloseTo(1, 12);
    expect(Math.abs(computeOffsetWeight(-89.99, 90))).toBeLessThan(1e-6);
  });
});
