/**
 * Reconstruction and projection on a browser's own WebGPU (Chromium with its software adapter): the shaders that Node
 * runs through the package `webgpu` must give there what float64 gives.
 */
import { createRandom } from "@alara/core";
import { createJosephProjector, createVolumeGrid } from "@alara/physics";
import { reconstructFbp } from "@alara/recon";
import { createTemporaryFolder, requireTool, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type GpuInputs, type GpuResults, prepareGpuScan } from "./browser/gpu.ts";
import { buildPage, runPage } from "./browser/run-page.ts";

interface PageAnswer {
  readonly hasDevice: boolean;
  readonly results: GpuResults;
}

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = createTemporaryFolder("browser-gpu");
  await buildPage("gpu-page", folder);
});
afterAll(() => folder?.dispose());

it("agrees with float64 to 1e-5 of the largest value", async (context) => {
  const chromium = requireTool(context, "chromium", "chromium");
  const [views, channels, size] = [60, 80, 48];
  const random = createRandom(3);
  const inputs: GpuInputs = {
    ...{ views, channels, size },
    // A disc with noise inside, so that every sample counts and nothing is cut off.
    data: Array.from({ length: 2 * views * channels }, (_, i) => {
      const across = ((i % channels) - channels / 2) / (channels / 3);
      const chord = Math.sqrt(Math.max(0, 1 - across * across));
      return chord * (4 + 0.1 * random.nextNormal());
    }),
  };
  const flags = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
  const { answer } = await runPage<PageAnswer>(chromium, folder, { inputs, flags });
  if ("error" in answer) throw new Error(answer.error);
  if (!answer.hasDevice) context.skip("this Chromium has no software WebGPU adapter");
  const { sinogram, grid } = prepareGpuScan(inputs);
  const operator = createJosephProjector(sinogram.geometry, createVolumeGrid(grid));
  const expected = {
    fbp: (await reconstructFbp(sinogram, { grid, engine: "reference" })).data,
    projected: operator.apply(Float64Array.from(answer.results.fbp)),
    backprojected: operator.applyAdjoint(Float64Array.from(sinogram.data)),
  };
  for (const name of ["fbp", "projected", "backprojected"] as const) {
    const wanted = expected[name];
    const got = answer.results[name];
    expect(got).toHaveLength(wanted.length);
    let peak = 0;
    let worst = 0;
    for (let i = 0; i < wanted.length; i++) {
      peak = Math.max(peak, Math.abs(wanted[i]));
      worst = Math.max(worst, Math.abs(wanted[i] - got[i]));
    }
    expect(peak).toBeGreaterThan(0);
    expect(worst / peak).toBeLessThan(1e-5);
  }
});
