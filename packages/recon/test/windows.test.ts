/**
 * Ramp windows and their cut-off: values, LEAP's spatial designs tap by tap, the ramp itself (tomography.md §2.2).
 */
import {
  createCentredGrid,
  createFftPlan,
  type FanArcGeometry,
  type ParallelGeometry,
  transformInverse,
} from "@alara/core";
import { describe, expect, it } from "vitest";
import { createDetectorLine, createFbpPlan, cutWindow, rampWindows } from "../src/index.ts";
import { spreadAngles } from "./fbp-scans.ts";

const NYQUIST = 0.8;

describe("ramp windows", () => {
  it.each(rampWindows.names)("%s is 1 at frequency 0, without a slope", (name) => {
    const window = rampWindows.get(name);
    expect(window(0, NYQUIST)).toBeCloseTo(1, 12);
    expect(Math.abs(window(1e-4 * NYQUIST, NYQUIST) - 1)).toBeLessThan(1e-6);
  });

  it.each([
    ["ram-lak", 1, 1],
    ["shepp-logan", Math.SQRT1_2 / (Math.PI / 4), 2 / Math.PI],
    ["cosine", Math.SQRT1_2, 0],
    ["hamming", 0.54, 0.08],
    ["hann", 0.5, 0],
    ["siemens-sharp", 0.5 + 0.5 * Math.cos(Math.PI / 4.1), 0.5 + 0.5 * Math.cos(Math.PI / 2.05)],
    ["siemens-smooth", 0.5 + 0.5 * Math.cos(Math.PI / 1.7), 0],
  ])("%s has its values at half the Nyquist frequency and there", (name, half, whole) => {
    const window = rampWindows.get(name);
    expect(window(NYQUIST / 2, NYQUIST)).toBeCloseTo(half, 12);
    expect(window(NYQUIST, NYQUIST)).toBeCloseTo(whole, 12);
  });

  it.each(["shepp-logan", "cosine", "hamming", "hann"])("%s ends at the cut-off", (name) => {
    const window = rampWindows.get(name);
    const cut = cutWindow(window, 0.6);
    for (const x of [0, 0.2, 0.5, 0.59]) {
      expect(cut(x * NYQUIST, NYQUIST)).toBeCloseTo(window((x / 0.6) * NYQUIST, NYQUIST), 12);
    }
    expect(cut(0.61 * NYQUIST, NYQUIST)).toBe(0);
    for (const cutoff of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => cutWindow(window, cutoff)).toThrowError(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    }
  });

  // LEAP's taps (in its scale, 2π² T² of ours); the even ones of Ram-Lak are 0.
  it.each([
    ["ram-lak", (k: number) => (k === 0 ? Math.PI / 2 : ((-1) ** k - 1) / (Math.PI * k * k))],
    ["shepp-logan", (k: number) => 1 / (Math.PI * (0.25 - k * k))],
    ["blurred-shepp-logan", (k: number) => (k * k - 0.75) / (Math.PI * (0.25 - k * k) * (k * k - 2.25))],
    ["fourth-order-shepp-logan", (k: number) => (k * k - 2.5) / (Math.PI * (0.25 - k * k) * (k * k - 2.25))],
  ])("%s on the ramp is the design in the spatial domain", (name, tap) => {
    // Inverse transform of |f| · window, integrated finely over the band.
    const window = rampWindows.get(name);
    const steps = 20000;
    for (let k = 0; k <= 6; k++) {
      let sum = 0;
      for (let i = 0; i < steps; i++) {
        const x = (i + 0.5) / steps;
        sum += (Math.PI * x * window(x * NYQUIST, NYQUIST) * Math.cos(Math.PI * k * x)) / steps;
      }
      expect(sum).toBeCloseTo(tap(k), 6);
    }
  });
});

describe("the ramp of a plan", () => {
  const grid = createCentredGrid([1, 4, 4], [1, 1, 1]);
  const parallel: ParallelGeometry = {
    kind: "parallel",
    channels: 33,
    channelPitchMm: 1.3,
    channelOffset: 0,
    anglesRad: spreadAngles(12, Math.PI),
  };
  const arc: FanArcGeometry = {
    kind: "fan-arc",
    sourceToIsoMm: 500,
    sourceToDetectorMm: 900,
    channels: 33,
    channelOffset: 0,
    channelPitchRad: 0.02,
    anglesRad: spreadAngles(12, 2 * Math.PI),
  };

  it.each([
    ["parallel", parallel, (n: number) => Math.PI * n * 1.3],
    ["fan-arc", arc, (n: number) => Math.PI * Math.sin(n * 0.02)],
  ] as const)("has the taps of %s in the spatial domain, as many as channels", (_, geometry, distance) => {
    const { response, fftLength } = createFbpPlan(geometry, grid);
    expect(fftLength).toBe(128);
    const { pitch } = createDetectorLine(geometry);
    const taps = Float64Array.from(response);
    const imaginary = new Float64Array(fftLength);
    transformInverse(createFftPlan(fftLength), taps, imaginary);
    expect(taps[0]).toBeCloseTo(1 / (4 * pitch), 10);
    for (let n = 1; n < 64; n++) {
      const expected = n % 2 === 1 && n < 33 ? -pitch / distance(n) ** 2 : 0;
      expect(taps[n]).toBeCloseTo(expected, 10);
      expect(taps[128 - n]).toBeCloseTo(expected, 10);
      expect(imaginary[n]).toBeCloseTo(0, 10);
    }
    // Not zero at frequency 0: that is what keeps the mean right.
    expect(response[0]).toBeGreaterThan(0);
  });
});
