/** Tissue classes, HU bias, noise and structure loss on constructed volumes whose answers are known. */
import { createVolume, type Volume } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  BIAS_CLUSTER_PX,
  classifyTissues,
  findNoiseTiles,
  measureHuBias,
  measureNoise,
  measureStructureLoss,
  selectTissue,
  TISSUE_CLASSES,
} from "../src/index.ts";
import { smoothGaussian } from "../src/smooth.ts";
import { addSamples, buildNoise, buildPhantom, PHANTOM_HU } from "./phantom.ts";

const SIDE = 256;
const truth = buildPhantom(3, SIDE);
const truthTissues = classifyTissues(truth, { smoothingPx: 0 });

function expectedHu(name: string): number {
  return {
    "air outside": PHANTOM_HU.air,
    lung: PHANTOM_HU.lung,
    fat: PHANTOM_HU.fat,
    "soft tissue": PHANTOM_HU.soft,
    bone: PHANTOM_HU.bone,
  }[name] as number;
}

describe("classifyTissues", () => {
  it("finds each class where it was put, and nowhere else", () => {
    for (const [index, tissue] of TISSUE_CLASSES.entries()) {
      expect(truthTissues.voxels[index], tissue.name).toBeGreaterThan(500);
      const mask = selectTissue(truthTissues, tissue.name).mask;
      const values = truth.data.filter((_, i) => mask[i] !== 0);
      expect(values.length).toBe(truthTissues.voxels[index]);
      expect(new Set(values), tissue.name).toEqual(new Set([expectedHu(tissue.name)]));
    }
  });

  it("stays two pixels inside every class", () => {
    const plane = SIDE * SIDE;
    for (let i = plane; i < 2 * plane; i++) {
      if (truthTissues.labels[i] === 0) continue;
      for (const step of [-2, 2, -2 * SIDE, 2 * SIDE, 2 * SIDE + 2, -2 * SIDE - 2]) {
        expect(truth.data[i + step]).toBe(truth.data[i]);
      }
    }
  });

  it("keeps table, padding and outside air out of the body and fills the lung in", () => {
    const { mask } = truthTissues.body;
    for (let i = 0; i < mask.length; i++) {
      const v = truth.data[i];
      if (v === -200 || v === -3024 || v === PHANTOM_HU.air) expect(mask[i]).toBe(0);
      if (v === PHANTOM_HU.lung || v === PHANTOM_HU.bone) expect(mask[i]).toBe(1);
    }
  });

  it("finds nearly the same voxels in 40 HU of noise", () => {
    const noisy = addSamples(truth, buildNoise(truth.geometry.size, 40, "ramp", 5));
    const found = classifyTissues(noisy);
    let both = 0;
    let wrong = 0;
    for (let i = 0; i < found.labels.length; i++) {
      if (found.labels[i] === 0) continue;
      if (truth.data[i] === expectedHu(found.classes[found.labels[i] - 1].name)) both++;
      else wrong++;
    }
    expect(both).toBeGreaterThan(0.9 * truthTissues.voxels.reduce((a, b) => a + b));
    expect(wrong).toBeLessThan(0.001 * both);
  });

  it("refuses half pixels of erosion", () => {
    expect(() => classifyTissues(truth, { erosionPx: 1.5 })).toThrowError(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
  });
});

describe("measureHuBias", () => {
  const shifts: Readonly<Record<string, number>> = {
    "air outside": 5,
    lung: -2,
    fat: 0.75,
    "soft tissue": -1.25,
    bone: 1,
  };
  const shifted = createVolume(
    "HU",
    truth.geometry,
    truth.data.map((v, i) => {
      const label = truthTissues.labels[i];
      return label === 0 ? v : v + shifts[truthTissues.classes[label - 1].name];
    }),
  );

  it("is exact on constructed shifts, with no spread", () => {
    for (const row of measureHuBias(shifted, truth, truthTissues)) {
      expect(row.meanDifferenceHu).toBe(shifts[row.tissue]);
      expect(row.standardErrorHu).toBe(0);
      expect(row.referenceMeanHu).toBe(expectedHu(row.tissue));
      expect(row.clusters).toBeGreaterThan(row.voxels / BIAS_CLUSTER_PX ** 2);
    }
  });

  it("passes at the limit, fails beyond it, does not judge air", () => {
    const verdicts = Object.fromEntries(
      measureHuBias(shifted, truth, truthTissues).map((row) => [row.tissue, row.verdict]),
    );
    expect(verdicts).toEqual({
      "air outside": "not judged",
      lung: "pass",
      fat: "pass",
      "soft tissue": "fail",
      bone: "pass",
    });
  });

  it("does not judge what is not there", () => {
    const water = createVolume("HU", truth.geometry, new Float32Array(truth.data.length));
    const rows = measureHuBias(water, water, classifyTissues(water));
    const lung = rows.find((row) => row.tissue === "lung");
    expect(lung).toMatchObject({ voxels: 0, meanDifferenceHu: null, verdict: "too few voxels" });
    expect(rows.find((row) => row.tissue === "soft tissue")).toMatchObject({ verdict: "pass" });
  });

  it("gives a standard error that covers the spread over repeated correlated noise", () => {
    const errors: number[] = [];
    const stated: number[] = [];
    for (let seed = 0; seed < 24; seed++) {
      const noise = buildNoise(truth.geometry.size, 30, "ramp", 100 + seed);
      const slices = truth.geometry.size[0];
      for (let s = 0; s < slices; s++) {
        const at = s * SIDE * SIDE;
        noise.set(smoothGaussian(noise.subarray(at, at + SIDE * SIDE), SIDE, SIDE, 2), at);
      }
      const soft = measureHuBias(addSamples(truth, noise), truth, truthTissues)[3];
      errors.push(soft.meanDifferenceHu as number);
      stated.push(soft.standardErrorHu as number);
    }
    const spread = Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
    const mean = stated.reduce((sum, e) => sum + e, 0) / stated.length;
    expect(spread).toBeLessThan(1.3 * mean);
  });
});

describe("measureNoise", () => {
  function measure(volume: Volume<"HU">): number {
    const tiles = findNoiseTiles(volume, classifyTissues(volume).body);
    const { sigmaHu, perSlice } = measureNoise(volume, tiles);
    expect(perSlice.every((v) => v !== null)).toBe(true);
    return sigmaHu as number;
  }

  for (const kind of ["white", "ramp"] as const) {
    for (const sigma of [3, 15, 50]) {
      it(`finds ${sigma} HU of ${kind} noise within 5 %`, () => {
        const noisy = addSamples(truth, buildNoise(truth.geometry.size, sigma, kind, 11));
        expect(Math.abs(measure(noisy) / sigma - 1)).toBeLessThan(0.05);
      });
      it(`finds ${sigma} HU of ${kind} noise within 5 % among vessels`, () => {
        const vessels = buildPhantom(3, SIDE, 60);
        const noisy = addSamples(vessels, buildNoise(truth.geometry.size, sigma, kind, 12));
        expect(Math.abs(measure(noisy) / sigma - 1)).toBeLessThan(0.05);
      });
    }
  }

  it("gives no value without soft tissue, and 0 without noise", () => {
    const air = createVolume("HU", truth.geometry, new Float32Array(truth.data.length).fill(-1000));
    const tiles = findNoiseTiles(air, classifyTissues(air).body);
    expect(measureNoise(air, tiles)).toMatchObject({ sigmaHu: null, perSlice: [null, null, null], tiles: 0 });
    const clean = findNoiseTiles(truth, truthTissues.body);
    expect(measureNoise(truth, clean).sigmaHu).toBeCloseTo(0, 6);
  });

  it("refuses tiles of another volume", () => {
    const tiles = findNoiseTiles(truth, truthTissues.body);
    expect(() => measureNoise(buildPhantom(1, SIDE), tiles)).toThrowError(
      expect.objectContaining({ code: "SHAPE_MISMATCH" }),
    );
  });
});

describe("measureStructureLoss", () => {
  const vessels = buildPhantom(3, SIDE, 60);
  const noisy = addSamples(vessels, buildNoise(truth.geometry.size, 20, "white", 21));
  const { body } = classifyTissues(vessels, { smoothingPx: 0 });

  it("sees nothing when noise alone was removed", () => {
    const result = measureStructureLoss(vessels, noisy, body);
    expect(Math.abs(result.laplacianCorrelation as number)).toBeLessThan(0.05);
    expect(Math.abs((result.edgeToFlatRatio as number) - 1)).toBeLessThan(0.05);
    expect(result.residualSdHu).toBeCloseTo(20, 0);
    expect(Math.abs(result.residualMeanHu)).toBeLessThan(0.3);
  });

  it("sees a blur", () => {
    const plane = SIDE * SIDE;
    const blurred = createVolume("HU", noisy.geometry, new Float32Array(noisy.data.length));
    for (let s = 0; s < 3; s++) {
      blurred.data.set(
        smoothGaussian(noisy.data.subarray(s * plane, (s + 1) * plane), SIDE, SIDE, 1.5),
        s * plane,
      );
    }
    const result = measureStructureLoss(blurred, noisy, body);
    expect(result.laplacianCorrelation).toBeGreaterThan(0.4);
    expect(result.edgeToFlatRatio).toBeGreaterThan(1.3);
  });

  it("has no ratio when nothing was changed", () => {
    expect(measureStructureLoss(noisy, noisy, body)).toMatchObject({
      residualMeanHu: 0,
      residualSdHu: 0,
      edgeToFlatRatio: null,
      laplacianCorrelation: null,
    });
  });
});
