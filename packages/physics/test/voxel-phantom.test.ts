/**
 * Voxel phantoms: HU come back at the reference energy, other energies follow the materials, lengths along rays are
 * exact, and both ways of projecting agree.
 */
import { createCentredGrid, createRandom, createVolume, type Volume } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  computeHu,
  computeVoxelHu,
  createParallelGeometry,
  createRayCaster,
  createSiddonProjector,
  createVolumeGrid,
  createVoxelPhantom,
  createVoxelScannedObject,
  getMaterialAmounts,
  materials,
  projectVoxelMaterials,
} from "../src/index.ts";

function makeRamp(low: number, high: number, count = 4096): Volume<"HU"> {
  const data = Float32Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));
  return createVolume("HU", createCentredGrid([1, 1, count], [1, 1, 1]), data);
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
}

describe("createVoxelPhantom", () => {
  for (const method of ["mixture", "classes"] as const) {
    it.each([50, 70, 100])(
      `gives HU back at the reference energy of %d keV (${method})`,
      (referenceEnergyKev) => {
        const ramp = makeRamp(-1000, 8000);
        const phantom = createVoxelPhantom(ramp, { referenceEnergyKev, method });
        expect(largestDifference(computeVoxelHu(phantom, referenceEnergyKev).data, ramp.data)).toBeLessThan(
          0.01,
        );
      },
    );
  }

  it("is pure tissue at the HU of tissues, so other energies follow", () => {
    const names = ["air", "lung", "adipose", "soft-tissue", "cortical-bone", "titanium"];
    const data = Float32Array.from(names, (name) => computeHu(materials.get(name), 70));
    const volume = createVolume("HU", createCentredGrid([1, 1, names.length], [1, 1, 1]), data);
    const phantom = createVoxelPhantom(volume);
    for (const energy of [40, 90, 140]) {
      const { data: seen } = computeVoxelHu(phantom, energy);
      names.forEach((name, i) => {
        const expected = computeHu(materials.get(name), energy);
        expect(Math.abs(seen[i] - expected), `${name} at ${energy} keV`).toBeLessThan(
          1e-3 * (Math.abs(expected) + 1000),
        );
      });
    }
  });

  it("goes over between tissues without jumps at any energy, and with them in classes", () => {
    const ramp = makeRamp(-1000, 2900);
    const largestStep = (method: "mixture" | "classes"): number => {
      const { data } = computeVoxelHu(createVoxelPhantom(ramp, { method }), 40);
      let step = 0;
      for (let i = 1; i < data.length; i++) step = Math.max(step, Math.abs(data[i] - data[i - 1]));
      return step;
    };
    expect(largestStep("mixture")).toBeLessThan(5);
    expect(largestStep("classes")).toBeGreaterThan(30);
  });

  it("puts iodine and metal where masks say", () => {
    const volume = createVolume(
      "HU",
      createCentredGrid([1, 1, 4], [1, 1, 1]),
      Float32Array.of(300, 300, 20, 500),
    );
    const phantom = createVoxelPhantom(volume, { contrastMask: [0, 1, 1, 0], metalMask: [0, 0, 0, 1] });
    const { data } = computeVoxelHu(phantom, 40);
    // Iodine gains more than bone towards low energies: 300 HU are about 8 mg/mL.
    expect(data[1]).toBeGreaterThan(data[0] + 150);
    expect(Math.abs(data[2] - 20)).toBeLessThan(25);
    expect(phantom.materials[phantom.firstMaterials[3]].name).toBe("titanium");
    expect(largestDifference(computeVoxelHu(phantom, 70).data, volume.data)).toBeLessThan(0.01);
  });

  it("leaves out what does not occur and takes nothing below −1000 HU", () => {
    const volume = createVolume(
      "HU",
      createCentredGrid([1, 1, 3], [1, 1, 1]),
      Float32Array.of(-2048, -1000, 53),
    );
    const phantom = createVoxelPhantom(volume);
    expect(phantom.materials.map(({ name }) => name)).not.toContain("cortical-bone");
    expect(phantom.firstAmounts[0] + phantom.secondAmounts[0]).toBe(0);
    expect(computeVoxelHu(phantom, 70).data[0]).toBe(-1000);
  });

  it("refuses what cannot be", () => {
    const ramp = makeRamp(-1000, 1000, 8);
    expect(() => createVoxelPhantom(ramp, { boneHu: -200 })).toThrow(/must ascend/);
    expect(() => createVoxelPhantom(ramp, { referenceEnergyKev: 0.1 })).toThrow(/0.1 keV/);
    expect(() => createVoxelPhantom(ramp, { contrastMask: [1] })).toThrow(/contrastMask has 1/);
    const broken = createVolume("HU", ramp.geometry, ramp.data.slice().fill(Number.NaN, 3, 4));
    expect(() => createVoxelPhantom(broken)).toThrow(/voxel 3 is NaN/);
    expect(() => getMaterialAmounts(createVoxelPhantom(ramp), 99)).toThrow(/material 99/);
  });
});

/** Random tissues on a small grid of uneven spacings. */
function makeRandomPhantom(slices: number): ReturnType<typeof createVoxelPhantom> {
  const random = createRandom(7);
  const volume = createVolume("HU", createCentredGrid([slices, 9, 11], [2, 1.3, 1.7]));
  for (let i = 0; i < volume.data.length; i++) volume.data[i] = -1000 + 2500 * random.nextUniform();
  return createVoxelPhantom(volume);
}

describe("createVoxelScannedObject", () => {
  const phantom = makeRandomPhantom(5);
  const object = createVoxelScannedObject(phantom);
  const lengths = new Float64Array(phantom.materials.length);

  it("has the chord of a box of one tissue in closed form, in any direction", () => {
    const grid = createCentredGrid([6, 8, 10], [3, 2, 1.5]);
    const hu = computeHu(materials.get("soft-tissue"), 70);
    const box = createVoxelPhantom(createVolume("HU", grid, new Float32Array(480).fill(hu)));
    const scanned = createVoxelScannedObject(box);
    const out = new Float64Array(box.materials.length);
    const random = createRandom(3);
    for (let i = 0; i < 300; i++) {
      const d = [random.nextNormal(), random.nextNormal(), random.nextNormal()];
      const norm = Math.hypot(...d);
      const o = [4 * random.nextNormal(), 4 * random.nextNormal(), 4 * random.nextNormal()];
      let start = -Infinity;
      let end = Infinity;
      [7.5, 8, 9].forEach((half, axis) => {
        const a = (-half - o[axis]) / (d[axis] / norm);
        const b = (half - o[axis]) / (d[axis] / norm);
        start = Math.max(start, Math.min(a, b));
        end = Math.min(end, Math.max(a, b));
      });
      scanned.integrate(Float64Array.of(...o, ...d.map((x) => x / norm)), out);
      expect(Math.abs(out.reduce((s, x) => s + x, 0) - Math.max(0, end - start))).toBeLessThan(2e-5);
    }
  });

  it("counts rays on grid lines once", () => {
    // Parallel rays at all column faces but the last sum to the mass of the half-open voxels.
    const grid = createCentredGrid([1, 4, 4], [1, 1, 1]);
    const volume = createVolume(
      "HU",
      grid,
      new Float32Array(16).fill(computeHu(materials.get("adipose"), 70)),
    );
    const scanned = createVoxelScannedObject(createVoxelPhantom(volume));
    const out = new Float64Array(scanned.materials.length);
    let total = 0;
    for (let x = -2; x <= 2; x++) {
      scanned.integrate(Float64Array.of(x, -50, 0, 0, 1, 0), out);
      total += out.reduce((s, v) => s + v, 0);
    }
    expect(total).toBeCloseTo(16, 4);
  });

  it("keeps mass over dense parallel rays", () => {
    const direction = [0.48, 0.6, 0.64];
    const u = [0.8, -0.6, 0].map((x, i) => x - (0.8 * 0.48 - 0.6 * 0.6) * direction[i]);
    const uNorm = Math.hypot(...u);
    const across = u.map((x) => x / uNorm);
    const up = [
      direction[1] * across[2] - direction[2] * across[1],
      direction[2] * across[0] - direction[0] * across[2],
      direction[0] * across[1] - direction[1] * across[0],
    ];
    const pitch = 0.1;
    const traced = new Float64Array(lengths.length);
    for (let a = -14; a < 14; a += pitch) {
      for (let b = -14; b < 14; b += pitch) {
        const origin = [0, 1, 2].map((k) => a * across[k] + b * up[k] - 60 * direction[k]);
        object.integrate(Float64Array.of(...origin, ...direction), lengths);
        for (let m = 0; m < traced.length; m++) traced[m] += lengths[m] * pitch * pitch;
      }
    }
    phantom.materials.forEach((_, m) => {
      const mass = getMaterialAmounts(phantom, m).reduce((s, x) => s + x, 0) * 2 * 1.3 * 1.7;
      expect(Math.abs(traced[m] / mass - 1)).toBeLessThan(2e-3);
    });
  });

  it("goes on along z when endless", () => {
    const endless = createVoxelScannedObject(makeRandomPhantom(1), { isEndless: true });
    const flat = new Float64Array(endless.materials.length);
    const steep = new Float64Array(endless.materials.length);
    endless.integrate(Float64Array.of(0.2, -40, 0, 0.28, 0.96, 0), flat);
    // The same line in the plane, climbing: lengths grow by 1/cos.
    endless.integrate(Float64Array.of(0.2, -40, 300, 0.28 * 0.6, 0.96 * 0.6, -0.8), steep);
    flat.forEach((length, m) => {
      expect(steep[m]).toBeCloseTo(length / 0.6, 6);
    });
  });

  it("agrees with Siddon's operator, material by material", () => {
    const slice = makeRandomPhantom(1);
    const geometry = createParallelGeometry({ channels: 31, channelPitchMm: 0.7, views: 14 });
    const operator = createSiddonProjector(geometry, createVolumeGrid(slice.geometry));
    const sinograms = projectVoxelMaterials(slice, operator);
    const scanned = createVoxelScannedObject(slice);
    const caster = createRayCaster(geometry);
    const ray = new Float64Array(6);
    const out = new Float64Array(slice.materials.length);
    for (let v = 0; v < 14; v++) {
      for (let c = 0; c < 31; c++) {
        caster.cast(v, 0, c, ray);
        scanned.integrate(ray, out);
        out.forEach((length, m) => {
          expect(Math.abs(length - sinograms[m][v * 31 + c])).toBeLessThan(1e-6);
        });
      }
    }
    const other = createSiddonProjector(geometry, createVolumeGrid(createCentredGrid([1, 3, 3], [1, 1, 1])));
    expect(() => projectVoxelMaterials(slice, other)).toThrow(/takes 9 voxels/);
  });
});
