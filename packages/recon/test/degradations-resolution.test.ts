/**
 * Loss of resolution and of dose as degradations: closed-form transfer functions, noise against quanta.
 */
import { createCentredGrid, createVolume } from "@alara/core";
import { describe, expect, it } from "vitest";
import { degradeByDose, degradeResolution, evaluateBlurMtf } from "../src/index.ts";
import { body, rms, SMALL, subtract, water } from "./degradations-cases.ts";

describe("degradeResolution", () => {
  const size = 128;
  const pixel = 0.5;
  const grid = createCentredGrid([1, size, size], [1, pixel, pixel]);

  /** Amplitude of a grating before and after. */
  async function measureGain(
    blur: Parameters<typeof evaluateBlurMtf>[0] | undefined,
    frequency: number,
    angle: number,
    binning = 1,
  ): Promise<number> {
    const grating = createVolume("HU", grid);
    const basis = (i: number): [number, number] => {
      const x = ((i % size) - (size - 1) / 2) * pixel;
      const y = (Math.floor(i / size) - (size - 1) / 2) * pixel;
      const phase = 2 * Math.PI * frequency * (x * Math.cos(angle) + y * Math.sin(angle));
      return [Math.cos(phase), Math.sin(phase)];
    };
    for (let i = 0; i < grating.data.length; i++) grating.data[i] = 100 * basis(i)[0];
    // Not a field of view: one corner differs.
    grating.data[0] += 1;
    const { degraded } = await degradeResolution(grating, { ...(blur && { blur }), binning });
    let real = 0;
    let norm = 0;
    for (let r = 32; r < 96; r++) {
      for (let c = 32; c < 96; c++) {
        const [cosine] = basis(r * size + c);
        real += cosine * degraded.data[r * size + c];
        norm += cosine * cosine * 100;
      }
    }
    return real / norm;
  }

  it("has the MTF it states", async () => {
    const gaussian = { kind: "gaussian", fwhmMm: 1.4 } as const;
    const system = { kind: "system", focalSpotMm: 1.2, detectorApertureMm: 1.4, magnification: 1.8 } as const;
    for (const angle of [0, Math.PI / 2, 0.6]) {
      for (const frequency of [0.125, 0.25, 0.375]) {
        for (const blur of [gaussian, system]) {
          expect(
            Math.abs((await measureGain(blur, frequency, angle)) - evaluateBlurMtf(blur, frequency)),
          ).toBeLessThan(0.01);
        }
      }
    }
    // Closed forms: half at f = 2 ln 2/(π FWHM), the first zero of the aperture at M/a.
    expect(evaluateBlurMtf(gaussian, (2 * Math.LN2) / (Math.PI * 1.4))).toBeCloseTo(0.5, 12);
    expect(evaluateBlurMtf({ ...system, focalSpotMm: 0 }, 1.8 / 1.4)).toBeCloseTo(0, 12);
  });

  it("bins pixels: means of blocks stay, the grating loses sinc of the block and of the interpolation", async () => {
    const frequency = 0.125;
    // Block of two samples: cos(πfp); linear interpolation back to ±¼ block: (3 cos(πfp) + cos(3πfp))/4.
    const t = Math.PI * frequency * pixel;
    const expected = Math.cos(t) * ((3 * Math.cos(t) + Math.cos(3 * t)) / 4);
    expect(Math.abs((await measureGain(undefined, frequency, 0, 2)) - expected)).toBeLessThan(2e-3);
    const { degraded } = await degradeResolution(body, { binning: 4 });
    const mean = (data: Float32Array): number => data.reduce((sum, value) => sum + value, 0) / data.length;
    expect(Math.abs(mean(degraded.data) - mean(body.data))).toBeLessThan(0.5);
  });

  it("blurs along z by the width it states", async () => {
    const slices = 33;
    const stack = createVolume("HU", createCentredGrid([slices, 1, 1], [0.8, 1, 1]));
    stack.data[16] = 1000;
    const { degraded } = await degradeResolution(stack, { sliceFwhmMm: 4 });
    let mass = 0;
    let variance = 0;
    degraded.data.forEach((value, i) => {
      mass += value;
      variance += value * (0.8 * (i - 16)) ** 2;
    });
    expect(mass).toBeCloseTo(1000, 2);
    expect(Math.sqrt(variance / mass)).toBeCloseTo(4 / 2.35482, 2);
  });

  it("adds noise that falls with the root of the quanta and repeats with its seed", async () => {
    const sigma = async (incidentQuanta: number): Promise<number> =>
      rms(
        subtract(
          await degradeResolution(water, {
            ...SMALL,
            seed: 9,
            noise: { incidentQuanta, electronicNoiseQuanta: 0 },
          }),
        ),
      );
    // One seed: the same deviates, so the ratio is near 2 but for the logarithm's second order.
    expect((await sigma(2.5e5)) / (await sigma(1e6))).toBeCloseTo(2, 1);
  });

  it("refuses blurs that change the mean, noise without a seed, and impossible widths", async () => {
    const reject = { code: "OUT_OF_RANGE" };
    for (const wrong of [
      { blur: { kind: "mtf", mtf: () => 0.5 } },
      { blur: { kind: "gaussian", fwhmMm: -1 } },
      { noise: { incidentQuanta: 1e5 } },
      { binning: 1.5 },
      { binning: 0 },
      { sliceFwhmMm: Number.NaN },
    ] as const) {
      await expect(degradeResolution(body, wrong)).rejects.toMatchObject(reject);
    }
    const holed = { kind: "mtf", mtf: (f: number) => (f > 0.105 ? Number.NaN : 1) } as const;
    await expect(degradeResolution(body, { blur: holed })).rejects.toMatchObject({ code: "NON_FINITE" });
  });
});

describe("degradeByDose", () => {
  it("adds more noise at a lower dose and refuses dose fractions that are none", async () => {
    const noise = { incidentQuanta: 2e5, window: { boostMm2: 0, cutoffPerMm: 0.6, order: 2.5 } };
    const half = rms(subtract(await degradeByDose(water, { seed: 1, doseFraction: 0.5, noise })));
    const tenth = rms(subtract(await degradeByDose(water, { seed: 1, doseFraction: 0.1, noise })));
    // Variances to add are as 1/a − 1: 9 to 1.
    expect(tenth / half).toBeGreaterThan(2.7);
    expect(tenth / half).toBeLessThan(3.5);
    await expect(degradeByDose(water, { seed: 1, doseFraction: 0, noise })).rejects.toMatchObject({
      code: "OUT_OF_RANGE",
    });
    await expect(degradeByDose(water, { seed: 1, doseFraction: 0.5 })).rejects.toMatchObject({
      code: "NO_NOISE_MEASURED",
    });
  });
});
