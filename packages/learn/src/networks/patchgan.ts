/**
 * PatchGAN: the critic that scores overlapping patches (Isola et al. 2017, §3.2.2), with the settings of Ozaki et al.'s code.
 */
import { INFERENCE } from "../network.ts";
import { leakyRelu } from "../operators/arithmetic.ts";
import { type Fields, readConfig } from "./config.ts";
import type { Critic } from "./feature-network.ts";
import { checkNetworkInput } from "./image-network.ts";
import { chainLayers, createConvolution, createNormalisation, type Layer } from "./layers.ts";
import { checkWindow, toWindow } from "./ozaki.ts";

/** Configuration of {@link createPatchgan}. */
export interface PatchganConfig {
  /** Image channels; default 1. */
  readonly inputChannels?: number;
  /** Features of the first layer, doubled at each further one; default 64. */
  readonly channels?: number;
  /** Convolutions of stride 2; default 3. One of stride 1 and the scoring one follow. */
  readonly layers?: number;
  /** Slope of the leaky ReLU below 0; default 0.2. */
  readonly slope?: number;
  /** The window's lower end in HU, mapped to −1; default −600. Values below are clipped. */
  readonly lowHu?: number;
  /** The window's upper end in HU, mapped to 1; default 400. */
  readonly highHu?: number;
  /** Normalisation of all but the first and the last layer: `"instance"` (default) or `"none"` (for WGAN-GP). */
  readonly norm?: "instance" | "none";
}

const FIELDS: Fields<PatchganConfig> = {
  inputChannels: { kind: "whole", default: 1, low: 1, high: 64 },
  channels: { kind: "whole", default: 64, low: 1, high: 512 },
  layers: { kind: "whole", default: 3, low: 1, high: 6 },
  slope: { kind: "number", default: 0.2, low: 0, high: 1 },
  lowHu: { kind: "number", default: -600, low: -32768, high: 32767 },
  highHu: { kind: "number", default: 400, low: -32768, high: 32767 },
  norm: { kind: "choice", default: "instance", choices: ["instance", "none"] },
};

const KERNEL = 4;

/**
 * The critic: 4 × 4 convolutions of stride 2 with 64, 128, 256 features, one of stride 1 with 512, one to a score map;
 * padding 1, leaky ReLU 0.2, instance normalisation without scale but on the first and last layers.
 *
 * @throws LearnError `OUT_OF_RANGE` naming every fault
 * @remarks Instance normalisation lets a score see the whole image; take `"none"` for WGAN-GP, whose penalty presumes
 * scores of single images. A sample outside the window is clipped and gets no gradient there.
 * Isola et al. 2017, §3.2.2. Tested against PyTorch.
 */
export function createPatchgan(config: PatchganConfig = {}): Critic {
  const complete = readConfig("patchgan", config, FIELDS, checkWindow);
  const { inputChannels, channels, layers, slope, norm } = complete;
  const list: Layer[] = [];
  const activation: Layer = { parameters: [], apply: (input) => leakyRelu(input, { slope }) };
  // Side of the patch that one score sees: backwards from the scoring layer (70 pixels by default).
  let patch = KERNEL;
  for (let k = layers; k >= 0; k--) patch = (patch - 1) * (k < layers ? 2 : 1) + KERNEL;
  for (let k = 0; k <= layers; k++) {
    const outputs = channels * 2 ** k;
    const isNormalised = k > 0 && norm === "instance";
    list.push(
      createConvolution(`conv${k}`, {
        inputs: k === 0 ? inputChannels : outputs / 2,
        outputs,
        kernel: KERNEL,
        stride: k < layers ? 2 : 1,
        padding: 1,
        hasBias: !isNormalised,
      }),
    );
    if (isNormalised) {
      list.push(createNormalisation(`norm${k}`, "instance", { channels: outputs, isAffine: false }));
    }
    list.push(activation);
  }
  const inputs = channels * 2 ** layers;
  list.push(createConvolution("score", { inputs, outputs: 1, kernel: KERNEL, padding: 1 }));
  const chain = chainLayers(list);
  return {
    name: "patchgan",
    config: { ...complete },
    parameters: chain.parameters,
    inputChannels,
    outputChannels: 1,
    sizeMultiple: 1,
    patchSize: patch,
    summary: "HU [N, C, rows, columns] → scores [N, 1, ≈ rows/2^layers − 2, ≈ columns/2^layers − 2]",
    apply(input, context = INFERENCE) {
      checkNetworkInput("patchgan", input, { dimensions: 2, inputChannels, sizeMultiple: 1 });
      return chain.apply(toWindow(input, complete), context);
    },
  };
}
