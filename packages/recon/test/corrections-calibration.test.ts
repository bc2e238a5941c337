/**
 * Calibration of counts, the rotation axis found from the data, and the Hounsfield scale.
 */
import {
  createCentredGrid,
  createRandom,
  createSinogram,
  createVolume,
  type FanArcGeometry,
  type Sinogram,
} from "@alara/core";
import {
  computeMuPerMm,
  convertPhantomToMu,
  createParallelGeometry,
  createRandomBodyPhantom,
  createScanGeometry,
  materials,
  projectPhantom,
  scanners,
  spectra,
} from "@alara/physics";
import { describe, expect, it } from "vitest";
import {
  type CentredGeometry,
  calibrateCounts,
  calibrateHu,
  findChannelOffset,
  findDeadChannels,
  fitBeamHardening,
  measureDiscMean,
  measureMuWater,
} from "../src/index.ts";

const phantom = convertPhantomToMu(
  createRandomBodyPhantom(createRandom(11), { scale: 0.6, table: "absent" }),
  0.0193,
);

describe("calibrateCounts", () => {
  const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 20, channelBinning: 8 });
  const clean = projectPhantom(phantom, geometry);
  const { channels } = geometry;
  const random = createRandom(2);
  const dark = Float64Array.from({ length: channels }, () => 50 + 10 * random.nextUniform());
  const gain = Float64Array.from({ length: channels }, () => 1e6 * (0.9 + 0.2 * random.nextUniform()));
  const air = gain.map((value, i) => value + dark[i]);
  const output = Float64Array.from({ length: 20 }, (_, v) => 1 + 0.3 * Math.sin(v));
  const counts = createSinogram(
    "counts",
    geometry,
    1,
    clean.data.map((p, i) => {
      const c = i % channels;
      return dark[c] + gain[c] * output[Math.floor(i / channels)] * Math.exp(-p);
    }),
  );

  it("takes offsets, gains and tube output out exactly", () => {
    const { sinogram, deadChannels, clampedSamples } = calibrateCounts(counts, {
      air,
      dark,
      relativeOutput: output,
    });
    expect(deadChannels).toEqual([]);
    expect(clampedSamples).toBe(0);
    let worst = 0;
    clean.data.forEach((p, i) => {
      worst = Math.max(worst, Math.abs(sinogram.data[i] - p));
    });
    expect(worst).toBeLessThan(2e-5);
  });

  it("finds dead channels and fills them from their neighbours", () => {
    const badAir = air.slice();
    const data = counts.data.slice();
    for (const c of [0, 40, 41, channels - 1]) {
      badAir[c] = dark[c];
      for (let v = 0; v < 20; v++) data[v * channels + c] = Number.NaN;
    }
    badAir[70] = dark[70] + gain[70] * 0.1;
    expect(findDeadChannels({ air: badAir, dark }, channels)).toEqual([0, 40, 41, 70, channels - 1]);
    const { sinogram, deadChannels } = calibrateCounts(
      { ...counts, data },
      { air: badAir, dark, relativeOutput: output },
    );
    expect(deadChannels).toEqual([0, 40, 41, 70, channels - 1]);
    for (let v = 0; v < 20; v++) {
      const at = (c: number): number => sinogram.data[v * channels + c];
      expect(at(0)).toBe(at(1));
      expect(at(channels - 1)).toBe(at(channels - 2));
      expect(at(40)).toBeCloseTo((2 * at(39) + at(42)) / 3, 5);
      expect(at(41)).toBeCloseTo((at(39) + 2 * at(42)) / 3, 5);
      expect(at(70)).toBeCloseTo((at(69) + at(71)) / 2, 5);
    }
  });

  it("clamps starved signals and counts them", () => {
    const data = counts.data.slice();
    data[7] = dark[7] - 20;
    data[9] = dark[9] + 0.25;
    const { sinogram, clampedSamples } = calibrateCounts(
      { ...counts, data },
      { air, dark, leastSignal: 0.5 },
    );
    expect(clampedSamples).toBe(2);
    expect(sinogram.data[7]).toBeCloseTo(Math.log(gain[7] / 0.5), 4);
    expect(sinogram.data[9]).toBeCloseTo(Math.log(gain[9] / 0.5), 4);
  });

  it("refuses what does not fit", () => {
    const cases: readonly (readonly [() => unknown, string])[] = [
      [() => calibrateCounts(counts, { air: air.slice(1), dark }), "SHAPE_MISMATCH"],
      [() => calibrateCounts(counts, { air, dark: [1] }), "SHAPE_MISMATCH"],
      [() => calibrateCounts(counts, { air, relativeOutput: [1] }), "SHAPE_MISMATCH"],
      [() => calibrateCounts(counts, { air, relativeOutput: output.map(() => 0) }), "OUT_OF_RANGE"],
      [() => calibrateCounts(counts, { air, leastSignal: 0 }), "OUT_OF_RANGE"],
      [() => calibrateCounts(counts, { air, deadChannels: [channels] }), "OUT_OF_RANGE"],
      [() => calibrateCounts(counts, { air: dark, dark }), "OUT_OF_RANGE"],
      [() => calibrateCounts(counts, { air: dark, dark, deadChannels: [] }), "OUT_OF_RANGE"],
      [
        () => calibrateCounts({ ...counts, data: counts.data.map(() => Number.NaN) }, { air, dark }),
        "NON_FINITE",
      ],
      [() => findDeadChannels({ air }, 7.5), "SHAPE_MISMATCH"],
      [() => findDeadChannels({ air }, channels, { tolerance: 0 }), "OUT_OF_RANGE"],
    ];
    for (const [run, code] of cases) expect(run).toThrow(expect.objectContaining({ code }));
  });
});

describe("findChannelOffset", () => {
  /** The scan with the true offset, its geometry saying 0, and some noise. */
  function misplace<G extends CentredGeometry>(truth: G, noise: number): Sinogram<"line integral", G> {
    const { data } = projectPhantom(phantom, truth, { raysPerChannel: 3 });
    const random = createRandom(8);
    return createSinogram(
      "line integral",
      { ...truth, channelOffset: 0 },
      1,
      noise === 0 ? data : data.map((value) => value + noise * random.nextNormal()),
    );
  }

  it.each([0, 1.25, -0.4, 3.37, -2.9])("finds %f channels in a fan-arc turn", (offset) => {
    const geometry: FanArcGeometry = {
      ...createScanGeometry(scanners.get("ge-lightspeed"), {
        views: 360,
        channelBinning: 4,
        startAngleRad: 0.7,
      }),
      channelOffset: offset,
    };
    for (const noise of [0, 0.02]) {
      const found = findChannelOffset(misplace(geometry, noise), { views: 45 });
      expect(found.method).toBe("redundancy");
      expect(Math.abs(found.channelOffset - offset)).toBeLessThan(0.05);
    }
  });

  it.each([0.6, -1.7])("finds %f channels in a fan-flat turn", (offset) => {
    const geometry = {
      kind: "fan-flat" as const,
      sourceToIsoMm: 600,
      sourceToDetectorMm: 1000,
      channels: 220,
      channelPitchMm: 2.4,
      anglesRad: Float64Array.from({ length: 300 }, (_, v) => (-2 * Math.PI * v) / 300),
      channelOffset: offset,
    };
    const scan = misplace(geometry, 0.01);
    const found = findChannelOffset(scan).channelOffset;
    expect(Math.abs(found - offset)).toBeLessThan(0.05);
    // Angles as files have them, within one turn.
    const written = geometry.anglesRad.map(
      (angle) => angle + 1 - 2 * Math.PI * Math.floor((angle + 1) / (2 * Math.PI)),
    );
    const wrapped = { ...scan, geometry: { ...scan.geometry, anglesRad: written } };
    expect(findChannelOffset(wrapped).channelOffset).toBeCloseTo(found, 6);
  });

  it.each([
    [2.31, Math.PI, "centroid"],
    [-1.5, Math.PI, "centroid"],
    [0.45, 2 * Math.PI, "redundancy"],
  ])("finds %f channels in parallel views over %f rad by %s", (offset, span, method) => {
    const geometry = {
      ...createParallelGeometry({ views: 180, channels: 220, channelPitchMm: 1.25 }),
      anglesRad: Float64Array.from({ length: 180 }, (_, v) => (v * span) / 180),
      channelOffset: offset,
    };
    const found = findChannelOffset(misplace(geometry, 0.01));
    expect(found.method).toBe(method);
    expect(Math.abs(found.channelOffset - offset)).toBeLessThan(0.05);
  });

  it.each([1, -1])("refuses an axis beyond the search, and finds it with a longer one (%i)", (sense) => {
    const geometry = {
      kind: "fan-flat" as const,
      sourceToIsoMm: 600,
      sourceToDetectorMm: 1000,
      channels: 220,
      channelPitchMm: 2.4,
      anglesRad: Float64Array.from({ length: 200 }, (_, v) => (2 * Math.PI * v) / 200),
      channelOffset: sense * 9.5,
    };
    const scan = misplace(geometry, 0.01);
    expect(() => findChannelOffset(scan, { views: 40 })).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE", message: expect.stringMatching(/farther than 8/) }),
    );
    const found = findChannelOffset(scan, { views: 40, searchChannels: 12 });
    expect(Math.abs(found.channelOffset - sense * 9.5)).toBeLessThan(0.05);
    // A tenth of a channel within the search is found.
    const near = misplace({ ...geometry, channelOffset: sense * 7.9 }, 0.01);
    expect(Math.abs(findChannelOffset(near, { views: 40 }).channelOffset - sense * 7.9)).toBeLessThan(0.05);
  });

  it("refuses scans in which nothing can be found", () => {
    const fan = createScanGeometry(scanners.get("ge-lightspeed"), { views: 40, channelBinning: 8 });
    const full = projectPhantom(phantom, fan);
    const half = { ...full, geometry: { ...fan, anglesRad: fan.anglesRad.map((angle) => angle / 2) } };
    const parallel = createParallelGeometry({ views: 10, channels: 40, channelPitchMm: 8 });
    const narrow = {
      ...projectPhantom(phantom, parallel),
      geometry: { ...parallel, anglesRad: parallel.anglesRad.map((angle) => angle / 4) },
    };
    const bad = { ...full, data: full.data.map(() => Number.NaN) };
    const cases: readonly (readonly [() => unknown, string])[] = [
      [() => findChannelOffset(half), "INCOMPLETE_TURN"],
      [() => findChannelOffset(narrow), "UNSUPPORTED_GEOMETRY"],
      [() => findChannelOffset(createSinogram("line integral", fan)), "UNSUPPORTED_GEOMETRY"],
      [() => findChannelOffset(bad), "NON_FINITE"],
      [() => findChannelOffset(projectPhantom(phantom, { ...parallel, channelPitchMm: 3 })), "TRUNCATED"],
      [() => findChannelOffset(full, { slice: 1 }), "OUT_OF_RANGE"],
      [() => findChannelOffset(full, { searchChannels: 0 }), "OUT_OF_RANGE"],
      [() => findChannelOffset(full, { searchChannels: 54 }), "OUT_OF_RANGE"],
    ];
    for (const [run, code] of cases) expect(run).toThrow(expect.objectContaining({ code }));
  });
});

describe("the Hounsfield scale", () => {
  const water = materials.get("water");
  const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 120, channelBinning: 4 });
  const grid = createCentredGrid([1, 48, 48], [1, 5, 5]);

  it("shows µ of the energy for one energy", async () => {
    const line = { name: "line", energiesKev: Float64Array.of(70), photons: Float64Array.of(1) };
    const mu = await measureMuWater(line, geometry, { grid });
    expect(Math.abs(mu / computeMuPerMm(water, 70) - 1)).toBeLessThan(5e-4);
  });

  it("shows µ of the polynomial's energy with it, and depends on size without", async () => {
    const spectrum = spectra.get("ct-120").create();
    const beamHardening = fitBeamHardening(spectrum, { energyKev: 70 });
    const mu = await measureMuWater(spectrum, geometry, { grid, beamHardening });
    expect(Math.abs(mu / beamHardening.muPerMm - 1)).toBeLessThan(1.5e-3);
    const small = await measureMuWater(spectrum, geometry, { grid, diameterMm: 100 });
    const large = await measureMuWater(spectrum, geometry, { grid, diameterMm: 230 });
    expect(small / large).toBeGreaterThan(1.02);
    await expect(measureMuWater(spectrum, geometry, { grid, diameterMm: 0 })).rejects.toMatchObject({
      code: "OUT_OF_RANGE",
    });
  });

  it("puts air at −1000 and water at 0 by two points", () => {
    const volume = createVolume("1/mm", createCentredGrid([2, 20, 20], [1, 2, 2]));
    volume.data.forEach((_, i) => {
      volume.data[i] = i % 20 < 10 ? 0.0004 : 0.0196;
    });
    const muAirPerMm = measureDiscMean(volume, { radiusMm: 6, centreMm: [0, -10] });
    const muWaterPerMm = measureDiscMean(volume, { radiusMm: 6, centreMm: [0, 10] });
    expect(muAirPerMm).toBeCloseTo(0.0004, 8);
    expect(muWaterPerMm).toBeCloseTo(0.0196, 8);
    const hu = calibrateHu(volume, { muWaterPerMm, muAirPerMm });
    expect(hu.unit).toBe("HU");
    expect(hu.data[0]).toBeCloseTo(-1000, 2);
    expect(hu.data[19]).toBeCloseTo(0, 2);
    expect(calibrateHu(volume, { muWaterPerMm: 0.0196 }).data[0]).toBeCloseTo(-979.59, 1);
    for (const bad of [
      { muWaterPerMm: 0 },
      { muWaterPerMm: 0.01, muAirPerMm: 0.01 },
      { muWaterPerMm: Number.NaN },
    ]) {
      expect(() => calibrateHu(volume, bad)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    }
    for (const region of [
      { radiusMm: 0 },
      { radiusMm: 30 },
      { radiusMm: 0.5 },
      { radiusMm: 5, centreMm: [30, 0] as const },
    ]) {
      expect(() => measureDiscMean(volume, region)).toThrow(
        expect.objectContaining({ code: "OUT_OF_RANGE" }),
      );
    }
    volume.data[210] = Number.NaN;
    expect(() => measureDiscMean(volume, { radiusMm: 15 })).toThrow(
      expect.objectContaining({ code: "NON_FINITE" }),
    );
  });
});
