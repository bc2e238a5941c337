/**
 * The encoder, decoder and generator of Ozaki & Kaji 2022 (Med Phys 49(6)) as the authors' public code has them
 * (commit e1b6387), written anew: 7 × 7 convolutions with mirrored borders, two halvings, residual blocks, two
 * doublings, tanh; instance normalisation without scale. Their critic is patchgan.ts.
 */
import { type ApplyContext, INFERENCE, type Network } from "../network.ts";
import { add, clip, mul, tanh } from "../operators/arithmetic.ts";
import { enlargeNearest } from "../operators/resample.ts";
import type { Tensor } from "../tensor.ts";
import { type Fields, readConfig } from "./config.ts";
import { type FeatureNetwork, prefixParameters } from "./feature-network.ts";
import { checkNetworkInput } from "./image-network.ts";
import { chainLayers, createConvolution, createNormalisation, type Layer, RELU_LAYER } from "./layers.ts";
import { computeRadius, OWN_PIXEL, type Reach, reachThroughKernel, reachThroughUnfolding } from "./reach.ts";

/** What encoder, decoder and generator share. */
export interface OzakiConfig {
  /** Features at full resolution, ×2 and ×4 at half and quarter; default 32. */
  readonly channels?: number;
  /** The window's lower end in HU, mapped to −1; default −600. Values below are clipped. */
  readonly lowHu?: number;
  /** The window's upper end in HU, mapped to 1; default 400. */
  readonly highHu?: number;
  /** `"instance"` (default, as published: statistics of the whole image) or `"none"`. */
  readonly norm?: "instance" | "none";
}

/** Configuration of {@link createOzakiEncoder}. */
export interface OzakiEncoderConfig extends OzakiConfig {
  /** Neighbouring slices, odd; default 1. */
  readonly inputChannels?: number;
  /** Residual blocks; default 5. */
  readonly blocks?: number;
}

/** Configuration of {@link createOzakiDecoder}. */
export interface OzakiDecoderConfig extends OzakiConfig {
  /** Residual blocks; default 4. */
  readonly blocks?: number;
}

/** Configuration of {@link createCycleganGenerator}. */
export interface CycleganGeneratorConfig extends OzakiConfig {
  /** Neighbouring slices, odd; default 1. */
  readonly inputChannels?: number;
  /** Residual blocks of the encoder; default 5. */
  readonly encoderBlocks?: number;
  /** Residual blocks of the decoder; default 4. */
  readonly decoderBlocks?: number;
}

const COMMON: Fields<OzakiConfig> = {
  channels: { kind: "whole", default: 32, low: 1, high: 512 },
  lowHu: { kind: "number", default: -600, low: -32768, high: 32767 },
  highHu: { kind: "number", default: 400, low: -32768, high: 32767 },
  norm: { kind: "choice", default: "instance", choices: ["instance", "none"] },
};
const INPUT_CHANNELS = { kind: "whole", default: 1, low: 1, high: 31, isOdd: true } as const;
const blocksField = (count: number) => ({ kind: "whole", default: count, low: 0, high: 64 }) as const;

/** Faults of a window. */
export function checkWindow(config: { readonly lowHu: number; readonly highHu: number }): string[] {
  const { lowHu, highHu } = config;
  return lowHu < highHu ? [] : [`lowHu ${lowHu} must be below highHu ${highHu}`];
}

type Common = Required<OzakiConfig>;

/** HU → [−1, 1], clipped. */
export function toWindow(
  input: Tensor,
  { lowHu, highHu }: Common | { lowHu: number; highHu: number },
): Tensor {
  const half = (highHu - lowHu) / 2;
  return clip(mul(add(input, -(lowHu + highHu) / 2), 1 / half), { low: -1, high: 1 });
}

/** [−1, 1] → HU. */
function fromWindow(input: Tensor, { lowHu, highHu }: Common): Tensor {
  return add(mul(input, (highHu - lowHu) / 2), (lowHu + highHu) / 2);
}

interface UnitOptions {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly border?: "zero" | "reflect";
}

/** Convolution, normalisation, ReLU (not for the second half of a residual block). */
function createUnit(name: string, norm: Common["norm"], options: UnitOptions, hasRelu = true): Layer {
  return chainLayers([
    // A bias before instance normalisation has no effect.
    createConvolution(name, { ...options, hasBias: norm === "none" }),
    createNormalisation(name, norm, { channels: options.outputs, isAffine: false }),
    ...(hasRelu ? [RELU_LAYER] : []),
  ]);
}

function createResidualBlock(name: string, channels: number, norm: Common["norm"]): Layer {
  const shape = { inputs: channels, outputs: channels, kernel: 3 };
  const body = chainLayers([
    createUnit(`${name}.conv0`, norm, shape),
    createUnit(`${name}.conv1`, norm, shape, false),
  ]);
  return { parameters: body.parameters, apply: (input) => add(input, body.apply(input)) };
}

function createEncoderLayers(config: Required<OzakiEncoderConfig>): Layer {
  const { channels: w, norm, inputChannels, blocks } = config;
  return chainLayers([
    createUnit("in", norm, { inputs: inputChannels, outputs: w, kernel: 7, border: "reflect" }),
    createUnit("down0", norm, { inputs: w, outputs: 2 * w, kernel: 3, stride: 2 }),
    createUnit("down1", norm, { inputs: 2 * w, outputs: 4 * w, kernel: 3, stride: 2 }),
    ...Array.from({ length: blocks }, (_, k) => createResidualBlock(`block${k}`, 4 * w, norm)),
  ]);
}

const DOUBLE: Layer = { parameters: [], apply: (input) => enlargeNearest(input, { block: 2 }) };

function createDecoderLayers(config: Required<OzakiDecoderConfig>): Layer {
  const { channels: w, norm, blocks } = config;
  return chainLayers([
    ...Array.from({ length: blocks }, (_, k) => createResidualBlock(`block${k}`, 4 * w, norm)),
    createUnit("up0", norm, { inputs: 4 * w, outputs: 2 * w, kernel: 3 }),
    DOUBLE,
    createUnit("up1", norm, { inputs: 2 * w, outputs: w, kernel: 3 }),
    DOUBLE,
    createUnit("last", norm, { inputs: w, outputs: w, kernel: 3 }),
    createConvolution("out", { inputs: w, outputs: 1, kernel: 7, border: "reflect" }),
  ]);
}

/**
 * The encoder: 7 × 7 1 → 32, stride-2 3 × 3 32 → 64 → 128, five residual blocks; HU, windowed inside, to a latent image
 * of a quarter of the size.
 *
 * @throws LearnError `OUT_OF_RANGE` naming every fault
 * Ozaki et al. 2022, the public code. Tested against PyTorch.
 */
export function createOzakiEncoder(config: OzakiEncoderConfig = {}): FeatureNetwork {
  const fields: Fields<OzakiEncoderConfig> = {
    ...COMMON,
    inputChannels: INPUT_CHANNELS,
    blocks: blocksField(5),
  };
  const complete = readConfig("ozaki-encoder", config, fields, checkWindow);
  const layers = createEncoderLayers(complete);
  const needs = { dimensions: 2, inputChannels: complete.inputChannels, sizeMultiple: 4 } as const;
  return {
    name: "ozaki-encoder",
    config: { ...complete },
    parameters: layers.parameters,
    inputChannels: complete.inputChannels,
    outputChannels: 4 * complete.channels,
    sizeMultiple: 4,
    summary: "HU [N, C, rows, columns] → latent [N, 4·channels, rows/4, columns/4]",
    apply(input, context = INFERENCE) {
      checkNetworkInput("ozaki-encoder", input, needs);
      return layers.apply(toWindow(input, complete), context);
    },
  };
}

/**
 * The decoder: four residual blocks, 3 × 3 128 → 64, doubling, 64 → 32, doubling, 32 → 32, 7 × 7 32 → 1, tanh; latent
 * image to HU inside the window.
 *
 * @throws LearnError `OUT_OF_RANGE` naming every fault
 * Ozaki et al. 2022, the public code; doubling repeats pixels (unpooling). Tested against PyTorch.
 */
export function createOzakiDecoder(config: OzakiDecoderConfig = {}): FeatureNetwork {
  const fields: Fields<OzakiDecoderConfig> = { ...COMMON, blocks: blocksField(4) };
  const complete = readConfig("ozaki-decoder", config, fields, checkWindow);
  const layers = createDecoderLayers(complete);
  const inputChannels = 4 * complete.channels;
  return {
    name: "ozaki-decoder",
    config: { ...complete },
    parameters: layers.parameters,
    inputChannels,
    outputChannels: 1,
    sizeMultiple: 1,
    summary: "latent [N, 4·channels, rows, columns] → HU [N, 1, 4·rows, 4·columns]",
    apply(input, context = INFERENCE) {
      checkNetworkInput("ozaki-decoder", input, { dimensions: 2, inputChannels, sizeMultiple: 1 });
      return fromWindow(tanh(layers.apply(input, context)), complete);
    },
  };
}

function computeReach(encoderBlocks: number, decoderBlocks: number): Reach {
  let reach = reachThroughKernel(OWN_PIXEL, 7);
  reach = reachThroughKernel(reach, 3, { stride: 2 });
  reach = reachThroughKernel(reach, 3, { stride: 2 });
  reach = reachThroughKernel(reach, 3, { repeats: 2 * (encoderBlocks + decoderBlocks) + 1 });
  reach = reachThroughKernel(reachThroughUnfolding(reach, 2), 3);
  reach = reachThroughKernel(reachThroughUnfolding(reach, 2), 3);
  return reachThroughKernel(reach, 7);
}

/** A generator made of a separately usable encoder and decoder. */
export interface EncoderDecoderNetwork extends Network {
  readonly encoder: FeatureNetwork;
  readonly decoder: FeatureNetwork;
}

/**
 * The CycleGAN generator: Dec ∘ Enc, HU to HU; output lies inside the window. `encoder` and `decoder` apply alone too,
 * and joining the encoder of one domain with the decoder of the other is a function composition.
 *
 * @throws LearnError `OUT_OF_RANGE` naming every fault
 * @remarks No residual: it does not start as the identity, and what lies outside the window is lost. Ozaki et al. 2022,
 * the public code. Tested against PyTorch.
 */
export function createCycleganGenerator(config: CycleganGeneratorConfig = {}): EncoderDecoderNetwork {
  const fields: Fields<CycleganGeneratorConfig> = {
    ...COMMON,
    inputChannels: INPUT_CHANNELS,
    encoderBlocks: blocksField(5),
    decoderBlocks: blocksField(4),
  };
  const complete = readConfig("cyclegan-generator", config, fields, checkWindow);
  const { inputChannels, encoderBlocks, decoderBlocks, ...common } = complete;
  const encoder = prefixParameters(
    createOzakiEncoder({ ...common, inputChannels, blocks: encoderBlocks }),
    "encoder.",
  );
  const decoder = prefixParameters(createOzakiDecoder({ ...common, blocks: decoderBlocks }), "decoder.");
  return {
    name: "cyclegan-generator",
    config: { ...complete },
    encoder,
    decoder,
    parameters: [...encoder.parameters, ...decoder.parameters],
    dimensions: 2,
    sizeMultiple: encoder.sizeMultiple,
    receptiveRadius: computeRadius(computeReach(encoderBlocks, decoderBlocks)),
    ...(common.norm === "instance" ? { hasGlobalReach: true } : {}),
    inputChannels,
    outputChannels: 1,
    outputScale: 1,
    apply: (input: Tensor, context: ApplyContext = INFERENCE) =>
      decoder.apply(encoder.apply(input, context), context),
  };
}
