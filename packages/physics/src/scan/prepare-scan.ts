/**
 * The noise-free part of a scan (tomography.md §2.5): for every sample the expected signal and its quantum variance,
 *
 *   λ_E = mAs/view · φ(E) · (1000/dist)² · A cosβ · e^{−Σµ_f t_f(γ)} · ⟨e^{−∫µ}⟩ · (1 − e^{−µ_det d/cosβ}),
 *
 * ⟨⟩ the mean of intensities over focal spot, aperture and turning gantry; signal Σ E g λ_E, variance Σ (E g)² λ_E;
 * scatter added. Made once, drawn from often (draw-scan.ts).
 */
import {
  countDetectorRows,
  countViews,
  createSinogram,
  isPlanarGeometry,
  type LongWorkOptions,
  type ScanGeometry,
  yieldThread,
} from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { computeMuCurve } from "../materials/attenuation.ts";
import { materials as knownMaterials } from "../materials/materials.ts";
import { createRayCaster, type RayCaster, type SourceShift } from "../scanners/rays.ts";
import { type Acquisition, checkAcquisition, getBeamSpectrum, getScanDetector } from "./acquisition.ts";
import { computeBeamCell, getCellAreaMm2, getCentralCell, hasFixedBeam } from "./beam-cells.ts";
import { createBowtieLayers } from "./beam-filters.ts";
import { computePhotonResponse, type ScanDetector } from "./detectors.ts";
import { applyCrosstalk, applyLag } from "./readout.ts";
import { checkScanMemory, estimateScanMemory } from "./scan-memory.ts";
import type { ScannedObject } from "./scanned-object.ts";
import { computeScatter } from "./scatter.ts";
import { computeTubeFactors } from "./tube-current.ts";

/** Below this many quanta energies are drawn one by one. */
export const EXACT_BELOW_QUANTA = 30;

/** Expected signals of a scan. Made by {@link prepareScan}; samples lie as in a `Sinogram`'s data. */
export interface PreparedScan<G extends ScanGeometry = ScanGeometry> {
  readonly geometry: G;
  readonly slices: number;
  readonly acquisition: Acquisition;
  readonly detector: ScanDetector;
  /** Tube load of all views of a slice, modulation included; null where quanta were stated. */
  readonly mAs: number | null;
  /** Quanta on the central cell per view without object, where the tube current's factor is 1. */
  readonly incidentQuanta: number;
  /** Factor on the mAs of each view, `[slice][view]`. */
  readonly tubeFactors: Float64Array;
  /** Expected primary signal, `[bin][sample]`; one bin for energy-integrating detectors. */
  readonly mean: readonly Float32Array[];
  /** Quantum variance of the primary signal of an energy-integrating detector. */
  readonly variance: Float32Array | null;
  /** Expected scatter, all bins together. */
  readonly scatter: Float32Array | null;
  /** Of scattered quanta, per view `[slice][view]`: signal per quantum (integrating), or share of each bin. */
  readonly scatterSignal: readonly Float64Array[];
  /** Expected signal without object, lag and crosstalk applied, `[bin][sample]`. */
  readonly air: readonly Float32Array[];
  /** Signal variance over mean of the central beam in air: the signal of a quantum; 1 for counts. */
  readonly signalPerQuantum: number;
  /** Lowest dose fraction that can be drawn. */
  readonly lowestDoseFraction: number;
  /** Quanta by energy where a draw needs them; `slots[sample]` is a row of `quanta` or −1. */
  readonly exact: {
    readonly slots: Int32Array;
    readonly quanta: Float32Array;
    readonly signals: Float64Array;
  } | null;
}

/** Options of {@link prepareScan}. */
export interface PrepareScanOptions extends LongWorkOptions {
  /** Lowest dose fraction that will be drawn, in (0, 1]; default 0.02. Lower ones need more memory. */
  readonly lowestDoseFraction?: number;
  /** Bytes that the scan and one draw may take together, see `estimateScanMemory`; default: no limit. */
  readonly memoryLimitBytes?: number;
}

/** Points of a box, from −½ to ½, in the middle of equal parts. */
function spread(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i + 0.5) / count - 0.5);
}

/** The geometry with its source turned by an angle. */
function turnGeometry(geometry: ScanGeometry, angleRad: number): ScanGeometry {
  if (geometry.kind === "posed" || angleRad === 0) return geometry;
  return { ...geometry, anglesRad: geometry.anglesRad.map((angle) => angle + angleRad) };
}

interface SubRays {
  readonly count: number;
  /** Casts sub-ray k of a sample. */
  cast(k: number, view: number, row: number, channel: number, out: Float64Array): void;
}

/** The rays whose intensities make one sample. */
function createSubRays(geometry: ScanGeometry, acquisition: Acquisition): SubRays {
  const { focalSpot, aperture, viewSamples = 1 } = acquisition;
  const [across, along] = focalSpot === undefined ? [1, 1] : (focalSpot.samples ?? [3, 1]);
  const [channels, rows] = aperture === undefined ? [1, 1] : (aperture.samples ?? [3, 1]);
  const [channelFill, rowFill] = aperture?.fill ?? [1, 1];
  let step = 0;
  if (viewSamples > 1 && geometry.kind !== "posed") {
    const { anglesRad } = geometry;
    const last = anglesRad.length - 1;
    step = last > 0 ? (anglesRad[last] - anglesRad[0]) / last : 0;
  }
  const rays: { caster: RayCaster; channel: number; row: number; shift: SourceShift | undefined }[] = [];
  for (const turn of spread(viewSamples)) {
    const caster = createRayCaster(turnGeometry(geometry, turn * step));
    for (const a of spread(across)) {
      for (const l of spread(along)) {
        const shift =
          focalSpot === undefined
            ? undefined
            : { tangentialMm: a * focalSpot.widthMm, axialMm: l * focalSpot.lengthMm };
        for (const r of spread(rows)) {
          for (const c of spread(channels)) {
            rays.push({ caster, channel: c * channelFill, row: r * rowFill, shift });
          }
        }
      }
    }
  }
  return {
    count: rays.length,
    cast(k, view, row, channel, out) {
      const ray = rays[k];
      ray.caster.cast(view, row + ray.row, channel + ray.channel, out, ray.shift);
    },
  };
}

/** After so many rays timers and events get their turn, so that the scan can be aborted and progress be shown. */
const RAYS_PER_TURN = 20_000;

/** Every how many channels the thickest ray of a view is looked for. */
const THICKNESS_STEP = 8;

/**
 * Computes the expected signals of a scan.
 *
 * @param object - what is scanned
 * @throws PhysicsError `OUT_OF_RANGE`, `SHAPE_MISMATCH`, `BAD_SPECTRUM`, `ENERGY_OUT_OF_TABLE`, `TOO_LITTLE_MEMORY`; `NON_FINITE`
 *   when the object returns path lengths that are not finite and ≥ 0
 * @remarks Memory: `estimateScanMemory`, and 4 bytes per energy for rays of fewer than 30/lowestDoseFraction quanta.
 * tomography.md §2.5. Tested: mean and variance of a water cylinder in closed form, mono and poly.
 */
export async function prepareScan<G extends ScanGeometry>(
  object: ScannedObject,
  geometry: G,
  acquisition: Acquisition,
  options: PrepareScanOptions = {},
): Promise<PreparedScan<G>> {
  checkAcquisition(acquisition, geometry);
  checkScanMemory(
    estimateScanMemory(geometry, acquisition),
    options.memoryLimitBytes ?? Number.POSITIVE_INFINITY,
  );
  const lowestDoseFraction = options.lowestDoseFraction ?? 0.02;
  if (!(lowestDoseFraction > 0 && lowestDoseFraction <= 1)) {
    throw new PhysicsError("OUT_OF_RANGE", `lowestDoseFraction ${lowestDoseFraction} is outside (0, 1]`);
  }
  const detector = getScanDetector(acquisition);
  const { energiesKev, photons } = getBeamSpectrum(acquisition.spectrum);
  const energies = energiesKev.length;
  const heights = isPlanarGeometry(geometry) ? (acquisition.sliceHeightsMm ?? [0]) : [0];
  const slices = heights.length;
  const views = countViews(geometry);
  const rows = countDetectorRows(geometry);
  const { channels } = geometry;
  const cells = rows * channels;

  // Attenuation of everything in the beam, 1/mm, `[material][energy]`.
  const mu = object.materials.map((material) => computeMuCurve(material, energiesKev));
  const flat = (acquisition.filters ?? []).map(({ material, thicknessMm }) => ({
    thicknessMm,
    mu: computeMuCurve(material, energiesKev),
  }));
  const sourceToIsoMm = "sourceToIsoMm" in geometry ? geometry.sourceToIsoMm : getPosedRadius(geometry);
  const bowtie =
    acquisition.bowtie === undefined
      ? []
      : createBowtieLayers(acquisition.bowtie, sourceToIsoMm).map((layer) => ({
          layer,
          mu: computeMuCurve(layer.material, energiesKev),
        }));
  const absorber =
    detector.absorber === undefined
      ? null
      : {
          mu: computeMuCurve(detector.absorber.material, energiesKev),
          thicknessMm: detector.absorber.thicknessMm,
        };
  const response = computePhotonResponse(detector, energiesKev);
  const bins = response.length;

  /** Quanta per energy on a cell without object, before absorption; the scale is still open. */
  const fillIncident = (cell: ReturnType<typeof computeBeamCell>, area: number, out: Float64Array): void => {
    const geometric = (1000 / cell.distanceMm) ** 2 * area * cell.obliquityCosine;
    const filterPath = 1 / (Math.cos(cell.gammaRad) * cell.coneCosine);
    for (let e = 0; e < energies; e++) {
      let exponent = 0;
      for (const filter of flat) exponent += filter.mu[e] * filter.thicknessMm * filterPath;
      for (const { layer, mu: muLayer } of bowtie) {
        exponent += (muLayer[e] * layer.thicknessAt(cell.gammaRad)) / cell.coneCosine;
      }
      out[e] = photons[e] * geometric * Math.exp(-exponent);
    }
  };
  const absorb = (obliquityCosine: number, values: Float64Array): void => {
    if (absorber === null) return;
    for (let e = 0; e < energies; e++) {
      values[e] *= -Math.expm1((-absorber.mu[e] * absorber.thicknessMm) / obliquityCosine);
    }
  };

  const area = getCellAreaMm2(geometry, acquisition.rowHeightMm ?? 1);
  const fill = detector.fillFactor ?? 1;
  const central = new Float64Array(energies);
  fillIncident(getCentralCell(geometry), area, central);
  const centralSum = central.reduce((a, b) => a + b, 0);
  const { exposure } = acquisition;
  const scale = "mAs" in exposure ? exposure.mAs / views : exposure.incidentQuanta / centralSum;
  let meanEnergy = 0;
  for (let e = 0; e < energies; e++) meanEnergy += (central[e] * energiesKev[e]) / centralSum;
  absorb(1, central);
  const centralMean = new Float64Array(bins);
  const centralVariance = computeMoments(central, response, centralMean);
  const signalPerQuantum = detector.kind === "energy-integrating" ? centralVariance / centralMean[0] : 1;
  const openQuanta = (scale * fill * centralMean.reduce((a, b) => a + b, 0)) / signalPerQuantum;
  const { clampQuanta = 1 } = acquisition;
  if (!(openQuanta > clampQuanta)) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `the central cell detects ${openQuanta} quanta per view without an object, and signals below ${clampQuanta} are clamped: every ray would read the same. Raise the exposure; is the spectrum of relative scale, pass exposure: { incidentQuanta }`,
    );
  }

  const subRays = createSubRays(geometry, acquisition);
  const positions = acquisition.channelPositions;
  const ray = new Float64Array(6);
  const lengths = new Float64Array(object.materials.length);
  const integrate = (k: number, slice: number, view: number, row: number, channel: number): void => {
    subRays.cast(k, view, row, channel, ray);
    ray[2] += heights[slice];
    object.integrate(ray, lengths);
    for (let m = 0; m < lengths.length; m++) {
      if (!(lengths[m] >= 0 && Number.isFinite(lengths[m]))) {
        throw new PhysicsError(
          "NON_FINITE",
          `the object's path length of ${object.materials[m].name} is ${lengths[m]} mm at view ${view}, row ${row}, channel ${channel}; lengths must be finite and ≥ 0`,
        );
      }
    }
  };

  const effective = Float64Array.of(meanEnergy);
  const muEffective =
    acquisition.tubeCurrent?.kind === "exposure-control"
      ? object.materials.map((material) => computeMuCurve(material, effective)[0])
      : [];
  const tubeFactors = computeTubeFactors(
    acquisition.tubeCurrent ?? { kind: "constant" },
    geometry,
    slices,
    (slice, view) => {
      let most = 0;
      for (let c = 0; c < channels; c += THICKNESS_STEP) {
        integrate(0, slice, view, (rows - 1) / 2, positions?.[c] ?? c);
        let sum = 0;
        for (let m = 0; m < lengths.length; m++) sum += muEffective[m] * lengths[m];
        most = Math.max(most, sum);
      }
      return most;
    },
    muEffective.length === 0 ? 0 : computeMuCurve(knownMaterials.get("water"), effective)[0],
  );

  const makeArrays = (): Float32Array[] =>
    Array.from({ length: bins }, () => createSinogram("counts", geometry, slices).data);
  const mean = makeArrays();
  const air = makeArrays();
  const variance = detector.kind === "energy-integrating" ? new Float32Array(mean[0].length) : null;
  const needsExact = variance !== null && energies > 1;
  const slots = needsExact ? new Int32Array(mean[0].length).fill(-1) : null;
  let exactRows = 0;
  let exactQuanta = new Float32Array(needsExact ? 1024 * energies : 0);

  const incident = new Float64Array(energies);
  const quanta = new Float64Array(energies);
  const airMean = new Float64Array(bins);
  const sampleMean = new Float64Array(bins);
  let airVariance = 0;
  const isFixed = hasFixedBeam(geometry);
  const raysPerCell = slices * views * subRays.count;
  let raysOfTurn = 0;
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < channels; c++) {
      raysOfTurn += raysPerCell;
      if (raysOfTurn > RAYS_PER_TURN) {
        raysOfTurn = 0;
        await yieldThread();
        options.signal?.throwIfAborted();
      }
      if ((row * channels + c) % 64 === 0) {
        options.signal?.throwIfAborted();
        options.onProgress?.({
          phase: "scanning",
          done: row * channels + c,
          total: cells,
          unit: "detector cells",
        });
      }
      const channel = positions?.[c] ?? c;
      for (let view = 0; view < views; view++) {
        if (view === 0 || !isFixed) {
          const cell = computeBeamCell(geometry, view, row, channel);
          fillIncident(cell, area * fill * scale, incident);
          absorb(cell.obliquityCosine, incident);
          airVariance = computeMoments(incident, response, airMean);
        }
        for (let slice = 0; slice < slices; slice++) {
          const sample = ((slice * views + view) * rows + row) * channels + c;
          const factor = tubeFactors[slice * views + view];
          for (let b = 0; b < bins; b++) air[b][sample] = factor * airMean[b];
          quanta.fill(0);
          let free = 0;
          for (let k = 0; k < subRays.count; k++) {
            integrate(k, slice, view, row, channel);
            let isHit = false;
            for (let m = 0; m < lengths.length; m++) isHit ||= lengths[m] > 0;
            if (!isHit) {
              free++;
              continue;
            }
            for (let e = 0; e < energies; e++) {
              let exponent = 0;
              for (let m = 0; m < lengths.length; m++) exponent += mu[m][e] * lengths[m];
              quanta[e] += Math.exp(-exponent);
            }
          }
          let sampleVariance = factor * airVariance;
          if (free === subRays.count) {
            for (let b = 0; b < bins; b++) mean[b][sample] = factor * airMean[b];
            for (let e = 0; e < energies; e++) quanta[e] = factor * incident[e];
          } else {
            for (let e = 0; e < energies; e++) {
              quanta[e] = (factor * incident[e] * (quanta[e] + free)) / subRays.count;
            }
            sampleVariance = computeMoments(quanta, response, sampleMean);
            for (let b = 0; b < bins; b++) mean[b][sample] = sampleMean[b];
          }
          if (variance === null) continue;
          variance[sample] = sampleVariance;
          const effectiveQuanta = sampleVariance > 0 ? mean[0][sample] ** 2 / sampleVariance : 0;
          if (slots !== null && effectiveQuanta * lowestDoseFraction < EXACT_BELOW_QUANTA) {
            slots[sample] = exactRows;
            if ((exactRows + 1) * energies > exactQuanta.length) {
              const larger = new Float32Array(2 * exactQuanta.length);
              larger.set(exactQuanta);
              exactQuanta = larger;
            }
            exactQuanta.set(quanta, exactRows * energies);
            exactRows++;
          }
        }
      }
    }
  }
  options.onProgress?.({ phase: "scanning", done: cells, total: cells, unit: "detector cells" });

  const scattered = addScatter(geometry, acquisition, slices, mean, variance, air);
  for (const data of air) {
    if (acquisition.lag !== undefined) applyLag(data, slices, views, cells, acquisition.lag);
    if (acquisition.crosstalk !== undefined) applyCrosstalk(data, rows, channels, acquisition.crosstalk);
  }
  let exact: PreparedScan["exact"] = null;
  if (slots !== null && exactRows > 0) {
    exact = { slots, quanta: exactQuanta.slice(0, exactRows * energies), signals: response[0] };
  }
  const meanFactor = tubeFactors.reduce((a, b) => a + b, 0) / tubeFactors.length;
  return {
    geometry,
    slices,
    acquisition,
    detector,
    mAs: "mAs" in exposure ? exposure.mAs * meanFactor : null,
    incidentQuanta: scale * centralSum,
    tubeFactors,
    mean,
    variance,
    ...scattered,
    air,
    signalPerQuantum,
    lowestDoseFraction,
    exact,
  };
}

/**
 * Size of each sample's quanta against those of the central beam in air: (variance/mean)/signalPerQuantum. Behind
 * matter an energy-integrating detector's quanta are harder, thus larger and fewer; what low-dose insertion into the
 * measured sinogram needs to know.
 *
 * @returns one number per sample; 1 throughout for photon counting and one energy
 */
export function computeRelativeQuantumSizes(prepared: PreparedScan): Float32Array {
  const { mean, variance, signalPerQuantum } = prepared;
  const sizes = new Float32Array(mean[0].length).fill(1);
  if (variance === null) return sizes;
  return sizes.map((_, i) => (mean[0][i] > 0 ? variance[i] / mean[0][i] / signalPerQuantum : 1));
}

/** Writes the expected signal of each bin; returns the quantum variance of the first. */
function computeMoments(quanta: Float64Array, response: readonly Float64Array[], mean: Float64Array): number {
  let variance = 0;
  for (let b = 0; b < response.length; b++) {
    const signals = response[b];
    let sum = 0;
    for (let e = 0; e < quanta.length; e++) {
      const signal = signals[e] * quanta[e];
      sum += signal;
      if (b === 0) variance += signals[e] * signal;
    }
    mean[b] = sum;
  }
  return variance;
}

function getPosedRadius(geometry: ScanGeometry): number {
  return geometry.kind === "posed" ? Math.hypot(geometry.poses[0], geometry.poses[1]) : Number.NaN;
}

/** Scatter from the expected signals, and what its quanta are like. */
function addScatter(
  geometry: ScanGeometry,
  acquisition: Acquisition,
  slices: number,
  mean: readonly Float32Array[],
  variance: Float32Array | null,
  air: readonly Float32Array[],
): { readonly scatter: Float32Array | null; readonly scatterSignal: Float64Array[] } {
  const { scatter: model } = acquisition;
  if (model === undefined) return { scatter: null, scatterSignal: [] };
  const rows = countDetectorRows(geometry);
  const { channels } = geometry;
  const cells = rows * channels;
  const images = slices * countViews(geometry);
  const scatter = new Float32Array(mean[0].length);
  const scatterSignal = mean.map(() => new Float64Array(images));
  const pitch = getPitchesMm(geometry);
  const primary = new Float64Array(cells);
  const free = new Float64Array(cells);
  for (let image = 0; image < images; image++) {
    const start = image * cells;
    let total = 0;
    for (let i = 0; i < cells; i++) {
      primary[i] = 0;
      free[i] = 0;
      for (let b = 0; b < mean.length; b++) {
        primary[i] += mean[b][start + i];
        free[i] += air[b][start + i];
      }
      total += primary[i];
    }
    scatter.set(computeScatter(primary, free, rows, channels, pitch, model), start);
    mean.forEach((data, b) => {
      let sum = 0;
      for (let i = 0; i < cells; i++) sum += variance === null ? data[start + i] : variance[start + i];
      scatterSignal[b][image] = total > 0 ? sum / total : 0;
    });
  }
  return { scatter, scatterSignal };
}

/** Cell pitches at the detector, `[channel, row]` mm. */
function getPitchesMm(geometry: ScanGeometry): readonly [number, number] {
  switch (geometry.kind) {
    case "parallel":
    case "fan-flat":
      return [geometry.channelPitchMm, 1];
    case "fan-arc":
      return [geometry.channelPitchRad * geometry.sourceToDetectorMm, 1];
    case "cone-flat":
      return [geometry.channelPitchMm, geometry.rowPitchMm];
    case "cone-curved":
      return [geometry.channelPitchRad * geometry.sourceToDetectorMm, geometry.rowPitchMm];
    case "posed": {
      const { poses } = geometry;
      return [Math.hypot(poses[6], poses[7], poses[8]), Math.hypot(poses[9], poses[10], poses[11])];
    }
  }
}
