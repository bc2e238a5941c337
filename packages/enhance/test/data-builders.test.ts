/** Builders: known faults, contrast with physical truth, super-resolution, scanned pairs, repeats, pools, regions. */
import { createCentredGrid, createRandom, createVolume, type Volume } from "@alara/core";
import {
  computeHu,
  createSolution,
  createThoraxPhantom,
  createWaterCylinder,
  materials,
  voxelizePhantom,
} from "@alara/physics";
import { evaluateBlurMtf, type GivenNoise } from "@alara/recon";
import { describe, expect, it } from "vitest";
import { buildContrastPairs, evaluateHuMap, renderContrast } from "../src/data/contrast-pairs.ts";
import { buildFaultPairs } from "../src/data/fault-pairs.ts";
import { buildImages, buildPools, buildRepeatSets, buildScannedPairs } from "../src/data/real-data.ts";
import { binVolume, buildResolutionPairs, renderResolution } from "../src/data/resolution-pairs.ts";
import type { SkippedSeries, TrainingSeries } from "../src/data/training-series.ts";
import { change, createChest } from "./data-bodies.ts";

const CHAIN = { views: 246, channelBinning: 4 } as const;
const GIVEN: GivenNoise = { sigmaHu: 20, window: { boostMm2: 0, cutoffPerMm: 0.6, order: 2.5 } };

function rms(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ** 2;
  return Math.sqrt(sum / values.length);
}

describe("buildFaultPairs", () => {
  const chest = createChest({ seed: 1, size: 64, slices: 2, noise: 0 });
  const sources = ["a", "b", "c"].map((id) => ({ id, source: chest }));

  it("gives the truth and the same with a stated fault, by seed", async () => {
    const faults = ["sparse-views", "rings", "motion"].map((name) => ({ name, severity: [0.5, 1] as const }));
    const options = { faults, seed: 3, perSource: 2, maximumSlices: 1, chain: CHAIN };
    const pairs = await buildFaultPairs(sources, options);
    expect(pairs).toHaveLength(6);
    expect(new Set(pairs.map(({ fault }) => fault?.name)).size).toBeGreaterThan(1);
    for (const { target, input, fault, slices, rows } of pairs) {
      expect([slices, rows]).toEqual([1, 64]);
      expect(Array.from(target)).toEqual(Array.from(chest.data.subarray(0, 64 * 64)));
      expect(rms(input.map((x, i) => x - target[i]))).toBeGreaterThan(2);
      expect(fault!.severity).toBeGreaterThanOrEqual(0.5);
      expect(fault!.parameters.degradation).toBe(fault!.name);
    }
    expect(await buildFaultPairs(sources.slice(0, 1), options)).toEqual(pairs.slice(0, 2));
    expect(pairs[0].input).not.toEqual(pairs[1].input);
  });

  it("draws clean pairs and honours shares", async () => {
    const many = Array.from({ length: 40 }, (_, k) => ({ id: `${k}`, source: chest }));
    const faults = [
      { name: "dose", severity: [0, 0] as const, share: 3 },
      { name: "rings", severity: [0, 0] as const },
      { name: "motion", share: 0 },
    ];
    const pairs = await buildFaultPairs(many, {
      faults,
      seed: 1,
      maximumSlices: 1,
      cleanShare: 0.5,
      chain: CHAIN,
    });
    const names = pairs.flatMap(({ fault }) => fault?.name ?? []);
    expect(pairs.filter(({ fault }) => fault === null).length).toBeGreaterThan(10);
    expect(names.filter((name) => name === "dose").length).toBeGreaterThan(names.length / 2);
    expect(names).not.toContain("motion");
    for (const { input, target } of pairs) expect(input).toEqual(target);
  });

  it("refuses unknown faults and impossible numbers", async () => {
    await expect(buildFaultPairs(sources, { faults: [{ name: "ghost" }], seed: 1 })).rejects.toThrow(/ghost/);
    await expect(buildFaultPairs(sources, { faults: [], seed: 1 })).rejects.toThrow(/0 faults/);
    const wrong = [{ name: "rings", severity: [0.5, 2] as const }];
    await expect(buildFaultPairs(sources, { faults: wrong, seed: 1 })).rejects.toThrow(/severity/);
  });
});

describe("contrast", () => {
  const grid = createCentredGrid([1, 64, 64], [5, 5, 5]);

  it("shows iodine and soft tissue at another energy as the materials themselves", () => {
    const blood = materials.get("blood");
    const iodineBlood = createSolution("blood with iodine", blood, "iodine", 10);
    const bloodHu = computeHu(iodineBlood, 70);
    const volume = createVolume(
      "HU",
      createCentredGrid([1, 1, 3], [1, 1, 1]),
      Float32Array.of(bloodHu, 0, -1030),
    );
    const contrastMask = Uint8Array.of(1, 0, 0);
    const { input, target } = renderContrast(
      { id: "v", volume, contrastMask },
      { kind: "monoenergetic", fromKev: 70, toKev: 50 },
    );
    expect(input).toBe(volume);
    expect(target.data[0]).toBeCloseTo(computeHu(iodineBlood, 50), 0);
    expect(target.data[0]).toBeGreaterThan(1.7 * bloodHu);
    expect(Math.abs(target.data[1])).toBeLessThan(12);
    expect(target.data[2]).toBeCloseTo(-1030, 2);
    const doubled = renderContrast({ id: "v", volume, contrastMask }, { kind: "iodine", factor: 2 });
    const twice = createSolution("twice", blood, "iodine", 20);
    expect(Math.abs(doubled.target.data[0] - computeHu(twice, 70))).toBeLessThan(2);
    expect(doubled.target.data[1]).toBe(0);
    expect(() => renderContrast({ id: "v", volume }, { kind: "iodine", factor: 2 })).toThrow(/contrastMask/);
  });

  it("renders phantoms at both energies and concentrations", () => {
    const source = {
      id: "thorax",
      createPhantom: (iodineMgPerMl: number) => createThoraxPhantom({ iodineMgPerMl, vesselGenerations: 1 }),
      iodineMgPerMl: 4,
      grid,
    };
    const mono = renderContrast(source, { kind: "monoenergetic", fromKev: 70, toKev: 45 });
    const more = renderContrast(source, { kind: "iodine", factor: 3 });
    expect(mono.input.data).toEqual(more.input.data);
    const peak = (volume: Volume<"HU">): number => Math.max(...volume.data);
    expect(peak(mono.target)).toBeGreaterThan(peak(mono.input));
    // Where iodine is, three times the concentration gives three times the excess over blood.
    const bloodHu = computeHu(materials.get("blood"), 70);
    const excess = more.input.data.map((hu, i) =>
      more.target.data[i] - hu > 100 ? (more.target.data[i] - bloodHu) / (hu - bloodHu) : 0,
    );
    const inside = excess.filter((ratio) => ratio > 0).sort();
    expect(inside.length).toBeGreaterThan(5);
    expect(inside[inside.length >> 1]).toBeCloseTo(3, 0);
    // Lung and fat have none: they stay.
    const still = more.target.data.filter((hu, i) => Math.abs(hu - more.input.data[i]) < 1e-3).length;
    expect(still).toBeGreaterThan(0.8 * more.target.data.length);
  });

  it("maps HU through a table, and adds noise fields to the input alone", async () => {
    const points = [
      [-1000, -1000],
      [0, 0],
      [100, 300],
    ] as const;
    expect([-1200, -500, 50, 200].map((hu) => evaluateHuMap(points, hu))).toEqual([-1200, -500, 150, 600]);
    const volume = voxelizePhantom(createWaterCylinder({ radiusMm: 100 }), grid);
    const [pair] = await buildContrastPairs([{ id: "w", volume }], {
      truth: { kind: "map", points },
      noise: { given: GIVEN, realisations: 2, levelRange: [0.5, 2] },
      seed: 4,
    });
    expect(pair).toMatchObject({ id: "w/map", rows: 64, levelRange: [0.5, 2] });
    expect(pair.noises).toHaveLength(2);
    expect(pair.noises![0]).not.toEqual(pair.noises![1]);
    const middle = pair.noises![0].filter((_, i) => Math.hypot((i >> 6) - 32, (i & 63) - 32) < 10);
    expect(rms(middle)).toBeGreaterThan(14);
    expect(rms(middle)).toBeLessThan(28);
    await expect(
      buildContrastPairs([{ id: "w", volume }], { truth: { kind: "map", points: [[0, 0]] }, seed: 1 }),
    ).rejects.toThrow(/two or more/);
  });
});

describe("super-resolution", () => {
  /** A grating along the columns on a 128² matrix of 0.5 mm. */
  const perMm = 0.25;
  const grid = createCentredGrid([1, 128, 128], [1, 0.5, 0.5]);
  const grating = change(
    createVolume("HU", grid),
    (_, i) => 100 * Math.sin(2 * Math.PI * perMm * 0.5 * ((i & 127) + 0.5)),
  );

  it("gives the input the stated MTF on the coarse matrix, over the same field of view", async () => {
    const blur = { kind: "gaussian", fwhmMm: 1.5 } as const;
    const { input, target } = await renderResolution(grating, { scale: 2, blur });
    expect(input.geometry.size).toEqual([1, 64, 64]);
    expect(input.geometry.spacingMm).toEqual([1, 1, 1]);
    expect(input.geometry.originMm[0]).toBeCloseTo(-31.5, 6);
    expect(target.data).toEqual(grating.data);
    // Averaging two samples adds cos(π f Δ).
    const gain = evaluateBlurMtf(blur, perMm) * Math.cos(Math.PI * perMm * 0.5);
    const row = input.data.subarray(32 * 64 + 10, 32 * 64 + 54);
    expect(rms(row) / (100 / Math.SQRT2)).toBeCloseTo(gain, 1);
    expect(Math.abs(rms(row) / (100 / Math.SQRT2) - gain)).toBeLessThan(0.02);
    const same = await renderResolution(grating, { scale: 1, blur });
    expect(same.input.geometry.size).toEqual([1, 128, 128]);
    const odd = createVolume("HU", createCentredGrid([1, 9, 9], [1, 1, 1]));
    expect(() => binVolume(odd, 2)).toThrow(/9 × 9/);
    await expect(renderResolution(grating, { scale: 2, binning: 2 })).rejects.toThrow(/scale 1/);
  });

  it("builds pairs with noise on the coarse matrix, by seed", async () => {
    const water = voxelizePhantom(
      createWaterCylinder({ radiusMm: 90 }),
      createCentredGrid([1, 128, 128], [3, 2, 2]),
    );
    const series = [{ id: "w", volume: water }];
    const options = { scale: 2, noise: { given: GIVEN, realisations: 1 }, seed: 8 } as const;
    const [pair] = await buildResolutionPairs(series, options);
    expect([pair.rows, pair.input.length, pair.target.length, pair.noises?.[0].length]).toEqual([
      64, 4096, 16384, 4096,
    ]);
    expect(pair.target[64 * 128 + 64]).toBe(0);
    expect(await buildResolutionPairs(series, options)).toEqual([pair]);
    expect(await buildResolutionPairs(series, { ...options, seed: 9 })).not.toEqual([pair]);
  });
});

describe("scanned data", () => {
  const target = createChest({ seed: 1, slices: 2 });
  const input = createChest({ seed: 1, slices: 2, noise: 40, noiseSeed: 7 });
  const of = (id: string, volume: Volume<"HU">, more: Partial<TrainingSeries> = {}): TrainingSeries => ({
    id,
    volume,
    ...more,
  });

  it("pairs by identifier, aligns when asked, names what is left out", () => {
    const moved = change(input, (_, i) => input.data[Math.max(0, i - 3)]);
    const skipped: SkippedSeries[] = [];
    const series = [
      of("low", moved, { role: "input", pairId: "1" }),
      of("high", target, { role: "target", pairId: "1" }),
      of("alone", target, { role: "target", pairId: "2" }),
    ];
    const [pair, ...rest] = buildScannedPairs(series, {
      alignment: "rigid",
      onSkipped: (item) => skipped.push(item),
    });
    expect(rest).toEqual([]);
    expect(skipped).toMatchObject([{ id: "alone", code: "INCOMPLETE_PAIR" }]);
    const away = (data: ArrayLike<number>): number => rms(target.data.map((hu, i) => hu - data[i]));
    expect(away(pair.input)).toBeLessThan(0.6 * away(moved.data));
    const asScanned = buildScannedPairs(series.slice(0, 2))[0];
    expect(away(asScanned.input)).toBeCloseTo(away(moved.data), 0);
    expect(() => buildScannedPairs(series.slice(2))).toThrow(
      expect.objectContaining({ code: "NO_TRAINING_DATA" }),
    );
    const other = createVolume("HU", createCentredGrid([1, 16, 16], [1, 1, 1]));
    const odd = [of("x", other, { role: "input", pairId: "1" }), series[1]];
    expect(() =>
      buildScannedPairs(odd, { alignment: "rigid", onSkipped: (item) => skipped.push(item) }),
    ).toThrow();
    expect(skipped.at(-1)).toMatchObject({ id: "x", code: "NOT_ALIGNABLE" });
  });

  it("limits patches to lung or to the rest", () => {
    const series = [
      of("low", input, { role: "input", pairId: "1" }),
      of("high", target, { role: "target", pairId: "1" }),
    ];
    const [lung] = buildScannedPairs(series, { region: "lung" });
    const [rest] = buildScannedPairs(series, { region: "other" });
    const mean = (mask: Uint8Array): number => {
      const inside = target.data.filter((_, i) => mask[i] !== 0);
      return inside.reduce((sum, hu) => sum + hu, 0) / inside.length;
    };
    expect(mean(lung.region!)).toBeLessThan(-600);
    lung.region!.forEach((inLung, i) => {
      if (inLung + rest.region![i] !== 1) throw new Error(`voxel ${i} belongs to both or none`);
    });
    const skipped: SkippedSeries[] = [];
    const random = createRandom(1);
    const soft = change(target, () => 40 + 10 * random.nextNormal());
    expect(() =>
      buildImages([of("s", soft)], { region: "lung", onSkipped: (item) => skipped.push(item) }),
    ).toThrow();
    expect(skipped[0].code).toBe("NO_REGION");
  });

  it("groups repeats and pools", () => {
    const again = createChest({ seed: 1, slices: 2, noiseSeed: 8 });
    const [set] = buildRepeatSets([
      of("a", target, { role: "repeat", pairId: "1" }),
      of("b", again, { role: "repeat", pairId: "1" }),
    ]);
    expect(set.repeats).toHaveLength(2);
    expect(set).toMatchObject({ slices: 2, rows: 128 });
    expect(() => buildRepeatSets([of("a", target, { role: "repeat", pairId: "1" })])).toThrow(/had a repeat/);
    const pools = buildPools([of("a", target, { pool: "x" }), of("b", again, { pool: "y" })]);
    expect([pools.x.length, pools.y.length]).toEqual([1, 1]);
    expect(() => buildPools([of("a", target, { pool: "x" })])).toThrow(/pool "y"/);
  });
});
