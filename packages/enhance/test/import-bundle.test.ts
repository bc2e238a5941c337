/** A user's ONNX denoiser from its file to enhanced volumes: the bundle, the card, tiles against whole slices. */
import { createCentredGrid, createRandom, createVolume, type Volume } from "@alara/core";
import {
  createResidualCnn,
  div,
  exportInferenceModel,
  initialiseParameters,
  mul,
  type Network,
  reduceMean,
  sub,
} from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { expect, test } from "vitest";
import { createNetworkEnhancer, importDenoiserBundle, openBundle } from "../src/index.ts";

const runtime = await createNodeRuntime({ threads: 1 });
/** Works on [0, 1] over a window of −1000 to 1000 HU, as other people's networks do. */
const theirs: Network = createResidualCnn({
  channels: 4,
  layers: 3,
  unshuffle: 2,
  scaleHu: 1,
  lastLayerGain: 0.05,
});
const values = initialiseParameters(theirs.parameters, createRandom(2));
const file = exportInferenceModel(theirs, { values });
const options = {
  name: "theirs",
  version: "1",
  summary: "somebody's denoiser",
  licence: "CC0-1.0",
  intendedUse: "tests",
  intendedRange: {
    modality: "CT",
    pixelSpacingMm: [0.1, 2],
    sliceThicknessMm: [0.1, 10],
    kvp: [60, 160],
    noiseHu: [0, 100],
    bodyParts: [],
  },
  denoiser: { scaling: { kind: "window", lowHu: -1000, highHu: 1000 } },
  code: { version: "0", commit: "test" },
  runtime,
} as const;

function createSlices(): Volume<"HU"> {
  const random = createRandom(4);
  const size = [2, 45, 52] as const;
  const data = Float32Array.from(
    { length: size[0] * size[1] * size[2] },
    () => 40 + 30 * random.nextNormal(),
  );
  data[100] = 1800;
  data[200] = -2000;
  return createVolume("HU", createCentredGrid(size, [5, 0.7, 0.7]), data);
}

test("a denoiser's file becomes a bundle that enhances, tiled as whole", async () => {
  const { files, sizeMultiple, receptiveRadius, uniformShiftHu } = await importDenoiserBundle(file, options);
  expect({ sizeMultiple, receptiveRadius }).toEqual({
    sizeMultiple: theirs.sizeMultiple,
    receptiveRadius: theirs.receptiveRadius,
  });
  const bundle = await openBundle(files);
  expect(bundle.card).toMatchObject({
    name: "theirs",
    network: { name: "onnx", config: { scaling: "window", lowHu: -1000, highHu: 1000, sourceOpset: 17 } },
    inference: { multipleOf: 2, receptiveRadius: 7, contextSlices: 0 },
    validation: { uniformShiftHu },
  });
  expect(bundle.card.network.config.sourceSha256).toMatch(/^[0-9a-f]{64}$/);
  expect(uniformShiftHu).toBeGreaterThan(1);
  const volume = createSlices();
  const run = async (tileSize: number): Promise<Float32Array> => {
    const enhancer = await createNetworkEnhancer(bundle, { runtime, tileSize });
    const { data } = await enhancer.enhance(volume);
    await enhancer.dispose();
    return data;
  };
  const whole = await run(1024);
  const tiled = await run(16);
  whole.forEach((value, k) => {
    expect(Math.abs(value - tiled[k])).toBeLessThan(2e-3);
  });
  expect(whole[200]).toBe(-2000);
  expect(whole.filter((value, k) => Math.abs(value - volume.data[k]) > 1).length).toBeGreaterThan(1000);
  // Above the window the network changes what it sees, and the rest of the value stays.
  expect(whole[100]).toBeGreaterThan(1200);
});

const simple = (apply: Network["apply"]): Uint8Array =>
  exportInferenceModel(
    { ...theirs, parameters: [], sizeMultiple: 1, receptiveRadius: 0, apply },
    { values: new Float32Array() },
  );

test("a network that sees the whole image needs a stated radius", async () => {
  const centred = simple((x) => sub(x, reduceMean(x, { axes: [2, 3], keepDims: true })));
  await expect(importDenoiserBundle(centred, { ...options, sizeMultiple: 1 })).rejects.toMatchObject({
    code: "OUT_OF_RANGE",
  });
  const imported = await importDenoiserBundle(centred, { ...options, receptiveRadius: 20 });
  expect(imported).toMatchObject({ receptiveRadius: 20, sizeMultiple: 1 });
});

test("a network that gives no number is refused", async () => {
  const broken = simple((x) => div(x, sub(x, x)));
  await expect(
    importDenoiserBundle(broken, { ...options, sizeMultiple: 1, receptiveRadius: 0 }),
  ).rejects.toMatchObject({ code: "BAD_NETWORK_OUTPUT" });
});

test("a wrong scaling shows as a shift of uniform regions", async () => {
  const right = await importDenoiserBundle(
    simple((x) => mul(x, 1)),
    options,
  );
  expect(right).toMatchObject({ sizeMultiple: 1, receptiveRadius: 0 });
  expect(right.uniformShiftHu).toBeLessThan(1e-3);
  const wrong = await importDenoiserBundle(
    simple((x) => mul(x, 0.5)),
    options,
  );
  expect(wrong.uniformShiftHu).toBeGreaterThan(400);
});
