/**
 * The noise of FBP against its closed form (tomography.md §2.3): white sinogram noise gives
 * NPS(f) = (π σp² T / views) · f · (W(f) sinc²(f T'))² at the axis, T the channel and T' the sample width there.
 * What a finite region shows of it (leakage) is computed, not tolerated.
 */
import { createCentredGrid, createFftPlan, createRandom, transform2d } from "@alara/core";
import { createScanGeometry, measureNps, scanners } from "@alara/physics";
import { describe, expect, it } from "vitest";
import { createFanFilter, getDetectorNyquistPerMm, rampWindows, reconstructFbp } from "../src/index.ts";

const isFull = process.env.ALARA_FULL !== undefined;

/** Expected periodogram of a size² region of noise with spectrum `closed`, pixels of `spacing` mm. */
function expectPeriodogram(closed: (f: number) => number, size: number, spacing: number): Float64Array {
  const fine = 8 * size;
  const plan = createFftPlan(fine);
  const real = new Float64Array(fine * fine);
  const imaginary = new Float64Array(fine * fine);
  const fold = (k: number, n: number): number => (k <= n / 2 ? k : k - n);
  for (let r = 0; r < fine; r++) {
    for (let c = 0; c < fine; c++) {
      real[r * fine + c] = closed(Math.hypot(fold(r, fine), fold(c, fine)) / (fine * spacing));
    }
  }
  transform2d(plan, plan, real, imaginary, "inverse");
  const small = createFftPlan(size);
  const outReal = new Float64Array(size * size);
  const outImaginary = new Float64Array(size * size);
  // Autocovariance times the region's own overlap, wrapped to the region's length.
  for (let i = -size + 1; i < size; i++) {
    for (let j = -size + 1; j < size; j++) {
      const overlap = (1 - Math.abs(i) / size) * (1 - Math.abs(j) / size);
      outReal[((i + size) % size) * size + ((j + size) % size)] +=
        overlap * real[((i + fine) % fine) * fine + ((j + fine) % fine)];
    }
  }
  transform2d(small, small, outReal, outImaginary, "forward");
  return outReal;
}

describe("noise of FBP", () => {
  const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 492, channelBinning: 2 });
  const views = geometry.anglesRad.length;
  const pitchMm = geometry.channelPitchRad * geometry.sourceToIsoMm;
  const nyquist = getDetectorNyquistPerMm(geometry);
  const slices = isFull ? 200 : 100;

  it.each([
    ["ram-lak", 2],
    ["hann", 1],
  ] as const)(
    "has the closed-form spectrum within 2 %: %s window, oversampling %i",
    async (name, oversampling) => {
      const random = createRandom(4);
      const data = new Float32Array(slices * views * geometry.channels);
      // Only rays that pass near the region matter.
      for (let k = 0; k < slices * views; k++) {
        for (let c = 140; c < 310; c++) data[k * geometry.channels + c] = random.nextNormal();
      }
      const spacing = 0.8;
      const grid = createCentredGrid([slices, 64, 64], [1, spacing, spacing]);
      const volume = await reconstructFbp(
        { unit: "line integral", geometry, slices, data },
        { grid, window: name, oversampling },
      );
      const regions = Array.from({ length: slices }, (_, slice) => ({ slice, row: 0, column: 0 }));
      const nps = measureNps(volume, { regions, sizePixels: 64, detrend: "none" });
      const window = rampWindows.get(name);
      const closed = (f: number): number => {
        if (f === 0 || f > nyquist) return 0;
        const x = (Math.PI * f * pitchMm) / oversampling;
        const transfer = window(f, nyquist) * (Math.sin(x) / x) ** 2;
        return ((Math.PI * pitchMm) / views) * f * transfer * transfer;
      };
      const expected = expectPeriodogram(closed, 64, spacing);
      // Rings of frequencies below the steep end of the window, each wide enough for a sampling error below 1 %.
      const edges = [0.05, 0.12, 0.17, 0.22, 0.27, 0.32].filter(
        (f) => f < (name === "hann" ? 0.55 : 0.8) * nyquist,
      );
      for (let k = 0; k + 1 < edges.length; k++) {
        let made = 0;
        let wanted = 0;
        for (let i = 0; i < 4096; i++) {
          const r = Math.min(i >> 6, 64 - (i >> 6));
          const c = Math.min(i & 63, 64 - (i & 63));
          const f = Math.hypot(r, c) / (64 * spacing);
          if (f < edges[k] || f >= edges[k + 1]) continue;
          made += nps.power[i];
          wanted += expected[i];
        }
        expect(Math.abs(made / wanted - 1)).toBeLessThan(0.02);
      }
    },
  );

  it("of i.i.d. channels has the closed-form variance: 2/3 − 2/π² of π²σ²/(12 views T²) for Ram-Lak", () => {
    const gain = createFanFilter(geometry, () => 1).computeNoiseGain();
    // κ is per arc sample; the parallel formula is per mm at the axis: divide by D².
    const variance = (Math.PI ** 2 / views) * (gain / geometry.sourceToIsoMm ** 2);
    const closed = (Math.PI ** 2 / (12 * views * pitchMm ** 2)) * (2 / 3 - 2 / Math.PI ** 2);
    expect(Math.abs(variance / closed - 1)).toBeLessThan(0.002);
  });
});
