/**
 * The noise of filtered back-projection against its closed forms (tomography.md §2.3), unit variance per sample: the
 * variance of a pixel, π²/(12 views T²) on a sample and 2/3 − 2/π² of it on the mean over places between samples, and
 * the spectrum (π T/views) f (W(f) sinc²(f T'))², T the channel and T' the sample width at the axis. What a finite region
 * shows of the spectrum is computed. Seeds are fixed; the standard error of a ring's power is at most 1 % for the
 * fan and 0.5 % for parallel rays.
 */
import {
  createCentredGrid,
  createFftPlan,
  createRandom,
  createSinogram,
  type ParallelGeometry,
  type PlanarGeometry,
  transform2d,
} from "@alara/core";
import { createScanGeometry, measureNps, scanners } from "@alara/physics";
import { getDetectorNyquistPerMm, rampWindows, reconstructFbp } from "@alara/recon";
import { createAngles } from "../../workload/ct-scans.ts";
import { checkAtMost, deviate, type EvidencePart, findLargest } from "./tables.ts";

const SIZE = 64;
/** (2/3 − 2/π²): what linear interpolation leaves of the variance on the mean over places. */
const INTERPOLATED = 2 / 3 - 2 / Math.PI ** 2;

const parallel: ParallelGeometry = {
  ...{ kind: "parallel", channels: 91, channelPitchMm: 0.9, channelOffset: 0 },
  anglesRad: createAngles(180, Math.PI),
};
const closedVariance = Math.PI ** 2 / (12 * 180 * 0.9 ** 2);

/** White noise reconstructed; the fan's only in the channels near the axis, all that the region sees. */
interface NoiseCase {
  readonly name: string;
  readonly geometry: PlanarGeometry;
  /** T, mm at the axis. */
  readonly pitchMm: number;
  readonly nyquistPerMm: number;
  readonly channels: readonly [number, number];
  readonly window: string;
  readonly oversampling: 1 | 2;
  readonly slices: number;
  readonly spacingMm: number;
  /** Rings of the spectrum, 1/mm. */
  readonly edges: readonly number[];
  readonly seed: number;
}

const fan = createScanGeometry(scanners.get("ge-lightspeed"), { views: 492, channelBinning: 2 });
const ofFan = {
  geometry: fan,
  pitchMm: fan.channelPitchRad * fan.sourceToIsoMm,
  nyquistPerMm: getDetectorNyquistPerMm(fan),
  channels: [140, 310],
  slices: 240,
  spacingMm: 0.8,
  seed: 4,
} as const;
const ofParallel = {
  geometry: parallel,
  pitchMm: 0.9,
  nyquistPerMm: 0.5 / 0.9,
  channels: [0, 91],
  slices: 480,
  spacingMm: 0.7,
  seed: 19,
} as const;
const cases: readonly NoiseCase[] = [
  {
    ...ofParallel,
    ...{ name: "parallel, Hann, finer samples", window: "hann", oversampling: 2, edges: [0.03, 0.22, 0.3] },
  },
  {
    ...ofParallel,
    ...{ name: "parallel, cosine", window: "cosine", oversampling: 1, edges: [0.03, 0.22, 0.3, 0.36] },
  },
  {
    ...ofFan,
    ...{ name: "fan, Ram-Lak, finer samples", window: "ram-lak", oversampling: 2 },
    edges: [0.05, 0.12, 0.17, 0.22, 0.27, 0.32],
  },
  {
    ...ofFan,
    ...{ name: "fan, Hann", window: "hann", oversampling: 1, edges: [0.05, 0.12, 0.17, 0.22] },
  },
];

/** Expected periodogram of a square region of noise with spectrum `closed`. */
function expectPeriodogram(closed: (f: number) => number, spacingMm: number): Float64Array {
  const fine = 8 * SIZE;
  const plan = createFftPlan(fine);
  const real = new Float64Array(fine * fine);
  const imaginary = new Float64Array(fine * fine);
  const fold = (k: number, n: number): number => (k <= n / 2 ? k : k - n);
  for (let i = 0; i < fine * fine; i++) {
    real[i] = closed(Math.hypot(fold(Math.floor(i / fine), fine), fold(i % fine, fine)) / (fine * spacingMm));
  }
  transform2d(plan, plan, real, imaginary, "inverse");
  const small = createFftPlan(SIZE);
  const out = new Float64Array(SIZE * SIZE);
  // Autocovariance times the region's overlap with itself, wrapped to the region's length.
  for (let i = -SIZE + 1; i < SIZE; i++) {
    for (let j = -SIZE + 1; j < SIZE; j++) {
      const overlap = (1 - Math.abs(i) / SIZE) * (1 - Math.abs(j) / SIZE);
      out[((i + SIZE) % SIZE) * SIZE + ((j + SIZE) % SIZE)] +=
        overlap * real[((i + fine) % fine) * fine + ((j + fine) % fine)];
    }
  }
  transform2d(small, small, out, new Float64Array(SIZE * SIZE), "forward");
  return out;
}

/** Power measured over power expected, ring by ring. */
async function measureRings(item: NoiseCase): Promise<number[]> {
  const { geometry, pitchMm, nyquistPerMm, oversampling, slices, spacingMm, edges } = item;
  const views = geometry.anglesRad.length;
  const random = createRandom(item.seed);
  const sinogram = createSinogram("line integral", geometry, slices);
  const [first, end] = item.channels;
  for (let k = 0; k < slices * views; k++) {
    for (let c = first; c < end; c++) sinogram.data[k * geometry.channels + c] = random.nextNormal();
  }
  const volume = await reconstructFbp(sinogram, {
    grid: createCentredGrid([slices, SIZE, SIZE], [1, spacingMm, spacingMm]),
    window: item.window,
    oversampling,
    truncation: "ignore",
  });
  const regions = Array.from({ length: slices }, (_, slice) => ({ slice, row: 0, column: 0 }));
  const nps = measureNps(volume, { regions, sizePixels: SIZE, detrend: "none" });
  const window = rampWindows.get(item.window);
  const closed = (f: number): number => {
    if (f === 0 || f > nyquistPerMm) return 0;
    const x = (Math.PI * f * pitchMm) / oversampling;
    return ((Math.PI * pitchMm) / views) * f * (window(f, nyquistPerMm) * (Math.sin(x) / x) ** 2) ** 2;
  };
  const expected = expectPeriodogram(closed, spacingMm);
  return edges.slice(0, -1).map((low, k) => {
    let [made, wanted] = [0, 0];
    for (let i = 0; i < SIZE * SIZE; i++) {
      const r = Math.min(i >> 6, SIZE - (i >> 6));
      const c = Math.min(i & 63, SIZE - (i & 63));
      const f = Math.hypot(r, c) / (SIZE * spacingMm);
      if (f < low || f >= edges[k + 1]) continue;
      made += nps.power[i];
      wanted += expected[i];
    }
    return made / wanted;
  });
}

/** Variance at places on the s axis of view 0, exact: one slice per channel with a unit impulse. */
async function computeVariances(placesMm: readonly number[]): Promise<number[]> {
  const { channels, anglesRad } = parallel;
  const views = anglesRad.length;
  const data = new Float32Array(channels * views * channels);
  for (let c = 0; c < channels; c++) data[c * views * channels + c] = 1;
  const spacing = placesMm.length > 1 ? placesMm[1] - placesMm[0] : 1;
  const middle = (placesMm[0] + placesMm[placesMm.length - 1]) / 2;
  const { data: image } = await reconstructFbp(createSinogram("line integral", parallel, channels, data), {
    grid: createCentredGrid([channels, 1, placesMm.length], [1, 1, spacing]),
    axisOffsetMm: [0, -middle],
    truncation: "ignore",
    engine: "reference",
  });
  return placesMm.map((_, i) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += image[c * placesMm.length + i] ** 2;
    return views * sum;
  });
}

/** Mean square of pixels of drawn noise, at many places between samples. */
async function drawVariance(): Promise<number> {
  const [slices, seed] = [240, 23];
  const sinogram = createSinogram("line integral", parallel, slices);
  const random = createRandom(seed);
  for (let i = 0; i < sinogram.data.length; i++) sinogram.data[i] = random.nextNormal();
  const { data } = await reconstructFbp(sinogram, {
    grid: createCentredGrid([slices, 24, 24], [1, 1.37, 1.31]),
    truncation: "ignore",
    engine: "reference",
  });
  return data.reduce((sum, value) => sum + value * value, 0) / data.length;
}

/** Runs the part. */
export async function studyNoiseForms(): Promise<EvidencePart> {
  const [onSample] = await computeVariances([0]);
  const places = Array.from({ length: 64 }, (_, k) => ((k + 0.5) / 64) * parallel.channelPitchMm);
  const between = (await computeVariances(places)).reduce((sum, value) => sum + value / 64, 0);
  const drawn = await drawVariance();
  const rings: (readonly [string, number[]])[] = [];
  for (const item of cases) rings.push([item.name, await measureRings(item)]);
  const widest = Math.max(...rings.map(([, values]) => values.length));
  return {
    tables: [
      {
        title: "Variance of a pixel of parallel rays, Ram-Lak, over π²/(12 views T²)",
        columns: ["place", "closed form", "ours"],
        rows: [
          ["on a sample, from impulses", "1.00000", (onSample / closedVariance).toFixed(5)],
          ["mean over places, from impulses", INTERPOLATED.toFixed(5), (between / closedVariance).toFixed(5)],
          [
            "mean over places, 138 240 pixels drawn",
            INTERPOLATED.toFixed(5),
            (drawn / closedVariance).toFixed(5),
          ],
        ],
      },
      {
        title: "Noise power spectrum at the axis: measured over closed form, in rings of rising frequency",
        columns: ["scan and window", ...Array.from({ length: widest }, (_, k) => `ring ${k + 1}`)],
        rows: rings.map(([name, values]) => [
          name,
          ...Array.from({ length: widest }, (_, k) => values[k]?.toFixed(4) ?? "–"),
        ]),
      },
    ],
    checks: [
      checkAtMost("variance on a sample, from its closed form", deviate(onSample, closedVariance), 1e-4),
      checkAtMost(
        "variance on the mean over places, from its closed form",
        deviate(between, INTERPOLATED * closedVariance),
        1e-3,
      ),
      checkAtMost(
        "variance of drawn noise, from its closed form",
        deviate(drawn, INTERPOLATED * closedVariance),
        0.02,
      ),
      checkAtMost(
        "noise power, from its closed form, worst ring",
        findLargest(rings.flatMap(([, values]) => values.map((value) => value - 1))),
        0.02,
      ),
    ],
  };
}
