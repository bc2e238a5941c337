/**
 * Simulated scans of a water cylinder against closed forms: mean signals, compound Poisson variance, the logarithm's
 * variance, photon counting, doses and seeds. Seeds are fixed; bounds on drawn samples are four standard errors or
 * more.
 */
import { describe, expect, it } from "vitest";
import {
  type Acquisition,
  computeMuCurve,
  computePhotonResponse,
  createConeCurvedGeometry,
  createConeFlatGeometry,
  createParallelGeometry,
  createPosedGeometry,
  createRayCaster,
  drawScan,
  fitEquiangularGeometry,
  flatPanelScanners,
  getRayAngleRad,
  materials,
  type PhotonCountingDetector,
  prepareScan,
  type ScannedObject,
  type Spectrum,
  scanDetectors,
  simulateRepeatedScans,
  simulateScan,
  tomotherapyArc,
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
