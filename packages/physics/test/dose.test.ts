/**
 * Effective dose against the published table, between its ages, and with cylinders that do not fit.
 */
import { describe, expect, it } from "vitest";
import {
  type BodyRegion,
  computeDlp,
  estimateEffectiveDose,
  getEffectiveDoseFactor,
  type ReferenceAge,
} from "../src/index.ts";

/** Shrimpton et al. as repeated by Lee et al. 2012 (Med Phys 39:2129), Table XII: an independent copy. */
const published: readonly [BodyRegion, ReferenceAge, number][] = [
  ["head", "newborn", 0.011],
  ["head", "1-year", 0.0067],
  ["head", "5-year", 0.004],
  ["head", "10-year", 0.0032],
  ["head", "adult", 0.0021],
  ["chest", "newborn", 0.039],
  ["chest", "1-year", 0.026],
  ["chest", "5-year", 0.018],
  ["chest", "10-year", 0.013],
  ["chest", "adult", 0.014],
  ["abdomen-pelvis", "newborn", 0.049],
  ["abdomen-pelvis", "1-year", 0.03],
  ["abdomen-pelvis", "5-year", 0.02],
  ["abdomen-pelvis", "10-year", 0.015],
  ["abdomen-pelvis", "adult", 0.015],
  ["trunk", "newborn", 0.044],
  ["trunk", "1-year", 0.028],
  ["trunk", "5-year", 0.019],
  ["trunk", "10-year", 0.014],
  ["trunk", "adult", 0.015],
];

describe("estimateEffectiveDose", () => {
  it.each(published)("%s %s has k = %f", (region, age, factor) => {
    const dose = estimateEffectiveDose({ dlpMGyCm: 250, region, age });
    expect(dose.effectiveDoseMSv).toBeCloseTo(250 * factor, 12);
    expect(dose.source).toContain("AAPM Report 96");
    expect(dose.source).not.toContain("second copy");
  });

  it("says which factors were not compared with a second copy of the table", () => {
    for (const region of ["neck", "head-neck"] as const) {
      for (const age of ["newborn", "10-year", 3, 12] as const) {
        expect(getEffectiveDoseFactor(region, age).source).toContain("not compared with a second copy");
      }
      expect(getEffectiveDoseFactor(region, "adult").source).not.toContain("second copy");
    }
    // The adult's, as public dose calculators repeat them.
    expect(getEffectiveDoseFactor("neck", "adult").factorMSvPerMGyCm).toBe(0.0059);
    expect(getEffectiveDoseFactor("head-neck", "adult").factorMSvPerMGyCm).toBe(0.0031);
  });

  it("makes 7 mSv of an adult chest scan of 500 mGy·cm", () => {
    const dlpMGyCm = computeDlp(12.5, 400);
    expect(dlpMGyCm).toBe(500);
    expect(estimateEffectiveDose({ dlpMGyCm, region: "chest", age: 54 }).effectiveDoseMSv).toBeCloseTo(7, 12);
  });

  it("falls with a child's age and meets the table at its ages", () => {
    for (const region of ["head", "head-neck", "neck", "chest", "abdomen-pelvis", "trunk"] as const) {
      const at = (age: ReferenceAge | number): number =>
        getEffectiveDoseFactor(region, age).factorMSvPerMGyCm;
      [0, 1, 5, 10].forEach((years, i) => {
        const name = (["newborn", "1-year", "5-year", "10-year"] as const)[i];
        expect(at(years)).toBeCloseTo(at(name), 12);
      });
      for (let years = 0; years < 10; years += 0.25) expect(at(years)).toBeGreaterThan(at(years + 0.25));
    }
    expect(getEffectiveDoseFactor("head", 14).factorMSvPerMGyCm).toBeCloseTo(Math.sqrt(0.0032 * 0.0021), 12);
    // The chest's factors at 10 years and of adults refer to different cylinders: nothing lies between them.
    expect(getEffectiveDoseFactor("chest", 15)).toMatchObject({
      factorMSvPerMGyCm: 0.013,
      phantomDiameterMm: 160,
    });
    expect(getEffectiveDoseFactor("chest", 18)).toMatchObject({
      factorMSvPerMGyCm: 0.014,
      phantomDiameterMm: 320,
    });
    for (const region of ["head", "head-neck", "neck"] as const) {
      expect(getEffectiveDoseFactor(region, "adult").phantomDiameterMm).toBe(160);
    }
  });

  it("refuses what it cannot know", () => {
    const chest = { dlpMGyCm: 100, region: "chest", age: "5-year" } as const;
    for (const options of [
      { ...chest, dlpMGyCm: -1 },
      { ...chest, dlpMGyCm: Number.NaN },
      { ...chest, age: -2 },
      { ...chest, age: "teenager" as ReferenceAge },
      { ...chest, region: "toe" as BodyRegion },
      { ...chest, phantomDiameterMm: 320 as const },
    ]) {
      expect(() => estimateEffectiveDose(options)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    }
    expect(() => computeDlp(-1, 3)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    expect(estimateEffectiveDose({ ...chest, phantomDiameterMm: 160 }).effectiveDoseMSv).toBeCloseTo(1.8, 12);
  });
});
