/**
 * Unpaired translation from a domain x (such as low dose or megavoltage) to a domain y: CycleGAN, and Ozaki & Kaji's
 * model (2022), whose generators share encoders and decoders. Two optimisers: all generators, all critics.
 */
import { LearnError } from "../errors.ts";
import {
  buildAirLoss,
  buildCycleLoss,
  buildIdempotenceLoss,
  buildIdentityLoss,
  buildLatentLoss,
  buildPerceptualLoss,
  losses,
} from "../losses/index.ts";
import type { Network } from "../network.ts";
import {
  type Critic,
  createOzakiDecoder,
  createOzakiEncoder,
  critics,
  networks,
  prefixParameters,
} from "../networks/index.ts";
import { joinParameters, type TrainingPhase, type TrainingProgram } from "../program.ts";
import { scaleSchedule } from "../schedule.ts";
import { createInput, type Tensor } from "../tensor.ts";
import type { LossTerm } from "../train-step.ts";
import { buildCriticTerms, buildGeneratorLoss, readAdversary } from "./adversary.ts";
import {
  checkPatch,
  createField,
  type Method,
  type MethodOption,
  type MethodRecipe,
  type MethodResources,
  readOptions,
} from "./method.ts";

const OPTIONS = {
  loss: { description: "adversarial loss: lsgan, wgan-gp or hinge", defaultValue: "lsgan" },
  cycleWeight: { description: "x → y → x must return, and y → x → y", defaultValue: 10 },
  adversarialWeight: { description: "the critics' verdict", defaultValue: 1 },
  identityWeight: { description: "what is in the target domain already must stay", defaultValue: 0.1 },
  perceptualWeight: { description: "features of output and input must agree", defaultValue: 0 },
  airWeight: { description: "air must stay where it is", defaultValue: 0 },
  airForm: { description: "psi (as published) or xor (as in the authors' code)", defaultValue: "psi" },
  airHu: { description: "below this is air, HU", defaultValue: -600 },
  gradientWeight: { description: "gradients of output and input must agree (L1)", defaultValue: 0 },
  idempotenceWeight: { description: "converting twice must change nothing more", defaultValue: 0 },
  totalVariationWeight: { description: "smoothness of x → y", defaultValue: 0 },
  bufferImages: { description: "made images kept to show the critics again", defaultValue: 50 },
  labelJitter: {
    description: "lsgan: standard deviation of noise on the critics' labels",
    defaultValue: 0.2,
  },
  penaltyWeight: { description: "wgan-gp: weight of the gradient penalty", defaultValue: 10 },
  criticRateFactor: { description: "critics' learning rate over the generators'", defaultValue: 0.5 },
  scaleHu: { description: "HU that count as 1 in the losses", defaultValue: 500 },
} satisfies Readonly<Record<string, MethodOption>>;

/** A generator and, where it has one, its latent image. */
interface Domains {
  readonly toY: Network;
  readonly toX: Network;
  readonly parameters: readonly Tensor[];
  /** Autoencoders and latent images, for models with encoders and decoders. */
  readonly inner?: {
    readonly rebuildX: (x: Tensor) => Tensor;
    readonly rebuildY: (y: Tensor) => Tensor;
    readonly encodeX: (x: Tensor) => Tensor;
    readonly encodeY: (y: Tensor) => Tensor;
    readonly autoencoderWeight: number;
    readonly latentWeight: number;
  };
}

function openCritic(recipe: MethodRecipe, role: "critic" | "reverseCritic", prefix: string): Critic {
  const { name, config } = recipe.networks[role] ??
    recipe.networks.critic ?? { name: "patchgan", config: {} };
  return prefixParameters(critics.get(name)(config), prefix);
}

function requireFeatures(resources: MethodResources | undefined): (images: Tensor) => Tensor {
  if (resources?.features !== undefined) return resources.features.apply;
  throw new LearnError(
    "OUT_OF_RANGE",
    "perceptualWeight is above 0 but no feature network was given; pass one (an ONNX file or the feature bundle), or set perceptualWeight to 0",
  );
}

function buildUnpairedProgram(
  recipe: MethodRecipe,
  options: Readonly<Record<string, number | string | boolean | readonly number[]>>,
  domains: Domains,
  resources: MethodResources | undefined,
): TrainingProgram {
  const kind = readAdversary(options.loss);
  const numbers = options as Readonly<Record<string, number>>;
  const scale = numbers.scaleHu;
  const { toX, toY, inner } = domains;
  for (const network of [toX, toY]) checkPatch(network, recipe.patch);
  const fields = {
    x: { channels: toY.inputChannels, scale: 1 },
    y: { channels: toX.inputChannels, scale: 1 },
  };
  const x = createField(recipe, "x", fields.x);
  const y = createField(recipe, "y", fields.y);
  const criticY = openCritic(recipe, "critic", "y.");
  const criticX = openCritic(recipe, "reverseCritic", "x.");
  const forward = (image: Tensor): Tensor => toY.apply(image);
  const backward = (image: Tensor): Tensor => toX.apply(image);
  const fakeY = forward(x);
  const fakeX = backward(y);

  const terms: Record<string, LossTerm> = {};
  const addTerm = (name: string, weight: number, build: () => Tensor): void => {
    if (weight > 0) terms[name] = { value: build(), weight };
  };
  addTerm("adversarial-y", numbers.adversarialWeight, () => buildGeneratorLoss(kind, criticY, fakeY));
  addTerm("adversarial-x", numbers.adversarialWeight, () => buildGeneratorLoss(kind, criticX, fakeX));
  addTerm("cycle-x", numbers.cycleWeight, () => buildCycleLoss(x, { forward, backward }, { scale }));
  addTerm("cycle-y", numbers.cycleWeight, () =>
    buildCycleLoss(y, { forward: backward, backward: forward }, { scale }),
  );
  addTerm("identity-y", numbers.identityWeight, () => buildIdentityLoss(y, forward, { scale }));
  addTerm("identity-x", numbers.identityWeight, () => buildIdentityLoss(x, backward, { scale }));
  const both = { y: { input: x, output: fakeY }, x: { input: y, output: fakeX } };
  for (const [domain, images] of Object.entries(both)) {
    addTerm(`perceptual-${domain}`, numbers.perceptualWeight, () =>
      buildPerceptualLoss(images, requireFeatures(resources)),
    );
    addTerm(`air-${domain}`, numbers.airWeight, () =>
      buildAirLoss(images, { form: options.airForm as "psi" | "xor", airHu: numbers.airHu, scale }),
    );
    addTerm(`gradient-${domain}`, numbers.gradientWeight, () =>
      losses.get("gradient").build(images.output, images.input, { scale }),
    );
  }
  addTerm("idempotence-y", numbers.idempotenceWeight, () => buildIdempotenceLoss(x, forward, { scale }));
  addTerm("idempotence-x", numbers.idempotenceWeight, () => buildIdempotenceLoss(y, backward, { scale }));
  addTerm("total-variation", numbers.totalVariationWeight, () =>
    losses.get("total-variation").build(fakeY, x, { scale }),
  );
  if (inner !== undefined) {
    const { rebuildX, rebuildY, encodeX, encodeY } = inner;
    addTerm("autoencoder-x", inner.autoencoderWeight, () => buildIdentityLoss(x, rebuildX, { scale }));
    addTerm("autoencoder-y", inner.autoencoderWeight, () => buildIdentityLoss(y, rebuildY, { scale }));
    addTerm("latent-x", inner.latentWeight, () => buildLatentLoss(encodeX(x)));
    addTerm("latent-y", inner.latentWeight, () => buildLatentLoss(encodeY(y)));
  }

  const { labelJitter, penaltyWeight, bufferImages, criticRateFactor } = numbers;
  const common = { labelJitter, penaltyWeight, scaleHu: scale };
  const madeY = createInput("madeY", fakeY.shape);
  const madeX = createInput("madeX", fakeX.shape);
  const verdictY = buildCriticTerms(kind, criticY, { real: y, fake: madeY }, { ...common, prefix: "y." });
  const verdictX = buildCriticTerms(kind, criticX, { real: x, fake: madeX }, { ...common, prefix: "x." });
  const generators: TrainingPhase = {
    name: "generators",
    group: "generators",
    frozen: ["critics"],
    inputs: [x, y],
    losses: terms,
    emits: { madeY: fakeY, madeX: fakeX },
    optimiser: recipe.optimiser,
    learningRate: recipe.learningRate,
  };
  const judges: TrainingPhase = {
    name: "critics",
    group: "critics",
    inputs: [x, y],
    buffered: [
      { input: madeY, from: "madeY", size: bufferImages },
      { input: madeX, from: "madeX", size: bufferImages },
    ],
    random: [...verdictY.random, ...verdictX.random],
    losses: { ...verdictY.losses, ...verdictX.losses },
    optimiser: recipe.optimiser,
    learningRate: scaleSchedule(recipe.learningRate, criticRateFactor),
  };
  const digest = numbers.perceptualWeight > 0 ? (resources?.features?.digest ?? null) : null;
  return {
    name: recipe.method,
    description: { recipe, features: digest },
    groups: { generators: domains.parameters, critics: joinParameters([criticY, criticX]) },
    fields,
    phases: [generators, judges],
    networks: { main: toY, reverse: toX },
  };
}

/** CycleGAN: Zhu, Park, Isola & Efros 2017. */
export const cyclegan: Method = {
  summary: "two generators and two critics, unpaired images of two domains, cycle consistency",
  when: "no pairs can be had: other scanner, other modality, other patients; check that structures stay",
  fields: ["x", "y"],
  options: OPTIONS,
  build(recipe, resources) {
    const options = readOptions(recipe.method, OPTIONS, recipe.options);
    const { main, reverse = main } = recipe.networks;
    const toY = prefixParameters(networks.get(main.name)(main.config), "toY.");
    const toX = prefixParameters(networks.get(reverse.name)(reverse.config), "toX.");
    const parameters = joinParameters([toY, toX]);
    return buildUnpairedProgram(recipe, options, { toY, toX, parameters }, resources);
  },
};

const OZAKI_OPTIONS = {
  ...OPTIONS,
  perceptualWeight: { ...OPTIONS.perceptualWeight, defaultValue: 1 },
  airWeight: { ...OPTIONS.airWeight, defaultValue: 1 },
  autoencoderWeight: {
    description: "decoding one's own latent image must return the image",
    defaultValue: 1,
  },
  latentWeight: { description: "smallness of the latent images", defaultValue: 0 },
} satisfies Readonly<Record<string, MethodOption>>;

/** The numbers of a `cyclegan-generator` configuration that its two halves take. */
function splitGenerator(config: Readonly<Record<string, unknown>>): {
  encoder: Record<string, unknown>;
  decoder: Record<string, unknown>;
} {
  const { encoderBlocks, decoderBlocks, inputChannels, ...common } = config;
  const pick = (entries: Readonly<Record<string, unknown>>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
  return {
    encoder: pick({ ...common, inputChannels, blocks: encoderBlocks }),
    decoder: pick({ ...common, blocks: decoderBlocks }),
  };
}

/** Ozaki, Kaji et al. 2022 (Med Phys 49(6)): encoder → latent image → decoder per domain. */
export const ozaki: Method = {
  summary: "an encoder and a decoder per domain; translating is decoding the other domain's latent image",
  when: "megavoltage or very noisy CT to diagnostic quality from a few hundred unpaired slices",
  fields: ["x", "y"],
  options: OZAKI_OPTIONS,
  build(recipe, resources) {
    const options = readOptions(recipe.method, OZAKI_OPTIONS, recipe.options);
    const { main } = recipe.networks;
    if (main.name !== "cyclegan-generator") {
      throw new LearnError(
        "OUT_OF_RANGE",
        `method "ozaki" needs the network "cyclegan-generator", which has an encoder and a decoder; the recipe names "${main.name}"`,
      );
    }
    const whole = networks.get(main.name)(main.config);
    const config = splitGenerator(main.config);
    const encodeX = prefixParameters(createOzakiEncoder(config.encoder), "x.encoder.");
    const decodeX = prefixParameters(createOzakiDecoder(config.decoder), "x.decoder.");
    const encodeY = prefixParameters(createOzakiEncoder(config.encoder), "y.encoder.");
    const decodeY = prefixParameters(createOzakiDecoder(config.decoder), "y.decoder.");
    const join = (encoder: typeof encodeX, decoder: typeof decodeX): Network => ({
      ...whole,
      parameters: joinParameters([encoder, decoder]),
      apply: (input, context) => decoder.apply(encoder.apply(input, context), context),
    });
    const { autoencoderWeight, latentWeight } = options as Record<string, number>;
    const domains: Domains = {
      toY: join(encodeX, decodeY),
      toX: join(encodeY, decodeX),
      parameters: joinParameters([encodeX, decodeX, encodeY, decodeY]),
      inner: {
        rebuildX: (image) => decodeX.apply(encodeX.apply(image)),
        rebuildY: (image) => decodeY.apply(encodeY.apply(image)),
        encodeX: (image) => encodeX.apply(image),
        encodeY: (image) => encodeY.apply(image),
        autoencoderWeight,
        latentWeight,
      },
    };
    return buildUnpairedProgram(recipe, options, domains, resources);
  },
};
