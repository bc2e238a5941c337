/** Composite operators that have no golden: round trips, places of volumes' blocks, dropout, refusals. */
import {
  applyDropout,
  attentionGate,
  batchNorm,
  createConstant,
  createInput,
  depthToSpace,
  evaluateGraph,
  fft2,
  grad,
  groupNorm,
  inverseFft2,
  LearnError,
  layerNorm,
  maxPool,
  mul,
  pixelShuffle,
  pixelUnshuffle,
  reduceMin,
  reduceSum,
  spaceToDepth,
  stopGradient,
  type Tensor,
  windowAttention,
} from "@alara/learn";
import { describe, expect, it } from "vitest";

const VOLUME = [2, 3, 2, 4, 6];
const values = Float64Array.from({ length: 288 }, (_, k) => Math.sin(0.3 * k));

function run(output: Tensor): Float64Array {
  return evaluateGraph([output], { x: values.subarray(0, 288) })[0];
}

describe("volumes folded into channels", () => {
  const x = createInput("x", VOLUME);

  it.each(["ONNX", "PyTorch"])("%s order: the inverse gives the volume back", (order) => {
    const folded = order === "ONNX" ? spaceToDepth(x, { block: 2 }) : pixelUnshuffle(x, { factor: 2 });
    expect(folded.shape).toEqual([2, 24, 1, 2, 3]);
    const back = order === "ONNX" ? depthToSpace(folded, { block: 2 }) : pixelShuffle(folded, { factor: 2 });
    expect(run(back)).toEqual(values);
  });

  it("places every voxel as documented", () => {
    const at = ([n, c, z, y, x]: number[], [, C, S, H, W]: readonly number[]) =>
      (((n * C + c) * S + z) * H + y) * W + x;
    const onnx = run(spaceToDepth(x, { block: 2 }));
    const torch = run(pixelUnshuffle(x, { factor: 2 }));
    const folded = [2, 24, 1, 2, 3];
    for (const [n, c, z, y, w] of [
      [0, 0, 0, 0, 0],
      [1, 2, 1, 3, 4],
      [0, 1, 1, 2, 5],
    ]) {
      const place = (z % 2) * 4 + (y % 2) * 2 + (w % 2);
      const rest = [Math.floor(z / 2), Math.floor(y / 2), Math.floor(w / 2)];
      const expected = values[at([n, c, z, y, w], VOLUME)];
      expect(onnx[at([n, place * 3 + c, ...rest], folded)]).toBe(expected);
      expect(torch[at([n, c * 8 + place, ...rest], folded)]).toBe(expected);
    }
  });
});

describe("Fourier transform", () => {
  it("comes back", () => {
    const back = run(inverseFft2(fft2(createInput("x", VOLUME))));
    for (let k = 0; k < values.length; k++) expect(back[k]).toBeCloseTo(values[k], 12);
  });
});

describe("training only", () => {
  it("dropout scales what it keeps, per channel too", () => {
    const x = createInput("x", [2, 2, 1, 2]);
    const mask = createConstant([1, 0, 0, 1], [2, 2, 1, 1]);
    const [y] = evaluateGraph([applyDropout(x, mask, { rate: 0.75 })], { x: [1, 2, 3, 4, 5, 6, 7, 8] });
    expect([...y]).toEqual([4, 8, 0, 0, 0, 0, 28, 32]);
    expect(() => applyDropout(x, mask, { rate: 1 })).toThrow(/rate 1/);
  });

  it("a stopped gradient leaves the other factor's", () => {
    const x = createInput("x", [3]);
    const [slope] = grad(reduceSum(mul(x, stopGradient(x))), [x]);
    expect([...evaluateGraph([slope], { x: [1, 2, 3] })[0]]).toEqual([1, 2, 3]);
  });

  it("reduceMin is the least", () => {
    const x = createInput("x", [2, 3]);
    expect([...evaluateGraph([reduceMin(x, { axes: [1] })], { x: [3, 1, 2, -4, 0, 5] })[0]]).toEqual([1, -4]);
  });
});

describe("refusals name both sides", () => {
  const x = createInput("x", [2, 6, 8, 8]);
  const three = createConstant([1, 2, 3], [3]);
  const weight = createConstant(new Float64Array(108), [18, 6, 1, 1]);
  const cases: readonly (readonly [string, () => unknown, readonly string[]])[] = [
    ["groupNorm", () => groupNorm(x, { groups: 4 }), ["[2, 6, 8, 8]", "4"]],
    ["groupNorm scale", () => groupNorm(x, { groups: 2, scale: three }), ["[3]", "[2, 6, 8, 8]"]],
    ["layerNorm bias", () => layerNorm(x, { axes: [1], bias: three }), ["[3]", "[2, 6, 8, 8]"]],
    ["batchNorm", () => batchNorm(x, { mean: three, variance: three }), ["[3]", "[2, 6, 8, 8]"]],
    ["maxPool", () => maxPool(x, { size: 9 }), ["[9, 9]", "[2, 6, 8, 8]"]],
    [
      "attentionGate",
      () =>
        attentionGate(x, createInput("g", [2, 3, 3, 4]), {
          inputWeight: weight,
          gateWeight: weight,
          gateBias: three,
          attentionWeight: weight,
          attentionBias: three,
        }),
      ["[2, 3, 3, 4]", "[2, 6, 8, 8]"],
    ],
    [
      "windowAttention",
      () => windowAttention(x, { tokenWeight: weight, outputWeight: weight }, { window: 3, heads: 2 }),
      ["[2, 6, 8, 8]", "3"],
    ],
  ];

  it.each(cases)("%s", (_, build, named) => {
    try {
      build();
      expect.unreachable("it was accepted");
    } catch (error) {
      expect(error).toBeInstanceOf(LearnError);
      expect(["SHAPE_MISMATCH", "OUT_OF_RANGE"]).toContain((error as LearnError).code);
      for (const text of named) expect((error as LearnError).message).toContain(text);
    }
  });
});
