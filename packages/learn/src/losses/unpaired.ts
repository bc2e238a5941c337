/**
 * Losses of unpaired image translation (Ozaki et al. 2022 and its public code): cycle, identity, autoencoder, idempotence, perceptual,
 * air region, latent. Networks come in as functions of tensors; all scalars, L1 terms in HU over `scale`. Not here:
 * the adversarial terms.
 */
import { LearnError } from "../errors.ts";
import { abs, add, mul, reduceMean, square, step, sub } from "../operators/arithmetic.ts";
import type { Tensor } from "../tensor.ts";
import { scaleBy } from "./loss.ts";

/** A network, or part of one, as a function. */
export type TensorMap = (input: Tensor) => Tensor;

/** Options of the terms in HU. */
export interface ScaleOption {
  /** HU that count as 1; default 1. */
  readonly scale?: number;
}

function compareL1(a: Tensor, b: Tensor, options: ScaleOption): Tensor {
  return reduceMean(abs(scaleBy(sub(a, b), options.scale)));
}

/** mean |x − G′(G(x))|. Zhu et al. 2017 (CycleGAN), eq. 2, one direction. */
export function buildCycleLoss(
  image: Tensor,
  networks: { readonly forward: TensorMap; readonly backward: TensorMap },
  options: ScaleOption = {},
): Tensor {
  return compareL1(image, networks.backward(networks.forward(image)), options);
}

/** mean |y − G(y)| for y already in the target domain ("domain" loss). Zhu et al. 2017, §5.2. */
export function buildIdentityLoss(image: Tensor, generator: TensorMap, options: ScaleOption = {}): Tensor {
  return compareL1(image, generator(image), options);
}

/** mean |x − Dec(Enc(x))|, encoder and decoder of one domain. Ozaki et al. 2022, L_autoenc. */
export function buildAutoencoderLoss(
  image: Tensor,
  networks: { readonly encoder: TensorMap; readonly decoder: TensorMap },
  options: ScaleOption = {},
): Tensor {
  return compareL1(image, networks.decoder(networks.encoder(image)), options);
}

/** mean |G(x) − G(G(x))|: converting twice changes nothing more. Both sides carry gradients. */
export function buildIdempotenceLoss(image: Tensor, generator: TensorMap, options: ScaleOption = {}): Tensor {
  const once = generator(image);
  return compareL1(once, generator(once), options);
}

/**
 * mean (φ(G(x)) − φ(x))² over the features: 1/(w·h·n_cl)·‖·‖² of Ozaki et al. 2022, L_percep, one direction. The gradient
 * reaches G through φ; keep φ's own parameters out of the optimiser.
 *
 * @param features - φ, such as one layer of the `autoencoder` network
 */
export function buildPerceptualLoss(
  images: { readonly input: Tensor; readonly output: Tensor },
  features: TensorMap,
): Tensor {
  return reduceMean(square(sub(features(images.output), features(images.input))));
}

/** Options of {@link buildAirLoss}. */
export interface AirLossOptions extends ScaleOption {
  /**
   * `"psi"` (default): mean |ψ(G(x)) − ψ(x)|, ψ(x) = x where x < C, else 0 (Ozaki et al. 2022, L_air).
   * `"xor"`: mean of |x − G(x)| where exactly one of both is ≤ C (the authors' code, the public code).
   */
  readonly form?: "psi" | "xor";
  /** C in HU; default −600. */
  readonly airHu?: number;
}

/**
 * Keeps air where it is.
 *
 * @throws LearnError `OUT_OF_RANGE` for an unknown form
 * @remarks As published, ψ's edge carries no gradient: a pixel that crosses C is pulled only through its own value. In
 * the xor form the mask is a constant of the step.
 */
export function buildAirLoss(
  images: { readonly input: Tensor; readonly output: Tensor },
  options: AirLossOptions = {},
): Tensor {
  const { form = "psi", airHu = -600 } = options;
  const { input, output } = images;
  if (form === "psi") {
    const keepAir = (x: Tensor): Tensor => mul(x, step(sub(airHu, x)));
    return compareL1(keepAir(output), keepAir(input), options);
  }
  if (form !== "xor") {
    throw new LearnError("OUT_OF_RANGE", `air loss: form ${JSON.stringify(form)} is neither "psi" nor "xor"`);
  }
  // "above C" has the same exclusive or as "at or below C": a + b − 2ab.
  const [a, b] = [step(sub(input, airHu)), step(sub(output, airHu))];
  const differs = sub(add(a, b), mul(mul(a, b), 2));
  return reduceMean(mul(differs, abs(scaleBy(sub(input, output), options.scale))));
}

/** mean z²: keeps the latent image small. An option of the public code of Ozaki et al. 2022. */
export function buildLatentLoss(latent: Tensor): Tensor {
  return reduceMean(square(latent));
}
