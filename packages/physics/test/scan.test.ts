/**
 * Simulated scans of a water cylinder against closed forms: mean signals, compound Poisson variance, the logarithm's
 * variance, bowties, tube current, scatter, sub-sampling, doses and seeds. Seeds are fixed; bounds on drawn samples
 * are four standard errors or more.
 */
import { type FanArcGeometry, POSE_LENGTH } from "@alara/core";
import { describe, expect, it } from "vitest";
import {
  type Acquisition,
  computeMuCurve,
  computePhotonResponse,
  createConeCurvedGeometry,
  createConeFlatGeometry,
  createFanFlatGeometry,
  createParallelGeometry,
  createPosedGeometry,
  createRayCaster,
  createScanGeometry,
  createScatterModel,
  drawScan,
  type EnergyIntegratingDetector,
  fitEquiangularGeometry,
  flatPanelScanners,
  getRayAngleRad,
  KV_FAN_SCATTER,
  materials,
  type PhotonCountingDetector,
  prepareScan,
  type ScannedObject,
  type Spectrum,
  scanDetectors,
  scanners,
  simulateRepeatedScans,
  simulateScan,
  tomotherapyArc,
} from "../src/index.ts";

const water = materials.get("water");

/** An endless cylinder of water along z. */
function createCylinder(radiusMm: number, xMm = 0, yMm = 0): ScannedObject {
  return {
    materials: [water],
    integrate(ray, lengths) {
      const [x, y, , dx, dy] = ray;
      const inPlane = Math.hypot(dx, dy);
      const s = ((x - xMm) * dy - (y - yMm) * dx) / inPlane;
      lengths[0] = (2 * Math.sqrt(Math.max(0, radiusMm * radiusMm - s * s))) / inPlane;
    },
  };
}

/** Much like 120 kV behind aluminium: ten bins of 10 keV. */
const spectrum: Spectrum = {
  name: "test 120 kV",
  energiesKev: Float64Array.from({ length: 10 }, (_, i) => 25 + 10 * i),
  photons: Float64Array.of(1e4, 9e4, 2e5, 2.3e5, 1.8e5, 1.3e5, 9e4, 6e4, 3e4, 1e4),
};

const catsim = scanners.get("catsim");
const fan = createScanGeometry(catsim, { views: 4, channelBinning: 20 });
const quiet: EnergyIntegratingDetector = {
  kind: "energy-integrating",
  name: "quiet",
  electronsPerKev: 17,
  electronicNoiseElectrons: 0,
};
const mono: Acquisition = { spectrum: 70, exposure: { incidentQuanta: 5e4 }, detector: quiet };
const noiseless = { seed: 1, quantumNoise: false, electronicNoise: false };

function measureMoments(values: ArrayLike<number>): { mean: number; variance: number } {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i] / n;
  let variance = 0;
  for (let i = 0; i < n; i++) variance += (values[i] - mean) ** 2 / (n - 1);
  return { mean, variance };
}

describe("expected signals", () => {
  it("are those of a water cylinder in closed form, at one energy", async () => {
    const scan = await simulateScan(createCylinder(100), fan, mono, noiseless);
    const mu = computeMuCurve(water, [70])[0];
    for (let i = 0; i < scan.lineIntegrals.data.length; i++) {
      const s = fan.sourceToIsoMm * Math.sin(getRayAngleRad(fan, i % fan.channels));
      const p = mu * 2 * Math.sqrt(Math.max(0, 1e4 - s * s));
      expect(Math.abs(scan.lineIntegrals.data[i] - p)).toBeLessThan(2e-6);
      expect(scan.signal.data[i] / (5e4 * 70 * 17 * Math.exp(-p))).toBeCloseTo(1, 5);
      expect(scan.air.data[i] / (5e4 * 70 * 17)).toBeCloseTo(1, 5);
    }
    expect(scan.signalPerQuantum).toBeCloseTo(70 * 17, 9);
    expect(scan.clampedSamples).toBe(0);
    expect([scan.signal.unit, scan.lineIntegrals.unit, scan.mAs]).toEqual(["counts", "line integral", null]);
  });

  it("are sums over the spectrum with filters, detector, distance and obliquity on a flat panel", async () => {
    const panel = {
      ...flatPanelScanners.get("truebeam-cbct"),
      channels: 16,
      rows: 6,
      channelPitchMm: 25,
      rowPitchMm: 30,
    };
    const cone = createConeFlatGeometry(panel, { views: 2 });
    const aluminium = materials.get("aluminium");
    const gos = scanDetectors.get("gos");
    const acquisition: Acquisition = {
      spectrum,
      exposure: { mAs: 0.8 },
      detector: { ...gos, fillFactor: 0.9 },
      filters: [{ material: aluminium, thicknessMm: 2 }],
    };
    const scan = await simulateScan(createCylinder(90), cone, acquisition, noiseless);
    const muWater = computeMuCurve(water, spectrum.energiesKev);
    const muAl = computeMuCurve(aluminium, spectrum.energiesKev);
    const muGos = computeMuCurve(gos.absorber!.material, spectrum.energiesKev);
    const ray = new Float64Array(6);
    const lengths = new Float64Array(1);
    for (const view of [0, 1]) {
      for (let r = 0; r < 6; r++) {
        for (let c = 0; c < 16; c++) {
          createRayCaster(cone).cast(view, r, c, ray);
          createCylinder(90).integrate(ray, lengths);
          const u = (c - 7.5) * 25;
          const v = (r - 2.5) * 30;
          const distance = Math.hypot(1500, u, v);
          const cosine = 1500 / distance;
          let wanted = 0;
          for (let e = 0; e < 10; e++) {
            const quanta =
              0.4 *
              spectrum.photons[e] *
              (1000 / distance) ** 2 *
              25 *
              30 *
              cosine *
              Math.exp((-muAl[e] * 2) / cosine);
            wanted +=
              0.9 *
              quanta *
              Math.exp(-muWater[e] * lengths[0]) *
              (1 - Math.exp((-muGos[e] * 1.4) / cosine)) *
              17 *
              spectrum.energiesKev[e];
          }
          expect(scan.signal.data[(view * 6 + r) * 16 + c] / wanted).toBeCloseTo(1, 5);
        }
      }
    }
    expect(scan.mAs).toBeCloseTo(0.8, 12);
  });

  it("are the same for posed copies of a cone, and in curved cones for stacks of fans", async () => {
    const panel = {
      ...flatPanelScanners.get("truebeam-cbct"),
      channels: 12,
      rows: 4,
      channelPitchMm: 30,
      rowPitchMm: 20,
    };
    const cone = createConeFlatGeometry(panel, { views: 3, channelShiftMm: 40 });
    const acquisition: Acquisition = {
      spectrum,
      exposure: { mAs: 1 },
      detector: "csi-panel",
      bowtie: {
        kind: "quadratic",
        material: materials.get("aluminium"),
        edgeThicknessMm: 10,
        edgeAngleRad: 0.2,
      },
    };
    const a = await simulateScan(createCylinder(80), cone, acquisition, noiseless);
    const b = await simulateScan(createCylinder(80), createPosedGeometry(cone), acquisition, noiseless);
    a.signal.data.forEach((value, i) => {
      expect(b.signal.data[i] / value).toBeCloseTo(1, 5);
    });
    const slices = await simulateScan(
      createCylinder(80),
      fan,
      { ...mono, sliceHeightsMm: [-5, 0, 30] },
      noiseless,
    );
    expect(slices.signal.slices).toBe(3);
    expect(slices.signal.data.slice(0, 180)).toEqual(slices.signal.data.slice(360));
    const curved = createConeCurvedGeometry(catsim, { views: 4, channelBinning: 20, rows: 1 });
    const flat = await simulateScan(createCylinder(80), curved, mono, noiseless);
    flat.lineIntegrals.data.forEach((value, i) => {
      expect(Math.abs(value - slices.lineIntegrals.data[i])).toBeLessThan(2e-6);
    });
  });

  it("take parallel rays and true channels of an arc", async () => {
    const parallel = createParallelGeometry({ channels: 30, channelPitchMm: 8, views: 3 });
    const scan = await simulateScan(createCylinder(100), parallel, mono, noiseless);
    const mu = computeMuCurve(water, [70])[0];
    scan.lineIntegrals.data.forEach((value, i) => {
      const s = ((i % 30) - 14.5) * 8;
      expect(Math.abs(value - mu * 2 * Math.sqrt(Math.max(0, 1e4 - s * s)))).toBeLessThan(2e-6);
    });
    const { geometry, channelPositions } = fitEquiangularGeometry(tomotherapyArc, { views: 2 });
    const arc = await simulateScan(createCylinder(100), geometry, { ...mono, channelPositions }, noiseless);
    for (const c of [10, 170, 264, 370]) {
      const s = 850 * Math.sin(getRayAngleRad(geometry, channelPositions[c]));
      expect(Math.abs(arc.lineIntegrals.data[c] - mu * 2 * Math.sqrt(Math.max(0, 1e4 - s * s)))).toBeLessThan(
        2e-6,
      );
    }
  });
});

describe("noise", () => {
  /** Many channels of one and the same ray: an object that is equally thick everywhere. */
  const slab = (thicknessMm: number): ScannedObject => ({
    materials: [water],
    integrate: (_ray, lengths) => {
      lengths[0] = thicknessMm;
    },
  });
  const many = createParallelGeometry({ channels: 200, channelPitchMm: 1, views: 200 });

  it.each([
    [100, 3000],
    [200, 4000],
    [250, 600],
  ])(
    "has the compound Poisson variance Σ (E g)² λ behind %i mm of water, %i quanta in air",
    async (thickness, quanta) => {
      const acquisition: Acquisition = {
        spectrum,
        exposure: { incidentQuanta: quanta },
        detector: quiet,
      };
      const scan = await simulateScan(slab(thickness), many, acquisition, { seed: 3 });
      const mu = computeMuCurve(water, spectrum.energiesKev);
      const total = spectrum.photons.reduce((a, b) => a + b, 0);
      let mean = 0;
      let variance = 0;
      for (let e = 0; e < 10; e++) {
        const lambda = ((quanta * spectrum.photons[e]) / total) * Math.exp(-mu[e] * thickness);
        mean += lambda * 17 * spectrum.energiesKev[e];
        variance += lambda * (17 * spectrum.energiesKev[e]) ** 2;
      }
      const measured = measureMoments(scan.signal.data);
      const samples = scan.signal.data.length;
      const quantaLeft = (mean * mean) / variance;
      expect(Math.abs(measured.mean - mean)).toBeLessThan(4.5 * Math.sqrt(variance / samples));
      expect(Math.abs(measured.variance / variance - 1)).toBeLessThan(
        4.5 * Math.sqrt((2 + 1.5 / quantaLeft) / samples),
      );
    },
  );

  it("draws few quanta energy by energy: the exact distribution of sums", async () => {
    const two: Spectrum = {
      name: "two lines",
      energiesKev: Float64Array.of(30, 90),
      photons: Float64Array.of(1, 1),
    };
    const empty = slab(0);
    const acquisition: Acquisition = { spectrum: two, exposure: { incidentQuanta: 2 }, detector: quiet };
    const scan = await simulateScan(empty, many, acquisition, { seed: 9 });
    const samples = scan.signal.data.length;
    // P(no quantum) = e^{−2}; P(one of 30 keV alone) = e^{−2}; P(one of 90 keV or three of 30) = e^{−2}(1 + 1/6).
    for (const [keV, probability] of [
      [0, Math.exp(-2)],
      [30, Math.exp(-2)],
      [60, Math.exp(-2) / 2],
      [90, Math.exp(-2) * (1 + 1 / 6)],
    ]) {
      const seen = scan.signal.data.reduce((n, value) => n + (Math.abs(value - 17 * keV) < 1 ? 1 : 0), 0);
      expect(Math.abs(seen - samples * probability)).toBeLessThan(4.5 * Math.sqrt(samples * probability));
    }
    // Samples without a quantum are clamped to one, and counted.
    const none = scan.signal.data.reduce((n, value) => n + (value < scan.leastSignal ? 1 : 0), 0);
    expect(scan.clampedSamples).toBe(none);
    expect(Math.max(...scan.lineIntegrals.data)).toBeCloseTo(
      -Math.log(scan.leastSignal / scan.air.data[0]),
      5,
    );
  });

  it("has the logarithm's variance e^p/I0 + σe² e^{2p}/I0², and scales with the dose", async () => {
    const detector = { ...quiet, electronicNoiseElectrons: 6 * 17 * 70 };
    const acquisition: Acquisition = { ...mono, detector, exposure: { incidentQuanta: 4e4 } };
    const prepared = await prepareScan(slab(150), many, acquisition, { lowestDoseFraction: 0.1 });
    const p = computeMuCurve(water, [70])[0] * 150;
    const samples = 200 * 200;
    for (const doseFraction of [1, 0.25, 0.1]) {
      const scan = drawScan(prepared, { seed: 2, doseFraction });
      const quanta = 4e4 * doseFraction;
      const wanted = Math.exp(p) / quanta + (36 * Math.exp(2 * p)) / quanta ** 2;
      const { mean, variance } = measureMoments(scan.lineIntegrals.data);
      expect(Math.abs(variance / wanted - 1)).toBeLessThan(4.5 * Math.sqrt(2 / samples) + 3 * wanted);
      expect(Math.abs(mean - p)).toBeLessThan(4.5 * Math.sqrt(wanted / samples) + wanted);
      expect(scan.electronicNoiseQuanta).toBeCloseTo(6, 9);
    }
    // Without readout noise σ goes with 1/√dose: a quarter of the dose, twice the noise.
    const still = await prepareScan(slab(150), many, { ...acquisition, detector: quiet });
    const sigma = (doseFraction: number): number =>
      Math.sqrt(measureMoments(drawScan(still, { seed: 4, doseFraction }).lineIntegrals.data).variance);
    expect(Math.abs(sigma(0.25) / sigma(1) / 2 - 1)).toBeLessThan(0.02);
    expect(() => drawScan(still, { seed: 1, doseFraction: 0.01 })).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
  });

  it("depends on seed, realisation and row alone, and repeats are scans of their own", async () => {
    const acquisition: Acquisition = { spectrum, exposure: { incidentQuanta: 2000 }, detector: "gos" };
    const object = createCylinder(100);
    const one = await simulateScan(object, fan, acquisition, { seed: 5, realisation: 1 });
    const again = await simulateScan(object, fan, acquisition, { seed: 5, realisation: 1 });
    expect(again.signal.data).toEqual(one.signal.data);
    const repeats = [];
    for await (const scan of simulateRepeatedScans(object, fan, acquisition, { seed: 5, repeats: 3 }))
      repeats.push(scan);
    expect(repeats[1].signal.data).toEqual(one.signal.data);
    expect(repeats[2].signal.data).not.toEqual(one.signal.data);
    const slices = await simulateScan(
      object,
      fan,
      { ...acquisition, sliceHeightsMm: [0, 1] },
      { seed: 5, realisation: 1 },
    );
    expect(slices.signal.data.slice(0, one.signal.data.length)).toEqual(one.signal.data);
    const stats = repeats.map((scan) => measureMoments(scan.lineIntegrals.data).mean);
    expect(new Set(stats).size).toBe(3);
    const bad = simulateRepeatedScans(object, fan, acquisition, { seed: 5, repeats: 0 });
    await expect(bad.next()).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
  });
});

describe("photon counting", () => {
  const parallel = createParallelGeometry({ channels: 100, channelPitchMm: 1, views: 100 });
  const ideal: PhotonCountingDetector = {
    kind: "photon-counting",
    name: "ideal",
    thresholdsKev: [20, 60, 90],
  };
  const slab: ScannedObject = {
    materials: [water],
    integrate: (_ray, lengths) => {
      lengths[0] = 200;
    },
  };

  it("counts quanta in energy bins, Poisson each, and has less noise than energy integration", async () => {
    const acquisition: Acquisition = { spectrum, exposure: { incidentQuanta: 1e5 }, detector: ideal };
    const scan = await simulateScan(slab, parallel, acquisition, { seed: 6 });
    const mu = computeMuCurve(water, spectrum.energiesKev);
    const total = spectrum.photons.reduce((a, b) => a + b, 0);
    const lambda = spectrum.photons.map((n, e) => ((1e5 * n) / total) * Math.exp(-mu[e] * 200));
    const sum = (from: number, to: number): number =>
      lambda.reduce(
        (a, n, e) => a + (spectrum.energiesKev[e] >= from && spectrum.energiesKev[e] < to ? n : 0),
        0,
      );
    const wanted = [sum(20, 60), sum(60, 90), sum(90, 1e9)];
    scan.bins.forEach((bin, b) => {
      const { mean, variance } = measureMoments(bin.signal.data);
      expect(Math.abs(mean - wanted[b])).toBeLessThan(4.5 * Math.sqrt(wanted[b] / 1e4));
      expect(Math.abs(variance / wanted[b] - 1)).toBeLessThan(4.5 * Math.sqrt(2 / 1e4));
    });
    scan.signal.data.forEach((value, i) => {
      expect(value).toBe(
        scan.bins[0].signal.data[i] + scan.bins[1].signal.data[i] + scan.bins[2].signal.data[i],
      );
    });
    const integrating = await simulateScan(slab, parallel, { ...acquisition, detector: quiet }, { seed: 6 });
    const counted = measureMoments(scan.lineIntegrals.data).variance;
    const integrated = measureMoments(integrating.lineIntegrals.data).variance;
    // Swank-like factor of the spectrum behind the slab, ⟨E²⟩/⟨E⟩².
    const n = lambda.reduce((a, b) => a + b, 0);
    const first = lambda.reduce((a, l, e) => a + l * spectrum.energiesKev[e], 0) / n;
    const second = lambda.reduce((a, l, e) => a + l * spectrum.energiesKev[e] ** 2, 0) / n;
    expect(second / first ** 2).toBeGreaterThan(1.05);
    expect(Math.abs(integrated / counted / (second / first ** 2) - 1)).toBeLessThan(6 * Math.sqrt(2 / 1e4));
    expect([scan.electronicNoiseQuanta, scan.signalPerQuantum]).toEqual([0, 1]);
  });

  it("blurs energies and shares charge as stated", () => {
    const energies = [40, 80, 120];
    const sharp = computePhotonResponse(ideal, energies);
    expect(sharp.map((bin) => [...bin])).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
    const blurred = computePhotonResponse({ ...ideal, energyResolutionKev: 20 }, [60]);
    // Half of the photons at a threshold pass it.
    expect(blurred[0][0]).toBeCloseTo(0.5, 5);
    expect(blurred[1][0]).toBeCloseTo(0.4998, 3);
    const shared = computePhotonResponse({ ...ideal, thresholdsKev: [20], chargeSharing: 0.3 }, [80]);
    // Whole: 0.7. Split: two parts, each above 20 of 80 keV with probability ¾.
    expect(shared[0][0]).toBeCloseTo(0.7 + 0.3 * 2 * 0.75, 6);
  });
});

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
});
