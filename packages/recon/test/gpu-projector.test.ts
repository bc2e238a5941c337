/**
 * The Joseph projector on a GPU against the float64 definition and its own adjoint, in every geometry, whole and cut
 * into slabs and parts of views.
 */

import type { ScanGeometry } from "@alara/core";
import { createRandom } from "@alara/core";
import { createJosephProjector, estimateOperatorNorm, type VolumeGrid } from "@alara/physics";
import { describe, expect, it } from "vitest";
import { createGpuProjector, ReconError, requestGpuDevice, solveCgls } from "../src/index.ts";
import { requestNodeGpuDevice } from "../src/node.ts";
import { requireGpuDevice } from "./gpu-device.ts";

const turn = (views: number, start: number): Float64Array =>
  Float64Array.from({ length: views }, (_, v) => start + (2 * Math.PI * v) / views);

const source = { sourceToIsoMm: 400, sourceToDetectorMm: 700 };

// Angles of multiples of 45° make ties of the dominant axis.
const scans: readonly (readonly [string, ScanGeometry])[] = [
  [
    "parallel",
    { kind: "parallel", channels: 70, channelPitchMm: 2.1, channelOffset: 0.25, anglesRad: turn(16, 0) },
  ],
  [
    "fan-arc",
    {
      kind: "fan-arc",
      ...source,
      channels: 67,
      channelOffset: 1.25,
      channelPitchRad: 0.0055,
      anglesRad: turn(17, 0.1),
    },
  ],
  [
    "fan-flat",
    {
      kind: "fan-flat",
      ...source,
      channels: 130,
      channelOffset: -4,
      channelPitchMm: 2,
      anglesRad: turn(12, 0),
    },
  ],
  [
    "cone-flat",
    {
      kind: "cone-flat",
      ...source,
      channels: 66,
      channelOffset: 0.5,
      channelPitchMm: 4,
      rows: 13,
      rowPitchMm: 5,
      rowOffset: 0.4,
      anglesRad: turn(11, 0.3),
    },
  ],
  [
    "cone-curved",
    {
      kind: "cone-curved",
      ...source,
      channels: 65,
      channelOffset: 0,
      channelPitchRad: 0.006,
      rows: 12,
      rowPitchMm: 4,
      rowOffset: 0,
      anglesRad: turn(8, 0),
    },
  ],
];

const grids: readonly (readonly [string, VolumeGrid])[] = [
  [
    "square",
    {
      slices: 9,
      rows: 40,
      columns: 40,
      sliceSpacingMm: 3,
      rowSpacingMm: 3,
      columnSpacingMm: 3,
      firstSliceMm: -12,
      firstRowMm: -58.5,
      firstColumnMm: -58.5,
    },
  ],
  [
    "uneven, off the axis",
    {
      slices: 7,
      rows: 23,
      columns: 61,
      sliceSpacingMm: 4,
      rowSpacingMm: 5.5,
      columnSpacingMm: 1.7,
      firstSliceMm: -10,
      firstRowMm: -70,
      firstColumnMm: -31,
    },
  ],
];

function drawNormals(length: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length }, () => random.nextNormal());
}

function computeDot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

const computeLength = (a: ArrayLike<number>): number => Math.sqrt(computeDot(a, a));

function compare(got: ArrayLike<number>, expected: Float64Array): number {
  return computeLength(expected.map((value, i) => value - got[i])) / computeLength(expected);
}

describe.each(scans)("createGpuProjector: %s", (_name, geometry) => {
  for (const [gridName, grid] of grids) {
    // 8 kB and less cut the scans into slabs of one or two slices and parts of few views.
    for (const bufferLimitBytes of [undefined, 16384]) {
      it(`agrees with float64 and its adjoint to 1e-5: ${gridName}, ${bufferLimitBytes ?? "all"} bytes`, async (context) => {
        const device = await requireGpuDevice(context);
        const reference = createJosephProjector(geometry, grid);
        const operator = createGpuProjector(
          device,
          geometry,
          grid,
          bufferLimitBytes === undefined ? {} : { bufferLimitBytes },
        );
        expect(operator.domainLength).toBe(reference.domainLength);
        expect(operator.rangeLength).toBe(reference.rangeLength);
        const x = drawNormals(operator.domainLength, 31);
        const y = drawNormals(operator.rangeLength, 32);
        const ax = await operator.apply(x);
        const aty = await operator.applyAdjoint(y, new Float32Array(operator.domainLength).fill(7));
        expect(compare(ax, reference.apply(Float64Array.from(x)))).toBeLessThan(1e-5);
        expect(compare(aty, reference.applyAdjoint(Float64Array.from(y)))).toBeLessThan(1e-5);
        const mismatch = computeDot(ax, y) - computeDot(x, aty);
        expect(Math.abs(mismatch) / (computeLength(ax) * computeLength(y))).toBeLessThan(1e-5);
        operator.dispose();
      });
    }
  }
});

describe("createGpuProjector", () => {
  const [, parallel] = scans[0];
  const [, grid] = grids[0];

  it("has the norm of the float64 definition", async (context) => {
    const device = await requireGpuDevice(context);
    const small = { ...grid, slices: 1 };
    const operator = createGpuProjector(device, parallel, small);
    const norm = await estimateOperatorNorm(operator, { precision: "float32", iterations: 8 });
    const expected = await estimateOperatorNorm(createJosephProjector(parallel, small), { iterations: 8 });
    expect(Math.abs(norm / expected - 1)).toBeLessThan(1e-5);
    operator.dispose();
  });

  it("is what iterative methods take", async (context) => {
    const device = await requireGpuDevice(context);
    const small = { ...grid, slices: 1 };
    const operator = createGpuProjector(device, parallel, small);
    const reference = createJosephProjector(parallel, small);
    const truth = Float32Array.from({ length: operator.domainLength }, (_, i) => (i % 40 > 12 ? 0.02 : 0));
    const data = await operator.apply(truth);
    const size = [1, small.rows, small.columns] as const;
    const { image } = await solveCgls({ operator, data, size }, { iterations: 6 });
    const expected = await solveCgls(
      { operator: reference, data: Float64Array.from(data), size },
      { iterations: 6 },
    );
    expect(compare(image, expected.image)).toBeLessThan(1e-4);
    expect(compare(image, Float64Array.from(truth))).toBeLessThan(0.3);
    operator.dispose();
  });

  it("runs calls made at once one after another", async (context) => {
    const device = await requireGpuDevice(context);
    const operator = createGpuProjector(device, parallel, grid);
    const inputs = [1, 2, 3].map((seed) => drawNormals(operator.domainLength, seed));
    const together = await Promise.all(inputs.map((x) => operator.apply(x)));
    for (const [i, x] of inputs.entries()) expect(await operator.apply(x)).toEqual(together[i]);
    operator.dispose();
  });

  it("refuses poses, steep cones, other lengths and too small buffers", async (context) => {
    const device = await requireGpuDevice(context);
    const posed: ScanGeometry = { kind: "posed", channels: 2, rows: 2, poses: new Float64Array(12) };
    expect(() => createGpuProjector(device, posed, grid)).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED_GEOMETRY" }),
    );
    const [, cone] = scans[3];
    expect(() => createGpuProjector(device, { ...cone, rowPitchMm: 120 } as ScanGeometry, grid)).toThrow(
      /climb 1.1/,
    );
    expect(() => createGpuProjector(device, parallel, grid, { bufferLimitBytes: 1000 })).toThrow(
      expect.objectContaining({ code: "TOO_LITTLE_MEMORY" }),
    );
    const operator = createGpuProjector(device, parallel, grid);
    await expect(operator.apply(new Float32Array(5))).rejects.toThrow(/volume has 5 samples, expected 14400/);
    await expect(operator.applyAdjoint(new Float32Array(5))).rejects.toThrow(ReconError);
    operator.dispose();
    await expect(operator.apply(new Float32Array(14400))).rejects.toThrow(
      expect.objectContaining({ code: "NO_GPU" }),
    );
  });

  it("reports a lost device and the device's own errors", async (context) => {
    await requireGpuDevice(context);
    const device = await requestNodeGpuDevice();
    if (device === undefined) throw new Error("one device but no second");
    // A device that gives away less than its limits say.
    const greedy = {
      ...{ limits: device.limits, lost: device.lost, queue: device.queue },
      createBuffer: (d: { size: number; usage: number }) =>
        device.createBuffer({ ...d, usage: d.usage & ~4 }),
      createShaderModule: device.createShaderModule.bind(device),
      createComputePipelineAsync: device.createComputePipelineAsync.bind(device),
      createBindGroup: device.createBindGroup.bind(device),
      createCommandEncoder: device.createCommandEncoder.bind(device),
      pushErrorScope: device.pushErrorScope.bind(device),
      popErrorScope: device.popErrorScope.bind(device),
      destroy: device.destroy.bind(device),
    };
    const broken = createGpuProjector(greedy, parallel, grid);
    await expect(broken.apply(new Float32Array(14400))).rejects.toThrow(
      expect.objectContaining({ code: "GPU_FAILED" }),
    );
    const illiterate = {
      ...greedy,
      createBuffer: device.createBuffer.bind(device),
      createShaderModule: () => device.createShaderModule({ code: "fn forward() { return 1; }" }),
    };
    const garbled = createGpuProjector(illiterate, parallel, grid);
    await expect(garbled.apply(new Float32Array(14400))).rejects.toThrow(
      expect.objectContaining({ code: "GPU_FAILED" }),
    );
    const operator = createGpuProjector(device, parallel, grid);
    await operator.apply(new Float32Array(14400));
    // Lost in the middle of work.
    const late = createGpuProjector(device, parallel, grid).applyAdjoint(
      new Float32Array(operator.rangeLength),
    );
    device.destroy();
    await expect(late).rejects.toThrow(expect.objectContaining({ code: "NO_GPU" }));
    await expect(operator.apply(new Float32Array(14400))).rejects.toThrow(/device is lost \(destroyed\)/);
  });
});

describe("requestGpuDevice", () => {
  it("is undefined without WebGPU, adapter or device", async () => {
    expect(await requestGpuDevice()).toBeUndefined();
    expect(await requestGpuDevice({ gpu: { requestAdapter: async () => null } })).toBeUndefined();
    const limits = {
      maxStorageBufferBindingSize: 1,
      maxBufferSize: 1,
      maxComputeWorkgroupsPerDimension: 1,
    };
    const requestDevice = async (): Promise<never> => {
      throw new Error("driver says no");
    };
    const gpu = { requestAdapter: async () => ({ limits, requestDevice }) };
    expect(await requestGpuDevice({ gpu })).toBeUndefined();
  });
});
