/**
 * What µ is water in a scan: measured in the image of a water cylinder, simulated for a spectrum through the same
 * reconstruction, and the two-point scale from air and water, HU = 1000 (µ − µ_water)/(µ_water − µ_air)
 * (tomography.md §2.5).
 */
import { createSinogram, createVolume, type GridGeometry, type Volume } from "@alara/core";
import {
  computePolyLineIntegral,
  createPlaneGrid,
  createRayCaster,
  materials,
  type Spectrum,
  type SpectrumWeighting,
} from "@alara/physics";
import { type FbpOptions, reconstructFbp } from "../analytic/fbp.ts";
import { ReconError } from "../errors.ts";
import { type BeamHardeningPolynomial, correctBeamHardening } from "./beam-hardening.ts";
import type { CentredGeometry } from "./rotation-centre.ts";

/** A disc of an image, around the rotation axis in the middle of the grid unless said otherwise. */
export interface DiscRegion {
  readonly radiusMm: number;
  /** Place of its centre from the middle of the grid, `[row, column]` mm; default `[0, 0]`. */
  readonly centreMm?: readonly [number, number];
}

/**
 * Mean of a disc over all slices.
 *
 * @returns in the volume's unit
 * @throws ReconError `OUT_OF_RANGE` when the disc holds no pixel or leaves the image, `NON_FINITE`
 */
export function measureDiscMean(volume: Volume, region: DiscRegion): number {
  const { radiusMm, centreMm = [0, 0] } = region;
  const grid = createPlaneGrid(volume.geometry);
  const { rows, columns } = grid;
  const last = {
    row: grid.firstRowMm + (rows - 1) * grid.rowSpacingMm,
    column: grid.firstColumnMm + (columns - 1) * grid.columnSpacingMm,
  };
  const [y0, x0] = centreMm;
  const fits =
    radiusMm > 0 &&
    y0 - radiusMm >= grid.firstRowMm - grid.rowSpacingMm &&
    x0 - radiusMm >= grid.firstColumnMm - grid.columnSpacingMm &&
    y0 + radiusMm <= last.row + grid.rowSpacingMm &&
    x0 + radiusMm <= last.column + grid.columnSpacingMm;
  if (!fits) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `a disc of ${radiusMm} mm at row ${y0}, column ${x0} mm does not lie in the image (±${last.row} × ±${last.column} mm)`,
    );
  }
  let sum = 0;
  let count = 0;
  volume.data.forEach((value, i) => {
    const y = grid.firstRowMm + (Math.floor(i / columns) % rows) * grid.rowSpacingMm;
    const x = grid.firstColumnMm + (i % columns) * grid.columnSpacingMm;
    if ((x - x0) ** 2 + (y - y0) ** 2 > radiusMm ** 2) return;
    sum += value;
    count++;
  });
  if (count === 0) {
    throw new ReconError("OUT_OF_RANGE", `a disc of ${radiusMm} mm holds no pixel centre; make it larger`);
  }
  if (!Number.isFinite(sum)) {
    throw new ReconError("NON_FINITE", "the disc holds values that are not finite");
  }
  return sum / count;
}

/** Attenuation of the two fixed points of the Hounsfield scale. */
export interface HuCalibration {
  readonly muWaterPerMm: number;
  /** Default 0. */
  readonly muAirPerMm?: number;
}

/**
 * Hounsfield units by two points: air becomes −1000 and water 0 exactly.
 *
 * @throws ReconError `OUT_OF_RANGE` unless water is above air, both finite
 */
export function calibrateHu(volume: Volume<"1/mm">, calibration: HuCalibration): Volume<"HU"> {
  const { muWaterPerMm, muAirPerMm = 0 } = calibration;
  const range = muWaterPerMm - muAirPerMm;
  if (!(range > 0 && Number.isFinite(range))) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `water has ${muWaterPerMm} and air ${muAirPerMm} 1/mm; water must be above air`,
    );
  }
  const hu = createVolume("HU", volume.geometry);
  for (let i = 0; i < hu.data.length; i++) hu.data[i] = (1000 * (volume.data[i] - muWaterPerMm)) / range;
  return hu;
}

/** Options of {@link measureMuWater}. */
export interface MuWaterOptions {
  readonly grid: GridGeometry;
  /** Diameter of the simulated water cylinder, mm; default 200. */
  readonly diameterMm?: number;
  /** Correction that the scans get; default none. */
  readonly beamHardening?: BeamHardeningPolynomial;
  /** What the detector adds up; default `"energy"`. */
  readonly weighting?: SpectrumWeighting;
  /** Of the reconstruction; default those of `reconstructFbp`. */
  readonly fbp?: Omit<FbpOptions, "grid">;
}

/**
 * µ of water that a scan shows: a water cylinder on the axis is scanned with the spectrum (noise-free, exact chords),
 * corrected, reconstructed, and averaged over its inner half.
 *
 * @returns 1/mm
 * @throws ReconError `OUT_OF_RANGE`, `SHAPE_MISMATCH` for a grid of more than one slice, and what `reconstructFbp` throws
 * Tested: with one energy it is µ of that energy to 1e-4; with the polynomial that of the polynomial's energy.
 */
export async function measureMuWater(
  spectrum: Spectrum,
  geometry: CentredGeometry,
  options: MuWaterOptions,
): Promise<number> {
  const { grid, diameterMm = 200, weighting = "energy" } = options;
  if (!(diameterMm > 0 && Number.isFinite(diameterMm))) {
    throw new ReconError("OUT_OF_RANGE", `a cylinder of ${diameterMm} mm; pass a finite diameter > 0`);
  }
  const water = materials.get("water");
  const radius = diameterMm / 2;
  const caster = createRayCaster(geometry);
  const ray = new Float64Array(6);
  const sinogram = createSinogram("line integral", geometry);
  const { channels } = geometry;
  for (let c = 0; c < channels; c++) {
    // The cylinder stands on the axis: every view is the same.
    caster.cast(0, 0, c, ray);
    const s = ray[0] * ray[4] - ray[1] * ray[3];
    const chord = 2 * Math.sqrt(Math.max(0, radius * radius - s * s));
    const value = chord === 0 ? 0 : computePolyLineIntegral(spectrum, water, chord, { weighting });
    for (let v = 0; v < caster.views; v++) sinogram.data[v * channels + c] = value;
  }
  const corrected =
    options.beamHardening === undefined ? sinogram : correctBeamHardening(sinogram, options.beamHardening);
  const image = await reconstructFbp(corrected, { ...options.fbp, grid });
  return measureDiscMean(image, { radiusMm: radius / 2 });
}
