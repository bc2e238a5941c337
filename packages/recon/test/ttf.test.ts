/**
 * The sharpness of FBP against its closed form (tomography.md §6.11): TTF(f) = A(f) · sinc²(fT) for point-sampled line
 * integrals with linear interpolation, once more sinc(fT) when channels average over their width T; A is the window,
 * T of the last interpolation the sample width. Measured from the edge of an exact disc, as a physicist would.
 */
import { createCentredGrid, type PlanarGeometry } from "@alara/core";
import { describe, expect, it } from "vitest";
import { rampWindows, reconstructFbp } from "../src/index.ts";
import { projectRounds, spreadAngles } from "./fbp-scans.ts";

const RADIUS_MM = 40;
const MU = 0.02;
/** Height of the patch's middle above the axis, mm. */
const UP_MM = 30;
const T = 1;
const NYQUIST = 0.5 / T;
/** Bins of the edge profile, mm, and how far from the edge it is looked at. */
const BIN_MM = 0.1;
const REACH_MM = 10;

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Hann window over the edge's derivative: sharp windows ring farther than anyone looks. */
const taper = (place: number): number => 0.5 + 0.5 * Math.cos((Math.PI * place) / REACH_MM);

/** What the taper leaves of a closed form: computed, not tolerated. */
function expectTtf(closed: (f: number) => number, frequencies: readonly number[]): number[] {
  const steps = 500;
  const sums = frequencies.map(() => 0);
  for (let k = -100; k <= 100; k++) {
    const place = (k * REACH_MM) / 100;
    let line = 0;
    for (let i = 0; i < steps; i++) {
      const f = ((i + 0.5) / steps) * NYQUIST;
      line += 2 * closed(f) * Math.cos(2 * Math.PI * f * place) * (NYQUIST / steps);
    }
    frequencies.forEach((f, i) => {
      sums[i] += line * taper(place) * Math.cos(2 * Math.PI * f * place) * (REACH_MM / 100);
    });
  }
  return sums;
}

/**
 * The modulus at some frequencies of the derivative of the edge profile of a disc at (x, y), over the edge's
 * height; the binning's own sinc is taken out.
 */
function measureTtf(
  data: Float32Array,
  grid: ReturnType<typeof createCentredGrid>,
  centre: readonly [number, number],
  frequencies: readonly number[],
): number[] {
  const bins = Math.round((2 * REACH_MM) / BIN_MM);
  const sums = new Float64Array(bins);
  const counts = new Float64Array(bins);
  const [, rows, columns] = grid.size;
  for (let i = 0; i < rows * columns; i++) {
    const y = grid.originMm[1] + Math.floor(i / columns) * grid.spacingMm[1] + UP_MM - centre[1];
    const x = grid.originMm[0] + (i % columns) * grid.spacingMm[2] - centre[0];
    const bin = Math.floor((Math.hypot(x, y) - RADIUS_MM + REACH_MM) / BIN_MM);
    if (bin < 0 || bin >= bins) continue;
    sums[bin] += data[i];
    counts[bin]++;
  }
  const profile = sums.map((sum, k) => sum / counts[k]);
  expect(Math.min(...counts)).toBeGreaterThan(20);
  const transform = (f: number): number => {
    let real = 0;
    let imaginary = 0;
    for (let k = 1; k < bins; k++) {
      const place = k * BIN_MM - REACH_MM;
      const step = (profile[k - 1] - profile[k]) * taper(place);
      real += step * Math.cos(2 * Math.PI * f * place);
      imaginary += step * Math.sin(2 * Math.PI * f * place);
    }
    return Math.hypot(real, imaginary) / sinc(f * BIN_MM) ** 2;
  };
  // By the true height: ringing still moves the profile's ends, while the mean is known to be right.
  return frequencies.map((f) => transform(f) / MU);
}

const frequencies = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4];
const parallel: PlanarGeometry = {
  kind: "parallel",
  channels: 185,
  channelPitchMm: T,
  channelOffset: 0,
  anglesRad: spreadAngles(360, Math.PI),
};
// The same width at the axis; the disc's edge lies near it, so magnification stays within 1 %.
const flat: PlanarGeometry = {
  kind: "fan-flat",
  sourceToIsoMm: 4000,
  sourceToDetectorMm: 6000,
  channels: 185,
  channelPitchMm: 1.5 * T,
  channelOffset: 0,
  anglesRad: spreadAngles(720, 2 * Math.PI),
};

describe("the TTF of FBP", () => {
  // A patch around the right edge of a disc far off the axis along the edge, so that the edge meets samples at all
  // places between them and aliases cancel.
  const centre = [-39.3, UP_MM] as const;
  const grid = createCentredGrid([1, 130, 90], [1, 0.31, 0.29]);
  const options = { grid, axisOffsetMm: [-UP_MM, 0] as const, engine: "reference" };

  it.each([
    ["hann", 1, 1, 1, parallel],
    ["hann", 1, 2, 1, parallel],
    ["hann", 1, 1, 8, parallel],
    ["hamming", 1, 1, 8, parallel],
    ["cosine", 1, 2, 8, parallel],
    ["shepp-logan", 1, 2, 8, parallel],
    ["ram-lak", 1, 2, 8, parallel],
    ["hann", 0.7, 1, 1, parallel],
    ["siemens-smooth", 1, 2, 1, parallel],
    ["siemens-sharp", 1, 2, 8, parallel],
    ["ge-standard", 1, 1, 8, parallel],
    ["hann", 1, 2, 8, flat],
  ] as const)(
    "is the closed form: %s, cutoff %f, oversampling %i, %i rays per channel",
    async (window, cutoff, oversampling, rays, geometry) => {
      const sinogram = projectRounds(
        [{ shape: "cylinder", centreMm: [centre[0], centre[1], 0], radiusMm: RADIUS_MM, mu: MU }],
        geometry,
        rays,
      );
      const { data } = await reconstructFbp(sinogram, { ...options, window, cutoff, oversampling });
      const measured = measureTtf(data, grid, centre, frequencies);
      const gain = rampWindows.get(window);
      const expected = expectTtf((f) => {
        const cut = f > cutoff * NYQUIST ? 0 : gain(f, cutoff * NYQUIST);
        return cut * sinc((f * T) / oversampling) ** 2 * (rays > 1 ? sinc(f * T) : 1);
      }, frequencies);
      frequencies.forEach((f, k) => {
        const distance = Math.abs(measured[k] - expected[k]);
        expect(distance, `at ${f}/mm: ${measured[k]} for ${expected[k]}`).toBeLessThan(0.01);
      });
    },
  );

  it("falls to its half where the closed form says, and later with a sharper window", async () => {
    const sinogram = projectRounds(
      [{ shape: "cylinder", centreMm: [centre[0], centre[1], 0], radiusMm: RADIUS_MM, mu: MU }],
      parallel,
      8,
    );
    const fine = Array.from({ length: 490 }, (_, k) => (k + 1) / 1000);
    const halves: number[] = [];
    for (const window of ["siemens-smooth", "hann", "cosine", "shepp-logan"]) {
      const { data } = await reconstructFbp(sinogram, { ...options, window, oversampling: 2 });
      const measured = measureTtf(data, grid, centre, fine);
      const gain = rampWindows.get(window);
      const half = fine[measured.findIndex((value) => value < 0.5)];
      const expected = expectTtf((f) => gain(f, NYQUIST) * sinc(f / 2) ** 2 * sinc(f), fine);
      const closed = fine[expected.findIndex((value) => value < 0.5)];
      expect(Math.abs(half / closed - 1)).toBeLessThan(0.02);
      halves.push(half);
    }
    expect([...halves].sort((a, b) => a - b)).toEqual(halves);
  });
});
