/**
 * Loss of resolution with known truth (training pairs as in doi 10.1177/08953996261433951): a blur of known MTF in the plane and along z, binning of pixels
 * and back, and noise of a scan on top. The MTF of focal spot and detector aperture at the axis, magnification
 * M = SDD/SID: |sinc(f·a/M) · sinc(f·s·(M − 1)/M)| for an aperture a and a focal spot s.
 */
import {
  createFftPlan,
  createRandom,
  createVolume,
  getSliceData,
  nextPowerOfTwo,
  transform2d,
  type Volume,
} from "@alara/core";
import { checkCountModel, computeLogVariance } from "@alara/physics";
import { ReconError } from "../errors.ts";
import { findFieldOfView } from "../low-dose/field-of-view.ts";
import {
  type ChainOptions,
  checkOption,
  copyFinite,
  type DegradationSource,
  type DegradedPair,
  degradeThroughChain,
  reconstructDifferences,
  renderSource,
} from "./degradation.ts";

/** A blur in the plane. */
export type Blur =
  | {
      readonly kind: "gaussian";
      /** Full width at half maximum, mm. */
      readonly fwhmMm: number;
    }
  | {
      readonly kind: "system";
      /** Width of the focal spot, mm. */
      readonly focalSpotMm: number;
      /** Width of a detector channel at the detector, mm. */
      readonly detectorApertureMm: number;
      /** Source to detector over source to axis; default 1.755 (GE). */
      readonly magnification?: number;
    }
  | {
      readonly kind: "mtf";
      /** Gain at a frequency in 1/mm, 1 at 0. */
      readonly mtf: (frequencyPerMm: number) => number;
    };

/** Noise on top of a blurred image. */
export interface ResolutionNoise {
  /** Quanta per channel and view without an object. */
  readonly incidentQuanta: number;
  /** Readout noise in quanta; default 4. */
  readonly electronicNoiseQuanta?: number;
}

/** Options of {@link degradeResolution}. */
export interface ResolutionLossOptions extends ChainOptions {
  /** Seed of the noise; needed with `noise`. */
  readonly seed?: number;
  /** Default none. */
  readonly blur?: Blur;
  /** Gaussian along z, full width at half maximum in mm; default 0. */
  readonly sliceFwhmMm?: number;
  /** Means over blocks of so many pixels, then linear interpolation back: 2 is 1024² → 512² → 1024²; default 1. */
  readonly binning?: number;
  /** Default none. */
  readonly noise?: ResolutionNoise;
}

/** σ of a Gaussian over its full width at half maximum. */
const SIGMA_PER_FWHM: number = 1 / (2 * Math.sqrt(2 * Math.log(2)));

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/**
 * Gain of a blur at a frequency, 1 at 0.
 *
 * @throws ReconError `OUT_OF_RANGE`, `NON_FINITE`
 */
export function evaluateBlurMtf(blur: Blur, frequencyPerMm: number): number {
  if (blur.kind === "mtf") {
    const gain = blur.mtf(frequencyPerMm);
    if (Number.isFinite(gain)) return gain;
    throw new ReconError(
      "NON_FINITE",
      `the blur's gain at ${frequencyPerMm.toFixed(4)}/mm is ${gain}; every frequency needs a number`,
    );
  }
  if (blur.kind === "gaussian") {
    checkOption("blur.fwhmMm", blur.fwhmMm, 0, 50, "mm");
    return Math.exp(-2 * (Math.PI * blur.fwhmMm * SIGMA_PER_FWHM * frequencyPerMm) ** 2);
  }
  const { focalSpotMm, detectorApertureMm, magnification = 1.755 } = blur;
  checkOption("blur.focalSpotMm", focalSpotMm, 0, 20, "mm");
  checkOption("blur.detectorApertureMm", detectorApertureMm, 0, 20, "mm");
  checkOption("blur.magnification", magnification, 1, 20, "SDD/SID");
  return Math.abs(
    sinc((frequencyPerMm * detectorApertureMm) / magnification) *
      sinc((frequencyPerMm * focalSpotMm * (magnification - 1)) / magnification),
  );
}

/** Index mirrored into 0..count−1, edges twice. */
function mirror(i: number, count: number): number {
  const period = 2 * count;
  const at = ((i % period) + period) % period;
  return at < count ? at : period - 1 - at;
}

function blurPlane(
  data: Float32Array,
  rows: number,
  columns: number,
  rowMm: number,
  columnMm: number,
  blur: Blur,
): void {
  const height = nextPowerOfTwo(rows + 32);
  const width = nextPowerOfTwo(columns + 32);
  const real = new Float64Array(height * width);
  const imaginary = new Float64Array(height * width);
  for (let r = 0; r < height; r++) {
    // Half of the margin continues the far edge, the other half, by wrapping, the near one.
    const source = mirror(r < (rows + height) / 2 ? r : r - height, rows) * columns;
    for (let c = 0; c < width; c++) {
      real[r * width + c] = data[source + mirror(c < (columns + width) / 2 ? c : c - width, columns)];
    }
  }
  const rowPlan = createFftPlan(width);
  const columnPlan = createFftPlan(height);
  transform2d(rowPlan, columnPlan, real, imaginary, "forward");
  for (let r = 0; r < height; r++) {
    const fy = Math.min(r, height - r) / (height * rowMm);
    for (let c = 0; c < width; c++) {
      const fx = Math.min(c, width - c) / (width * columnMm);
      const gain = evaluateBlurMtf(blur, Math.hypot(fx, fy));
      real[r * width + c] *= gain;
      imaginary[r * width + c] *= gain;
    }
  }
  transform2d(rowPlan, columnPlan, real, imaginary, "inverse");
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) data[r * columns + c] = real[r * width + c];
  }
}

/** Block means, then linear interpolation between the blocks' centres. */
function binPlane(data: Float32Array, rows: number, columns: number, binning: number): void {
  const height = Math.ceil(rows / binning);
  const width = Math.ceil(columns / binning);
  const means = new Float64Array(height * width);
  const counts = new Float64Array(height * width);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const at = Math.floor(r / binning) * width + Math.floor(c / binning);
      means[at] += data[r * columns + c];
      counts[at]++;
    }
  }
  for (let i = 0; i < means.length; i++) means[i] /= counts[i];
  const locate = (i: number, count: number): [number, number, number] => {
    const position = Math.min(count - 1, Math.max(0, (i + 0.5) / binning - 0.5));
    const low = Math.min(Math.max(0, count - 2), Math.floor(position));
    return [low, Math.min(count - 1, low + 1), position - low];
  };
  for (let r = 0; r < rows; r++) {
    const [r0, r1, v] = locate(r, height);
    for (let c = 0; c < columns; c++) {
      const [c0, c1, u] = locate(c, width);
      data[r * columns + c] =
        (1 - v) * ((1 - u) * means[r0 * width + c0] + u * means[r0 * width + c1]) +
        v * ((1 - u) * means[r1 * width + c0] + u * means[r1 * width + c1]);
    }
  }
}

/** Normalised Gaussian along z, edges mirrored. */
function blurSlices(volume: Volume<"HU">, fwhmMm: number): void {
  const [slices, rows, columns] = volume.geometry.size;
  const plane = rows * columns;
  const sigma = (fwhmMm * SIGMA_PER_FWHM) / volume.geometry.spacingMm[0];
  const reach = Math.ceil(4 * sigma);
  const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, k) =>
    Math.exp(-0.5 * ((k - reach) / sigma) ** 2),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const original = volume.data.slice();
  for (let slice = 0; slice < slices; slice++) {
    for (let i = 0; i < plane; i++) {
      let sum = 0;
      for (let k = -reach; k <= reach; k++) {
        sum += weights[k + reach] * original[mirror(slice + k, slices) * plane + i];
      }
      volume.data[slice * plane + i] = sum / total;
    }
  }
}

/** The image without its loss of resolution, and with it. */
function blurVolume(image: Volume<"HU">, options: ResolutionLossOptions): Volume<"HU"> {
  const { blur, sliceFwhmMm = 0, binning = 1 } = options;
  const [slices, rows, columns] = image.geometry.size;
  const [, rowMm, columnMm] = image.geometry.spacingMm;
  const out = copyFinite(image);
  if (blur === undefined && sliceFwhmMm === 0 && binning === 1) return out;
  // Padding is air while blurring and comes back after.
  const fields = Array.from({ length: slices }, (_, slice) =>
    findFieldOfView(getSliceData(image, slice), rows, columns),
  );
  const isPadding = (slice: number, i: number): boolean => {
    const { spans, paddingHu } = fields[slice];
    const r = Math.floor(i / columns);
    const c = i % columns;
    return image.data[slice * rows * columns + i] === paddingHu || c < spans[2 * r] || c >= spans[2 * r + 1];
  };
  for (let slice = 0; slice < slices; slice++) {
    const data = getSliceData(out, slice);
    for (let i = 0; i < data.length; i++) if (isPadding(slice, i)) data[i] = -1000;
    if (blur !== undefined && !(blur.kind === "gaussian" && blur.fwhmMm === 0)) {
      blurPlane(data, rows, columns, rowMm, columnMm, blur);
    }
    if (binning > 1) binPlane(data, rows, columns, binning);
  }
  if (sliceFwhmMm > 0) blurSlices(out, sliceFwhmMm);
  for (let slice = 0; slice < slices; slice++) {
    const data = getSliceData(out, slice);
    const original = getSliceData(image, slice);
    for (let i = 0; i < data.length; i++) if (isPadding(slice, i)) data[i] = original[i];
  }
  return out;
}

/**
 * Takes resolution away, and adds noise if asked.
 *
 * @throws ReconError `OUT_OF_RANGE`, `NON_FINITE`
 * @remarks The clean image is the source's; of `ChainOptions` only those of the noise matter, `base` is the image.
 * Tested: amplitude of gratings against the closed-form MTF, blocks' means, σ along z, noise variance, identity.
 */
export async function degradeResolution(
  source: DegradationSource,
  options: ResolutionLossOptions,
): Promise<DegradedPair> {
  const { blur, sliceFwhmMm = 0, binning = 1, noise, seed } = options;
  checkOption("sliceFwhmMm", sliceFwhmMm, 0, 100, "mm");
  checkOption("binning", binning, 1, 16, "pixels");
  if (!Number.isInteger(binning))
    throw new ReconError("OUT_OF_RANGE", `binning ${binning} is not an integer`);
  if (blur !== undefined) evaluateBlurMtf(blur, 0.1);
  if (blur !== undefined && Math.abs(evaluateBlurMtf(blur, 0) - 1) > 1e-6) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `the blur's gain at frequency 0 is ${evaluateBlurMtf(blur, 0)}; HU need 1`,
    );
  }
  if (noise !== undefined && seed === undefined) {
    throw new ReconError("OUT_OF_RANGE", "noise needs a seed; pass options.seed");
  }
  const clean = renderSource(source, options.axisOffsetMm);
  const blurred = blurVolume(clean, options);
  const parameters = {
    degradation: "resolution-loss",
    blur: blur?.kind === "mtf" ? { kind: "mtf" } : (blur ?? null),
    sliceFwhmMm,
    binning,
    noise: noise ?? null,
    seed: seed ?? null,
  };
  if (noise === undefined) return { clean, degraded: blurred, parameters };
  const model = {
    incidentQuanta: noise.incidentQuanta,
    electronicNoiseQuanta: noise.electronicNoiseQuanta ?? 4,
  };
  checkCountModel(model);
  const random = createRandom(seed!);
  const { degraded } = await degradeThroughChain(
    blurred,
    { ...options, base: "image" },
    parameters,
    ({ chain, start, lineIntegrals }) =>
      reconstructDifferences(
        chain,
        lineIntegrals.map((line, i) => {
          const stream = random.derive(`resolution/${start + i}`);
          return line.map((p) => Math.sqrt(computeLogVariance(Math.max(0, p), model)) * stream.nextNormal());
        }),
      ),
  );
  return { clean: createVolume("HU", clean.geometry, clean.data), degraded, parameters };
}
