/**
 * Losses that need no clean target: masked comparison (Noise2Void), Neighbor2Neighbor, and Stein's unbiased risk
 * estimate. Networks come in as functions; random numbers come in as inputs. Scalars in HU² (or HU) over scale.
 */
import type { Random } from "@alara/core";
import { formatShape, LearnError } from "../errors.ts";
import { abs, add, div, mul, reduceMean, square, sub } from "../operators/arithmetic.ts";
import { spaceToDepth } from "../operators/shuffle.ts";
import { stopGradient } from "../operators/stop-gradient.ts";
import { reduceSum, reshape } from "../operators/structure.ts";
import { countElements, createConstant, type Tensor } from "../tensor.ts";
import { checkPositive, scaleBy } from "./loss.ts";
import type { ScaleOption, TensorMap } from "./unpaired.ts";

/** Options of {@link buildMaskedLoss}. */
export interface MaskedLossOptions extends ScaleOption {
  /** 1: mean |p − t|, 2: mean (p − t)²; default 2. */
  readonly power?: 1 | 2;
}

/**
 * Mean of |p − t| or (p − t)² over the pixels where `mask` is 1; 0 where the mask is empty. With the masked pixels
 * replaced by neighbours in the network's input and the noisy image as target this is Noise2Void (Krull et al. 2019,
 * eq. 9). Any network serves: blindness comes from the input.
 *
 * @param mask - 0 or 1, shape of the target or broadcast to it
 */
export function buildMaskedLoss(
  images: { readonly prediction: Tensor; readonly target: Tensor; readonly mask: Tensor },
  options: MaskedLossOptions = {},
): Tensor {
  const { power = 2 } = options;
  const difference = scaleBy(sub(images.prediction, images.target), options.scale);
  const size = power === 1 ? abs(difference) : square(difference);
  const counted = mul(size, images.mask);
  const axes = counted.shape.map((_, axis) => axis);
  const repeats = countElements(counted.shape) / countElements(images.mask.shape);
  const count = mul(reduceSum(images.mask, { axes: images.mask.shape.map((_, axis) => axis) }), repeats);
  return div(reduceSum(counted, { axes }), add(count, 1e-12));
}

/** Which pixel of each 2 × 2 cell goes into the first and into the second half image; one-hot [N, 4, rows/2, columns/2]. */
export interface NeighbourSelectors<T> {
  readonly first: T;
  readonly second: T;
}

/** Pixels of a cell (0 1 / 2 3) that touch, in both orders. */
const PAIRS: readonly (readonly [number, number])[] = [
  [0, 1],
  [1, 0],
  [0, 2],
  [2, 0],
  [1, 3],
  [3, 1],
  [2, 3],
  [3, 2],
];

/**
 * Draws two different touching pixels in every 2 × 2 cell.
 *
 * @param shape - of the noisy images, [N, 1, rows, columns], rows and columns even
 * @throws LearnError `SHAPE_MISMATCH`
 * Huang et al. 2021, §4.1.
 */
export function drawNeighbourSelectors(
  shape: readonly number[],
  random: Random,
): NeighbourSelectors<Float32Array> {
  const [batch, , rows, columns] = shape;
  checkHalvable(shape);
  const cells = (rows / 2) * (columns / 2);
  const first = new Float32Array(batch * 4 * cells);
  const second = new Float32Array(batch * 4 * cells);
  for (let n = 0; n < batch; n++) {
    for (let cell = 0; cell < cells; cell++) {
      const [a, b] = PAIRS[Math.floor(random.nextUniform() * PAIRS.length)];
      first[(n * 4 + a) * cells + cell] = 1;
      second[(n * 4 + b) * cells + cell] = 1;
    }
  }
  return { first, second };
}

function checkHalvable(shape: readonly number[]): void {
  if (shape.length !== 4 || shape[1] !== 1 || shape[2] % 2 !== 0 || shape[3] % 2 !== 0) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `Neighbor2Neighbor needs [N, 1, rows, columns] with even rows and columns, got ${formatShape(shape)}`,
    );
  }
}

/** The half image that a selector picks: [N, 1, rows, columns] → [N, 1, rows/2, columns/2]. */
export function pickNeighbours(image: Tensor, selector: Tensor): Tensor {
  checkHalvable(image.shape);
  const [batch, , rows, columns] = image.shape;
  const picked = reduceSum(mul(spaceToDepth(image, { block: 2 }), selector), { axes: [1] });
  return reshape(picked, [batch, 1, rows / 2, columns / 2]);
}

/** Options of {@link buildNeighbourLoss}. */
export interface NeighbourLossOptions extends ScaleOption {
  /** γ, weight of the regulariser; default 2. */
  readonly gamma?: number;
}

/**
 * Neighbor2Neighbor: mean (f(g₁y) − g₂y)² + γ·mean (f(g₁y) − g₂y − (g₁f(y) − g₂f(y)))², f(y) without gradient.
 *
 * @param noisy - y, [N, 1, rows, columns]
 * @param network - f; its sizes must allow half images
 * @throws LearnError `SHAPE_MISMATCH`
 * Huang et al. 2021 (Neighbor2Neighbor), eq. 6 and algorithm 1.
 */
export function buildNeighbourLoss(
  noisy: Tensor,
  network: TensorMap,
  selectors: NeighbourSelectors<Tensor>,
  options: NeighbourLossOptions = {},
): Tensor {
  const { gamma = 2 } = options;
  const target = pickNeighbours(noisy, selectors.second);
  const difference = scaleBy(sub(network(pickNeighbours(noisy, selectors.first)), target), options.scale);
  const whole = stopGradient(network(noisy));
  const expected = scaleBy(
    sub(pickNeighbours(whole, selectors.first), pickNeighbours(whole, selectors.second)),
    options.scale,
  );
  const regulariser = reduceMean(square(sub(difference, expected)));
  return add(reduceMean(square(difference)), mul(regulariser, gamma));
}

/** Options of {@link buildSureLoss}. */
export interface SureOptions extends ScaleOption {
  /** Noise of the image in HU: one number, or a tensor broadcast over it (a noise map). */
  readonly sigmaHu: number | Tensor;
  /** Random directions of the shape of the image, N(0, 1) or ±1: an input fed at every step. */
  readonly probe: Tensor;
  /** Length of the probe's step in HU; default 1. Far below the noise, far above float32's rounding. */
  readonly probeHu?: number;
}

/**
 * Mean of σ²·∂fᵢ/∂yᵢ by one random probe: mean σ²·b·(f(y + εb) − f(y)) / ε.
 * Ramani, Blu & Unser 2008 (IEEE TIP 17:1540), eq. 8.
 */
export function buildDivergence(
  noisy: Tensor,
  network: TensorMap,
  options: Omit<SureOptions, "scale">,
): Tensor {
  const { sigmaHu, probe, probeHu = 1 } = options;
  checkPositive("sure", "probeHu", probeHu);
  const shifted = network(add(noisy, mul(probe, probeHu)));
  const variance = typeof sigmaHu === "number" ? createConstant(sigmaHu ** 2) : square(sigmaHu);
  return mul(reduceMean(mul(variance, mul(probe, sub(shifted, network(noisy))))), 1 / probeHu);
}

/**
 * Stein's unbiased estimate of the mean squared error to the unknown clean image, for independent Gaussian noise:
 * mean (f(y) − y)² − mean σ² + 2·divergence, over scale². May be negative.
 *
 * @throws LearnError `OUT_OF_RANGE`, `SHAPE_MISMATCH`
 * @remarks CT noise is correlated between pixels; the estimate then counts too little. Use it on data whose noise was
 * inserted, or with a whitening operator in front.
 * Stein 1981; Soltanayev & Chun 2018 (NeurIPS), eq. 10. Tested: its mean over noise equals the true error.
 */
export function buildSureLoss(noisy: Tensor, network: TensorMap, options: SureOptions): Tensor {
  const { sigmaHu, scale = 1 } = options;
  checkPositive("sure", "scale", scale);
  const variance = typeof sigmaHu === "number" ? createConstant(sigmaHu ** 2) : reduceMean(square(sigmaHu));
  const residual = reduceMean(square(sub(network(noisy), noisy)));
  const risk = add(sub(residual, variance), mul(buildDivergence(noisy, network, options), 2));
  return scale === 1 ? risk : mul(risk, 1 / (scale * scale));
}
