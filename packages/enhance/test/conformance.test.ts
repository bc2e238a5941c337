/** Every method of the registry under one suite; a new line there is tested here without further work. */
import { createCentredGrid, createRandom, createVolume, type Enhancer, type Volume } from "@alara/core";
import type { Runtime } from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blendStrength, createEnhancer, enhancers, type ModelBundle, openBundle } from "../src/index.ts";
import { makeTinyBundle } from "./tiny-bundle.ts";

let runtime: Runtime;
let bundle: ModelBundle;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
  bundle = await openBundle(await makeTinyBundle());
});

function makeNoisyVolume(slices: number, rows: number, columns: number): Volume<"HU"> {
  const volume = createVolume("HU", createCentredGrid([slices, rows, columns], [2.5, 0.7, 0.8]));
  const random = createRandom(11);
  for (let i = 0; i < volume.data.length; i++) {
    volume.data[i] = (i % columns < columns / 2 ? -900 : 50) + 30 * random.nextNormal();
  }
  return volume;
}

describe.each(enhancers.names)("enhancer %s", (name) => {
  let enhancer: Enhancer;
  beforeAll(async () => {
    enhancer = await createEnhancer(name, {}, { bundle, runtime });
  });
  afterAll(() => enhancer.dispose());

  test("keeps size, geometry and unit, leaves the input alone and gives finite HU", async () => {
    const volume = makeNoisyVolume(3, 34, 46);
    const before = volume.data.slice();
    const result = await enhancer.enhance(volume);
    expect(result.unit).toBe("HU");
    expect(result.geometry).toEqual(volume.geometry);
    expect(result.data).toHaveLength(before.length);
    expect(result.data).not.toBe(volume.data);
    expect(volume.data).toEqual(before);
    expect(result.data.every(Number.isFinite)).toBe(true);
  });

  test("gives the same bytes twice", async () => {
    const volume = makeNoisyVolume(2, 33, 41);
    const first = await enhancer.enhance(volume);
    const second = await enhancer.enhance(volume);
    expect(second.data).toEqual(first.data);
  });

  test("treats a slice alone as it does in a stack when it is 2D", async () => {
    if (enhancer.description.contextSlices > 0) return;
    const volume = makeNoisyVolume(3, 20, 20);
    const stack = await enhancer.enhance(volume);
    const middle = createVolume(
      "HU",
      createCentredGrid([1, 20, 20], [2.5, 0.7, 0.8]),
      volume.data.slice(400, 800),
    );
    const alone = await enhancer.enhance(middle);
    expect(alone.data).toEqual(stack.data.slice(400, 800));
  });

  test("reports progress to the end", async () => {
    const seen: number[] = [];
    await enhancer.enhance(makeNoisyVolume(4, 16, 16), {
      onProgress: ({ done, total }) => seen.push(done / total),
    });
    expect(seen.at(-1)).toBe(1);
  });

  test("stops when aborted, with the signal's reason", async () => {
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(enhancer.enhance(makeNoisyVolume(2, 16, 16), { signal: controller.signal })).rejects.toThrow(
      "enough",
    );
  });

  test("blends between the original and the result; the ends are exact", async () => {
    const volume = makeNoisyVolume(1, 24, 24);
    const full = await enhancer.enhance(volume);
    expect(blendStrength(volume, full, 0).data).toEqual(volume.data);
    expect(blendStrength(volume, full, 1).data).toEqual(full.data);
    const half = blendStrength(volume, full, 0.5);
    for (let i = 0; i < half.data.length; i++) {
      expect(half.data[i]).toBeCloseTo((volume.data[i] + full.data[i]) / 2, 3);
    }
    expect(() => blendStrength(volume, full, 1.01)).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
  });

  test("refuses an unknown option by name", async () => {
    await expect(createEnhancer(name, { nonsense: 1 }, { bundle, runtime })).rejects.toThrow(
      /no option "nonsense"/,
    );
  });
});

test("identity keeps every bit", async () => {
  const volume = makeNoisyVolume(2, 17, 19);
  expect((await (await createEnhancer("identity")).enhance(volume)).data).toEqual(volume.data);
});

test.each([
  [8, 61, 75],
  [16, 64, 64],
  [30, 50, 94],
])(
  "the network gives the same result in tiles of %s as on the whole %s × %s slice",
  async (tileSize, rows, columns) => {
    const volume = makeNoisyVolume(1, rows, columns);
    const whole = await createEnhancer("network", {}, { bundle, runtime });
    const tiled = await createEnhancer("network", { tileSize }, { bundle, runtime });
    const a = await whole.enhance(volume);
    const b = await tiled.enhance(volume);
    let change = 0;
    for (let i = 0; i < a.data.length; i++) {
      expect(Math.abs(a.data[i] - b.data[i])).toBeLessThan(2e-3);
      change = Math.max(change, Math.abs(a.data[i] - volume.data[i]));
    }
    expect(change).toBeGreaterThan(1);
    await whole.dispose();
    await tiled.dispose();
  },
);

test("the network leaves padding untouched, and padding does not colour its neighbours", async () => {
  const volume = makeNoisyVolume(1, 40, 40);
  const padded = { ...volume, data: volume.data.slice() };
  const air = { ...volume, data: volume.data.slice() };
  for (let i = 0; i < 40 * 10; i++) {
    padded.data[i] = -3024;
    air.data[i] = -1024;
  }
  const network = await createEnhancer("network", {}, { bundle, runtime });
  const a = await network.enhance(padded);
  const b = await network.enhance(air);
  expect(a.data.slice(0, 400)).toEqual(padded.data.slice(0, 400));
  expect(a.data.slice(400)).toEqual(b.data.slice(400));
  await network.dispose();
});

test("a method that needs a model says so", async () => {
  await expect(createEnhancer("network")).rejects.toThrow(/--model/);
});
