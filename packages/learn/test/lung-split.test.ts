/** The lung gate and the network split by it: where it opens, no seam, reach, both networks trained. */
import { createRandom } from "@alara/core";
import {
  buildLungGate,
  createCnn10,
  createInput,
  createLungSplit,
  evaluateGraph,
  grad,
  initialiseParameters,
  layOutParameters,
  networks,
  reduceMean,
  splitParameters,
} from "@alara/learn";
import { describe, expect, it } from "vitest";

describe("the lung gate", () => {
  const SIDE = 96;

  /** Air, a body of radius 40 at 20 HU, two lungs of radius 14 at −850 HU, noise of 40 HU. */
  function drawChest(): { image: Float64Array; place: (k: number) => "air" | "lung" | "tissue" | "rim" } {
    const random = createRandom(17);
    const at = (k: number): [number, number, number] => {
      const [row, column] = [Math.floor(k / SIDE) - 47.5, (k % SIDE) - 47.5];
      return [Math.hypot(row, column), Math.hypot(row, column - 19), Math.hypot(row, column + 19)];
    };
    const image = Float64Array.from({ length: SIDE * SIDE }, (_, k) => {
      const [body, left, right] = at(k);
      const hu = body > 42 ? -1000 : Math.min(left, right) < 15 ? -850 : 20;
      return hu + 40 * random.nextNormal();
    });
    return {
      image,
      place(k) {
        const [body, left, right] = at(k);
        const lung = Math.min(left, right);
        if (body > 42) return "air";
        if (lung < 8) return "lung";
        return lung > 22 ? "tissue" : "rim";
      },
    };
  }

  const x = createInput("x", [1, 1, SIDE, SIDE]);
  const { image, place } = drawChest();

  it("opens in the lungs, not in tissue, and leaks neither into the air nor along the skin", () => {
    const [gate] = evaluateGraph([buildLungGate(x)], { x: image });
    const extremes = { air: [1, 0], lung: [1, 0], tissue: [1, 0], rim: [1, 0] };
    gate.forEach((value, k) => {
      const range = extremes[place(k)];
      range[0] = Math.min(range[0], value);
      range[1] = Math.max(range[1], value);
    });
    expect(extremes.lung[0]).toBeGreaterThan(0.9);
    expect(extremes.tissue[1]).toBeLessThan(0.01);
    expect(extremes.air[1]).toBeLessThan(0.02);
    // Without the opening the skin is taken for lung: the option does what it says.
    const [leaky] = evaluateGraph([buildLungGate(x, { openRadius: 0 })], { x: image });
    expect(Math.max(...leaky.filter((_, k) => place(k) === "air"))).toBeGreaterThan(0.05);
  });

  it("makes no seam: two networks that disagree by 100 HU blend by at most 100/(2·feather + 1) a pixel", () => {
    const [inside, outside] = [50, -50].map((shift) => {
      const network = createCnn10({ channels: 1, layers: 2 });
      return { network, shift };
    });
    const split = createLungSplit({ inside: inside.network, outside: outside.network, featherRadius: 4 });
    const feeds = Object.fromEntries(
      layOutParameters(split.parameters).map(({ name, length }) => {
        const shift = name.startsWith("inside.") ? inside.shift : outside.shift;
        return [name, new Float64Array(length).fill(name.endsWith("conv1.bias") ? shift / 500 : 0)];
      }),
    );
    const [output] = evaluateGraph([split.apply(x)], { x: image, ...feeds });
    const blend = output.map((value, k) => value - image[k]);
    let steepest = 0;
    for (let k = 0; k < blend.length; k++) {
      if (k % SIDE > 0) steepest = Math.max(steepest, Math.abs(blend[k] - blend[k - 1]));
      if (k >= SIDE) steepest = Math.max(steepest, Math.abs(blend[k] - blend[k - SIDE]));
    }
    expect(Math.max(...blend)).toBeGreaterThan(40);
    expect(Math.min(...blend)).toBeLessThan(-49);
    expect(steepest).toBeLessThanOrEqual(100 / 9 + 1e-9);
    expect(steepest).toBeGreaterThan(2);
  });

  it("reaches no further than the network says", () => {
    const split = createLungSplit({
      inside: createCnn10({ channels: 1, layers: 2 }),
      outside: createCnn10({ channels: 1, layers: 2 }),
    });
    expect(split.receptiveRadius).toBe(2 + 2 * 3 + 4);
    const gate = split.getGate(x);
    const changed = image.map((value, k) => (k % SIDE < 40 ? value + 400 * Math.sin(k) : value));
    const [before] = evaluateGraph([gate], { x: image });
    const [after] = evaluateGraph([gate], { x: changed });
    let farthest = 0;
    before.forEach((value, k) => {
      if (value !== after[k]) farthest = Math.max(farthest, (k % SIDE) - 39);
    });
    expect(farthest).toBeGreaterThan(4);
    expect(farthest).toBeLessThanOrEqual(split.receptiveRadius);
  });

  it("trains both networks", () => {
    const split = networks.get("lung-split")({
      inside: "cnn-10",
      outside: "cnn-10",
      "inside.channels": 2,
      "outside.channels": 2,
      "inside.layers": 2,
      "outside.layers": 2,
      "inside.lastLayerGain": 1,
      "outside.lastLayerGain": 1,
    });
    const feeds = {
      x: image,
      ...Object.fromEntries(
        splitParameters(split.parameters, initialiseParameters(split.parameters, createRandom(1))),
      ),
    };
    for (const slope of evaluateGraph(grad(reduceMean(split.apply(x)), split.parameters), feeds)) {
      expect(Math.hypot(...slope)).toBeGreaterThan(0);
    }
  });
});
