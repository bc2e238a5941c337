/**
 * The adversarial part of a method: a critic with its kind of loss. Not here: the programs (adversarial.ts,
 * unpaired.ts).
 */
import { LearnError } from "../errors.ts";
import {
  buildGradientPenalty,
  buildHingeCriticLoss,
  buildLsganCriticLoss,
  buildLsganGeneratorLoss,
  buildWganCriticLoss,
  buildWganGeneratorLoss,
} from "../losses/index.ts";
import type { Critic } from "../networks/index.ts";
import type { RandomInput } from "../program.ts";
import { createInput, type Tensor } from "../tensor.ts";
import type { LossTerm } from "../train-step.ts";

/** Kinds of adversarial loss. */
export const ADVERSARIES = ["lsgan", "wgan-gp", "hinge"] as const;
/** A kind of adversarial loss. */
export type Adversary = (typeof ADVERSARIES)[number];

/** Reads the kind from an option. */
export function readAdversary(value: unknown): Adversary {
  const found = ADVERSARIES.find((name) => name === value);
  if (found !== undefined) return found;
  throw new LearnError(
    "OUT_OF_RANGE",
    `adversarial loss ${JSON.stringify(value)} is unknown; known: ${ADVERSARIES.join(", ")}`,
  );
}

/** The generator's loss for images that the critic scores. */
export function buildGeneratorLoss(kind: Adversary, critic: Critic, images: Tensor): Tensor {
  const scores = critic.apply(images);
  return kind === "lsgan" ? buildLsganGeneratorLoss(scores) : buildWganGeneratorLoss(scores);
}

/** Settings of {@link buildCriticTerms}. */
export interface CriticTermOptions {
  /** Put before the names of losses and inputs, so that several critics fit into one phase. */
  readonly prefix: string;
  /** lsgan: standard deviation of the noise on the labels. */
  readonly labelJitter: number;
  /** wgan-gp: weight of the gradient penalty. */
  readonly penaltyWeight: number;
  /** wgan-gp: HU that count as one unit of distance. */
  readonly scaleHu: number;
}

/** The critic's losses between real and made images, with the random inputs they need. */
export function buildCriticTerms(
  kind: Adversary,
  critic: Critic,
  images: { readonly real: Tensor; readonly fake: Tensor },
  options: CriticTermOptions,
): { readonly losses: Record<string, LossTerm>; readonly random: readonly RandomInput[] } {
  const { prefix, labelJitter, penaltyWeight, scaleHu } = options;
  const scores = { real: critic.apply(images.real), fake: critic.apply(images.fake) };
  if (kind === "hinge")
    return { losses: { [`${prefix}hinge`]: { value: buildHingeCriticLoss(scores) } }, random: [] };
  if (kind === "wgan-gp") {
    const mix = createInput(
      `${prefix}mix`,
      images.real.shape.map((size, axis) => (axis === 0 ? size : 1)),
    );
    const penalty = buildGradientPenalty((between) => critic.apply(between), {
      ...images,
      mix,
      scale: scaleHu,
    });
    return {
      losses: {
        [`${prefix}wasserstein`]: { value: buildWganCriticLoss(scores) },
        [`${prefix}penalty`]: { value: penalty, weight: penaltyWeight },
      },
      random: [{ input: mix, distribution: { kind: "uniform", low: 0, high: 1 } }],
    };
  }
  if (labelJitter === 0)
    return { losses: { [`${prefix}lsgan`]: { value: buildLsganCriticLoss(scores) } }, random: [] };
  const [realJitter, fakeJitter] = ["realJitter", "fakeJitter"].map((name) =>
    createInput(prefix + name, scores.real.shape),
  );
  const distribution = { kind: "normal", mean: 0, sigma: labelJitter } as const;
  return {
    losses: { [`${prefix}lsgan`]: { value: buildLsganCriticLoss(scores, { realJitter, fakeJitter }) } },
    random: [realJitter, fakeJitter].map((input) => ({ input, distribution })),
  };
}
