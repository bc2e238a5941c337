/** Gaussian smoothing against scikit-image and by properties. */
import { readFileSync } from "node:fs";
import { createCentredGrid, createVolume } from "@alara/core";
import { expect, test } from "vitest";
import { createGaussianEnhancer, createGaussianKernel, smoothSlice } from "../src/index.ts";

const golden = JSON.parse(readFileSync(new URL("./golden/gaussian.json", import.meta.url), "utf8"));

test.each(Object.keys(golden.smoothed))("smoothing with sigma %s equals scikit-image", (sigma) => {
  const out = new Float32Array(golden.image.length);
  smoothSlice(
    Float32Array.from(golden.image),
    golden.rows,
    golden.columns,
    createGaussianKernel(Number(sigma)),
    out,
  );
  for (let i = 0; i < out.length; i++) expect(out[i]).toBeCloseTo(golden.smoothed[sigma][i], 3);
});

test("a constant image stays constant and the mean of an interior impulse is kept", async () => {
  const volume = createVolume("HU", createCentredGrid([2, 33, 40], [1, 1, 1]));
  volume.data.fill(-37);
  volume.data[16 * 40 + 20] = 963;
  const enhancer = createGaussianEnhancer({ sigmaPixels: 1.5 });
  const result = await enhancer.enhance(volume);
  let sum = 0;
  for (let i = 0; i < 33 * 40; i++) sum += result.data[i] + 37;
  expect(sum).toBeCloseTo(1000, 1);
  for (const value of result.data.subarray(33 * 40)) expect(value).toBeCloseTo(-37, 4);
});

test.each([0, -1, 33, Number.NaN])("sigma %s is refused with a code", (sigma) => {
  expect(() => createGaussianKernel(sigma)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
});
