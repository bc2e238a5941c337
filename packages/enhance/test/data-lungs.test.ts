/** Lungs by threshold and components: the anatomical thorax against its own materials, constructed traps. */
import { createCentredGrid, createRandom, createVolume, type Volume } from "@alara/core";
import { computeMaterialFractions, createThoraxPhantom, voxelizeHu } from "@alara/physics";
import { describe, expect, it } from "vitest";
import { invertMask, segmentLungs } from "../src/data/lung-mask.ts";

const GRID = createCentredGrid([5, 128, 128], [10, 3, 3]);

function overlap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [both, sum] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== 0 && b[i] !== 0) both++;
    sum += Number(a[i] !== 0) + Number(b[i] !== 0);
  }
  return (2 * both) / sum;
}

describe("segmentLungs", () => {
  const phantom = createThoraxPhantom({ vesselGenerations: 3, nodules: 3 });
  const clean = voxelizeHu(phantom, 70, GRID);

  it("overlaps the lungs of the anatomical thorax, with noise too", () => {
    const { materials, fractions } = computeMaterialFractions(phantom, GRID);
    const index = materials.findIndex(({ name }) => /lung/i.test(name));
    const truth = fractions[index].map((share) => (share > 0.5 ? 1 : 0));
    const random = createRandom(1);
    const noisy = createVolume(
      "HU",
      GRID,
      clean.data.map((hu) => hu + 60 * random.nextNormal()),
    );
    expect(overlap(segmentLungs(clean, { smoothingPx: 0 }), truth)).toBeGreaterThan(0.95);
    expect(overlap(segmentLungs(noisy), truth)).toBeGreaterThan(0.92);
  });

  it("leaves gas, small air and the outside out, and closes vessels in", () => {
    const volume = createVolume("HU", createCentredGrid([3, 128, 128], [5, 2, 2]));
    const paint = (r: number, c: number, radius: number, hu: number): void => {
      for (let i = 0; i < volume.data.length; i++) {
        const [y, x] = [Math.floor(i / 128) % 128, i % 128];
        if (Math.hypot(y - r, x - c) <= radius) volume.data[i] = hu;
      }
    };
    volume.data.fill(-1000);
    paint(64, 64, 56, 40);
    paint(64, 40, 16, -850);
    paint(64, 40, 2, 40);
    paint(64, 90, 16, -850);
    paint(40, 64, 6, -1000);
    paint(100, 64, 2, -800);
    const mask = segmentLungs(volume, { smoothingPx: 0 });
    const at = (r: number, c: number): number => mask[16384 + r * 128 + c];
    expect([at(64, 30), at(64, 90), at(64, 40)]).toEqual([1, 1, 1]);
    expect([at(40, 64), at(100, 64), at(2, 2), at(64, 64)]).toEqual([0, 0, 0, 0]);
    expect(invertMask(mask)[16384 + 64 * 128 + 90]).toBe(0);
    expect(invertMask(mask)[0]).toBe(1);
  });

  it("finds nothing in an abdomen or in air, and refuses bad options", () => {
    const air: Volume<"HU"> = createVolume("HU", createCentredGrid([1, 64, 64], [5, 2, 2]));
    air.data.fill(-1000);
    expect(segmentLungs(air).includes(1)).toBe(false);
    expect(() => segmentLungs(air, { gasHu: -300 })).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
  });
});
