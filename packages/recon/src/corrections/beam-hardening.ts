/**
 * Water beam-hardening correction: p_mono = Σ_{i=1..n} c_i p^i, without constant, fitted to a path of water
 * (tomography.md §2.5; Herman 1979, Phys. Med. Biol. 24:81). Exact for objects of water only; bone stands in
 * bone-hardening.ts.
 */
import { createSinogram, type ScanGeometry, type Sinogram } from "@alara/core";
import {
  computeMuPerMm,
  computePolyLineIntegral,
  type Material,
  materials,
  type Spectrum,
  type SpectrumWeighting,
} from "@alara/physics";
import { ReconError } from "../errors.ts";

/** A fitted correction. */
export interface BeamHardeningPolynomial {
  /** c_1..c_n. */
  readonly coefficients: readonly number[];
  /** Energy whose line integrals come out, keV. */
  readonly energyKev: number;
  /** µ of the material at that energy, 1/mm: what is 0 HU after the correction, if the material is water. */
  readonly muPerMm: number;
  /** Largest measured line integral of the fit; beyond it the polynomial goes on as a straight line. */
  readonly largestLineIntegral: number;
  /** Largest |fit − truth| on the fitted points, in line integrals. */
  readonly maxError: number;
}

/** Options of {@link fitBeamHardening}. */
export interface BeamHardeningFitOptions {
  /** Energy that line integrals are brought to, keV. */
  readonly energyKev: number;
  /** Degree of the polynomial, 1..8; default 4. */
  readonly order?: number;
  /** Longest path of the fit, mm; default 500. */
  readonly longestPathMm?: number;
  /** Points of the fit, evenly from 0; default 256. */
  readonly points?: number;
  /** Default water. */
  readonly material?: Material;
  /** What the detector adds up; default `"energy"`. */
  readonly weighting?: SpectrumWeighting;
}

/**
 * Least squares of Σ c_i x^i without constant, by modified Gram–Schmidt on columns scaled to x ≤ 1.
 *
 * @returns c_1..c_n
 */
function fitPolynomial(x: Float64Array, y: Float64Array, order: number): number[] {
  const largest = x.reduce((most, value) => Math.max(most, Math.abs(value)));
  const columns = Array.from({ length: order }, (_, i) => x.map((value) => (value / largest) ** (i + 1)));
  const dot = (a: Float64Array, b: Float64Array): number =>
    a.reduce((sum, value, k) => sum + value * b[k], 0);
  const upper = columns.map(() => new Float64Array(order));
  const residual = y.slice();
  const projected = new Float64Array(order);
  for (let i = 0; i < order; i++) {
    upper[i][i] = Math.sqrt(dot(columns[i], columns[i]));
    for (let k = 0; k < x.length; k++) columns[i][k] /= upper[i][i];
    for (let j = i + 1; j < order; j++) {
      upper[i][j] = dot(columns[i], columns[j]);
      for (let k = 0; k < x.length; k++) columns[j][k] -= upper[i][j] * columns[i][k];
    }
    projected[i] = dot(columns[i], residual);
    for (let k = 0; k < x.length; k++) residual[k] -= projected[i] * columns[i][k];
  }
  const coefficients = new Float64Array(order);
  for (let i = order - 1; i >= 0; i--) {
    let value = projected[i];
    for (let j = i + 1; j < order; j++) value -= upper[i][j] * coefficients[j];
    coefficients[i] = value / upper[i][i];
  }
  return [...coefficients].map((value, i) => value / largest ** (i + 1));
}

/**
 * Fits the correction of a spectrum.
 *
 * @throws ReconError `OUT_OF_RANGE` for order, path, points; PhysicsError for spectra and energies
 * @remarks Largest errors for 120 kV (tungsten 7°, 3 mm Al) to 70 keV over 0–50 cm water: order 3 2.2e-3, 4 5e-4,
 * 5 1.2e-4, 6 3e-5. Tested against those of tomography.md §3.5.
 */
export function fitBeamHardening(
  spectrum: Spectrum,
  options: BeamHardeningFitOptions,
): BeamHardeningPolynomial {
  const {
    energyKev,
    order = 4,
    longestPathMm = 500,
    points = 256,
    material = materials.get("water"),
    weighting = "energy",
  } = options;
  if (!(Number.isInteger(order) && order >= 1 && order <= 8)) {
    throw new ReconError("OUT_OF_RANGE", `a polynomial of order ${order}; pass an integer in 1..8`);
  }
  if (!(Number.isInteger(points) && points > order && longestPathMm > 0 && Number.isFinite(longestPathMm))) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `${points} points over ${longestPathMm} mm; pass more points than the order and a finite length > 0`,
    );
  }
  const muPerMm = computeMuPerMm(material, energyKev);
  const paths = Float64Array.from({ length: points }, (_, i) => (i * longestPathMm) / (points - 1));
  const measured = paths.map((path) => computePolyLineIntegral(spectrum, material, path, { weighting }));
  const wanted = paths.map((path) => path * muPerMm);
  const coefficients = fitPolynomial(measured, wanted, order);
  const fitted = {
    coefficients,
    energyKev,
    muPerMm,
    largestLineIntegral: measured[points - 1],
    maxError: 0,
  };
  const maxError = measured.reduce(
    (worst, p, i) => Math.max(worst, Math.abs(evaluateBeamHardening(fitted, p) - wanted[i])),
    0,
  );
  return { ...fitted, maxError };
}

/**
 * The corrected line integral of one measured one. Below 0 (noise in air) the straight line c_1 p, beyond the fit the
 * straight line with its end slope.
 */
export function evaluateBeamHardening(polynomial: BeamHardeningPolynomial, lineIntegral: number): number {
  const { coefficients, largestLineIntegral } = polynomial;
  if (lineIntegral <= 0) return coefficients[0] * lineIntegral;
  const p = Math.min(lineIntegral, largestLineIntegral);
  let value = 0;
  let slope = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) {
    slope = slope * p + (i + 1) * coefficients[i];
    value = (value + coefficients[i]) * p;
  }
  return value + slope * (lineIntegral - p);
}

/**
 * Corrects line integrals of a scan for beam hardening in water.
 *
 * @param sinogram - any geometry, −ln of signals of one spectrum
 * @returns line integrals at `polynomial.energyKev`
 * @throws ReconError `NON_FINITE`
 * Tested: water cylinders of 20, 30 and 40 cm at 120 kV: 20, 25 and 28 HU of cupping (0.85 of the radius against the
 * centre) without, below 0.4 HU with the correction at order 4.
 */
export function correctBeamHardening<G extends ScanGeometry>(
  sinogram: Sinogram<"line integral", G>,
  polynomial: BeamHardeningPolynomial,
): Sinogram<"line integral", G> {
  const { data } = sinogram;
  const corrected = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      throw new ReconError(
        "NON_FINITE",
        `line integral ${i} is ${data[i]}; calibrate counts with calibrateCounts, which keeps them finite`,
      );
    }
    corrected[i] = evaluateBeamHardening(polynomial, data[i]);
  }
  return createSinogram("line integral", sinogram.geometry, sinogram.slices, corrected);
}
