/**
 * Reconstruction and projection in a real browser, with threads (a cross-origin isolated page) and without: the same
 * kernels must give what Node gives.
 */
import { createRandom } from "@alara/core";
import { createTemporaryFolder, requireTool, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  checkReconstruction,
  type ReconstructionInputs,
  type ReconstructionResults,
} from "./browser/reconstruction.ts";
import { buildPage, runPage } from "./browser/run-page.ts";

interface PageAnswer {
  readonly isIsolated: boolean;
  readonly workers: number;
  readonly results: ReconstructionResults;
}

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = createTemporaryFolder("browser-reconstruction");
  await buildPage("reconstruction-page", folder);
});
afterAll(() => folder?.dispose());

const [views, channels, size] = [60, 80, 48];
const random = createRandom(3);
const inputs: ReconstructionInputs = {
  ...{ views, channels, size },
  // A disc with noise inside, so that every sample counts and nothing is cut off.
  data: Array.from({ length: 2 * views * channels }, (_, i) => {
    const across = ((i % channels) - channels / 2) / (channels / 3);
    const chord = Math.sqrt(Math.max(0, 1 - across * across));
    return chord * (4 + 0.1 * random.nextNormal());
  }),
};

for (const isIsolated of [true, false]) {
  const threads = isIsolated ? "threads on shared memory" : "no shared memory";
  it(`agrees with Node to 1e-6 of the largest value: ${threads}`, async (context) => {
    const chromium = requireTool(context, "chromium", "chromium");
    const { answer } = await runPage<PageAnswer>(chromium, folder, { inputs, isIsolated });
    if ("error" in answer) throw new Error(answer.error);
    expect(answer.isIsolated).toBe(isIsolated);
    expect(answer.workers).toBe(isIsolated ? 2 : 0);
    const expected = await checkReconstruction(inputs);
    for (const name of ["fbp", "projected", "backprojected"] as const) {
      const peak = Math.max(...expected[name].map(Math.abs));
      expect(peak).toBeGreaterThan(0);
      expect(answer.results[name]).toHaveLength(expected[name].length);
      const worst = Math.max(...expected[name].map((value, i) => Math.abs(value - answer.results[name][i])));
      expect(worst / peak).toBeLessThan(1e-6);
    }
  });
}
