/**
 * FBP of analytic phantoms: interior bias, water in HU, engines against each other, sizes and errors.
 */
import { createCentredGrid, createRandom, type FanArcGeometry, type Sinogram } from "@alara/core";
import {
  convertPhantomToMu,
  createRandomBodyPhantom,
  createScanGeometry,
  createSheppLoganPhantom,
  createWaterCylinder,
  projectPhantom,
  scanners,
  voxelizePhantom,
} from "@alara/physics";
import { describe, expect, it } from "vitest";
import { rampWindows, reconstructFbp } from "../src/index.ts";

const MU = 0.0193;

/** Stacks one-slice sinograms of one geometry. */
function stack(
  sinograms: readonly Sinogram<"line integral", FanArcGeometry>[],
): Sinogram<"line integral", FanArcGeometry> {
  const length = sinograms[0].data.length;
  const data = new Float32Array(length * sinograms.length);
  sinograms.forEach((sinogram, i) => {
    data.set(sinogram.data, i * length);
  });
  return { ...sinograms[0], slices: sinograms.length, data };
}

describe("reconstructFbp", () => {
  describe.each([...scanners.entries()])("of %s", (_name, scanner) => {
    const geometry = createScanGeometry(scanner);
    it.each(["simd", "reference"] as const)("has an interior bias of at most 1e-4 (%s)", async (engine) => {
      const phantom = convertPhantomToMu(createWaterCylinder({ radiusMm: 100, xMm: 12, yMm: -7 }), MU);
      // Float32 sinograms; the reference engine computes in float64 from them. A coarse grid samples the disc.
      const grid = createCentredGrid([1, 40, 40], [1, 3.1, 3.3]);
      const { data } = await reconstructFbp(projectPhantom(phantom, geometry, { raysPerChannel: 3 }), {
        grid,
        engine,
      });
      let sum = 0;
      let count = 0;
      for (let i = 0; i < data.length; i++) {
        const y = (Math.floor(i / 40) - 19.5) * 3.1 + 7;
        const x = ((i % 40) - 19.5) * 3.3 - 12;
        if (Math.hypot(x, y) > 85) continue;
        sum += data[i];
        count++;
      }
      expect(Math.abs(sum / count / MU - 1)).toBeLessThan(1e-4);
    });
  });

  it.each(rampWindows.names)("keeps water at 0 HU and air at −1000 HU with the %s window", async (window) => {
    const geometry = createScanGeometry(scanners.get("ge-lightspeed"));
    const phantom = convertPhantomToMu(createWaterCylinder({ radiusMm: 90 }), MU);
    const grid = createCentredGrid([1, 64, 64], [1, 4, 4]);
    const { data } = await reconstructFbp(projectPhantom(phantom, geometry), {
      grid,
      window,
      oversampling: 2,
    });
    const mean = (low: number, high: number): number => {
      const values = data.filter((_, i) => {
        const radius = 4 * Math.hypot(Math.floor(i / 64) - 31.5, (i % 64) - 31.5);
        return radius >= low && radius <= high;
      });
      return values.reduce((sum, mu) => sum + 1000 * (mu / MU - 1), 0) / values.length;
    };
    expect(Math.abs(mean(0, 75))).toBeLessThan(0.3);
    expect(Math.abs(mean(105, 125) + 1000)).toBeLessThan(1);
  });

  it("agrees between engines to 2e-4 of the peak, for odd sizes, lanes and both samplings", async () => {
    const geometry = createScanGeometry(scanners.get("siemens-force"), { views: 90, startAngleRad: 0.3 });
    const sinogram = stack(
      [1, 2, 3, 4, 5].map((seed) =>
        projectPhantom(convertPhantomToMu(createRandomBodyPhantom(createRandom(seed)), MU), geometry),
      ),
    );
    const grid = createCentredGrid([5, 61, 53], [1, 5.9, 6.7]);
    for (const oversampling of [1, 2] as const) {
      const options = { grid, window: "ge-standard", oversampling, axisOffsetMm: [7, -11] as const };
      const fast = await reconstructFbp(sinogram, options);
      const slow = await reconstructFbp(sinogram, { ...options, engine: "reference" });
      let worst = 0;
      let peak = 0;
      for (let i = 0; i < slow.data.length; i++) {
        worst = Math.max(worst, Math.abs(fast.data[i] - slow.data[i]));
        peak = Math.max(peak, Math.abs(slow.data[i]));
      }
      expect(worst / peak).toBeLessThan(2e-4);
    }
  });

  it("puts the head phantom where it is, to 2 % mean error", async () => {
    const geometry = createScanGeometry(scanners.get("ge-lightspeed"));
    const phantom = createSheppLoganPhantom({ radiusMm: 110 });
    const grid = createCentredGrid([1, 128, 128], [1, 1.8, 1.8]);
    const truth = voxelizePhantom(phantom, grid);
    const { data } = await reconstructFbp(projectPhantom(phantom, geometry), { grid, window: "hann" });
    let error = 0;
    for (let i = 0; i < data.length; i++) error += Math.abs(data[i] - truth.data[i]) / data.length;
    expect(error).toBeLessThan(0.02);
  });

  it("reports progress, stops when asked, and refuses what does not fit", async () => {
    const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 8, channelBinning: 8 });
    const one = projectPhantom(convertPhantomToMu(createWaterCylinder(), MU), geometry);
    const grid = createCentredGrid([1, 8, 8], [1, 20, 20]);
    const seen: number[] = [];
    await reconstructFbp(one, { grid, onProgress: ({ done }) => seen.push(done) });
    expect(seen).toEqual([1]);
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(reconstructFbp(one, { grid, signal: controller.signal })).rejects.toThrow("enough");
    const two = createCentredGrid([2, 8, 8], [1, 20, 20]);
    await expect(reconstructFbp(one, { grid: two })).rejects.toMatchObject({ code: "SHAPE_MISMATCH" });
    const short = { ...geometry, anglesRad: geometry.anglesRad.map((beta) => beta / 2) };
    await expect(reconstructFbp({ ...one, geometry: short }, { grid })).rejects.toMatchObject({
      code: "INCOMPLETE_TURN",
    });
    await expect(reconstructFbp(one, { grid, window: "no-such" })).rejects.toMatchObject({
      code: "UNKNOWN_NAME",
    });
  });
});
