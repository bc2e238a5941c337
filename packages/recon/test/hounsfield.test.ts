/** Attenuation and Hounsfield units, both ways. */
import { createCentredGrid, createVolume } from "@alara/core";
import { describe, expect, it } from "vitest";
import { convertHuToMu, convertMuToHu, ReconError } from "../src/index.ts";

const grid = createCentredGrid([1, 1, 4], [1, 1, 1]);

describe("Hounsfield units", () => {
  it("put water at 0, nothing at −1000, and come back", () => {
    const mu = createVolume("1/mm", grid, Float32Array.of(0, 0.0193, 0.0386, 0.01));
    const hu = convertMuToHu(mu, 0.0193);
    expect([...hu.data].map((value) => Math.round(value * 100) / 100)).toEqual([-1000, 0, 1000, -481.87]);
    convertHuToMu(hu, 0.0193).data.forEach((value, i) => {
      expect(value).toBeCloseTo(mu.data[i], 8);
    });
  });

  it("refuse water of no attenuation", () => {
    expect(() => convertMuToHu(createVolume("1/mm", grid), 0)).toThrow(ReconError);
    expect(() => convertHuToMu(createVolume("HU", grid), Number.NaN)).toThrow(/muWaterPerMm NaN/);
  });
});
