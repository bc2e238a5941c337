/**
 * What all methods with an input and a target share: the network, its leaves, its prediction. A last channel that is no
 * slice is a strength (drawn anew for every image; the target is drawn back towards the input) or, for inpainting, the
 * mask of the hole (everything outside the hole stays as it is).
 */
import { LearnError } from "../errors.ts";
import { losses } from "../losses/index.ts";
import { type Assignment, createTrainingContext, type Network } from "../network.ts";
import { networks } from "../networks/index.ts";
import { add, mul, sub } from "../operators/arithmetic.ts";
import { conv2d } from "../operators/convolution.ts";
import { concat, expand, slice } from "../operators/structure.ts";
import type { BatchField, RandomInput } from "../program.ts";
import { createConstant, createInput, type Tensor } from "../tensor.ts";
import type { LossTerm } from "../train-step.ts";
import { checkPatch, createField, listMasks, type MethodRecipe } from "./method.ts";

/** The loss terms of a recipe between a prediction and a target; a second term of one name gets a number. */
export function buildContentLosses(
  recipe: MethodRecipe,
  prediction: Tensor,
  target: Tensor,
): Record<string, LossTerm> {
  const terms: Record<string, LossTerm> = {};
  for (const { name, weight = 1, options } of recipe.losses) {
    const key = name in terms ? `${name}${Object.keys(terms).length + 1}` : name;
    terms[key] = { value: losses.get(name).build(prediction, target, options), weight };
  }
  return terms;
}

/** How the fields of a pair are called, and what a last channel means. */
export interface PairedSetupOptions {
  readonly input: string;
  readonly target: string;
  /** The last channel is a mask, field `mask`; default false: a strength. */
  readonly isInpainting?: boolean;
}

/** A network between its leaves. */
export interface PairedSetup {
  readonly network: Network;
  readonly fields: Readonly<Record<string, BatchField>>;
  /** Batch inputs. */
  readonly inputs: readonly Tensor[];
  /** Images that the network reads, without strength or mask. */
  readonly image: Tensor;
  readonly prediction: Tensor;
  readonly target: Tensor;
  readonly random: readonly RandomInput[];
  readonly assignments: readonly Assignment[];
}

/** One channel of an image, picked by a constant convolution so that the graph holds no image size. */
function pickChannel(image: Tensor, channel: number): Tensor {
  const channels = image.shape[1];
  const weights = new Float64Array(channels);
  weights[channel] = 1;
  return conv2d(image, createConstant(weights, [1, channels, 1, 1]));
}

/** [image, mask] → the image with the network's content inside the mask and its own outside. */
function wrapInpainting(network: Network): Network {
  if (network.dimensions !== 2 || network.inputChannels !== 2 || network.outputScale !== 1) {
    throw new LearnError(
      "SHAPE_MISMATCH",
      `inpainting needs a 2D network with one slice and a mask channel (hasStrength: true), "${network.name}" has ${network.inputChannels} input channel(s)`,
    );
  }
  return {
    ...network,
    apply(input, context) {
      const image = pickChannel(input, 0);
      return add(image, mul(sub(network.apply(input, context), image), pickChannel(input, 1)));
    },
  };
}

/** Adds a strength channel to the input and draws the target back towards it. */
function addStrength(
  input: Tensor,
  target: Tensor,
): { readonly input: Tensor; readonly target: Tensor; readonly random: readonly RandomInput[] } {
  const [batch, channels, ...sides] = input.shape;
  if (sides.some((size, axis) => size !== target.shape[axis + 2])) {
    throw new LearnError("SHAPE_MISMATCH", "a strength channel needs a target of the input's matrix size");
  }
  const strength = createInput("strength", [batch, 1, ...sides.map(() => 1)]);
  const middle = (channels - 1) / 2;
  const own = slice(input, {
    starts: input.shape.map((_, axis) => (axis === 1 ? middle : 0)),
    ends: input.shape.map((size, axis) => (axis === 1 ? middle + 1 : size)),
  });
  return {
    input: concat([input, expand(strength, [batch, 1, ...sides])], { axis: 1 }),
    target: add(own, mul(sub(target, own), strength)),
    random: [{ input: strength, distribution: { kind: "uniform", low: 0, high: 1 } }],
  };
}

/**
 * Opens the `main` network of a recipe between an input and a target.
 *
 * @throws LearnError `SHAPE_MISMATCH`, `OUT_OF_RANGE`, CoreError `UNKNOWN_NAME`
 */
export function createPairedSetup(recipe: MethodRecipe, options: PairedSetupOptions): PairedSetup {
  const { isInpainting = false } = options;
  const opened = networks.get(recipe.networks.main.name)(recipe.networks.main.config);
  const network = isInpainting ? wrapInpainting(opened) : opened;
  checkPatch(network, recipe.patch);
  const hasStrength = network.config.hasStrength === true;
  const described = {
    input: { channels: network.inputChannels - (hasStrength ? 1 : 0), scale: 1 },
    target: { channels: network.outputChannels, scale: network.outputScale },
    mask: { channels: 1, scale: 1 },
  };
  const image = createField(recipe, options.input, described.input);
  const truth = createField(recipe, options.target, described.target);
  const context = createTrainingContext("main");
  const fields = { [options.input]: described.input, [options.target]: described.target };
  const finish = (
    input: Tensor,
    target: Tensor,
    more: { readonly inputs?: readonly Tensor[]; readonly random?: readonly RandomInput[] } = {},
  ): PairedSetup => {
    const prediction = network.apply(input, context);
    return {
      network,
      fields: isInpainting ? { ...fields, mask: described.mask } : fields,
      inputs: [image, truth, ...(more.inputs ?? [])],
      image,
      prediction,
      target,
      random: [...(more.random ?? []), ...listMasks(context)],
      assignments: context.assignments,
    };
  };
  if (isInpainting) {
    const mask = createField(recipe, "mask", described.mask);
    return finish(concat([image, mask], { axis: 1 }), truth, { inputs: [mask] });
  }
  if (!hasStrength) return finish(image, truth);
  const strong = addStrength(image, truth);
  return finish(strong.input, strong.target, { random: strong.random });
}
