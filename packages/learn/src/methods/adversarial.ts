/**
 * Paired adversarial training: a generator minimises content losses and the critic's verdict; the critic learns to tell
 * targets from outputs. One method for denoising, super-resolution, inpainting and synthesis: the data decide.
 */
import { LearnError } from "../errors.ts";
import { critics, prefixParameters } from "../networks/index.ts";
import { stopGradient } from "../operators/stop-gradient.ts";
import { concat } from "../operators/structure.ts";
import type { TrainingPhase } from "../program.ts";
import { scaleSchedule } from "../schedule.ts";
import { createInput, type Tensor } from "../tensor.ts";
import { buildCriticTerms, buildGeneratorLoss, readAdversary } from "./adversary.ts";
import { type Method, readOptions } from "./method.ts";
import { buildContentLosses, createPairedSetup } from "./paired-setup.ts";

/** Paired adversarial training: Goodfellow et al. 2014, with pix2pix's content loss (Isola et al. 2017, eq. 4). */
export const gan: Method = {
  summary: "a generator and a critic, paired images; content losses plus an adversarial one",
  when: "texture matters more than RMSE: super-resolution, inpainting, synthesis; check lesions, it can invent",
  fields: ["input", "target"],
  options: {
    loss: { description: "lsgan, wgan-gp or hinge", defaultValue: "lsgan" },
    adversarialWeight: {
      description: "weight of the critic's verdict for the generator",
      defaultValue: 0.01,
    },
    isConditional: { description: "the critic sees the input beside the output", defaultValue: false },
    isInpainting: {
      description: "the network's last channel is the mask of a hole to fill",
      defaultValue: false,
    },
    criticRepeats: {
      description: "critic updates per generator update, each on fresh images",
      defaultValue: 1,
    },
    criticRateFactor: { description: "critic's learning rate over the generator's", defaultValue: 1 },
    bufferImages: {
      description: "made images kept to show the critic again; not with criticRepeats > 1",
      defaultValue: 0,
    },
    labelJitter: {
      description: "lsgan: standard deviation of noise on the critic's labels",
      defaultValue: 0,
    },
    penaltyWeight: { description: "wgan-gp: weight of the gradient penalty", defaultValue: 10 },
    scaleHu: { description: "wgan-gp: HU that count as one unit of distance", defaultValue: 500 },
  },
  build(recipe) {
    const options = readOptions(recipe.method, this.options, recipe.options);
    const kind = readAdversary(options.loss);
    const {
      adversarialWeight,
      criticRepeats,
      criticRateFactor,
      bufferImages,
      labelJitter,
      penaltyWeight,
      scaleHu,
    } = options as Record<string, number>;
    if (!(criticRateFactor > 0) || !(criticRepeats >= 1) || (criticRepeats > 1 && bufferImages > 0)) {
      throw new LearnError(
        "OUT_OF_RANGE",
        `gan needs criticRateFactor > 0 and criticRepeats ≥ 1, and a buffer only with 1 repeat, got ${criticRateFactor}, ${criticRepeats}, ${bufferImages}`,
      );
    }
    const isConditional = options.isConditional === true;
    const setup = createPairedSetup(recipe, {
      input: "input",
      target: "target",
      isInpainting: options.isInpainting === true,
    });
    const { network, fields, inputs, image, prediction, target, random, assignments } = setup;
    if (isConditional && network.outputScale !== 1) {
      throw new LearnError("OUT_OF_RANGE", "a conditional critic needs input and output of one matrix size");
    }
    const show = (made: Tensor): Tensor => (isConditional ? concat([image, made], { axis: 1 }) : made);
    const channels = isConditional ? image.shape[1] + 1 : 1;
    const specification = recipe.networks.critic ?? { name: "patchgan", config: {} };
    const critic = prefixParameters(
      critics.get(specification.name)({ inputChannels: channels, ...specification.config }),
      "critic.",
    );
    const criticOptions = { prefix: "", labelJitter, penaltyWeight, scaleHu };

    const generatorPhase: TrainingPhase = {
      name: "generator",
      group: "main",
      frozen: ["critic"],
      inputs,
      random,
      losses: {
        ...buildContentLosses(recipe, prediction, target),
        adversarial: { value: buildGeneratorLoss(kind, critic, show(prediction)), weight: adversarialWeight },
      },
      emits: { fake: show(prediction) },
      assignments,
      optimiser: recipe.optimiser,
      learningRate: recipe.learningRate,
    };
    const criticPhase: Pick<TrainingPhase, "name" | "group" | "optimiser" | "learningRate"> = {
      name: "critic",
      group: "critic",
      optimiser: recipe.optimiser,
      learningRate: scaleSchedule(recipe.learningRate, criticRateFactor),
    };
    const base = {
      name: recipe.method,
      description: recipe,
      groups: { main: network.parameters, critic: critic.parameters },
      fields,
      networks: { main: network },
    };
    if (criticRepeats > 1) {
      // Fresh images for every update: the critic's step makes them itself.
      const terms = buildCriticTerms(
        kind,
        critic,
        { real: show(target), fake: show(stopGradient(prediction)) },
        criticOptions,
      );
      const phase = {
        ...criticPhase,
        frozen: ["main"],
        inputs,
        random: [...random, ...terms.random],
        losses: terms.losses,
        repeats: criticRepeats,
      };
      return { ...base, phases: [phase, generatorPhase] };
    }
    const fake = createInput("fake", show(prediction).shape);
    const terms = buildCriticTerms(kind, critic, { real: show(target), fake }, criticOptions);
    const phase = {
      ...criticPhase,
      inputs,
      random: [...random, ...terms.random],
      buffered: [{ input: fake, from: "fake", size: bufferImages }],
      losses: terms.losses,
    };
    return { ...base, phases: [generatorPhase, phase] };
  },
};
