/**
 * What shapes the beam of simulated scans: bowties, tube current, scatter, sub-sampling against closed forms; and
 * settings that are refused.
 */
import { type FanArcGeometry, POSE_LENGTH } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  type Acquisition,
  computeMuCurve,
  createConeCurvedGeometry,
  createConeFlatGeometry,
  createFanFlatGeometry,
  createParallelGeometry,
  createPosedGeometry,
  createScanGeometry,
  createScatterModel,
  drawScan,
  filterSpectrum,
  flatPanelScanners,
  getRayAngleRad,
  KV_FAN_SCATTER,
  materials,
  prepareScan,
  rebinSpectrum,
  type ScannedObject,
  scanners,
  simulateScan,
  spectra,
} from "../src/index.ts";
import {
  catsim,
  createCylinder,
  fan,
  measureMoments,
  mono,
  noiseless,
  quiet,
  spectrum,
  water,
} from "./scan-setup.ts";

describe("beam", () => {
  const cylinderMm = 240;

  it("is flattened by an ideal bowtie of the object's size, and only thinned at the rim by others", async () => {
    const object = createCylinder(cylinderMm / 2);
    const bowtie = { kind: "ideal", material: water, diameterMm: cylinderMm } as const;
    const flat = await simulateScan(object, fan, { ...mono, bowtie }, noiseless);
    const { mean } = measureMoments(flat.signal.data);
    for (const value of flat.signal.data) expect(Math.abs(value / mean - 1)).toBeLessThan(1e-5);
    // The line integrals are the object's all the same.
    const plain = await simulateScan(object, fan, mono, noiseless);
    plain.lineIntegrals.data.forEach((value, i) => {
      expect(Math.abs(flat.lineIntegrals.data[i] - value)).toBeLessThan(3e-6);
    });
    const aluminium = materials.get("aluminium");
    const muAl = computeMuCurve(aluminium, [70])[0];
    const edge = getRayAngleRad(fan, 0);
    for (const [shape, thickness] of [
      [{ kind: "cosine", material: aluminium, edgeThicknessMm: 20, edgeAngleRad: -edge }, 20],
      [{ kind: "quadratic", material: aluminium, edgeThicknessMm: 20, edgeAngleRad: -2 * edge }, 5],
      [
        { kind: "profile", layers: [{ material: aluminium, anglesRad: [-1, 1], thicknessMm: [4, 8] }] },
        6 + 2 * edge,
      ],
    ] as const) {
      const scan = await simulateScan(object, fan, { ...mono, bowtie: shape }, noiseless);
      const wanted = Math.exp(-muAl * thickness);
      const centre = shape.kind === "profile" ? Math.exp(-muAl * 6) : 1;
      expect(scan.air.data[0] / (5e4 * 70 * 17) / (wanted / centre)).toBeCloseTo(1, 4);
    }
  });

  it("follows the tube current and its exposure control", async () => {
    const geometry = createScanGeometry(catsim, { views: 40, channelBinning: 20 });
    const oval: ScannedObject = {
      materials: [water],
      integrate(ray, lengths) {
        // An ellipse of 150 × 90 mm: scale y to a circle.
        const k = 150 / 90;
        const dx = ray[3];
        const dy = ray[4] * k;
        const size = Math.hypot(dx, dy);
        const s = (ray[0] * dy - ray[1] * k * dx) / size;
        lengths[0] = (2 * Math.sqrt(Math.max(0, 150 ** 2 - s * s))) / size;
      },
    };
    const steady: Acquisition = { spectrum, exposure: { mAs: 10 }, detector: quiet };
    const sine = await prepareScan(oval, geometry, {
      ...steady,
      tubeCurrent: { kind: "sinusoid", amplitude: 0.4 },
    });
    sine.tubeFactors.forEach((factor, v) => {
      expect(factor).toBeCloseTo(1 + 0.4 * Math.sin(geometry.anglesRad[v]), 12);
      expect(sine.air[0][v * 45] / sine.air[0][0]).toBeCloseTo(factor, 5);
    });
    const controlled = await prepareScan(oval, geometry, {
      ...steady,
      tubeCurrent: { kind: "exposure-control" },
    });
    const still = await prepareScan(oval, geometry, steady);
    const least = (scan: typeof still, v: number): number =>
      Math.min(...scan.mean[0].subarray(v * 45, (v + 1) * 45));
    const ratio = (scan: typeof still): number => {
      const values = Array.from({ length: 40 }, (_, v) => least(scan, v));
      return Math.max(...values) / Math.min(...values);
    };
    // The thickest ray of each view gets nearly the same signal; without control views differ tenfold.
    expect(ratio(still)).toBeGreaterThan(8);
    expect(ratio(controlled)).toBeLessThan(1.3);
    expect(controlled.tubeFactors.reduce((a, b) => a + b, 0) / 40).toBeCloseTo(1, 9);
    expect(controlled.mAs).toBeCloseTo(10, 9);
    const half = await prepareScan(oval, geometry, {
      ...steady,
      tubeCurrent: { kind: "exposure-control", strength: 0.5, referenceMm: 240 },
    });
    const full = await prepareScan(oval, geometry, {
      ...steady,
      tubeCurrent: { kind: "exposure-control", referenceMm: 240, limits: [1e-3, 1e3] },
    });
    half.tubeFactors.forEach((factor, v) => {
      expect(factor ** 2 / full.tubeFactors[v]).toBeCloseTo(1, 9);
    });
    // Along z: a slice of twice the thickness gets more of the tube's load, the mean stays.
    const cone: ScannedObject = {
      materials: [water],
      integrate(ray, lengths) {
        lengths[0] = ray[2] > 0 ? 200 : 100;
      },
    };
    const along = await prepareScan(cone, geometry, {
      ...steady,
      sliceHeightsMm: [-10, 10],
      tubeCurrent: { kind: "exposure-control" },
    });
    const muWater = Math.log(along.tubeFactors[40] / along.tubeFactors[0]) / 100;
    expect(muWater).toBeGreaterThan(0.019);
    expect(muWater).toBeLessThan(0.022);
    expect((along.tubeFactors[0] + along.tubeFactors[40]) / 2).toBeCloseTo(1, 9);
    const given = await prepareScan(oval, geometry, {
      ...steady,
      tubeCurrent: { kind: "given", factors: Float64Array.from({ length: 40 }, (_, v) => v / 10) },
    });
    expect(given.mAs).toBeCloseTo(10 * 1.95, 9);
    expect(given.mean[0][0]).toBe(0);
  });
});

describe("scatter", () => {
  it("is about 15 % of the primary behind 35 cm of water by default", async () => {
    const geometry = createConeCurvedGeometry(scanners.get("ge-lightspeed"), {
      views: 1 + 1,
      channelBinning: 4,
      rowBinning: 4,
    });
    const poly: Acquisition = { spectrum, exposure: { mAs: 1 }, detector: "gos", scatter: KV_FAN_SCATTER };
    const scan = await prepareScan(createCylinder(175), geometry, poly);
    const middle = (geometry.rows / 2) * geometry.channels + geometry.channels / 2;
    const ratio = scan.scatter![middle] / scan.mean[0][middle];
    expect(ratio).toBeGreaterThan(0.13);
    expect(ratio).toBeLessThan(0.18);
    // In air there is none far from the object's shadow.
    const empty = await prepareScan(createCylinder(0), geometry, poly);
    expect(Math.max(...empty.scatter!)).toBe(0);
    // Its parameter scales it; line integrals fall by ln(1 + SPR); correction takes it off again.
    const noisy = drawScan(scan, noiseless);
    const clean = await simulateScan(
      createCylinder(175),
      geometry,
      { ...poly, scatter: { coefficient: 0 } },
      noiseless,
    );
    expect(clean.lineIntegrals.data[middle] - noisy.lineIntegrals.data[middle]).toBeCloseTo(
      Math.log(1 + ratio),
      4,
    );
    const corrected = await simulateScan(
      createCylinder(175),
      geometry,
      { ...poly, scatter: { coefficient: 0.025, correctedFraction: 1 } },
      noiseless,
    );
    expect(corrected.lineIntegrals.data[middle]).toBeCloseTo(clean.lineIntegrals.data[middle], 4);
  });

  it("is calibrated by a known ratio", async () => {
    const model = createScatterModel({ scatterToPrimary: 0.04, lineIntegral: 1.6, fwhmMm: [200, 200] });
    expect(model.coefficient).toBeCloseTo(0.025, 12);
    for (const wrong of [
      { scatterToPrimary: -0.1, lineIntegral: 1 },
      { scatterToPrimary: 0.1, lineIntegral: 0 },
    ]) {
      expect(() => createScatterModel(wrong)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    }
  });

  it("adds quanta of its own to integrating and counting detectors", async () => {
    const geometry = createParallelGeometry({ channels: 400, channelPitchMm: 1, views: 100 });
    const slab: ScannedObject = {
      materials: [water],
      integrate: (_ray, lengths) => {
        lengths[0] = 200;
      },
    };
    const scatter = { coefficient: 0.2, fwhmMm: [10, 10] } as const;
    for (const detector of [
      quiet,
      { kind: "photon-counting", name: "ideal", thresholdsKev: [20, 60] } as const,
    ]) {
      const acquisition: Acquisition = { spectrum, exposure: { incidentQuanta: 2000 }, detector };
      const plain = await prepareScan(slab, geometry, acquisition);
      const prepared = await prepareScan(slab, geometry, { ...acquisition, scatter });
      const ratio = prepared.scatter![200] / prepared.mean.reduce((sum, data) => sum + data[200], 0);
      expect(ratio).toBeGreaterThan(0.5);
      const inner = (data: Float32Array): number[] =>
        [...data].filter((_, i) => i % 400 > 30 && i % 400 < 370);
      const a = measureMoments(inner(drawScan(plain, { seed: 1 }).signal.data));
      const b = measureMoments(inner(drawScan(prepared, { seed: 1 }).signal.data));
      expect(Math.abs(b.mean / a.mean / (1 + ratio) - 1)).toBeLessThan(0.005);
      expect(Math.abs(b.variance / a.variance / (1 + ratio) - 1)).toBeLessThan(0.05);
    }
  });
});

describe("sub-sampling", () => {
  it("averages intensities over focal spot, aperture and turn as closed forms say", async () => {
    // A half-space edge: intensity 1 on one side, e^{−p} on the other; its blur is the uniform spot's trapezoid.
    const geometry: FanArcGeometry = createScanGeometry(
      { ...catsim, channels: 401, channelPitchMm: 0.05, channelOffset: 0 },
      { views: 8 },
    );
    // A lead-like plate in the plane x = 0, on y > 0.
    const plate: ScannedObject = {
      materials: [water],
      integrate(ray, lengths) {
        const t = -ray[0] / ray[3];
        lengths[0] = ray[1] + t * ray[4] > 0 ? 2000 : 0;
      },
    };
    const widthAt = async (change: Partial<Acquisition>): Promise<number> => {
      const scan = await simulateScan(plate, geometry, { ...mono, ...change }, noiseless);
      let sum = 0;
      let below = 0;
      for (let c = 0; c < 401; c++) {
        const level = scan.signal.data[c] / scan.air.data[c];
        sum += level * (1 - level);
        below += level;
      }
      expect(below).toBeGreaterThan(150);
      // Of a linear rise over w channels Σ level(1 − level) = w/6.
      return 6 * sum * 0.05;
    };
    const magnified = 950 / 540;
    // Focal spot: blur at the detector = width · (SDD − SID)/SID.
    expect(await widthAt({ focalSpot: { widthMm: 1.2, lengthMm: 0, samples: [60, 1] } })).toBeCloseTo(
      1.2 * (magnified - 1),
      1,
    );
    // Turning gantry: the edge in the axis does not move for the central ray; an edge 20 mm before the axis does.
    const before: ScannedObject = {
      materials: [water],
      integrate(ray, lengths) {
        const t = (20 - ray[0]) / ray[3];
        lengths[0] = ray[1] + t * ray[4] > 0 ? 2000 : 0;
      },
    };
    const fine = { ...geometry, anglesRad: Float64Array.from({ length: 2 }, (_, v) => 0.02 * v) };
    const turning = await simulateScan(before, fine, { ...mono, viewSamples: 40 }, noiseless);
    let sum = 0;
    for (let c = 0; c < 401; c++) {
      const level = turning.signal.data[c] / turning.air.data[c];
      sum += level * (1 - level);
    }
    // Edge at (20, 0) seen from a source turned by ε: γ ≈ −20ε/(540 − 20); times SDD gives mm at the detector.
    expect(6 * sum * 0.05).toBeCloseTo((0.02 * 20 * 950) / 520, 1);
  });

  it("averages the aperture: a thin wire's shadow and sinc of a sine", async () => {
    // p(s) = small·(1 + cos(2πfs)): averaged over an aperture w its cosine shrinks by sinc(fw).
    const geometry = createParallelGeometry({ channels: 64, channelPitchMm: 1, views: 1 });
    const frequency = 1 / 4;
    const mu = computeMuCurve(water, [70])[0];
    const wave: ScannedObject = {
      materials: [water],
      integrate(ray, lengths) {
        lengths[0] = (0.001 * (1 + Math.cos(2 * Math.PI * frequency * ray[0]))) / mu;
      },
    };
    for (const fill of [1, 0.5]) {
      const scan = await simulateScan(
        wave,
        geometry,
        { ...mono, aperture: { samples: [40, 1], fill: [fill, 1] } },
        noiseless,
      );
      const x = Math.PI * frequency * fill;
      for (let c = 0; c < 64; c++) {
        const s = c - 31.5;
        const wanted = 0.001 * (1 + (Math.sin(x) / x) * Math.cos(2 * Math.PI * frequency * s));
        expect(Math.abs(scan.lineIntegrals.data[c] - wanted)).toBeLessThan(3e-6);
      }
    }
  });
});

describe("bad input", () => {
  const object = createCylinder(50);
  it.each<[string, Partial<Acquisition>, string]>([
    ["no quanta", { exposure: { incidentQuanta: 0 } }, "OUT_OF_RANGE"],
    ["negative mAs", { spectrum, exposure: { mAs: -1 } }, "OUT_OF_RANGE"],
    ["mAs of one energy", { exposure: { mAs: 10 } }, "OUT_OF_RANGE"],
    [
      "mAs of a relative spectrum",
      { spectrum: spectra.get("mv-2.5").create(), exposure: { mAs: 1e6 } },
      "OUT_OF_RANGE",
    ],
    [
      "mAs of a filtered, rebinned relative spectrum",
      {
        spectrum: rebinSpectrum(
          filterSpectrum(spectra.get("mv-6").create(), [{ material: water, thicknessMm: 1 }]),
          9,
        ),
        exposure: { mAs: 1e6 },
      },
      "OUT_OF_RANGE",
    ],
    ["less than one quantum in air", { exposure: { incidentQuanta: 0.9 } }, "OUT_OF_RANGE"],
    [
      "quanta that the detector lets through",
      {
        detector: { ...quiet, absorber: { material: water, thicknessMm: 1e-3 } },
        exposure: { incidentQuanta: 5e4 },
      },
      "OUT_OF_RANGE",
    ],
    [
      "a spectrum without photons",
      { spectrum: { ...spectrum, photons: new Float64Array(spectrum.photons.length) } },
      "BAD_SPECTRUM",
    ],
    ["an energy of 0", { spectrum: 0 }, "BAD_SPECTRUM"],
    [
      "negative photons",
      { spectrum: { name: "x", energiesKev: Float64Array.of(50), photons: Float64Array.of(-1) } },
      "BAD_SPECTRUM",
    ],
    ["an energy outside the table", { spectrum: 1e9 }, "ENERGY_OUT_OF_TABLE"],
    ["a broken filter", { filters: [{ material: water, thicknessMm: Number.NaN }] }, "OUT_OF_RANGE"],
    ["crosstalk above everything", { crosstalk: { channelShare: 0.6 } }, "OUT_OF_RANGE"],
    [
      "crosstalk of counts",
      { detector: "ideal-counting", crosstalk: { channelShare: 0.01 } },
      "OUT_OF_RANGE",
    ],
    [
      "thresholds that fall",
      { detector: { kind: "photon-counting", name: "x", thresholdsKev: [60, 30] } },
      "OUT_OF_RANGE",
    ],
    ["lag without time", { lag: { viewTimeMs: 0, components: [] } }, "OUT_OF_RANGE"],
    ["negative scatter", { scatter: { coefficient: -1 } }, "OUT_OF_RANGE"],
    ["half a sample", { viewSamples: 1.5 }, "OUT_OF_RANGE"],
    ["a clamp at nothing", { clampQuanta: 0 }, "OUT_OF_RANGE"],
    ["too few positions", { channelPositions: [1, 2] }, "SHAPE_MISMATCH"],
    [
      "a position that is no number",
      { channelPositions: Float64Array.from({ length: fan.channels }, (_, c) => (c === 3 ? Number.NaN : c)) },
      "OUT_OF_RANGE",
    ],
    ["a factor too few", { tubeCurrent: { kind: "given", factors: [1, 2, 3] } }, "SHAPE_MISMATCH"],
    ["a bowtie of nothing", { bowtie: { kind: "ideal", material: water, diameterMm: 0 } }, "OUT_OF_RANGE"],
  ])("%s is refused", async (_name, change, code) => {
    await expect(simulateScan(object, fan, { ...mono, ...change }, noiseless)).rejects.toMatchObject({
      code,
    });
  });

  it("is refused where geometry and object do not go with the settings", async () => {
    const parallel = createParallelGeometry({ channels: 8, channelPitchMm: 10, views: 3 });
    const bowtie = { kind: "ideal", material: water, diameterMm: 100 } as const;
    await expect(simulateScan(object, parallel, { ...mono, bowtie }, noiseless)).rejects.toMatchObject({
      code: "OUT_OF_RANGE",
    });
    const cone = createConeFlatGeometry(flatPanelScanners.get("rtk-test"), {
      views: 2,
      channelBinning: 16,
      rowBinning: 16,
    });
    await expect(
      simulateScan(object, cone, { ...mono, sliceHeightsMm: [0] }, noiseless),
    ).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
    const posed = createPosedGeometry(cone);
    expect(posed.poses.length).toBe(2 * POSE_LENGTH);
    await expect(simulateScan(object, posed, { ...mono, viewSamples: 2 }, noiseless)).rejects.toMatchObject({
      code: "OUT_OF_RANGE",
    });
    const anglesRad = fan.anglesRad.with(1, Number.NaN);
    await expect(simulateScan(object, { ...fan, anglesRad }, mono, noiseless)).rejects.toMatchObject({
      code: "OUT_OF_RANGE",
    });
    const broken: ScannedObject = {
      materials: [water],
      integrate: (_ray, lengths) => {
        lengths[0] = Number.NaN;
      },
    };
    await expect(simulateScan(broken, fan, mono, noiseless)).rejects.toMatchObject({ code: "NON_FINITE" });
    const controller = new AbortController();
    const seen: number[] = [];
    const onProgress = ({ done, total }: { done: number; total: number }): void => {
      seen.push(done / total);
      controller.abort(new Error("enough"));
    };
    const wide = createFanFlatGeometry(flatPanelScanners.get("truebeam-cbct"), { views: 2 });
    await expect(
      simulateScan(object, wide, mono, { ...noiseless, onProgress, signal: controller.signal }),
    ).rejects.toThrow("enough");
    expect(seen).toEqual([0]);
  });

  it("lets timers run meanwhile: a scan is aborted from outside", async () => {
    const controller = new AbortController();
    let last = 0;
    const wide = createScanGeometry(catsim, { views: 300 });
    const scan = simulateScan(object, wide, mono, {
      ...noiseless,
      signal: controller.signal,
      onProgress: ({ done, total }) => {
        last = done / total;
      },
    });
    setTimeout(() => controller.abort(new Error("from outside")), 0);
    await expect(scan).rejects.toThrow("from outside");
    expect(last).toBeLessThan(0.9);
  });
});
