/** Every kind of network that training makes, run from its bundle: the conformance suite of networks. */
import { createCentredGrid, createRandom, createVolume, type Enhancer, type Volume } from "@alara/core";
import { createFloatData } from "@alara/learn";
import { createNodeRuntime } from "@alara/learn/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createNetworkEnhancer,
  enhanceAtStrength,
  enlargeVolume,
  keepOutsideWindow,
  type ModelBundle,
  openBundle,
  refineInPlane,
} from "../src/index.ts";
import { makeKindBundle, TINY_KINDS, type TinyKind } from "./tiny-bundle.ts";

const runtime = await createNodeRuntime({ threads: 1 });
const kinds = Object.keys(TINY_KINDS) as TinyKind[];

function makeNoisyVolume(slices: number, rows: number, columns: number, seed = 11): Volume<"HU"> {
  const volume = createVolume("HU", createCentredGrid([slices, rows, columns], [2.5, 0.7, 0.8]));
  const random = createRandom(seed);
  for (let i = 0; i < volume.data.length; i++) {
    volume.data[i] = (i % columns < columns / 2 ? -350 : 50) + 30 * random.nextNormal();
  }
  return volume;
}

function findLargest(a: Float32Array, b: Float32Array): number {
  expect(a).toHaveLength(b.length);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
}

describe.each(kinds)("network of %s", (kind) => {
  const card = {
    outputScale: 1,
    dimensions: 2,
    hasGlobalReach: false,
    contextSlices: 0,
    ...TINY_KINDS[kind].card,
  };
  const hasStrength = "hasStrength" in TINY_KINDS[kind].card;
  let bundle: ModelBundle;
  let enhancer: Enhancer;
  beforeAll(async () => {
    bundle = await openBundle(await makeKindBundle(kind));
    enhancer = await createNetworkEnhancer(bundle, { runtime });
  });
  afterAll(() => enhancer.dispose());

  test("keeps or doubles the grid as its card says, odd sizes too, and leaves the input alone", async () => {
    const volume = makeNoisyVolume(3, 21, 30);
    const before = volume.data.slice();
    const result = await enhancer.enhance(volume);
    expect(result.geometry).toEqual(refineInPlane(volume.geometry, card.outputScale));
    expect(result.data).toHaveLength(before.length * card.outputScale ** 2);
    expect(volume.data).toEqual(before);
    expect(result.data.every(Number.isFinite)).toBe(true);
    expect(findLargest(result.data, enlargeVolume(volume, card.outputScale).data)).toBeGreaterThan(1);
    const again = await enhancer.enhance(volume);
    expect(again.data).toEqual(result.data);
  });

  test("gives in tiles and blocks what it gives whole, or refuses tiles", async () => {
    const volume = makeNoisyVolume(card.dimensions === 3 ? 11 : 2, 37, 30);
    const parts = card.dimensions === 3 ? { tileSize: 13, blockSlices: 4 } : { tileSize: 13 };
    const tiled = await createNetworkEnhancer(bundle, { runtime, ...parts });
    if (card.hasGlobalReach) {
      await expect(tiled.enhance(volume)).rejects.toMatchObject({ code: "CANNOT_TILE" });
    } else {
      const whole = await enhancer.enhance(volume);
      expect(findLargest((await tiled.enhance(volume)).data, whole.data)).toBeLessThan(2e-3);
    }
    await tiled.dispose();
  });

  test("gives a run of slices with their neighbours what it gives the whole volume", async () => {
    if (card.hasGlobalReach && card.dimensions === 3) return;
    const volume = makeNoisyVolume(24, 16, 16);
    const whole = await enhancer.enhance(volume);
    const { contextSlices, blockSlices = 1 } = enhancer.description;
    expect(contextSlices % bundle.card.inference.multipleOf === 0 || card.dimensions === 2).toBe(true);
    const small =
      blockSlices === 1 ? enhancer : await createNetworkEnhancer(bundle, { runtime, blockSlices: 4 });
    const [start, end] = [12, 16];
    const [first, last] = [start - contextSlices, Math.min(24, end + contextSlices)];
    expect(first).toBeGreaterThanOrEqual(0);
    const plane = 16 * 16;
    const part = createVolume(
      "HU",
      createCentredGrid([last - first, 16, 16], [2.5, 0.7, 0.8]),
      volume.data.slice(first * plane, last * plane),
    );
    const done: number[] = [];
    const result = await small.enhance(part, {
      wantedSlices: [start - first, end - first],
      onProgress: ({ done: count, total }) => done.push(count / total),
    });
    const area = plane * card.outputScale ** 2;
    expect(
      findLargest(
        result.data.slice((start - first) * area, (end - first) * area),
        whole.data.slice(start * area, end * area),
      ),
    ).toBeLessThan(2e-3);
    expect(done.at(-1)).toBe(1);
    if (small !== enhancer) await small.dispose();
  });

  test("strength 0 is the input, bit for bit, and 1 the full effect", async () => {
    const volume = makeNoisyVolume(2, 17, 19);
    const none = await enhanceAtStrength(enhancer, volume, 0);
    expect(none).toEqual(enlargeVolume(volume, card.outputScale));
    if (card.outputScale === 1) expect(none.data).toEqual(volume.data);
    const full = await enhancer.enhance(volume);
    expect((await enhanceAtStrength(enhancer, volume, 1)).data).toEqual(full.data);
    const half = await enhanceAtStrength(enhancer, volume, 0.5);
    const blend = none.data.map((value, i) => value + 0.5 * (full.data[i] - value));
    const difference = findLargest(half.data, blend);
    if (hasStrength) {
      expect(enhancer.description.strengthKind).toBe("trained");
      expect((await enhancer.enhance(volume, { strength: 0 })).data).toEqual(volume.data);
      // Fed to the network, which is not linear in it, and not mixed.
      expect(difference).toBeGreaterThan(0.01);
    } else {
      expect(difference).toBeLessThan(1e-3);
      await expect(enhancer.enhance(volume, { strength: 0.5 })).rejects.toMatchObject({
        code: "OUT_OF_RANGE",
      });
    }
    await expect(enhanceAtStrength(enhancer, volume, 1.1)).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
  });

  test("leaves padding untouched, and padding does not colour its neighbours", async () => {
    const [padded, air] = [-3024, -1024].map((hu) => {
      const volume = makeNoisyVolume(3, 16, 16);
      for (let i = 0; i < volume.data.length; i++) if (i % 256 < 48) volume.data[i] = hu;
      return volume;
    });
    const [a, b] = [await enhancer.enhance(padded), await enhancer.enhance(air)];
    const columns = 16 * card.outputScale;
    const isPadding = (i: number): boolean => i % (columns * columns) < 3 * card.outputScale * columns;
    expect(a.data.every((value, i) => (isPadding(i) ? value === -3024 : value === b.data[i]))).toBe(true);
  });

  test("stops when aborted, and refuses what is no number", async () => {
    const volume = makeNoisyVolume(2, 16, 16);
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(enhancer.enhance(volume, { signal: controller.signal })).rejects.toThrow("enough");
    volume.data[5] = Number.NaN;
    await expect(enhancer.enhance(volume)).rejects.toMatchObject({ code: "NON_FINITE_INPUT" });
  });

  test("agrees with one direct run of the graph in the middle of a slice", async () => {
    const [slices, side] = card.dimensions === 3 ? [16, 32] : [2 * card.contextSlices + 1, 80];
    const volume = makeNoisyVolume(slices, side, side, 3);
    const { input, output } = bundle.card.inference;
    const session = await runtime.createSession(bundle.model);
    const more = hasStrength ? volume.data.length / (card.dimensions === 3 ? 1 : slices) : 0;
    const fed = new Float32Array(volume.data.length + more).fill(0.7, volume.data.length);
    fed.set(volume.data);
    const dims =
      card.dimensions === 3
        ? [1, hasStrength ? 2 : 1, slices, side, side]
        : [1, slices + (hasStrength ? 1 : 0), side, side];
    const direct = (await session.run({ [input]: createFloatData(fed, dims) }))[output].data as Float32Array;
    await session.dispose();
    const result = await enhancer.enhance(volume, hasStrength ? { strength: 0.7 } : {});
    const scale = card.outputScale;
    const middle = Math.floor(slices / 2);
    const plane = (side * scale) ** 2;
    const offset = (side * scale) / 2;
    // Borders are repeated by the enhancer and zeros in the network, so only the middle is alike; global networks all over.
    const at = offset * side * scale + offset;
    if (!card.hasGlobalReach) {
      expect(bundle.card.inference.receptiveRadius).toBeLessThan(card.dimensions === 3 ? middle : side / 2);
    }
    const made = direct[(card.dimensions === 3 ? middle * plane : 0) + at];
    expect(result.data[middle * plane + at]).toBeCloseTo(made, 2);
  });
});

test("neighbours beyond the ends are the outermost slice again", async () => {
  const bundle = await openBundle(await makeKindBundle("neighbours"));
  const enhancer = await createNetworkEnhancer(bundle, { runtime });
  const short = makeNoisyVolume(2, 16, 16);
  const plane = 256;
  const long = createVolume("HU", createCentredGrid([6, 16, 16], [2.5, 0.7, 0.8]));
  for (const [k, slice] of [0, 0, 0, 1, 1, 1].entries()) {
    long.data.set(short.data.subarray(slice * plane, (slice + 1) * plane), k * plane);
  }
  const [a, b] = [await enhancer.enhance(short), await enhancer.enhance(long)];
  expect(a.data).toEqual(b.data.slice(2 * plane, 4 * plane));
  // The middle channel is the slice itself: neighbours in another order give another image.
  const turned = createVolume("HU", long.geometry, long.data.slice());
  turned.data.set(long.data.subarray(4 * plane), 0);
  expect((await enhancer.enhance(turned)).data.slice(2 * plane, 3 * plane)).not.toEqual(
    a.data.slice(0, plane),
  );
  await enhancer.dispose();
});

test("a window: what lies outside passes through, with no edge at its ends", async () => {
  const bundle = await openBundle(await makeKindBundle("window"));
  const enhancer = await createNetworkEnhancer(bundle, { runtime });
  const volume = createVolume("HU", createCentredGrid([1, 64, 64], [1, 1, 1]));
  // A ramp from −800 to 775 HU across the columns, and some bone.
  for (let i = 0; i < volume.data.length; i++) volume.data[i] = -800 + 25 * (i % 64);
  volume.data[30 * 64 + 30] = 1500;
  const { data } = await enhancer.enhance(volume);
  let changed = 0;
  for (const [i, x] of volume.data.entries()) {
    if (x <= -600 || x >= 400) expect(data[i]).toBe(x);
    else changed = Math.max(changed, Math.abs(data[i] - x));
  }
  expect(changed).toBeGreaterThan(50);
  await enhancer.dispose();
  const without = await openBundle(
    await makeKindBundle("window", (card) => {
      const { windowHu: _, ...inference } = card.inference;
      return { ...card, inference };
    }),
  );
  const bare = await createNetworkEnhancer(without, { runtime });
  const flattened = (await bare.enhance(volume)).data[30 * 64 + 30];
  expect(flattened).toBeLessThanOrEqual(400);
  await bare.dispose();
  // Over the last 50 HU at each end the change fades.
  const made = new Float32Array(7);
  keepOutsideWindow(Float32Array.of(-700, -600, -575, -100, 375, 400, 500), made, [-600, 400]);
  expect([...made]).toEqual([-700, -600, -287.5, 0, 187.5, 400, 500]);
});

test("what cannot be run is refused by name", async () => {
  const open = async (kind: TinyKind, inference: Record<string, unknown>): Promise<ModelBundle> =>
    openBundle(
      await makeKindBundle(kind, (card) => ({ ...card, inference: { ...card.inference, ...inference } })),
    );
  await expect(
    createNetworkEnhancer(await open("slices", { needsMask: true }), { runtime }),
  ).rejects.toMatchObject({
    code: "MODEL_NEEDS_MASK",
  });
  const slices = await open("slices", {});
  await expect(createNetworkEnhancer(slices, { runtime, blockSlices: 8 })).rejects.toThrow(/3D models/);
  await expect(createNetworkEnhancer(slices, { runtime, tileSize: 0 })).rejects.toMatchObject({
    code: "OUT_OF_RANGE",
  });
  const wrong = await createNetworkEnhancer(await open("slices", { outputScale: 2 }), { runtime });
  await expect(wrong.enhance(makeNoisyVolume(1, 16, 16))).rejects.toMatchObject({
    code: "BAD_NETWORK_OUTPUT",
  });
  await wrong.dispose();
});
