/**
 * U-Nets in two and three dimensions (Ronneberger et al. 2015; Çiçek et al. 2016), plain and with attention gates
 * (Oktay et al. 2018) whose maps can be looked at.
 */
import { type ApplyContext, INFERENCE, type Network } from "../network.ts";
import { type AttentionGateParameters, attentionGate } from "../operators/attention.ts";
import { convTranspose2d, convTranspose3d } from "../operators/convolution.ts";
import { maxPool } from "../operators/pooling.ts";
import { averagePool, enlargeNearest } from "../operators/resample.ts";
import { concat } from "../operators/structure.ts";
import { createParameter, type Tensor } from "../tensor.ts";
import { type Fields, readConfig } from "./config.ts";
import {
  checkNetworkInput,
  countBodyInputs,
  countBodyOutputs,
  createImageNetwork,
  IMAGE_FIELDS,
  type ImageBody,
  type ImageNetworkConfig,
} from "./image-network.ts";
import {
  chainLayers,
  createConvolution,
  createNormalisation,
  createWeight,
  type Layer,
  NORMALISATIONS,
  type Normalisation,
  RELU_LAYER,
} from "./layers.ts";
import {
  joinReaches,
  OWN_PIXEL,
  type Reach,
  reachThroughFolding,
  reachThroughKernel,
  reachThroughUnfolding,
} from "./reach.ts";

/** Configuration of {@link createUnet}. */
export interface UnetConfig extends ImageNetworkConfig {
  /** 2 (default): slices; 3: volumes, all three axes halved at each level. */
  readonly dimensions?: number;
  /** Levels of resolution; default 4. Sizes must be multiples of 2^(levels − 1). */
  readonly levels?: number;
  /** Features of the first level, doubled at each further one; default 32. */
  readonly channels?: number;
  /** 3 × 3 (× 3) convolutions on each side of each level; default 2. */
  readonly convolutionsPerLevel?: number;
  /**
   * Normalisation before each ReLU; default `"none"`, which keeps the receptive radius finite and HU free. `"instance"`
   * and `"group"` mix statistics of the whole image into each pixel: enhance whole images, not tiles.
   */
  readonly norm?: Normalisation;
  /** Groups of `"group"`; must divide `channels`; default 8. */
  readonly groups?: number;
  /** How a level halves: `"maxpool"` (default), `"average"`, or a convolution of stride 2 (`"stride"`). */
  readonly down?: "maxpool" | "average" | "stride";
  /** How it doubles: nearest pixel and a 3 × 3 convolution (`"nearest"`, default) or a 2 × 2 `"transposed"` one. */
  readonly up?: "nearest" | "transposed";
}

const FIELDS: Fields<UnetConfig> = {
  ...IMAGE_FIELDS,
  dimensions: { kind: "whole", default: 2, low: 2, high: 3 },
  levels: { kind: "whole", default: 4, low: 1, high: 7 },
  channels: { kind: "whole", default: 32, low: 1, high: 512 },
  convolutionsPerLevel: { kind: "whole", default: 2, low: 1, high: 8 },
  norm: { kind: "choice", default: "none", choices: NORMALISATIONS },
  groups: { kind: "whole", default: 8, low: 1, high: 512 },
  down: { kind: "choice", default: "maxpool", choices: ["maxpool", "average", "stride"] },
  up: { kind: "choice", default: "nearest", choices: ["nearest", "transposed"] },
};

type Complete = Required<UnetConfig>;

function readUnetConfig(name: string, config: UnetConfig): Complete {
  return readConfig(name, config, FIELDS, ({ dimensions, outputScale, norm, channels, groups }) => [
    ...(dimensions === 3 && outputScale !== 1 ? ["outputScale is 2, but volumes have only 1"] : []),
    ...(norm === "group" && channels % groups !== 0
      ? [`groups is ${groups}, which does not divide ${channels} channels`]
      : []),
  ]);
}

/** Convolution, normalisation, ReLU, `convolutionsPerLevel` times. */
function createBlock(name: string, inputs: number, outputs: number, config: Complete): Layer {
  const layers: Layer[] = [];
  for (let k = 0; k < config.convolutionsPerLevel; k++) {
    layers.push(
      createConvolution(`${name}.conv${k}`, {
        inputs: k === 0 ? inputs : outputs,
        outputs,
        kernel: 3,
        dimensions: config.dimensions as 2 | 3,
        hasBias: config.norm === "none",
      }),
      createNormalisation(`${name}.norm${k}`, config.norm, { channels: outputs, groups: config.groups }),
      RELU_LAYER,
    );
  }
  return chainLayers(layers);
}

function createDown(name: string, channels: number, config: Complete): Layer {
  if (config.down === "stride") {
    return createConvolution(name, {
      inputs: channels,
      outputs: channels,
      kernel: 3,
      stride: 2,
      dimensions: config.dimensions as 2 | 3,
    });
  }
  const isMax = config.down === "maxpool";
  return {
    parameters: [],
    apply: (input) => (isMax ? maxPool(input, { size: 2 }) : averagePool(input, { block: 2 })),
  };
}

function createUp(name: string, inputs: number, outputs: number, config: Complete): Layer {
  const dimensions = config.dimensions as 2 | 3;
  if (config.up === "nearest") {
    const convolution = createConvolution(name, { inputs, outputs, kernel: 3, dimensions });
    return {
      parameters: convolution.parameters,
      apply: (input) => convolution.apply(enlargeNearest(input, { block: 2 })),
    };
  }
  const taps = Array.from({ length: dimensions }, () => 2);
  // Each output pixel gets one tap of each input channel.
  const weight = createWeight(`${name}.weight`, [inputs, outputs, ...taps], inputs, 1);
  const bias = createParameter(`${name}.bias`, [outputs], { kind: "zero" });
  const transposed = dimensions === 2 ? convTranspose2d : convTranspose3d;
  return { parameters: [weight, bias], apply: (input) => transposed(input, weight, { bias, stride: 2 }) };
}

/** Parameters of the gate of one skip connection, features reduced to half inside (Oktay et al. 2018, eq. 1). */
function createGate(name: string, channels: number, dimensions: 2 | 3): Required<AttentionGateParameters> {
  const inner = Math.max(1, Math.floor(channels / 2));
  const ones = Array.from({ length: dimensions }, () => 1);
  return {
    inputWeight: createWeight(`${name}.skip.weight`, [inner, channels, ...ones], channels, 1),
    gateWeight: createWeight(`${name}.gating.weight`, [inner, channels, ...ones], channels, 1),
    gateBias: createParameter(`${name}.gating.bias`, [inner], { kind: "zero" }),
    attentionWeight: createWeight(`${name}.psi.weight`, [1, inner, ...ones], inner, 1),
    attentionBias: createParameter(`${name}.psi.bias`, [1], { kind: "zero" }),
  };
}

interface UnetBody extends ImageBody {
  /** The output and the attention map of each level, finest first. */
  applyWithMaps(input: Tensor, context: ApplyContext): { output: Tensor; maps: readonly Tensor[] };
}

function computeReach(config: Complete): Reach {
  const { levels, convolutionsPerLevel: repeats, down, up } = config;
  const skips: Reach[] = [];
  let reach = OWN_PIXEL;
  for (let level = 0; level < levels; level++) {
    reach = reachThroughKernel(reach, 3, { repeats });
    skips.push(reach);
    if (level === levels - 1) break;
    reach = down === "stride" ? reachThroughKernel(reach, 3, { stride: 2 }) : reachThroughFolding(reach, 2);
  }
  for (let level = levels - 2; level >= 0; level--) {
    reach = reachThroughUnfolding(reach, 2);
    if (up === "nearest") reach = reachThroughKernel(reach, 3);
    reach = reachThroughKernel(joinReaches(reach, skips[level]), 3, { repeats });
  }
  return reach;
}

function createUnetBody(config: Complete, hasGates: boolean): UnetBody {
  const { levels, channels, lastLayerGain } = config;
  const dimensions = config.dimensions as 2 | 3;
  const width = (level: number): number => channels * 2 ** level;
  const downs: Layer[] = [];
  const ups: Layer[] = [];
  const gates: Required<AttentionGateParameters>[] = [];
  const encoders: Layer[] = [];
  const decoders: Layer[] = [];
  for (let level = 0; level < levels; level++) {
    const inputs = level === 0 ? countBodyInputs(config) : width(level - 1);
    encoders.push(createBlock(`encoder${level}`, inputs, width(level), config));
    if (level === levels - 1) break;
    downs.push(createDown(`down${level}`, width(level), config));
    ups.push(createUp(`up${level}`, width(level + 1), width(level), config));
    if (hasGates) gates.push(createGate(`gate${level}`, width(level), dimensions));
    decoders.push(createBlock(`decoder${level}`, 2 * width(level), width(level), config));
  }
  const head = createConvolution("head", {
    inputs: channels,
    outputs: countBodyOutputs(config),
    kernel: 1,
    dimensions,
    gain: lastLayerGain,
  });
  const applyWithMaps: UnetBody["applyWithMaps"] = (input, context) => {
    const skips: Tensor[] = [];
    const maps: Tensor[] = [];
    let x = input;
    encoders.forEach((encoder, level) => {
      x = encoder.apply(x, context);
      skips.push(x);
      if (level < levels - 1) x = downs[level].apply(x, context);
    });
    for (let level = levels - 2; level >= 0; level--) {
      const raised = ups[level].apply(x, context);
      let skip = skips[level];
      if (hasGates) {
        const gated = attentionGate(skip, raised, gates[level]);
        maps.unshift(gated.attention);
        skip = gated.output;
      }
      x = decoders[level].apply(concat([skip, raised], { axis: 1 }), context);
    }
    return { output: head.apply(x), maps };
  };
  const collect = (layers: readonly Layer[]): Tensor[] => layers.flatMap(({ parameters }) => [...parameters]);
  return {
    parameters: [
      ...collect([...encoders, ...downs, ...ups]),
      ...gates.flatMap(({ inputWeight, gateWeight, gateBias, attentionWeight, attentionBias }) => [
        inputWeight,
        gateWeight,
        gateBias,
        attentionWeight,
        attentionBias,
      ]),
      ...collect([...decoders, head]),
    ],
    sizeMultiple: 2 ** (levels - 1),
    reach: computeReach(config),
    hasGlobalReach: config.norm === "instance" || config.norm === "group",
    applyWithMaps,
    apply: (input, context) => applyWithMaps(input, context).output,
  };
}

/**
 * A U-Net: encoder blocks, halving, decoder blocks on the concatenation of skip and raised features, 1 × 1 head.
 *
 * @throws LearnError `OUT_OF_RANGE` naming every fault
 * Ronneberger et al. 2015 (MICCAI), fig. 1, with padded convolutions; 3D after Çiçek et al. 2016. Tested against PyTorch.
 */
export function createUnet(config: UnetConfig = {}): Network {
  const complete = readUnetConfig("unet", config);
  return createImageNetwork(
    "unet",
    { ...complete },
    createUnetBody(complete, false),
    complete.dimensions as 2 | 3,
  );
}

/** A network whose attention can be looked at. */
export interface AttentionNetwork extends Network {
  /**
   * The attention maps of one application, finest level first.
   *
   * @param input - HU, as for `apply`
   * @returns α of each gate, [N, 1, …] at the size of its level, 0 to 1
   */
  getAttentionMaps(input: Tensor, context?: ApplyContext): readonly Tensor[];
}

/**
 * The U-Net with an attention gate on every skip connection.
 *
 * @throws LearnError `OUT_OF_RANGE` naming every fault
 * Oktay et al. 2018 (Attention U-Net), eq. 1 and 2; the gating signal is the raised decoder feature, so that gate and
 * skip have one size. Tested against PyTorch, maps included.
 */
export function createAttentionUnet(config: UnetConfig = {}): AttentionNetwork {
  const complete = readUnetConfig("attention-unet", config);
  const body = createUnetBody(complete, true);
  const dimensions = complete.dimensions as 2 | 3;
  // The frame hands the scaled input to whichever body it has; this one keeps the maps.
  const network = createImageNetwork("attention-unet", { ...complete }, body, dimensions);
  return {
    ...network,
    getAttentionMaps(input, context = INFERENCE) {
      checkNetworkInput("attention-unet", input, network);
      let maps: readonly Tensor[] = [];
      const observed = createImageNetwork(
        "attention-unet",
        { ...complete },
        {
          ...body,
          apply(x, inner) {
            const result = body.applyWithMaps(x, inner);
            maps = result.maps;
            return result.output;
          },
        },
        dimensions,
      );
      observed.apply(input, context);
      return maps;
    },
  };
}
