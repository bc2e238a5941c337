/**
 * Losses by name for recipes (a prediction and a target), and the terms that need more: adversarial, unpaired and
 * self-supervised, as functions.
 */
import { createRegistry, type Registry } from "@alara/core";
import { differenceLosses } from "./differences.ts";
import { frequencyLosses } from "./frequency.ts";
import type { Loss } from "./loss.ts";
import { pointwiseLosses } from "./pointwise.ts";
import { regionalLosses } from "./regional.ts";
import { similarityLosses } from "./similarity.ts";

export {
  buildGradientPenalty,
  buildHingeCriticLoss,
  buildLsganCriticLoss,
  buildLsganGeneratorLoss,
  buildWganCriticLoss,
  buildWganGeneratorLoss,
  type GradientPenaltyOptions,
  type LabelJitter,
  type Scores,
} from "./adversarial.ts";
export type { Loss, LossOptions } from "./loss.ts";
export {
  buildDivergence,
  buildMaskedLoss,
  buildNeighbourLoss,
  buildSureLoss,
  drawNeighbourSelectors,
  type MaskedLossOptions,
  type NeighbourLossOptions,
  type NeighbourSelectors,
  pickNeighbours,
  type SureOptions,
} from "./self-supervised.ts";
export {
  type AirLossOptions,
  buildAirLoss,
  buildAutoencoderLoss,
  buildCycleLoss,
  buildIdempotenceLoss,
  buildIdentityLoss,
  buildLatentLoss,
  buildPerceptualLoss,
  type ScaleOption,
  type TensorMap,
} from "./unpaired.ts";

/**
 * Losses by name. Each entry's `unit` and `options` say what it measures and takes. Values and gradients are tested
 * against PyTorch. A new loss is one entry in its file's list.
 */
export const losses: Registry<Loss> = createRegistry<Loss>("loss", [
  ...pointwiseLosses,
  ...similarityLosses,
  ...differenceLosses,
  ...frequencyLosses,
  ...regionalLosses,
]);
