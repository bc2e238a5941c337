/**
 * Adversarial losses over the scores of a critic (critics.ts of networks): least squares, Wasserstein with gradient
 * penalty, hinge. Scalars; scores may have any shape (PatchGAN gives a map). The generator's losses reach it through
 * the fake scores; the critic's step must treat the fake image as data (an input, or `stopGradient`).
 */
import { LearnError } from "../errors.ts";
import { grad } from "../graph.ts";
import { add, mul, neg, reduceMean, relu, sqrt, square, sub } from "../operators/arithmetic.ts";
import { reduceSum } from "../operators/structure.ts";
import type { Tensor } from "../tensor.ts";

/** Scores of a batch of real and of made images. */
export interface Scores {
  readonly real: Tensor;
  readonly fake: Tensor;
}

/** Options of {@link buildLsganCriticLoss}. */
export interface LabelJitter {
  /** Added to the labels 1 and 0, broadcast over the scores: random inputs, N(0, 0.2) in the code of Ozaki et al. 2022. Default 0. */
  readonly realJitter?: Tensor;
  readonly fakeJitter?: Tensor;
}

function distanceFrom(scores: Tensor, label: number, jitter: Tensor | undefined): Tensor {
  const shifted = label === 0 ? scores : sub(scores, label);
  return reduceMean(square(jitter === undefined ? shifted : sub(shifted, jitter)));
}

/** (E[(D(y) − 1)²] + E[D(G(x))²]) / 2. Mao et al. 2017 (LSGAN), eq. 2 with a = 0, b = 1. */
export function buildLsganCriticLoss(scores: Scores, options: LabelJitter = {}): Tensor {
  const real = distanceFrom(scores.real, 1, options.realJitter);
  return mul(add(real, distanceFrom(scores.fake, 0, options.fakeJitter)), 0.5);
}

/** E[(D(G(x)) − 1)²]. Mao et al. 2017, eq. 2 with c = 1, without its factor ½. */
export function buildLsganGeneratorLoss(fake: Tensor): Tensor {
  return distanceFrom(fake, 1, undefined);
}

/** E[D(G(x))] − E[D(y)]. Arjovsky et al. 2017, eq. 3; needs the penalty below. */
export function buildWganCriticLoss(scores: Scores): Tensor {
  return sub(reduceMean(scores.fake), reduceMean(scores.real));
}

/** −E[D(G(x))]: the generator's part for Wasserstein and hinge critics. */
export function buildWganGeneratorLoss(fake: Tensor): Tensor {
  return neg(reduceMean(fake));
}

/** E[max(0, 1 − D(y))] + E[max(0, 1 + D(G(x)))]. Lim & Ye 2017, eq. 6 and 7. */
export function buildHingeCriticLoss(scores: Scores): Tensor {
  return add(reduceMean(relu(sub(1, scores.real))), reduceMean(relu(add(scores.fake, 1))));
}

/** What {@link buildGradientPenalty} needs. */
export interface GradientPenaltyOptions {
  /** A batch of real images. */
  readonly real: Tensor;
  /** A batch of made images, same shape. */
  readonly fake: Tensor;
  /** Uniform in [0, 1), one per image: [N, 1, …]. An input fed at every step. */
  readonly mix: Tensor;
  /** HU that count as one unit of distance, so that the slope has a size near 1; default 1. */
  readonly scale?: number;
}

/**
 * E[(‖∇D(x̂)‖₂ − 1)²], x̂ = mix·real + (1 − mix)·fake, D summed over its score map. Its gradient in the critic's
 * parameters goes through second derivatives.
 *
 * @param critic - images → scores
 * @throws LearnError `SHAPE_MISMATCH` when `mix` is not one number per image
 * Gulrajani et al. 2017, eq. 3. Tested against PyTorch (`create_graph`).
 */
export function buildGradientPenalty(
  critic: (images: Tensor) => Tensor,
  options: GradientPenaltyOptions,
): Tensor {
  const { real, fake, mix, scale = 1 } = options;
  const expected = real.shape.map((size, axis) => (axis === 0 ? size : 1));
  if (mix.shape.length !== expected.length || mix.shape.some((size, axis) => size !== expected[axis])) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `gradient penalty: mix [${mix.shape.join(", ")}] must be [${expected.join(", ")}], one number per image`,
    );
  }
  const between = add(mul(real, mix), mul(fake, sub(1, mix)));
  const scores = critic(between);
  const [slope] = grad(reduceSum(scores, { axes: scores.shape.map((_, axis) => axis) }), [between]);
  const axes = real.shape.map((_, axis) => axis).slice(1);
  const squared = reduceSum(square(scale === 1 ? slope : mul(slope, scale)), { axes });
  // 10⁻¹² keeps the root's slope finite where the critic is flat.
  return reduceMean(square(sub(sqrt(add(squared, 1e-12)), 1)));
}
