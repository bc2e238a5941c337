/**
 * Scanners and the geometries made from them: angles, merged and shifted detectors, arcs of their own centre.
 */
import { countDetectorRows, countViews, createSinogram } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  computeArcChannelAngles,
  createConeCurvedGeometry,
  createConeFlatGeometry,
  createFanFlatGeometry,
  createParallelGeometry,
  createRayCaster,
  createScanGeometry,
  fitEquiangularGeometry,
  flatPanelScanners,
  getRayAngleRad,
  resampleChannels,
  scanners,
  tomotherapyArc,
} from "../src/index.ts";

/** Line integral through a disc of unit value: 2√(R² − s²). */
const chord = (s: number, radius: number): number => 2 * Math.sqrt(Math.max(0, radius * radius - s * s));

describe("presets", () => {
  it.each([...scanners.entries()])("%s makes a fan over a body", (name, scanner) => {
    const geometry = createScanGeometry(scanner);
    expect(scanner.name).toBe(name);
    expect(countViews(geometry)).toBe(scanner.viewsPerRotation);
    expect(geometry.sourceToDetectorMm).toBeGreaterThan(geometry.sourceToIsoMm);
    const edge = getRayAngleRad(geometry, geometry.channels - 1);
    const fieldOfViewMm = 2 * geometry.sourceToIsoMm * Math.sin(edge);
    expect(fieldOfViewMm).toBeGreaterThan(380);
    expect(fieldOfViewMm).toBeLessThan(560);
  });

  it.each([...flatPanelScanners.entries()])("%s makes a cone", (name, scanner) => {
    const geometry = createConeFlatGeometry(scanner);
    expect(scanner.name).toBe(name);
    expect(geometry.channels).toBe(scanner.channels);
    expect(countDetectorRows(geometry)).toBe(scanner.rows);
    expect(countViews(geometry)).toBe(scanner.viewsPerRotation);
    expect(geometry.sourceToDetectorMm).toBeGreaterThan(geometry.sourceToIsoMm);
  });

  // tomography.md §2.9: source to axis and to detector, channels × pitch, offset, rows × pitch, views. Only what it states.
  it.each([
    ["ge-lightspeed", 541, 949.075, 888, 1.0239, 1.25, 64, 1.0964, 984],
    ["catsim", 540, 950, 900, 1, 0.25, 16, 1, 1000],
    ["siemens-force", 595, 1085.6, 880, 1, 1.25, undefined, undefined, 1160],
    ["siemens-flash", 575, 1075, 900, undefined, undefined, 64, undefined, 1152],
    ["truebeam-cbct", 1000, 1500, 1024, 0.388, 0, 768, 0.388, undefined],
    ["tigre-cbct", 1000, 1536, 512, 0.8, 0, 512, 0.8, undefined],
    ["rtk-test", 600, 1200, 128, 4, 0, 128, 4, 180],
    ["ctsim-kv", 1000, 1500, 360, 0.768, 0, undefined, undefined, 720],
    ["ctsim-mv", 1000, 1500, 360, 0.784, 0, undefined, undefined, 720],
    ["micro-helsinki", 410.66, 553.74, undefined, 0.05, 0, undefined, 0.05, undefined],
  ] as const)(
    "%s has the published dimensions",
    (name, iso, detector, channels, pitch, offset, rows, rowPitch, views) => {
      const scanner = scanners.has(name) ? scanners.get(name) : flatPanelScanners.get(name);
      const published = {
        sourceToIsoMm: iso,
        sourceToDetectorMm: detector,
        channels,
        channelPitchMm: pitch,
        channelOffset: offset,
        rows,
        rowPitchMm: rowPitch,
        viewsPerRotation: views,
      };
      for (const [key, value] of Object.entries(published)) {
        if (value !== undefined) expect([key, scanner[key as keyof typeof published]]).toEqual([key, value]);
      }
    },
  );

  it("magnifies 1.3, 1.8 and 3.3 times in the rotating micro-CT", () => {
    for (const magnification of [1.3, 1.8, 3.3]) {
      const { sourceToDetectorMm, sourceToIsoMm } = flatPanelScanners.get(`micro-gantry-${magnification}`);
      expect(sourceToDetectorMm / sourceToIsoMm).toBeCloseTo(magnification, 12);
    }
  });

  it("has rows of 0.625 mm at the axis in the GE scanner, and the Helsinki data's 560 merged channels", () => {
    const cone = createConeCurvedGeometry(scanners.get("ge-lightspeed"));
    expect(cone.rows).toBe(64);
    expect((cone.rowPitchMm * cone.sourceToIsoMm) / cone.sourceToDetectorMm).toBeCloseTo(0.625, 3);
    const micro = createFanFlatGeometry(flatPanelScanners.get("micro-helsinki"), { channelBinning: 4 });
    expect(micro.channels).toBe(560);
    expect(micro.channelPitchMm).toBeCloseTo(0.2, 12);
  });
});

describe("geometries", () => {
  const ge = scanners.get("ge-lightspeed");
  const panel = flatPanelScanners.get("truebeam-cbct");

  it("scan full turns, short scans and free arcs", () => {
    const full = createScanGeometry(ge, { startAngleRad: 0.4 });
    expect(full.anglesRad[0]).toBe(0.4);
    expect(full.anglesRad[983] - 0.4).toBeCloseTo((2 * Math.PI * 983) / 984, 12);
    const short = createScanGeometry(ge, { arc: "short" });
    // MIRT calls 642 views a short scan of this fan; the largest ray angle makes it 643.
    expect(short.anglesRad.length).toBe(643);
    const step = short.anglesRad[1] - short.anglesRad[0];
    expect(step).toBeCloseTo((2 * Math.PI) / 984, 12);
    const largest = Math.max(-getRayAngleRad(short, 0), getRayAngleRad(short, 887));
    expect(643 * step).toBeGreaterThanOrEqual(Math.PI + 2 * largest);
    expect(642 * step).toBeLessThan(Math.PI + 2 * largest);
    const over = createScanGeometry(ge, { arc: "short", overscanRad: 0.2, views: 300 });
    expect(300 * (over.anglesRad[1] - over.anglesRad[0])).toBeCloseTo(Math.PI + 2 * largest + 0.2, 9);
    const quarter = createScanGeometry(ge, { arc: Math.PI / 2 });
    expect(quarter.anglesRad.length).toBe(246);
  });

  it("keep the rays when channels and rows are merged", () => {
    const fine = createConeFlatGeometry(panel, { views: 3 });
    const coarse = createConeFlatGeometry(panel, { views: 3, channelBinning: 4, rowBinning: 2 });
    expect([coarse.channels, coarse.rows]).toEqual([256, 384]);
    const a = new Float64Array(6);
    const b = new Float64Array(6);
    createRayCaster(fine).cast(1, 2 * 100 + 0.5, 4 * 30 + 1.5, a);
    createRayCaster(coarse).cast(1, 100, 30, b);
    a.forEach((x, i) => {
      expect(b[i]).toBeCloseTo(x, 12);
    });
    // 1025 channels do not divide: the place of the central ray is kept all the same.
    const odd = createFanFlatGeometry({ ...panel, channels: 1025, channelOffset: 3 }, { channelBinning: 4 });
    const centre = (odd.channels - 1) / 2 + odd.channelOffset;
    expect(4 * (centre + 0.5) - 0.5).toBeCloseTo(512 + 3, 12);
  });

  it("shift the detector and move the isocentre", () => {
    const shifted = createConeFlatGeometry(panel, { views: 2, channelShiftMm: 160, rowShiftMm: 3.88 });
    const halfFan = createConeFlatGeometry(flatPanelScanners.get("truebeam-cbct-half-fan"), { views: 2 });
    expect(shifted.channelOffset).toBeCloseTo(halfFan.channelOffset, 9);
    expect(shifted.rowOffset).toBeCloseTo(-10, 9);
    // The panel reaches far to one side and past the central ray on the other.
    const centre = (halfFan.channels - 1) / 2 + halfFan.channelOffset;
    expect(centre).toBeGreaterThan(90);
    expect(centre).toBeLessThan(110);
    const magnified = createConeFlatGeometry(panel, { views: 2, magnification: 2.5 });
    expect(magnified.sourceToIsoMm).toBe(600);
    const some = createConeCurvedGeometry(ge, { rows: 16, rowBinning: 2 });
    expect(some.rows).toBe(8);
    expect(some.rowOffset).toBe(0);
  });

  it("have parallel rays", () => {
    const geometry = createParallelGeometry({
      channels: 5,
      channelPitchMm: 2,
      channelOffset: 0.25,
      views: 4,
      startAngleRad: 0.1,
    });
    expect(geometry.anglesRad[3]).toBeCloseTo(0.1 + (3 * Math.PI) / 4, 12);
    const ray = new Float64Array(6);
    createRayCaster(geometry).cast(0, 0, 3, ray);
    expect(ray[0] * Math.cos(0.1) + ray[1] * Math.sin(0.1)).toBeCloseTo((3 - 2.25) * 2, 12);
  });

  it("refuse impossible numbers and scanners without rows", () => {
    const flatBad = { ...panel, channelPitchMm: Number.NaN };
    for (const make of [
      () => createScanGeometry(ge, { views: 1 }),
      () => createScanGeometry(ge, { channelBinning: 1.5 }),
      () => createScanGeometry(ge, { arc: -1 }),
      () => createScanGeometry(ge, { arc: Number.NaN }),
      () => createScanGeometry(ge, { startAngleRad: Number.POSITIVE_INFINITY }),
      () => createConeCurvedGeometry(scanners.get("tomotherapy-mvct")),
      () => createConeCurvedGeometry(ge, { rows: 65 }),
      () => createConeFlatGeometry(panel, { magnification: 0.5 }),
      () => createConeFlatGeometry(flatBad),
      () => createParallelGeometry({ channels: 0, channelPitchMm: 1, views: 3 }),
      () => createParallelGeometry({ channels: 3, channelPitchMm: -1, views: 3 }),
      () => fitEquiangularGeometry({ ...tomotherapyArc, arcRadiusMm: 150 }),
    ]) {
      expect(make).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    }
  });
});

describe("arcs of their own centre", () => {
  it("give TomoTherapy's half-fan, and equal angles when centred on the source", () => {
    const angles = computeArcChannelAngles(tomotherapyArc);
    expect(Math.abs(angles[0])).toBeCloseTo(0.231, 3);
    const middle = angles[264] - angles[263];
    expect(middle).toBeCloseTo(1.25 / 1426, 8);
    // Farther out the arc comes nearer to the source: the pitch grows by 0.7 %.
    expect((angles[527] - angles[526]) / middle).toBeCloseTo(1.0067, 3);
    const centred = computeArcChannelAngles({ ...tomotherapyArc, arcRadiusMm: 1426 });
    for (let c = 1; c < 528; c++) expect(centred[c] - centred[c - 1]).toBeCloseTo(1.25 / 1426, 12);
    expect(
      fitEquiangularGeometry({ ...tomotherapyArc, arcRadiusMm: 1426 }).largestDeviationChannels,
    ).toBeLessThan(1e-9);
  });

  it("resample TomoTherapy's channels of water with an error of 4e-6 inside and 6e-3 at the rim", () => {
    const { geometry, channelPositions, largestDeviationChannels } = fitEquiangularGeometry(tomotherapyArc, {
      views: 2,
    });
    expect(largestDeviationChannels).toBeGreaterThan(0.2);
    expect(largestDeviationChannels).toBeLessThan(0.23);
    const radius = 100;
    const mu = 0.005;
    const lineIntegral = (channel: number): number =>
      mu * chord(850 * Math.sin(getRayAngleRad(geometry, channel)), radius);
    const measured = createSinogram("line integral", geometry);
    for (let i = 0; i < measured.data.length; i++) measured.data[i] = lineIntegral(channelPositions[i % 528]);
    const resampled = resampleChannels(measured, channelPositions);
    let inside = 0;
    let rim = 0;
    let unresampled = 0;
    for (let i = 0; i < measured.data.length; i++) {
      const exact = lineIntegral(i % 528);
      const error = Math.abs(resampled.data[i] - exact);
      const s = Math.abs(850 * Math.sin(getRayAngleRad(geometry, i % 528)));
      rim = Math.max(rim, error);
      if (s < 95 || s > 105) {
        inside = Math.max(inside, error);
        unresampled = Math.max(unresampled, Math.abs(measured.data[i] - exact));
      }
    }
    expect(inside).toBeLessThan(4e-6);
    expect(rim).toBeLessThan(6e-3);
    // Taking the true channels for even ones would be far worse.
    expect(unresampled).toBeGreaterThan(1000 * inside);
  });

  it("resample cubics exactly and refuse positions that do not ascend", () => {
    const { geometry } = fitEquiangularGeometry(
      { ...tomotherapyArc, channels: 12, centralChannel: 5 },
      { views: 2 },
    );
    const positions = Float64Array.from({ length: 12 }, (_, c) => c + 0.3 * Math.sin(c));
    const cubic = (x: number): number => 1 + x - 0.2 * x * x + 0.01 * x ** 3;
    const measured = createSinogram("line integral", geometry);
    for (let i = 0; i < 24; i++) measured.data[i] = cubic(positions[i % 12]);
    resampleChannels(measured, positions).data.forEach((value, i) => {
      expect(Math.abs(value - cubic(i % 12))).toBeLessThan(1e-5);
    });
    expect(() => resampleChannels(measured, positions.slice(1))).toThrow(
      expect.objectContaining({ code: "SHAPE_MISMATCH" }),
    );
    expect(() =>
      resampleChannels(
        measured,
        positions.map(() => 1),
      ),
    ).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
  });
});
