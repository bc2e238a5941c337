/**
 * How a scan is taken: beam, detector and what blurs them. Plain data; everything but spectrum, exposure and
 * detector may be left out and is then absent from the scan.
 */
import { countDetectorRows, isPlanarGeometry, type ScanGeometry } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { dropEmptyBins, type Filter } from "../spectra/measures.ts";
import type { Spectrum } from "../spectra/spectrum.ts";
import type { Bowtie } from "./beam-filters.ts";
import { checkDetector, type ScanDetector, scanDetectors } from "./detectors.ts";
import { type CrosstalkModel, checkCrosstalk, checkLag, type LagModel } from "./readout.ts";
import { checkScatter, type ScatterModel } from "./scatter.ts";
import type { TubeCurrent } from "./tube-current.ts";

/**
 * How much radiation: the tube load of all views together (a slice of a planar scan each), with absolute spectra; or
 * the quanta that fall on the central cell per view without object, filters and bowtie passed, where the tube current's
 * factor is 1.
 * Spectra of relative scale (accelerators, most files) need the latter.
 */
export type Exposure = { readonly mAs: number } | { readonly incidentQuanta: number };

/** A focal spot: a uniform rectangle as seen from the isocentre. */
export interface FocalSpot {
  /** Across z, mm. */
  readonly widthMm: number;
  /** Along z, mm. */
  readonly lengthMm: number;
  /** Sample points `[across, along]`; default [3, 1]. */
  readonly samples?: readonly [number, number];
}

/** The sensitive part of a cell. */
export interface Aperture {
  /** Sample points `[channel, row]`; default [3, 1]. */
  readonly samples?: readonly [number, number];
  /** Width of the sensitive part over the pitch, `[channel, row]`; default [1, 1]. */
  readonly fill?: readonly [number, number];
}

/** A scan's settings. */
export interface Acquisition {
  /** A spectrum, or one energy in keV (which takes `incidentQuanta`). */
  readonly spectrum: Spectrum | number;
  readonly exposure: Exposure;
  /** Name in `scanDetectors` or a detector. */
  readonly detector: string | ScanDetector;
  /** Flat filters beyond those of the spectrum. */
  readonly filters?: readonly Filter[];
  readonly bowtie?: Bowtie;
  /** Default constant. */
  readonly tubeCurrent?: TubeCurrent;
  readonly scatter?: ScatterModel;
  /** Optical crosstalk of energy-integrating detectors. */
  readonly crosstalk?: CrosstalkModel;
  readonly lag?: LagModel;
  readonly focalSpot?: FocalSpot;
  readonly aperture?: Aperture;
  /** Angles at which a view is sampled while the gantry turns; default 1. Not for posed scans. */
  readonly viewSamples?: number;
  /** Planar geometries: height of each slice, mm; default `[0]`. */
  readonly sliceHeightsMm?: readonly number[];
  /** Planar geometries: height of a cell at the detector, mm; default 1. */
  readonly rowHeightMm?: number;
  /** Planar geometries: where each channel really lies, in channels of the geometry; default 0, 1, 2 …. */
  readonly channelPositions?: ArrayLike<number>;
  /**
   * The least signal that is taken to the logarithm, in quanta of the beam in air (for energy-integrating detectors
   * the signal variance over the mean); default 1. What is lower is set to it and counted.
   */
  readonly clampQuanta?: number;
}

function refuse(what: string): never {
  throw new PhysicsError("OUT_OF_RANGE", what);
}

function checkSamples(name: string, samples: readonly number[]): void {
  for (const n of samples) {
    if (!(Number.isInteger(n) && n >= 1 && n <= 99))
      refuse(`${name} of ${samples.join(" × ")} points; pass integers ≥ 1`);
  }
}

/** The detector of an acquisition. */
export function getScanDetector(acquisition: Acquisition): ScanDetector {
  const { detector } = acquisition;
  return typeof detector === "string" ? scanDetectors.get(detector) : detector;
}

/**
 * Energies and photons of the beam; photons per mAs and mm² at 1 m, or of relative scale.
 *
 * @throws PhysicsError `BAD_SPECTRUM`
 */
export function getBeamSpectrum(spectrum: Spectrum | number): {
  readonly energiesKev: Float64Array;
  readonly photons: Float64Array;
} {
  if (typeof spectrum === "number") {
    if (!(spectrum > 0 && Number.isFinite(spectrum))) {
      throw new PhysicsError("BAD_SPECTRUM", `an energy of ${spectrum} keV; pass e.g. 70 or a spectrum`);
    }
    return { energiesKev: Float64Array.of(spectrum), photons: Float64Array.of(1) };
  }
  return dropEmptyBins(spectrum);
}

/**
 * Checks everything that can be said without computing.
 *
 * @throws PhysicsError `OUT_OF_RANGE`, `SHAPE_MISMATCH`, `BAD_SPECTRUM`
 */
export function checkAcquisition(acquisition: Acquisition, geometry: ScanGeometry): void {
  const { exposure, focalSpot, aperture, viewSamples = 1, clampQuanta = 1, rowHeightMm = 1 } = acquisition;
  const amount = "mAs" in exposure ? exposure.mAs : exposure.incidentQuanta;
  if (!(amount > 0 && Number.isFinite(amount))) {
    refuse(`an exposure of ${amount} ${"mAs" in exposure ? "mAs" : "incident quanta"}; pass a number > 0`);
  }
  if ("mAs" in exposure && typeof acquisition.spectrum === "number") {
    refuse(
      `one energy (${acquisition.spectrum} keV) has no photons per mAs; pass exposure: { incidentQuanta } or a spectrum`,
    );
  }
  if (
    "mAs" in exposure &&
    typeof acquisition.spectrum !== "number" &&
    acquisition.spectrum.scale === "relative"
  ) {
    refuse(
      `the spectrum "${acquisition.spectrum.name}" is of relative scale and has no photons per mAs; pass exposure: { incidentQuanta }`,
    );
  }
  const detector = getScanDetector(acquisition);
  checkDetector(detector);
  for (const filter of acquisition.filters ?? []) {
    if (!(filter.thicknessMm >= 0 && Number.isFinite(filter.thicknessMm))) {
      refuse(`filter of ${filter.thicknessMm} mm of ${filter.material.name}; pass a thickness ≥ 0`);
    }
  }
  if (acquisition.bowtie !== undefined && geometry.kind === "parallel") {
    refuse("parallel rays have no fan angle for a bowtie; leave it out or take a fan geometry");
  }
  if (acquisition.scatter !== undefined) checkScatter(acquisition.scatter);
  if (acquisition.lag !== undefined) checkLag(acquisition.lag);
  if (acquisition.crosstalk !== undefined) {
    checkCrosstalk(acquisition.crosstalk);
    if (detector.kind === "photon-counting") {
      refuse(
        `optical crosstalk on the photon-counting detector ${detector.name}; use its chargeSharing instead`,
      );
    }
  }
  if (focalSpot !== undefined) {
    checkSamples("focal spot", focalSpot.samples ?? [3, 1]);
    if (!(focalSpot.widthMm >= 0 && focalSpot.lengthMm >= 0)) {
      refuse(`a focal spot of ${focalSpot.widthMm} × ${focalSpot.lengthMm} mm; pass sizes ≥ 0`);
    }
    if (geometry.kind === "parallel") refuse("parallel rays have no focal spot; leave focalSpot out");
  }
  if (aperture !== undefined) {
    checkSamples("aperture", aperture.samples ?? [3, 1]);
    for (const fill of aperture.fill ?? []) {
      if (!(fill > 0 && fill <= 1)) refuse(`aperture fill ${fill} is outside (0, 1]`);
    }
  }
  checkSamples("view", [viewSamples]);
  if (viewSamples > 1 && geometry.kind === "posed") {
    refuse("posed scans are not sampled within a view; pass viewSamples 1 or more views");
  }
  if (!(clampQuanta > 0))
    refuse(`clampQuanta ${clampQuanta} must be > 0; the logarithm of less does not exist`);
  if (!(rowHeightMm > 0)) refuse(`rowHeightMm ${rowHeightMm} must be > 0`);
  const { sliceHeightsMm = [0], channelPositions } = acquisition;
  const isPlanar = isPlanarGeometry(geometry);
  if (!isPlanar && (acquisition.sliceHeightsMm !== undefined || channelPositions !== undefined)) {
    refuse(
      `sliceHeightsMm and channelPositions are for planar geometries, not ${geometry.kind} with its ${countDetectorRows(geometry)} rows`,
    );
  }
  if (sliceHeightsMm.length === 0 || sliceHeightsMm.some((z) => !Number.isFinite(z))) {
    refuse(`slice heights ${sliceHeightsMm.join(", ")} mm; pass at least one, finite`);
  }
  if (channelPositions !== undefined && channelPositions.length !== geometry.channels) {
    throw new PhysicsError(
      "SHAPE_MISMATCH",
      `${channelPositions.length} channel positions for ${geometry.channels} channels; pass one each`,
    );
  }
  for (let c = 0; c < (channelPositions?.length ?? 0); c++) {
    if (!Number.isFinite(channelPositions![c])) {
      refuse(`channel position ${channelPositions![c]} of channel ${c} is not finite`);
    }
  }
}
