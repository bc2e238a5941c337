/**
 * Ring removal on known stripes and rings, with the object left alone.
 */
import { createCentredGrid, createRandom, createSinogram, createVolume, type Sinogram } from "@alara/core";
import {
  convertPhantomToMu,
  createParallelGeometry,
  createRandomBodyPhantom,
  createScanGeometry,
  createSheppLoganPhantom,
  type Phantom,
  projectPhantom,
  scanners,
  voxelizePhantom,
} from "@alara/physics";
import { describe, expect, it } from "vitest";
import { reconstructFbp, removeRings, removeStripes } from "../src/index.ts";

const geometry = createParallelGeometry({ views: 180, channels: 192, channelPitchMm: 1.3 });

function createBody(seed: number): Sinogram<"line integral", typeof geometry> {
  const phantom = convertPhantomToMu(
    createRandomBodyPhantom(createRandom(seed), { scale: 0.65, table: "absent" }),
    0.0193,
  );
  return projectPhantom(phantom, geometry, { raysPerChannel: 3 });
}

function computeRms(values: ArrayLike<number>, minus: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] - minus[i]) ** 2;
  return Math.sqrt(sum / values.length);
}

/** Adds to every sample a stripe value of its channel (and view). */
function addStripes<S extends Sinogram<"line integral">>(
  sinogram: S,
  stripe: (view: number, channel: number) => number,
): S {
  const { channels } = sinogram.geometry;
  const data = sinogram.data.map((value, i) => value + stripe(Math.floor(i / channels), i % channels));
  return { ...sinogram, data };
}

describe("removeStripes", () => {
  // Some of the known stripes are gains that are 20 % wrong.
  const all = { largest: 0.5 };
  const random = createRandom(5);
  const gains = Float64Array.from({ length: 192 }, () =>
    random.nextUniform() < 0.08 ? 0.06 * random.nextNormal() : 0,
  );

  it("takes known stripes away and leaves the object", () => {
    const clean = createBody(3);
    const striped = addStripes(clean, (_view, channel) => gains[channel]);
    const before = computeRms(striped.data, clean.data);
    expect(before).toBeGreaterThan(0.01);
    const after = removeStripes(striped, all);
    const untouched = removeStripes(clean, all);
    expect(computeRms(after.data, clean.data) / before).toBeLessThan(0.08);
    expect(computeRms(untouched.data, clean.data) / before).toBeLessThan(0.09);
  });

  it("takes stripes away that change along the views, in windows of views", () => {
    const clean = createBody(4);
    const striped = addStripes(clean, (view, channel) => gains[channel] * (view / 90));
    const before = computeRms(striped.data, clean.data);
    const constant = computeRms(removeStripes(striped, all).data, clean.data) / before;
    const windows = computeRms(removeStripes(striped, { ...all, viewWindow: 90 }).data, clean.data) / before;
    expect(windows).toBeLessThan(0.35);
    expect(windows).toBeLessThan(0.7 * constant);
  });

  it("takes rings out of the reconstruction", async () => {
    const clean = createBody(3);
    const striped = addStripes(clean, (_view, channel) => gains[channel]);
    const grid = createCentredGrid([1, 96, 96], [1, 2.2, 2.2]);
    const [truth, ringed, repaired] = await Promise.all(
      [clean, striped, removeStripes(striped, all)].map((sinogram) =>
        reconstructFbp(sinogram, { grid, window: "hann" }),
      ),
    );
    expect(computeRms(repaired.data, truth.data)).toBeLessThan(computeRms(ringed.data, truth.data) / 10);
  });

  it("takes small stripes away by default, and leaves large ones", () => {
    const clean = createBody(3);
    const small = addStripes(clean, (_view, channel) => 0.3 * gains[channel]);
    const before = computeRms(small.data, clean.data);
    expect(computeRms(removeStripes(small).data, clean.data) / before).toBeLessThan(0.25);
    const large = addStripes(clean, (_view, channel) => (channel === 60 ? 0.2 : 0));
    const left = removeStripes(large);
    expect(left.data[90 * 192 + 60] - clean.data[90 * 192 + 60]).toBeGreaterThan(0.19);
  });

  const circle = (xMm: number, yMm: number, radius: number, value: number): Phantom["ellipses"][number] => ({
    xMm,
    yMm,
    semiAxisXMm: radius,
    semiAxisYMm: radius,
    rotationRad: 0,
    value,
  });
  it.each([
    ["water on the axis", [circle(0, 0, 100, 0)], 0, 11],
    ["water on the axis, with noise", [circle(0, 0, 100, 0)], 0.01, 7],
    [
      "a body with bone and air",
      [circle(5, -7, 100, 0), circle(40, 10, 15, 500), circle(-30, 40, 10, -1000)],
      0,
      1,
    ],
    [
      "the same with noise",
      [circle(5, -7, 100, 0), circle(40, 10, 15, 500), circle(-30, 40, 10, -1000)],
      0.01,
      3,
    ],
  ] as const)("leaves %s alone: HU of the image", async (_, ellipses, noise, largestRms) => {
    const body: Phantom<"HU"> = { unit: "HU", composition: "replace", background: -1000, ellipses };
    const scan = createScanGeometry(scanners.get("ge-lightspeed"), { views: 180, channelBinning: 2 });
    const clean = projectPhantom(convertPhantomToMu(body, 0.0193), scan, { raysPerChannel: 3 });
    const normal = createRandom(4);
    const measured = { ...clean, data: clean.data.map((p) => p + noise * normal.nextNormal()) };
    const grid = createCentredGrid([1, 96, 96], [1, 2.5, 2.5]);
    const before = await reconstructFbp(measured, { grid });
    const after = await reconstructFbp(removeStripes(measured), { grid });
    expect((1000 / 0.0193) * computeRms(after.data, before.data)).toBeLessThan(largestRms);
  });

  it("treats slices and detector rows each on their own", () => {
    const clean = createBody(3);
    const two = createSinogram(
      "line integral",
      geometry,
      2,
      Float32Array.from([...clean.data, ...clean.data]),
    );
    const data = two.data.map((value, i) => value + (i >= clean.data.length ? gains[i % 192] : 0));
    const out = removeStripes({ ...two, data });
    const single = removeStripes(clean);
    expect(out.data.subarray(0, clean.data.length)).toEqual(single.data);
    const cone = {
      kind: "cone-flat" as const,
      rows: 2,
      rowPitchMm: 1,
      rowOffset: 0,
      channels: 12,
      channelPitchMm: 1,
      channelOffset: 0,
      sourceToIsoMm: 500,
      sourceToDetectorMm: 800,
      anglesRad: Float64Array.from({ length: 10 }, (_, v) => v),
    };
    const scan = createSinogram("line integral", cone);
    for (let v = 0; v < 10; v++) scan.data[(v * 2 + 1) * 12 + 6] = 0.5;
    expect(removeStripes(scan, all).data.every((value) => Math.abs(value) < 1e-6)).toBe(true);
  });

  it("refuses bad options and data", () => {
    const clean = createBody(3);
    for (const bad of [{ viewWindow: 3 }, { viewWindow: 181 }, { viewWindow: 20.5 }, { largest: 0 }]) {
      expect(() => removeStripes(clean, bad)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    }
    const data = clean.data.slice();
    data[100] = Number.NaN;
    expect(() => removeStripes({ ...clean, data })).toThrow(expect.objectContaining({ code: "NON_FINITE" }));
  });
});

describe("removeRings", () => {
  const grid = createCentredGrid([1, 160, 160], [1, 1.4, 1.4]);
  const object = voxelizePhantom(createSheppLoganPhantom({ radiusMm: 100 }), grid);

  it.each([1, 4])("takes known rings away and leaves the object (%d sectors)", (sectors) => {
    const axis = [3, -5] as const;
    const ring = (i: number): number => {
      const y = (Math.floor(i / 160) - 79.5) * 1.4 - axis[0];
      const x = ((i % 160) - 79.5) * 1.4 - axis[1];
      const r = Math.hypot(x, y);
      const partial = sectors === 1 ? 1 : y > 0 && x > 0 ? 1 : 0;
      const at = (radius: number): number => Math.max(0, 1 - Math.abs(r - radius) / 1.4);
      return 0.03 * partial * (at(28) - at(47.6) + at(70));
    };
    const rings = object.data.map((_, i) => ring(i));
    const ringed = createVolume(
      object.unit,
      grid,
      object.data.map((value, i) => value + rings[i]),
    );
    const options = { axisOffsetMm: axis, threshold: 0.05, sectors };
    const repaired = removeRings(ringed, options);
    const untouched = removeRings(object, options);
    const before = computeRms(ringed.data, object.data);
    expect(computeRms(repaired.data, object.data) / before).toBeLessThan(0.42);
    expect(computeRms(untouched.data, object.data) / before).toBeLessThan(0.08);
    expect(ringed.data[0]).toBe(object.data[0] + rings[0]);
  });

  it("refuses bad options", () => {
    for (const bad of [
      { threshold: 0 },
      { threshold: 1, sectors: 0 },
      { threshold: 1, width: 4 },
      { threshold: 1, ringSpacingMm: 0 },
    ]) {
      expect(() => removeRings(object, bad)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    }
    const line = createVolume("HU", createCentredGrid([1, 1, 20], [1, 1, 1]));
    expect(() => removeRings(line, { threshold: 1 })).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
    const holed = createVolume("HU", createCentredGrid([1, 20, 20], [1, 1, 1]));
    holed.data[7] = Number.NaN;
    expect(() => removeRings(holed, { threshold: 1 })).toThrow(
      expect.objectContaining({ code: "NON_FINITE" }),
    );
  });
});
