/**
 * A measurement drawn from expected signals: quanta, lag, crosstalk, readout noise, saturation, logarithm
 * (tomography.md §2.5). Energy-integrating signals are compound Poisson: energy by energy where quanta are few, else a
 * Poisson number of quanta of the size that gives the same mean and the same variance Σ (E g)² λ_E. Counts are Poisson
 * throughout.
 */
import {
  countDetectorRows,
  countViews,
  createRandom,
  createSinogram,
  type Random,
  type ScanGeometry,
  type Sinogram,
} from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { checkDoseFraction } from "../noise/noise.ts";
import { EXACT_BELOW_QUANTA, type PreparedScan } from "./prepare-scan.ts";
import { applyCrosstalk, applyLag } from "./readout.ts";

/** Signals of one energy bin, or of all together. */
export interface ScanSignals<G extends ScanGeometry = ScanGeometry> {
  /** Measured signal: electrons of energy-integrating detectors, counts of photon-counting ones. */
  readonly signal: Sinogram<"counts", G>;
  /** Expected signal without object at the same dose, noise-free. */
  readonly air: Sinogram<"counts", G>;
  /** p = −ln(max(signal, least) / air). */
  readonly lineIntegrals: Sinogram<"line integral", G>;
  /** The least signal that is taken to the logarithm. */
  readonly leastSignal: number;
  /** How many samples were below it and set to it. */
  readonly clampedSamples: number;
}

/** A scan. */
export interface ScanResult<G extends ScanGeometry = ScanGeometry> extends ScanSignals<G> {
  /** Energy bins of a photon-counting detector, lowest first; one for energy-integrating detectors. */
  readonly bins: readonly ScanSignals<G>[];
  /** Samples (of any bin) at the detector's limit. */
  readonly saturatedSamples: number;
  /** Tube load of all views of a slice, modulation and dose fraction included; null where quanta were stated. */
  readonly mAs: number | null;
  /** Signal of a quantum of the central beam in air; `air / signalPerQuantum` are quanta per sample. */
  readonly signalPerQuantum: number;
  /** σe in quanta of the central beam. */
  readonly electronicNoiseQuanta: number;
}

/** Options of {@link drawScan}. */
export interface DrawScanOptions {
  readonly seed: number;
  /** Which of the independent noises, any integer; default 0. */
  readonly realisation?: number;
  /** Share of the prepared dose, in (0, 1]; default 1. */
  readonly doseFraction?: number;
  /** Draw quanta; default true. Without, signals are their expectations. */
  readonly quantumNoise?: boolean;
  /** Add readout noise; default true. */
  readonly electronicNoise?: boolean;
}

/**
 * Draws a scan.
 *
 * @throws PhysicsError `OUT_OF_RANGE` for dose fractions outside (0, 1] or below what was prepared
 * @remarks Noise depends on seed, realisation, slice, view and row only. Every row has streams of its own.
 * Tested: variance against Σ (E g)² λ_E, logarithm's variance, doses, seeds.
 */
export function drawScan<G extends ScanGeometry>(
  prepared: PreparedScan<G>,
  options: DrawScanOptions,
): ScanResult<G> {
  const { geometry, slices, detector, acquisition, scatter } = prepared;
  const doseFraction = options.doseFraction ?? 1;
  checkDoseFraction(doseFraction);
  if (doseFraction < prepared.lowestDoseFraction) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `doseFraction ${doseFraction} is below ${prepared.lowestDoseFraction}, the lowest this scan was prepared for; pass lowestDoseFraction to prepareScan`,
    );
  }
  const root = createRandom(options.seed).derive(`scan/${options.realisation ?? 0}`);
  const rows = countDetectorRows(geometry);
  const images = slices * countViews(geometry);
  const { channels } = geometry;
  const cells = rows * channels;
  const signals = prepared.mean.map((mean) => Float32Array.from(mean, (value) => value * doseFraction));
  const forRows = (label: string, draw: (random: Random, start: number, image: number) => void): void => {
    for (let image = 0; image < images; image++) {
      for (let row = 0; row < rows; row++) {
        draw(root.derive(`${label}/${image}/${row}`), image * cells + row * channels, image);
      }
    }
  };

  if (options.quantumNoise ?? true) {
    forRows("quanta", (random, start, image) => {
      for (let i = start; i < start + channels; i++) {
        if (prepared.variance !== null) {
          signals[0][i] = drawIntegrated(prepared, random, i, image, doseFraction);
          continue;
        }
        for (let b = 0; b < signals.length; b++) {
          let expected = prepared.mean[b][i];
          if (scatter !== null) expected += scatter[i] * prepared.scatterSignal[b][image];
          signals[b][i] = random.nextPoisson(doseFraction * expected);
        }
      }
    });
  } else if (scatter !== null) {
    for (let b = 0; b < signals.length; b++) {
      for (let i = 0; i < scatter.length; i++) {
        const share = prepared.variance === null ? prepared.scatterSignal[b][Math.floor(i / cells)] : 1;
        signals[b][i] += doseFraction * scatter[i] * share;
      }
    }
  }
  const views = countViews(geometry);
  for (const data of signals) {
    if (acquisition.lag !== undefined) applyLag(data, slices, views, cells, acquisition.lag);
    if (acquisition.crosstalk !== undefined) applyCrosstalk(data, rows, channels, acquisition.crosstalk);
  }
  const electronicNoise = detector.kind === "energy-integrating" ? detector.electronicNoiseElectrons : 0;
  if ((options.electronicNoise ?? true) && electronicNoise > 0) {
    forRows("readout", (random, start) => {
      for (let i = start; i < start + channels; i++) signals[0][i] += electronicNoise * random.nextNormal();
    });
  }
  let saturatedSamples = 0;
  const { saturation } = detector;
  if (saturation !== undefined) {
    for (const data of signals) {
      for (let i = 0; i < data.length; i++) {
        if (data[i] < saturation) continue;
        data[i] = saturation;
        saturatedSamples++;
      }
    }
  }
  const corrected = acquisition.scatter?.correctedFraction ?? 0;
  const leastSignal = (acquisition.clampQuanta ?? 1) * prepared.signalPerQuantum;
  const finish = (
    data: Float32Array,
    air: Float32Array,
    scatterShare: (image: number) => number,
  ): ScanSignals<G> => {
    const lineIntegrals = createSinogram("line integral", geometry, slices);
    let clampedSamples = 0;
    for (let i = 0; i < data.length; i++) {
      let value = data[i];
      if (scatter !== null && corrected > 0) {
        value -= corrected * doseFraction * scatter[i] * scatterShare(Math.floor(i / cells));
      }
      if (!(value >= leastSignal)) {
        value = leastSignal;
        clampedSamples++;
      }
      // A view without radiation says nothing: its line integrals are 0.
      if (air[i] > 0) lineIntegrals.data[i] = -Math.log(value / air[i]);
    }
    return {
      signal: createSinogram("counts", geometry, slices, data),
      air: createSinogram("counts", geometry, slices, air),
      lineIntegrals,
      leastSignal,
      clampedSamples,
    };
  };
  const airs = prepared.air.map((air) => air.map((value) => value * doseFraction));
  const bins = signals.map((data, b) =>
    finish(data, airs[b], (image) => (prepared.variance === null ? prepared.scatterSignal[b][image] : 1)),
  );
  const all =
    bins.length === 1
      ? bins[0]
      : finish(sumArrays(signals), sumArrays(airs), (image) =>
          prepared.scatterSignal.reduce((sum, shares) => sum + shares[image], 0),
        );
  return {
    ...all,
    bins,
    saturatedSamples,
    mAs: prepared.mAs === null ? null : prepared.mAs * doseFraction,
    signalPerQuantum: prepared.signalPerQuantum,
    electronicNoiseQuanta: electronicNoise / prepared.signalPerQuantum,
  };
}

function sumArrays(arrays: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(arrays[0].length);
  for (const data of arrays) for (let i = 0; i < sum.length; i++) sum[i] += data[i];
  return sum;
}

/** A signal of an energy-integrating detector, before readout. */
function drawIntegrated(
  prepared: PreparedScan,
  random: Random,
  sample: number,
  image: number,
  doseFraction: number,
): number {
  const { exact, scatter } = prepared;
  const mean = prepared.mean[0][sample];
  const variance = prepared.variance![sample];
  const scattered = scatter === null ? 0 : scatter[sample];
  const perScattered = scattered > 0 ? prepared.scatterSignal[0][image] : 0;
  const slot = exact === null ? -1 : exact.slots[sample];
  if (slot >= 0 && (mean * mean * doseFraction) / variance < EXACT_BELOW_QUANTA) {
    const { signals, quanta } = exact!;
    const energies = signals.length;
    let sum = 0;
    for (let e = 0; e < energies; e++) {
      sum += signals[e] * random.nextPoisson(doseFraction * quanta[slot * energies + e]);
    }
    return perScattered > 0
      ? sum + perScattered * random.nextPoisson((doseFraction * scattered) / perScattered)
      : sum;
  }
  const total = mean + scattered;
  if (!(total > 0)) return 0;
  const quantum = (variance + scattered * perScattered) / total;
  return quantum * random.nextPoisson((doseFraction * total) / quantum);
}
