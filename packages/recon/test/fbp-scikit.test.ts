/**
 * Parallel FBP against scikit-image: the numbers of its `iradon` on one sinogram (golden/make-fbp-skimage.py), and the
 * six tolerances of its own tests (0.19.3, test_radon_transform.py) on the same images (tomography.md §3.1). Its
 * nearest and cubic interpolations are not here, as FBP interpolates linearly.
 */
import { readFileSync } from "node:fs";
import {
  createCentredGrid,
  createRandom,
  createSinogram,
  type ParallelGeometry,
  type Sinogram,
} from "@alara/core";
import { createSheppLoganPhantom, voxelizePhantom } from "@alara/physics";
import { describe, expect, it } from "vitest";
import { type FbpOptions, reconstructFbp } from "../src/index.ts";
import { spreadAngles } from "./fbp-scans.ts";

/** Square image, `[row][column]`, pixels of 1 mm. */
interface Picture {
  readonly size: number;
  readonly data: Float32Array;
}

/** Share of a unit pixel's projection that lies below t. */
function cumulateFootprint(t: number, cosine: number, sine: number): number {
  const a = Math.max(Math.abs(cosine), Math.abs(sine)) / 2;
  const b = Math.min(Math.abs(cosine), Math.abs(sine)) / 2;
  if (b < 1e-9) return Math.min(1, Math.max(0, (t + a) / (2 * a)));
  const ramp = (x: number): number => (x > 0 ? (x * x) / 2 : 0);
  return (ramp(t + a + b) - ramp(t + a - b) - ramp(t - a + b) + ramp(t - a - b)) / (4 * a * b);
}

/** Exact strip integrals of an image of square pixels, channels of 1 mm. */
function projectPicture(
  { size, data }: Picture,
  views: number,
  channels: number,
): Sinogram<"line integral", ParallelGeometry> {
  const geometry: ParallelGeometry = {
    kind: "parallel",
    channels,
    channelPitchMm: 1,
    channelOffset: 0,
    anglesRad: spreadAngles(views, Math.PI),
  };
  const out = new Float64Array(views * channels);
  const middle = (size - 1) / 2;
  for (let view = 0; view < views; view++) {
    const cosine = Math.cos(geometry.anglesRad[view]);
    const sine = Math.sin(geometry.anglesRad[view]);
    for (let i = 0; i < data.length; i++) {
      if (data[i] === 0) continue;
      const s = ((i % size) - middle) * cosine + (Math.floor(i / size) - middle) * sine + (channels - 1) / 2;
      for (let c = Math.max(0, Math.round(s) - 2); c <= Math.min(channels - 1, Math.round(s) + 2); c++) {
        const share =
          cumulateFootprint(c + 0.5 - s, cosine, sine) - cumulateFootprint(c - 0.5 - s, cosine, sine);
        out[view * channels + c] += data[i] * share;
      }
    }
  }
  return createSinogram("line integral", geometry, 1, Float32Array.from(out));
}

async function reconstruct(
  sinogram: Sinogram<"line integral", ParallelGeometry>,
  size: number,
  options: Partial<FbpOptions> = {},
): Promise<Float32Array> {
  const grid = createCentredGrid([1, size, size], [1, 1, 1]);
  return (await reconstructFbp(sinogram, { grid, engine: "reference", ...options })).data;
}

function meanDistance(a: ArrayLike<number>, b: ArrayLike<number>, scaleA = 1, scaleB = 1): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] / scaleA - b[i] / scaleB);
  return sum / a.length;
}

const diagonal = (size: number): number => Math.ceil(Math.SQRT2 * size);

describe("parallel FBP and scikit-image's iradon", () => {
  const golden = JSON.parse(readFileSync(new URL("./golden/fbp-skimage.json", import.meta.url), "utf8"));
  const geometry: ParallelGeometry = {
    kind: "parallel",
    channels: golden.channels,
    channelPitchMm: 1,
    channelOffset: 0,
    // iradon's angles turn the other way: its s is x cosθ − y sinθ.
    anglesRad: spreadAngles(golden.views, -Math.PI),
  };
  const sinogram = createSinogram("line integral", geometry, 1, Float32Array.from(golden.sinogram));
  // Its Hamming and Hann windows are one sample longer than their period, so they differ a little from the formula.
  it.each([
    ["ramp", "ram-lak", 2e-6],
    ["shepp-logan", "shepp-logan", 1e-4],
    ["cosine", "cosine", 1e-4],
    ["hamming", "hamming", 0.01],
    ["hann", "hann", 0.01],
  ])("give the same picture: %s", async (name, window, tolerance) => {
    const data = await reconstruct(sinogram, golden.size, { window });
    const peak = Math.max(...golden.images[name]);
    let worst = 0;
    for (let i = 0; i < data.length; i++) worst = Math.max(worst, Math.abs(data[i] - golden.images[name][i]));
    expect(worst / peak).toBeLessThan(tolerance);
  });
});

describe("scikit-image's tolerances", () => {
  it("disc of 32 in 128 pixels: mean error of the picture below 5e-5", async () => {
    const data = new Float32Array(128 * 128);
    for (let i = 0; i < data.length; i++) {
      data[i] = Math.hypot((i % 128) - 63.5, Math.floor(i / 128) - 63.5) <= 32 ? 1 : 0;
    }
    const made = await reconstruct(projectPicture({ size: 128, data }, 128, 128), 128);
    let error = 0;
    let inside = 0;
    for (let i = 0; i < data.length; i++) {
      // Its radon and iradon know only the inscribed circle.
      if (Math.hypot((i % 128) - 63.5, Math.floor(i / 128) - 63.5) > 64) continue;
      error += made[i] - data[i];
      inside++;
    }
    expect(inside).toBeGreaterThan(12000);
    expect(Math.abs(error / data.length)).toBeLessThan(5e-5);
  });

  const head = voxelizePhantom(
    createSheppLoganPhantom({ radiusMm: 50 }),
    createCentredGrid([1, 100, 100], [1, 1, 1]),
  ).data;
  const headScan = projectPicture({ size: 100, data: head }, 180, diagonal(100));
  it.each([
    ["ram-lak", 0.025],
    ["shepp-logan", 0.025],
    ["cosine", 0.05],
    ["hamming", 0.05],
    ["hann", 0.05],
  ])("head phantom of 100², %s: mean absolute error below %f", async (window, tolerance) => {
    const made = await reconstruct(headScan, 100, { window });
    expect(meanDistance(made, head)).toBeLessThan(tolerance);
  });

  // Two triangles one over the other, as numpy's tri and its flip.
  const triangles = new Float32Array(100 * 100);
  for (let r = 0; r < 100; r++) {
    for (let c = 0; c < 100; c++) triangles[r * 100 + c] = (c <= r ? 1 : 0) + (c <= 99 - r ? 1 : 0);
  }
  it("200 angles: mean absolute error of the rescaled picture below 0.03; 80 angles are worse", async () => {
    const picture = { size: 100, data: triangles };
    const rescale = (data: Float32Array): Float32Array => {
      const [low, high] = [Math.min(...data), Math.max(...data)];
      return data.map((value) => (value - low) / (high - low));
    };
    const many = await reconstruct(projectPicture(picture, 200, diagonal(100)), 100);
    const error = meanDistance(rescale(many), rescale(triangles));
    expect(error).toBeLessThan(0.03);
    const few = await reconstruct(projectPicture(picture, 80, diagonal(100)), 100);
    expect(meanDistance(few, triangles, Math.max(...few), 2)).toBeGreaterThan(error);
  });

  it("mass: every view of strips sums to the image's sum, and so does the picture to 3.2e-3", async () => {
    const random = createRandom(7);
    const data = new Float32Array(61 * 61);
    for (let i = 0; i < data.length; i++) {
      if (Math.hypot((i % 61) - 30, Math.floor(i / 61) - 30) <= 30) data[i] = random.nextUniform();
    }
    const mass = data.reduce((sum, value) => sum + value, 0);
    const sinogram = projectPicture({ size: 61, data }, 61, 65);
    for (let view = 0; view < 61; view++) {
      const sum = sinogram.data
        .subarray(view * 65, (view + 1) * 65)
        .reduce((total, value) => total + value, 0);
      expect(Math.abs(sum / mass - 1)).toBeLessThan(1e-5);
    }
    const made = await reconstruct(sinogram, 61, { truncation: "ignore" });
    let sum = 0;
    for (let i = 0; i < made.length; i++) {
      if (Math.hypot((i % 61) - 30, Math.floor(i / 61) - 30) <= 31) sum += made[i];
    }
    expect(Math.abs(sum / mass - 1)).toBeLessThan(3.2e-3);
  });

  it.each([3, 4, 5])("a single pixel of an image of %i² comes back where it is", async (size) => {
    const middle = Math.floor(size / 2);
    for (let r = middle - 1; r <= Math.min(size - 1, middle + 1); r++) {
      for (let c = middle - 1; c <= Math.min(size - 1, middle + 1); c++) {
        const data = new Float32Array(size * size);
        data[r * size + c] = 1;
        const made = await reconstruct(projectPicture({ size, data }, 180, diagonal(size) + 2), size, {
          // So small an image has no empty channels.
          truncation: "ignore",
        });
        expect(made.indexOf(Math.max(...made))).toBe(r * size + c);
      }
    }
  });

  it.each([61, 79, 97])(
    "a wide and a narrow detector give the same circle, in pictures of %i²",
    async (size) => {
      const random = createRandom(9);
      const data = new Float32Array(61 * 61);
      for (let i = 0; i < data.length; i++) {
        if (Math.hypot((i % 61) - 30, Math.floor(i / 61) - 30) <= 28) data[i] = random.nextUniform();
      }
      const narrow = await reconstruct(projectPicture({ size: 61, data }, 90, 63), size, {
        truncation: "ignore",
      });
      const wide = await reconstruct(projectPicture({ size: 61, data }, 90, 99), size);
      const middle = (size - 1) / 2;
      for (let i = 0; i < narrow.length; i++) {
        if (Math.hypot((i % size) - middle, Math.floor(i / size) - middle) > 30) continue;
        expect(Math.abs(narrow[i] - wide[i])).toBeLessThan(1e-5);
      }
    },
  );

  it("angles that are not as many as views are refused", async () => {
    const { geometry } = headScan;
    await expect(
      reconstruct({ ...headScan, geometry: { ...geometry, anglesRad: spreadAngles(181, Math.PI) } }, 100),
    ).rejects.toMatchObject({ code: "SHAPE_MISMATCH" });
  });
});
