/**
 * Two networks, one for the lungs and one for the rest, with the mask inside the graph: what Nakayama 2018 does with a
 * hard mask, without its seam. Not a segmentation: the gate is soft, local and made of the image's own HU.
 */
import { LearnError } from "../errors.ts";
import { type ApplyContext, INFERENCE, type Network, type NetworkFactory } from "../network.ts";
import { add, mul, neg, sigmoid, sub } from "../operators/arithmetic.ts";
import { conv2d } from "../operators/convolution.ts";
import { maxPool } from "../operators/pooling.ts";
import { padReplicate } from "../operators/replication.ts";
import { createConstant, type Tensor } from "../tensor.ts";
import { type Fields, readConfig } from "./config.ts";
import { prefixParameters } from "./feature-network.ts";
import { checkNetworkInput } from "./image-network.ts";

/** Options of {@link buildLungGate}. */
export interface LungGateOptions {
  /** HU are averaged over squares of this radius first, against noise; default 2 pixels. */
  readonly smoothRadius?: number;
  /** What is narrower than 2·radius + 1 pixels is no lung: removes the rim of the skin; default 3 pixels. */
  readonly openRadius?: number;
  /** The gate is averaged over squares of this radius; default 4 pixels. It changes by at most 1/(2·radius + 1) a pixel. */
  readonly featherRadius?: number;
  /** Lower end of the lungs, HU; default −950. */
  readonly lowHu?: number;
  /** Upper end of the lungs, HU; default −500. */
  readonly highHu?: number;
  /** HU from an end within which the gate goes from ½ to 0.73 or 0.27; default 10. */
  readonly softnessHu?: number;
}

const GATE_FIELDS: Fields<LungGateOptions> = {
  smoothRadius: { kind: "whole", default: 2, low: 0, high: 32 },
  openRadius: { kind: "whole", default: 3, low: 0, high: 32 },
  featherRadius: { kind: "whole", default: 4, low: 1, high: 32 },
  lowHu: { kind: "number", default: -950, low: -32768, high: 32767 },
  highHu: { kind: "number", default: -500, low: -32768, high: 32767 },
  softnessHu: { kind: "number", default: 10, low: 0.1, high: 1000 },
};

function checkEnds({ lowHu, highHu }: Required<LungGateOptions>): string[] {
  return lowHu < highHu ? [] : [`lowHu ${lowHu} must be below highHu ${highHu}`];
}

/** Mean over squares of `radius`, borders repeated. */
function average(x: Tensor, radius: number): Tensor {
  if (radius === 0) return x;
  const taps = 2 * radius + 1;
  const weights = new Float64Array(taps).fill(1 / taps);
  const padded = padReplicate(x, { amount: radius });
  const down = conv2d(padded, createConstant(weights, [1, 1, taps, 1]), { padding: 0 });
  return conv2d(down, createConstant(weights, [1, 1, 1, taps]), { padding: 0 });
}

/** Largest value in squares of `radius`. */
function dilate(x: Tensor, radius: number): Tensor {
  return maxPool(padReplicate(x, { amount: radius }), { size: 2 * radius + 1, stride: 1 });
}

/**
 * How much each pixel is lung: 0 to 1.
 *
 * σ((s − low)/softness)·σ((high − s)/softness) of the averaged HU s, opened (smallest, then largest value in squares)
 * and feathered by an average.
 *
 * @param image - HU, [N, 1, rows, columns]
 * @returns [N, 1, rows, columns]
 * @throws LearnError `OUT_OF_RANGE`
 * @remarks Air at −1000 HU gets σ(−5) = 0.7 % by default; the skin, where averaged HU pass through the range within about
 * 2·smoothRadius pixels, is removed by the opening as long as openRadius ≥ smoothRadius + 1; what remains outside the
 * body is foam and cloth of lung density. Thin lung parts count as no lung. Stronger noise needs a larger smoothRadius.
 */
export function buildLungGate(image: Tensor, options: LungGateOptions = {}): Tensor {
  const { smoothRadius, openRadius, featherRadius, lowHu, highHu, softnessHu } = readConfig(
    "lung gate",
    options,
    GATE_FIELDS,
    checkEnds,
  );
  const smooth = average(image, smoothRadius);
  const above = sigmoid(mul(add(smooth, -lowHu), 1 / softnessHu));
  const below = sigmoid(mul(sub(highHu, smooth), 1 / softnessHu));
  const inside = mul(above, below);
  const eroded = openRadius === 0 ? inside : neg(dilate(neg(inside), openRadius));
  const opened = openRadius === 0 ? inside : dilate(eroded, openRadius);
  return average(opened, featherRadius);
}

/** Parts of {@link createLungSplit}. */
export interface LungSplitOptions extends LungGateOptions {
  /** The network of the lungs. */
  readonly inside: Network;
  /** The network of the rest; same channels. */
  readonly outside: Network;
}

/** A composite network with its gate. */
export interface LungSplitNetwork extends Network {
  /** The network of the lungs, with its parameters as the composite names them; usable alone. */
  readonly inside: Network;
  /** The network of the rest. */
  readonly outside: Network;
  /** The gate of one input, [N, 1, rows, columns]. */
  getGate(input: Tensor): Tensor;
}

function checkPair(inside: Network, outside: Network): void {
  const isFlat = [inside, outside].every(
    ({ dimensions, outputScale }) => dimensions === 2 && outputScale === 1,
  );
  if (!isFlat || inside.inputChannels !== outside.inputChannels || inside.outputChannels !== 1) {
    throw new LearnError(
      "OUT_OF_RANGE",
      `network "lung-split": "${inside.name}" and "${outside.name}" must be 2D networks of the same input channels (${inside.inputChannels} and ${outside.inputChannels}), one output channel and the input's size`,
    );
  }
}

function prefixKeys(prefix: string, config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [`${prefix}.${key}`, value]));
}

function findCommonMultiple(a: number, b: number): number {
  let multiple = Math.max(a, b);
  while (multiple % a !== 0 || multiple % b !== 0) multiple += Math.max(a, b);
  return multiple;
}

/**
 * Output = g·inside(x) + (1 − g)·outside(x), g the lung gate of the middle slice. Both networks see the whole image; train
 * them together or one after the other (patches of 32 and 64 pixels in Nakayama 2018 are the trainer's affair).
 *
 * @throws LearnError `OUT_OF_RANGE`
 * Tested: no seam (steps bounded by the feather), air outside the body stays out of the gate.
 */
export function createLungSplit(options: LungSplitOptions): LungSplitNetwork {
  const { inside: lung, outside: rest, ...gateOptions } = options;
  checkPair(lung, rest);
  const gateConfig = readConfig("lung-split", gateOptions, GATE_FIELDS, checkEnds);
  const inside = prefixParameters(lung, "inside.");
  const outside = prefixParameters(rest, "outside.");
  const { smoothRadius, openRadius, featherRadius } = gateConfig;
  const gateRadius = smoothRadius + 2 * openRadius + featherRadius;
  const { inputChannels } = inside;
  const sizeMultiple = findCommonMultiple(inside.sizeMultiple, outside.sizeMultiple);
  const needs = { dimensions: 2, inputChannels, sizeMultiple } as const;
  const getGate = (input: Tensor): Tensor => {
    checkNetworkInput("lung-split", input, needs);
    const slices = inputChannels - (lung.config.hasStrength === true ? 1 : 0);
    const weights = Float64Array.from({ length: inputChannels }, (_, k) => (k === (slices - 1) / 2 ? 1 : 0));
    const middle =
      inputChannels === 1 ? input : conv2d(input, createConstant(weights, [1, inputChannels, 1, 1]));
    return buildLungGate(middle, gateConfig);
  };
  return {
    name: "lung-split",
    config: {
      inside: lung.name,
      outside: rest.name,
      ...gateConfig,
      ...prefixKeys("inside", lung.config),
      ...prefixKeys("outside", rest.config),
    } as Network["config"],
    parameters: [...inside.parameters, ...outside.parameters],
    ...needs,
    receptiveRadius: Math.max(inside.receptiveRadius, outside.receptiveRadius, gateRadius),
    ...(inside.hasGlobalReach === true || outside.hasGlobalReach === true ? { hasGlobalReach: true } : {}),
    outputChannels: 1,
    outputScale: 1,
    inside,
    outside,
    getGate,
    apply(input: Tensor, context: ApplyContext = INFERENCE) {
      const gate = getGate(input);
      const other = outside.apply(input, context);
      return add(other, mul(gate, sub(inside.apply(input, context), other)));
    },
  };
}

/**
 * {@link createLungSplit} from JSON: `inside` and `outside` are names of networks (default `efficient`), entries such as
 * `inside.channels` configure them, the others the gate.
 *
 * @param find - the registry of networks
 * @throws LearnError `OUT_OF_RANGE` naming every fault
 */
export function createLungSplitFromConfig(
  config: Readonly<Record<string, unknown>>,
  find: (name: string) => NetworkFactory,
): LungSplitNetwork {
  const own: Record<string, unknown> = {};
  const parts: Record<"inside" | "outside", Record<string, unknown>> = { inside: {}, outside: {} };
  const names: Record<"inside" | "outside", string> = { inside: "efficient", outside: "efficient" };
  for (const [key, value] of Object.entries(config)) {
    const side = key.startsWith("inside") ? "inside" : key.startsWith("outside") ? "outside" : null;
    if (side !== null && key === side && typeof value === "string") names[side] = value;
    else if (side !== null && key.startsWith(`${side}.`)) parts[side][key.slice(side.length + 1)] = value;
    else own[key] = value;
  }
  return createLungSplit({
    ...readConfig("lung-split", own, GATE_FIELDS, checkEnds),
    inside: find(names.inside)(parts.inside),
    outside: find(names.outside)(parts.outside),
  });
}
