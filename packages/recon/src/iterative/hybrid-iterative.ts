/**
 * A look-alike of hybrid-iterative reconstruction, for comparison: statistical smoothing of the line integrals, FBP,
 * edge-preserving regularisation of the image against its own local noise, blended by a strength level. Vendors'
 * methods of this kind (a noise model before, regularisation after FBP) are not public; this is none of them.
 */
import {
  type AsyncLinearOperator,
  createRandom,
  createVolume,
  type LongWorkOptions,
  type Sinogram,
  type Volume,
} from "@alara/core";
import { type CountModel, checkCountModel, computeLogVariance } from "@alara/physics";
import type { FbpGeometry } from "../analytic/detector-line.ts";
import { type FbpOptions, reconstructFbp } from "../analytic/fbp.ts";
import { ReconError } from "../errors.ts";
import { solvePwls } from "./penalised-least-squares.ts";
import { smoothRows } from "./sinogram-smoothing.ts";
import { resolveStrengthLevel, type StrengthLevel } from "./strength-levels.ts";

/** What the levels 1 to 5 mean: smoothing of the line integrals, share of the regularised image. */
const LEVELS = [
  { sinogramStrength: 0.01, blend: 0.2 },
  { sinogramStrength: 0.02, blend: 0.35 },
  { sinogramStrength: 0.03, blend: 0.5 },
  { sinogramStrength: 0.04, blend: 0.65 },
  { sinogramStrength: 0.05, blend: 0.8 },
] as const;

/** Prior of the image step: β, and δ in standard deviations of the local noise. */
const IMAGE_PRIOR_STRENGTH = 1;
const IMAGE_PRIOR_DELTA = 0.35;
const IMAGE_ITERATIONS = 40;

/** Radius of the neighbourhood in which noise is measured, pixels. */
const NOISE_RADIUS = 6;

/** Options of {@link reconstructHybridIterative}: those of FBP and these. */
export interface HybridIterativeOptions extends FbpOptions, LongWorkOptions {
  /** The dose: what the variance of the line integrals is computed from. */
  readonly noise: CountModel;
  /** Default 3, `"standard"`. */
  readonly strength?: StrengthLevel;
  /** Of the noise drawn to measure the local noise of FBP; default 1. */
  readonly seed?: number;
}

/**
 * Variances of line integrals, from line integrals smoothed along the channels so that they vary less.
 *
 * @throws ReconError `NON_FINITE`; PhysicsError for the noise model
 */
export function estimateLogVariances(
  lineIntegrals: Float32Array,
  channels: number,
  noise: CountModel,
): Float32Array {
  checkCountModel(noise);
  const broken = lineIntegrals.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) {
    throw new ReconError(
      "NON_FINITE",
      `line integral ${broken} is ${lineIntegrals[broken]}; repair dead channels and clamp the logarithm before reconstructing`,
    );
  }
  const smooth = lineIntegrals.slice();
  smoothRows(smooth, new Float32Array(smooth.length).fill(1), channels, 4);
  for (let i = 0; i < smooth.length; i++) smooth[i] = computeLogVariance(Math.max(0, smooth[i]), noise);
  return smooth;
}

/**
 * Hybrid-iterative look-alike.
 *
 * @param sinogram - line integrals as for FBP
 * @returns attenuation in 1/mm
 * @throws ReconError `OUT_OF_RANGE` for an unknown level, and as `reconstructFbp`; PhysicsError for the noise model
 * @remarks Costs two FBPs and an image filter. The regularised image is the same at every level, its share grows.
 * Tested: noise falls with every level, the mean of flat regions stays within 1 HU, edges of 300 HU stay as wide as
 * stated there.
 */
export async function reconstructHybridIterative(
  sinogram: Sinogram<"line integral", FbpGeometry>,
  options: HybridIterativeOptions,
): Promise<Volume<"1/mm">> {
  const { sinogramStrength, blend } = LEVELS[resolveStrengthLevel(options.strength ?? "standard") - 1];
  const { channels } = sinogram.geometry;
  const variances = estimateLogVariances(sinogram.data, channels, options.noise);
  const { onProgress, ...quiet } = options;
  const report = (done: number): void =>
    onProgress?.({ phase: "reconstructing", done, total: 3, unit: "steps" });
  const reconstruct = async (data: Float32Array): Promise<Volume<"1/mm">> => {
    smoothRows(data, variances, channels, sinogramStrength);
    return await reconstructFbp({ ...sinogram, data }, quiet);
  };
  const image = await reconstruct(sinogram.data.slice());
  report(1);
  const random = createRandom(options.seed ?? 1);
  const drawn = variances.map((variance) => Math.sqrt(variance) * random.nextNormal());
  const deviation = (await reconstruct(drawn)).data;
  measureLocalDeviation(deviation, options.grid.size, NOISE_RADIUS);
  report(2);
  const inverse = deviation.map((value) => 1 / value);
  const { image: regular } = await solvePwls(
    {
      operator: createIdentity(image.data.length),
      data: image.data,
      size: options.grid.size,
      weights: inverse.map((value) => value * value),
    },
    {
      strength: IMAGE_PRIOR_STRENGTH,
      prior: {
        potential: "huber",
        delta: IMAGE_PRIOR_DELTA,
        deltaMap: deviation,
        kappa: inverse,
        spacing: options.grid.spacingMm,
      },
      momentum: "nesterov",
      iterations: IMAGE_ITERATIONS,
      recordObjective: false,
      nonNegative: false,
      initial: image.data,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  );
  const { data } = image;
  for (let i = 0; i < data.length; i++) regular[i] = (1 - blend) * data[i] + blend * regular[i];
  report(3);
  return createVolume("1/mm", options.grid, regular);
}

function createIdentity(length: number): AsyncLinearOperator<Float32Array> {
  const copy = (x: Float32Array, out: Float32Array = new Float32Array(length)): Float32Array => {
    out.set(x);
    return out;
  };
  return { name: "identity", domainLength: length, rangeLength: length, apply: copy, applyAdjoint: copy };
}

/**
 * Replaces noise by its local standard deviation: root mean square over a square of ±`radius` pixels in the slice,
 * twice, and not below a thousandth of the largest.
 */
function measureLocalDeviation(
  noise: Float32Array,
  size: readonly [number, number, number],
  radius: number,
): void {
  const [slices, rows, columns] = size;
  for (let i = 0; i < noise.length; i++) noise[i] *= noise[i];
  const line = new Float64Array(Math.max(rows, columns) + 1);
  const averageLine = (first: number, count: number, stride: number): void => {
    for (let i = 0; i < count; i++) line[i + 1] = line[i] + noise[first + i * stride];
    for (let i = 0; i < count; i++) {
      const low = Math.max(0, i - radius);
      const high = Math.min(count, i + radius + 1);
      noise[first + i * stride] = (line[high] - line[low]) / (high - low);
    }
  };
  for (let pass = 0; pass < 2; pass++) {
    for (let r = 0; r < slices * rows; r++) averageLine(r * columns, columns, 1);
    for (let s = 0; s < slices; s++) {
      for (let c = 0; c < columns; c++) averageLine(s * rows * columns + c, rows, columns);
    }
  }
  let largest = 0;
  for (let i = 0; i < noise.length; i++) {
    noise[i] = Math.sqrt(Math.max(0, noise[i]));
    if (noise[i] > largest) largest = noise[i];
  }
  const floor = largest > 0 ? 1e-3 * largest : 1e-12;
  for (let i = 0; i < noise.length; i++) if (noise[i] < floor) noise[i] = floor;
}
