/**
 * The shipped model on noise-free truth: less error than the input and than the best Gaussian, HU unmoved.
 * Two small scans here; `npm run evidence shipped-model` has the whole study.
 */
import { fileURLToPath } from "node:url";
import { createRandom, type Enhancer } from "@alara/core";
import { createGaussianEnhancer, createNetworkEnhancer, type ModelBundle } from "@alara/enhance";
import { readBundle } from "@alara/enhance/node";
import { classifyTissues, measureHuBias, measureRmse, measureSsim } from "@alara/evaluate";
import { createNodeRuntime } from "@alara/learn/node";
import { scanRandomPhantom } from "@alara/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

const MODEL = fileURLToPath(new URL("../models/residual-cnn", import.meta.url));
const KERNEL = { boostMm2: 5, cutoffPerMm: 0.34, order: 1.7 };

let bundle: ModelBundle;
let network: Enhancer;
beforeAll(async () => {
  bundle = await readBundle(MODEL);
  network = await createNetworkEnhancer(bundle, { runtime: await createNodeRuntime() });
});
afterAll(() => network.dispose());

/** Mean HU difference by tissue, one entry per phantom. */
const biases = new Map<string, { bias: number; error: number; limit: number }[]>();

test.each(["chest", "abdomen"] as const)("a %s phantom comes closer to its truth", async (region) => {
  const { truth, noisy } = await scanRandomPhantom(createRandom(77).derive(region), {
    kernel: KERNEL,
    incidentQuanta: 6e4,
    pixelMm: 0.8,
    phantom: { region },
  });
  const tissues = classifyTissues(truth, { smoothingPx: 0 });
  const judge = (volume: typeof truth): { rmse: number; ssim: number } => ({
    rmse: measureRmse(volume, truth, { region: tissues.body }).value,
    ssim: measureSsim(volume, truth, { region: tissues.body }).value,
  });
  const enhanced = await network.enhance(noisy);
  const after = judge(enhanced);
  const others = [judge(noisy)];
  for (const sigmaPixels of [0.6, 0.8, 1, 1.3, 1.6, 2]) {
    others.push(judge(await createGaussianEnhancer({ sigmaPixels }).enhance(noisy)));
  }
  for (const other of others) {
    expect(after.rmse).toBeLessThan(0.9 * other.rmse);
    expect(after.ssim).toBeGreaterThan(other.ssim);
  }
  for (const { tissue, meanDifferenceHu, standardErrorHu, limitHu } of measureHuBias(
    enhanced,
    truth,
    tissues,
  )) {
    if (meanDifferenceHu === null || limitHu === null) continue;
    const entry = { bias: meanDifferenceHu, error: standardErrorHu ?? 0, limit: limitHu };
    biases.set(tissue, [...(biases.get(tissue) ?? []), entry]);
  }
});

test("no tissue's mean HU is moved beyond its limit by more than the noise of two scans explains", () => {
  expect([...biases.keys()].sort()).toEqual(["bone", "fat", "lung", "soft tissue"]);
  for (const [tissue, entries] of biases) {
    const mean = entries.reduce((sum, { bias }) => sum + bias, 0) / entries.length;
    const error = Math.sqrt(entries.reduce((sum, entry) => sum + entry.error ** 2, 0)) / entries.length;
    const text = `${tissue}: ${JSON.stringify(entries)}`;
    expect(Math.abs(mean), text).toBeLessThanOrEqual(entries[0].limit + 2 * error);
    if (tissue !== "bone") expect(Math.abs(mean), text).toBeLessThanOrEqual(entries[0].limit);
  }
});

test("the same slice in tiles equals the whole slice at every seam", async () => {
  const { noisy } = await scanRandomPhantom(createRandom(78), {
    kernel: KERNEL,
    incidentQuanta: 6e4,
    pixelMm: 1.2,
    size: 320,
  });
  const whole = await network.enhance(noisy);
  const tiled = await createNetworkEnhancer(bundle, { runtime: await createNodeRuntime(), tileSize: 100 });
  const result = await tiled.enhance(noisy);
  await tiled.dispose();
  let largest = 0;
  for (let i = 0; i < result.data.length; i++) {
    largest = Math.max(largest, Math.abs(result.data[i] - whole.data[i]));
  }
  expect(largest).toBeLessThan(0.01);
});

test("the card names the training data, and no test subject is among it", () => {
  const { trainingData, recipe, code } = bundle.card;
  expect(trainingData.ids.length).toBeGreaterThan(20);
  const tests =
    "crlm-ct-1004 17-Z031 17-Z034 17-Z039 17-Z054 17-Z062 34-8455 50-5044 51-4079 60-2695 92-8063".split(" ");
  const used = JSON.stringify(trainingData).toLowerCase();
  for (const subject of tests) expect(used).not.toContain(subject.toLowerCase());
  const subjects = (ids: readonly string[]): string[] => ids.map((id) => id.replace(/#\d+$/, ""));
  const training = new Set(subjects(trainingData.ids));
  for (const subject of subjects(trainingData.validationIds)) expect(training.has(subject)).toBe(false);
  expect(recipe).toMatchObject({ schema: "alara-recipe/1" });
  expect(code.commit).toMatch(/^[0-9a-f]{40}/);
});
