/**
 * RED-CNN: the residual encoder–decoder of Chen et al. 2017 for low-dose CT.
 */
import type { Network } from "../network.ts";
import { add, relu } from "../operators/arithmetic.ts";
import { convTranspose2d } from "../operators/convolution.ts";
import { createParameter, type Tensor } from "../tensor.ts";
import { type Fields, readConfig } from "./config.ts";
import {
  countBodyInputs,
  countBodyOutputs,
  createImageNetwork,
  IMAGE_FIELDS,
  type ImageNetworkConfig,
} from "./image-network.ts";
import { createConvolution, createWeight, type Layer } from "./layers.ts";
import { OWN_PIXEL, reachThroughKernel } from "./reach.ts";

/** Configuration of {@link createRedCnn}. */
export interface RedCnnConfig extends ImageNetworkConfig {
  /** Features; default 96. */
  readonly channels?: number;
  /** Kernel size, odd; default 5. */
  readonly kernel?: number;
  /**
   * `"zero"` (default): convolutions keep the size, the border is filled with zeros. `"none"`: as published,
   * convolutions shrink the image and deconvolutions grow it back; rows and columns must exceed 5·(kernel − 1).
   */
  readonly border?: "zero" | "none";
}

const FIELDS: Fields<RedCnnConfig> = {
  ...IMAGE_FIELDS,
  channels: { kind: "whole", default: 96, low: 1, high: 1024 },
  kernel: { kind: "whole", default: 5, low: 1, high: 15, isOdd: true },
  border: { kind: "choice", default: "zero", choices: ["zero", "none"] },
};

const LAYERS = 5;

/** A deconvolution of stride 1. */
function createDeconvolution(
  name: string,
  options: {
    readonly inputs: number;
    readonly outputs: number;
    readonly kernel: number;
    readonly gain: number;
    readonly padding: number;
  },
): Layer {
  const { inputs, outputs, kernel, gain, padding } = options;
  const fanIn = inputs * kernel * kernel;
  const weight = createWeight(`${name}.weight`, [inputs, outputs, kernel, kernel], fanIn, gain);
  const bias = createParameter(`${name}.bias`, [outputs], { kind: "zero" });
  return {
    parameters: [weight, bias],
    apply: (input: Tensor) => convTranspose2d(input, weight, { bias, padding }),
  };
}

/**
 * Five convolutions, five deconvolutions, 5 × 5, 96 features; shortcuts from the input and the second and fourth
 * convolutions join the fifth, third and first deconvolutions before their ReLU. 484 · 10⁹ multiplications for a slice
 * of 512 × 512.
 *
 * @throws LearnError `OUT_OF_RANGE` naming every fault
 * @remarks The published ReLU after the last sum is left out: it presumes images that are not negative, HU are.
 * Chen et al. 2017, IEEE TMI 36:2524, §II-B, fig. 1. Tested against PyTorch.
 */
export function createRedCnn(config: RedCnnConfig = {}): Network {
  const complete = readConfig("red-cnn", config, FIELDS);
  const { channels, kernel, border, lastLayerGain } = complete;
  const padding = border === "zero" ? (kernel - 1) / 2 : 0;
  const convolutions = Array.from({ length: LAYERS }, (_, k) =>
    createConvolution(`conv${k}`, {
      inputs: k === 0 ? countBodyInputs(complete) : channels,
      outputs: channels,
      kernel,
      padding,
    }),
  );
  const deconvolutions = Array.from({ length: LAYERS }, (_, k) =>
    createDeconvolution(`deconv${k}`, {
      inputs: channels,
      outputs: k === LAYERS - 1 ? countBodyOutputs(complete) : channels,
      kernel,
      gain: k === LAYERS - 1 ? lastLayerGain : 1,
      padding,
    }),
  );
  return createImageNetwork(
    "red-cnn",
    { ...complete },
    {
      parameters: [...convolutions, ...deconvolutions].flatMap(({ parameters }) => parameters),
      sizeMultiple: 1,
      reach: reachThroughKernel(OWN_PIXEL, kernel, { repeats: 2 * LAYERS }),
      apply(input) {
        const features: Tensor[] = [];
        let x = input;
        for (const layer of convolutions) {
          x = relu(layer.apply(x));
          features.push(x);
        }
        x = relu(add(deconvolutions[0].apply(x), features[3]));
        x = relu(deconvolutions[1].apply(x));
        x = relu(add(deconvolutions[2].apply(x), features[1]));
        x = relu(deconvolutions[3].apply(x));
        // The shortcut from the input is the residual that every image network has.
        return deconvolutions[4].apply(x);
      },
    },
  );
}
