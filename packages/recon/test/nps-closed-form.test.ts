/**
 * The noise of FBP against its closed forms (tomography.md §2.3): white sinogram noise gives
 * NPS(f) = (π σp² T / views) · f · (W(f) sinc²(f T'))² at the axis, T the channel and T' the sample width there, and
 * for parallel rays the variance π²σp²/(12 views T²), times 2/3 − 2/π² where samples are interpolated. What a finite
 * region shows of the spectrum (leakage) is computed, not tolerated. Monte Carlo: seeds are fixed, and the sampling
 * error of a ring's power is 1/√(its independent periodogram values): up to 1.5 % for the fan, below 0.8 % for parallel
 * rays, where 2 % are 2.5 standard errors or more.
 */
import {
  createCentredGrid,
  createFftPlan,
  createRandom,
  type ParallelGeometry,
  transform2d,
} from "@alara/core";
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

describe("noise of parallel FBP", () => {
  const views = 180;
  const T = 0.9;
  const geometry: ParallelGeometry = {
    kind: "parallel",
    channels: 91,
    channelPitchMm: T,
    channelOffset: 0,
    anglesRad: Float64Array.from({ length: views }, (_, k) => (Math.PI * k) / views),
  };

  it.each([["hann", 2], ["cosine", 1], ...(isFull ? ([["shepp-logan", 2]] as const) : [])] as const)(
    "has the closed-form spectrum within 2 %: %s window, oversampling %i",
    async (name, oversampling) => {
      const slices = isFull ? 320 : 160;
      const random = createRandom(19);
      const data = new Float32Array(slices * views * 91).map(() => random.nextNormal());
      const size = 64;
      const spacing = 0.7;
      const volume = await reconstructFbp(
        { unit: "line integral", geometry, slices, data },
        {
          grid: createCentredGrid([slices, size, size], [1, spacing, spacing]),
          window: name,
          oversampling,
          truncation: "ignore",
          engine: "reference",
        },
      );
      const regions = Array.from({ length: slices }, (_, slice) => ({ slice, row: 0, column: 0 }));
      const nps = measureNps(volume, { regions, sizePixels: size, detrend: "none" });
      const window = rampWindows.get(name);
      const nyquist = 0.5 / T;
      const closed = (f: number): number => {
        if (f === 0 || f > nyquist) return 0;
        const x = (Math.PI * f * T) / oversampling;
        return ((Math.PI * T) / views) * f * (window(f, nyquist) * (Math.sin(x) / x) ** 2) ** 2;
      };
      const expected = expectPeriodogram(closed, size, spacing);
      const edges = [0.03, 0.22, 0.3, 0.36, 0.4].filter((f) => f < (name === "hann" ? 0.55 : 0.7) * nyquist);
      expect(edges.length).toBeGreaterThan(2);
      for (let k = 0; k + 1 < edges.length; k++) {
        let [made, wanted, values] = [0, 0, 0];
        for (let i = 0; i < size * size; i++) {
          const r = Math.min(i >> 6, 64 - (i >> 6));
          const c = Math.min(i & 63, 64 - (i & 63));
          const f = Math.hypot(r, c) / (size * spacing);
          if (f < edges[k] || f >= edges[k + 1]) continue;
          made += nps.power[i];
          wanted += expected[i];
          values++;
        }
        // Each value stands twice in a real image's spectrum.
        expect(Math.sqrt(2 / (values * slices))).toBeLessThan(0.008);
        expect(Math.abs(made / wanted - 1)).toBeLessThan(0.02);
      }
    },
  );

  /** Variance of a pixel at place x on the s axis, per unit variance of independent samples, from view 0 alone. */
  async function measureVariance(positions: readonly number[]): Promise<number[]> {
    // One slice per channel, with a unit impulse in view 0: every view contributes as much at the axis.
    const { channels } = geometry;
    const data = new Float32Array(channels * views * channels);
    for (let c = 0; c < channels; c++) data[c * views * channels + c] = 1;
    const spacing = positions.length > 1 ? positions[1] - positions[0] : 1;
    const middle = (positions[0] + positions[positions.length - 1]) / 2;
    const volume = await reconstructFbp(
      { unit: "line integral", geometry, slices: channels, data },
      {
        grid: createCentredGrid([channels, 1, positions.length], [1, 1, spacing]),
        axisOffsetMm: [0, -middle],
        truncation: "ignore",
        engine: "reference",
      },
    );
    return positions.map((_, i) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += volume.data[c * positions.length + i] ** 2;
      return views * sum;
    });
  }

  const closedVariance = Math.PI ** 2 / (12 * views * T * T);
  it("has the closed-form variance on a sample: π²/(12 views T²) to 1e-4", async () => {
    const [variance] = await measureVariance([0]);
    expect(Math.abs(variance / closedVariance - 1)).toBeLessThan(1e-4);
  });

  it("has 2/3 − 2/π² of it between samples, on the mean over places, to 1e-3", async () => {
    const places = Array.from({ length: 64 }, (_, k) => ((k + 0.5) / 64) * T);
    const variances = await measureVariance(places);
    const mean = variances.reduce((sum, value) => sum + value, 0) / 64;
    expect(Math.abs(mean / closedVariance / (2 / 3 - 2 / Math.PI ** 2) - 1)).toBeLessThan(1e-3);
    // Least half way between two samples.
    expect(Math.min(...variances)).toBeLessThan(0.2 * closedVariance);
  });

  it("has, drawn at random, that variance within 2 %", async () => {
    const slices = 60;
    const random = createRandom(23);
    const data = new Float32Array(slices * views * 91).map(() => random.nextNormal());
    const { data: image } = await reconstructFbp(
      { unit: "line integral", geometry, slices, data },
      {
        grid: createCentredGrid([slices, 24, 24], [1, 1.37, 1.31]),
        truncation: "ignore",
        engine: "reference",
      },
    );
    let square = 0;
    for (let i = 0; i < image.length; i++) square += image[i] ** 2;
    // 34,560 pixels, neighbours slightly correlated: a standard error of about 0.8 %.
    expect(Math.abs(square / image.length / closedVariance / (2 / 3 - 2 / Math.PI ** 2) - 1)).toBeLessThan(
      0.02,
    );
  });
});
