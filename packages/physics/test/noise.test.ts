/**
 * Noise statistics: simulated counts against the variance formulas, NPS against Parseval and a known spectrum,
 * the kernel fit and the series measurement against known noise.
 */
import { createCentredGrid, createRandom, createVolume } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  checkCountModel,
  checkDoseFraction,
  computeAddedLogVariance,
  computeAliasedSpectrum,
  computeLineIntegrals,
  computeLogVariance,
  createRadialBins,
  fitKernelWindow,
  measureNps,
  measureSeriesNoise,
  simulateCounts,
} from "../src/index.ts";

describe("counts", () => {
  const model = { incidentQuanta: 5e4, electronicNoiseQuanta: 12 };

  it.each([0, 2, 4.5])("have the closed-form log variance at p = %f", (p) => {
    const random = createRandom(2);
    const lineIntegrals = new Float32Array(40_000).fill(p);
    const measured = computeLineIntegrals(simulateCounts(lineIntegrals, model, random), model);
    let mean = 0;
    for (const value of measured) mean += value / measured.length;
    let variance = 0;
    for (const value of measured) variance += (value - mean) ** 2 / (measured.length - 1);
    expect(variance / computeLogVariance(p, model)).toBeGreaterThan(0.97);
    expect(variance / computeLogVariance(p, model)).toBeLessThan(1.03);
    expect(Math.abs(mean - p)).toBeLessThan(4 * Math.sqrt(variance / measured.length) + variance);
  });

  it("of full dose plus added variance make the low dose's variance", () => {
    for (const a of [0.1, 0.25, 0.5, 1]) {
      const low = {
        incidentQuanta: a * model.incidentQuanta,
        electronicNoiseQuanta: model.electronicNoiseQuanta,
      };
      for (const p of [0, 3, 7]) {
        const sum = computeLogVariance(p, model) + computeAddedLogVariance(p, model, a);
        expect(sum / computeLogVariance(p, low)).toBeCloseTo(1, 12);
      }
    }
  });

  it("refuse impossible doses", () => {
    expect(() => checkDoseFraction(0)).toThrow(/outside \(0, 1\]/);
    expect(() => checkDoseFraction(1.5)).toThrow(/outside/);
    expect(() => checkDoseFraction(Number.NaN)).toThrow(/outside/);
    expect(() =>
      simulateCounts([1], { incidentQuanta: 0, electronicNoiseQuanta: 0 }, createRandom(1)),
    ).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    for (const [incidentQuanta, electronicNoiseQuanta] of [
      [Infinity, 0],
      [Number.NaN, 0],
      [1e5, -1],
      [1e5, Infinity],
    ]) {
      expect(() => checkCountModel({ incidentQuanta, electronicNoiseQuanta })).toThrow(
        expect.objectContaining({ code: "OUT_OF_RANGE" }),
      );
    }
  });

  it("refuse line integrals and counts that are not finite", () => {
    const model = { incidentQuanta: 1e4, electronicNoiseQuanta: 2 };
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      const nonFinite = expect.objectContaining({ code: "NON_FINITE" });
      expect(() => simulateCounts([0, bad], model, createRandom(1))).toThrow(nonFinite);
      expect(() => computeLineIntegrals([5, bad], model)).toThrow(nonFinite);
    }
  });
});

describe("measureNps", () => {
  it("integrates to the variance and is flat for white noise", () => {
    const random = createRandom(9);
    const volume = createVolume("HU", createCentredGrid([30, 64, 64], [1, 0.5, 0.8]));
    for (let i = 0; i < volume.data.length; i++) volume.data[i] = 7 * random.nextNormal();
    const regions = Array.from({ length: 120 }, (_, i) => ({
      slice: i >> 2,
      row: i & 1 ? 32 : 0,
      column: i & 2 ? 32 : 0,
    }));
    for (const detrend of ["none", "mean", "quadratic"] as const) {
      const nps = measureNps(volume, { regions, sizePixels: 32, detrend });
      expect(nps.variance / 49).toBeGreaterThan(0.98);
      expect(nps.variance / 49).toBeLessThan(1.02);
    }
    const nps = measureNps(volume, { regions, sizePixels: 32, detrend: "none" });
    for (let b = 1; b < nps.radialPower.length; b++) {
      const sampling = 4 / Math.sqrt(nps.radialCounts[b] * regions.length * 0.5);
      expect(Math.abs(nps.radialPower[b] / (49 * 0.4) - 1)).toBeLessThan(sampling);
    }
    let squares = 0;
    for (const { slice, row, column } of regions) {
      for (let r = 0; r < 32; r++) {
        for (let c = 0; c < 32; c++) squares += volume.data[(slice * 64 + row + r) * 64 + column + c] ** 2;
      }
    }
    expect(nps.variance).toBeCloseTo(squares / (120 * 1024), 8);
  });

  it("removes a quadratic surface altogether", () => {
    const volume = createVolume("HU", createCentredGrid([1, 32, 32], [1, 1, 1]));
    for (let i = 0; i < 1024; i++) {
      const x = i % 32;
      const y = i >> 5;
      volume.data[i] = 3 + 2 * x - y + 0.25 * x * y + 0.5 * x * x - 0.125 * y * y;
    }
    const nps = measureNps(volume, { regions: [{ slice: 0, row: 0, column: 0 }], sizePixels: 32 });
    expect(nps.variance).toBeLessThan(1e-16 * 1e4);
  });

  it("refuses regions outside", () => {
    const volume = createVolume("HU", createCentredGrid([1, 32, 32], [1, 1, 1]));
    const regions = [{ slice: 0, row: 1, column: 0 }];
    expect(() => measureNps(volume, { regions, sizePixels: 32 })).toThrow(/leaves the volume/);
    expect(() => measureNps(volume, { regions: [], sizePixels: 32 })).toThrow(/at least one/);
  });
});

describe("fitKernelWindow", () => {
  it.each([
    { boostMm2: 0, cutoffPerMm: 0.35, order: 2 },
    { boostMm2: 0, cutoffPerMm: 0.55, order: 3.5 },
    { boostMm2: 3, cutoffPerMm: 0.6, order: 4 },
  ])("recovers the spectrum of %o under anatomy", (window) => {
    const sampling = {
      size: 32,
      rowSpacingMm: 0.7,
      columnSpacingMm: 0.7,
      detectorNyquistPerMm: 0.857,
      relativeRadius: 0.15,
    };
    const bins = createRadialBins(32, 0.7, 0.7);
    const power = computeAliasedSpectrum(window, sampling);
    const clean = new Float64Array(bins.counts.length);
    for (let i = 0; i < power.length; i++) {
      if (bins.index[i] >= 0) clean[bins.index[i]] += power[i] / bins.counts[bins.index[i]];
    }
    const peak = Math.max(...clean);
    const radialPower = clean.map(
      (p, b) => p + (b > 0 ? (0.2 * peak * 0.15 ** 3) / bins.frequenciesPerMm[b] ** 3 : 0),
    );
    const fit = fitKernelWindow({
      ...sampling,
      binIndex: bins.index,
      binCounts: bins.counts,
      frequenciesPerMm: bins.frequenciesPerMm,
      radialPower,
      lowestPerMm: 0.08,
    });
    fit.radialPower.forEach((p, b) => {
      if (b > 0) expect(Math.abs(p - clean[b]) / peak).toBeLessThan(0.03);
    });
  });
});

describe("measureSeriesNoise", () => {
  it("says when there is no soft tissue", () => {
    const air = createVolume("HU", createCentredGrid([1, 64, 64], [1, 1, 1]));
    air.data.fill(-1000);
    expect(() => measureSeriesNoise(air)).toThrow(/no soft-tissue tile/);
  });
});
