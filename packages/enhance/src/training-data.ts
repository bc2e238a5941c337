/**
 * Training pairs: full-dose slices with noise fields from low-dose insertion, and phantoms with noise-free truth.
 * Slices of one subject never stand on both sides of a split: the caller passes whole subjects.
 */
import {
  createCentredGrid,
  createFftPlan,
  createRandom,
  createVolume,
  getSlab,
  getSliceData,
  type LongWorkOptions,
  transform2d,
  type Volume,
} from "@alara/core";
import type { TrainingPair, ValidationPair } from "@alara/learn";
import {
  createRandomBodyPhantom,
  evaluateKernelWindow,
  type KernelWindow,
  voxelizePhantom,
} from "@alara/physics";
import { createLowDoseSimulator, ReconError } from "@alara/recon";
import { roundToInt16, type TrainingDataOptions, type TrainingSeries } from "./data/training-series.ts";
import { EnhanceError } from "./errors.ts";
import { clampToAir } from "./padding.ts";
import type { Recipe } from "./recipe.ts";

export type { SkippedSeries, TrainingDataOptions, TrainingSeries } from "./data/training-series.ts";

/** The noise of a training series: the window of its kernel and its level at full dose. */
export interface MeasuredKernel {
  readonly window: KernelWindow;
  readonly sigmaHu: number;
}

/** What {@link buildTrainingPairs} gives. */
export interface TrainingPairs {
  readonly pairs: readonly TrainingPair[];
  /** One entry per used series. */
  readonly kernels: readonly MeasuredKernel[];
}

/** Keeps `maximum` slices around the middle of a long series: neighbours stay neighbours. */
export function limitSlices(volume: Volume<"HU">, maximum: number): Volume<"HU"> {
  const slices = volume.geometry.size[0];
  if (slices <= maximum) return volume;
  const start = Math.floor((slices - maximum) / 2);
  return getSlab(volume, start, start + maximum);
}

/** The noise fields of a series, and what they were made from. */
interface SimulatedNoise {
  readonly noises: readonly Volume<"HU">[];
  readonly kernel: MeasuredKernel;
}

/** Noise fields at the recipe's dose; `null`, reported, when the series' noise cannot be measured. */
async function simulateNoises(
  id: string,
  volume: Volume<"HU">,
  recipe: Recipe,
  seed: number,
  options: TrainingDataOptions & { readonly realisations: number },
): Promise<SimulatedNoise | null> {
  const { doseFraction } = recipe.data.insertion;
  const { realisations } = options;
  const work: LongWorkOptions = options.signal ? { signal: options.signal } : {};
  try {
    const simulator = await createLowDoseSimulator(volume, { ...work, seed });
    const noises: Volume<"HU">[] = [];
    for (let realisation = 0; realisation < realisations; realisation++) {
      noises.push(await simulator.noise(doseFraction, { ...work, realisation }));
    }
    const { window, sigmaHu } = simulator.calibration;
    return { noises, kernel: { window, sigmaHu } };
  } catch (error) {
    if (!(error instanceof ReconError)) throw error;
    options.onSkipped?.({ id, code: error.code, reason: error.message });
    return null;
  }
}

/** Options of {@link buildTrainingPairs}. */
export interface TrainingPairOptions extends TrainingDataOptions {
  /**
   * `"slices"` (default): one pair per slice. `"series"`: one pair per series with all its slices, for neighbouring
   * slices as channels (2.5D) and for 3D patches; drawn as often as its slices together.
   */
  readonly grouping?: "slices" | "series";
}

/**
 * Builds training pairs from real series. A series of n slices counts n^¾ times as often as a single slice: long
 * series do not drown single ones, and single slices are not drawn until they are known by heart.
 *
 * @param series - training subjects
 * @returns pairs for `createPairSource`; input = target + s · noise with s in `recipe.data.noiseScale`
 * @throws what `createLowDoseSimulator` throws, but series without measurable noise are reported and left out
 */
export async function buildTrainingPairs(
  series: readonly TrainingSeries[],
  recipe: Recipe,
  options: TrainingPairOptions = {},
): Promise<TrainingPairs> {
  const pairs: TrainingPair[] = [];
  const kernels: MeasuredKernel[] = [];
  const seeds = createRandom(recipe.training.seed).derive("training-noise");
  for (const [index, item] of series.entries()) {
    const volume = limitSlices(item.volume, recipe.data.maximumSlicesPerSeries);
    const seed = seeds.derive(item.id).nextUint32();
    const { realisations } = recipe.data.insertion;
    const simulated = await simulateNoises(item.id, volume, recipe, seed, { ...options, realisations });
    if (simulated) {
      kernels.push(simulated.kernel);
      const [slices, rows, columns] = volume.geometry.size;
      const clamped = clampToAir(volume);
      if (options.grouping === "series") {
        pairs.push({
          id: `${item.id}/0`,
          slices,
          rows,
          columns,
          target: roundToInt16(clamped.data),
          noises: simulated.noises.map(({ data }) => roundToInt16(data)),
          weight: slices ** 0.75,
          levelRange: recipe.data.noiseScale,
        });
      }
      for (let s = 0; s < slices && options.grouping !== "series"; s++) {
        pairs.push({
          id: `${item.id}/${s}`,
          rows,
          columns,
          target: roundToInt16(getSliceData(clamped, s)),
          noises: simulated.noises.map((noise) => roundToInt16(getSliceData(noise, s))),
          weight: slices ** -0.25,
          levelRange: recipe.data.noiseScale,
        });
      }
    }
    options.onProgress?.({ phase: "making pairs", done: index + 1, total: series.length, unit: "series" });
  }
  if (pairs.length === 0) {
    throw new EnhanceError(
      "NO_TRAINING_DATA",
      `none of ${series.length} series gave a training pair; see what was left out and why, and add full-dose CT series`,
    );
  }
  return { pairs, kernels };
}

/**
 * Filters a noise-free slice with a reconstruction kernel's window, so that phantoms have the sharpness that goes
 * with their noise. Circular convolution; the margin of air makes that harmless.
 */
function applyKernel(image: Float32Array, size: number, pixelMm: number, window: KernelWindow): Float32Array {
  const plan = createFftPlan(size);
  const real = Float64Array.from(image);
  const imaginary = new Float64Array(size * size);
  transform2d(plan, plan, real, imaginary, "forward");
  for (let r = 0; r < size; r++) {
    const fy = Math.min(r, size - r) / (size * pixelMm);
    for (let c = 0; c < size; c++) {
      const fx = Math.min(c, size - c) / (size * pixelMm);
      const gain = evaluateKernelWindow(window, Math.hypot(fx, fy));
      real[r * size + c] *= gain;
      imaginary[r * size + c] *= gain;
    }
  }
  transform2d(plan, plan, real, imaginary, "inverse");
  return Float32Array.from(real);
}

const PHANTOM_SIZE = 512;

/** Options of {@link buildPhantomPairs}. */
export interface PhantomPairOptions extends TrainingDataOptions {
  /** Slices per phantom, all of the same truth with noise of their own: for 2.5D and 3D patches; default 1. */
  readonly slices?: number;
}

/**
 * Builds pairs with noise-free truth: random body phantoms, filtered with a kernel, plus the whole noise of a
 * simulated scan at the recipe's dose. Kernels and noise levels are those measured on the training series.
 *
 * @param real - what {@link buildTrainingPairs} gave; phantoms are weighted to make up `phantoms.share`
 */
export async function buildPhantomPairs(
  recipe: Recipe,
  real: TrainingPairs,
  options: PhantomPairOptions = {},
): Promise<TrainingPair[]> {
  const { slices = 1 } = options;
  const { count, realisations, share } = recipe.data.phantoms;
  const { doseFraction } = recipe.data.insertion;
  const seeds = createRandom(recipe.training.seed).derive("training-phantoms");
  const realWeight = real.pairs.reduce((sum, pair) => sum + (pair.weight ?? 1), 0);
  const weight = (realWeight * share) / ((1 - Math.min(share, 0.999)) * Math.max(1, count));
  const pairs: TrainingPair[] = [];
  for (let index = 0; index < count && share > 0; index++) {
    const random = seeds.derive(index);
    const { window, sigmaHu } = real.kernels[random.nextInteger(real.kernels.length)];
    const pixelMm = 0.6 + 0.35 * random.nextUniform();
    const single = createCentredGrid([1, PHANTOM_SIZE, PHANTOM_SIZE], [1, pixelMm, pixelMm]);
    const grid = createCentredGrid([slices, PHANTOM_SIZE, PHANTOM_SIZE], [1, pixelMm, pixelMm]);
    const phantom = createRandomBodyPhantom(random.derive("phantom"));
    const sharp = voxelizePhantom(phantom, single);
    const truth = createVolume("HU", grid);
    const filtered = applyKernel(sharp.data, PHANTOM_SIZE, pixelMm, window);
    for (let s = 0; s < slices; s++) getSliceData(truth, s).set(filtered);
    const simulator = await createLowDoseSimulator(truth, {
      seed: random.derive("noise").nextUint32(),
      noise: { sigmaHu: sigmaHu * 2 ** (random.nextUniform() - 0.5), window },
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const noises: Int16Array[] = [];
    for (let realisation = 0; realisation < realisations; realisation++) {
      noises.push(roundToInt16((await simulator.scanNoise(doseFraction, { realisation })).data));
    }
    pairs.push({
      id: `phantom/${index}`,
      slices,
      rows: PHANTOM_SIZE,
      columns: PHANTOM_SIZE,
      target: truth.data,
      noises,
      weight,
      levelRange: recipe.data.noiseScale,
    });
    options.onProgress?.({ phase: "phantoms", done: index + 1, total: count, unit: "phantoms" });
  }
  return pairs;
}

/** Options of {@link buildValidationPairs}. */
export interface ValidationPairOptions extends TrainingDataOptions {
  /** Slices on each side that are further channels of the input (2.5D); default 0. */
  readonly contextSlices?: number;
  /** Slices of input and target alike (3D); default 1. Not with `contextSlices`. */
  readonly slices?: number;
}

/** Slices `first..first + count − 1`, those beyond the ends repeating the last one. */
function takeSlices(volume: Volume<"HU">, first: number, count: number): Float32Array {
  const [slices, rows, columns] = volume.geometry.size;
  const out = new Float32Array(count * rows * columns);
  for (let k = 0; k < count; k++) {
    out.set(getSliceData(volume, Math.min(slices - 1, Math.max(0, first + k))), k * rows * columns);
  }
  return out;
}

/**
 * Builds validation pairs: one slice in the middle of each series (with its neighbours, or a slab), at scale 1 (the
 * recipe's dose fraction).
 *
 * @throws EnhanceError `OUT_OF_RANGE` for both context slices and slabs
 */
export async function buildValidationPairs(
  series: readonly TrainingSeries[],
  recipe: Recipe,
  sizeMultiple: number,
  options: ValidationPairOptions = {},
): Promise<ValidationPair[]> {
  const { contextSlices = 0, slices: depth = 1 } = options;
  if (contextSlices > 0 && depth > 1) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `${contextSlices} context slices and slabs of ${depth}; use one of them`,
    );
  }
  const planes = Math.max(depth, 2 * contextSlices + 1);
  const pairs: ValidationPair[] = [];
  const seeds = createRandom(recipe.training.seed).derive("validation-noise");
  for (const [index, item] of series.entries()) {
    const volume = limitSlices(item.volume, Math.max(4, planes));
    const seed = seeds.derive(item.id).nextUint32();
    const [slices, rows, columns] = volume.geometry.size;
    const fits = [rows, columns, ...(depth > 1 ? [depth] : [])].every((n) => n % sizeMultiple === 0);
    const simulated = fits
      ? await simulateNoises(item.id, volume, recipe, seed, { ...options, realisations: 1 })
      : null;
    if (!fits) {
      options.onSkipped?.({
        id: item.id,
        code: "ODD_SIZE",
        reason: `${depth > 1 ? `${depth} × ` : ""}${rows} × ${columns} are no multiples of ${sizeMultiple}, which validation needs`,
      });
    } else if (simulated) {
      const middle = Math.floor(slices / 2);
      const first =
        depth > 1 ? Math.max(0, Math.min(slices - depth, middle - (depth >> 1))) : middle - contextSlices;
      const clean = clampToAir(volume);
      const input = takeSlices(clean, first, planes);
      const noise = takeSlices(simulated.noises[0], first, planes);
      for (let i = 0; i < input.length; i++) input[i] += noise[i];
      const target = depth > 1 ? takeSlices(clean, first, depth) : getSliceData(clean, middle);
      pairs.push({ id: item.id, rows, columns, ...(planes > 1 && { slices: planes }), target, input });
    }
    options.onProgress?.({
      phase: "validation pairs",
      done: index + 1,
      total: series.length,
      unit: "series",
    });
  }
  return pairs;
}
