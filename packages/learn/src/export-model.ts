/**
 * A trained network as an ONNX model for inference: the same graph as in training without its backward half,
 * standard operators only, any batch and image size.
 */
import type { Network } from "./network.ts";
import { writeAnySizeModel } from "./onnx/any-size.ts";
import { splitParameters } from "./parameters.ts";
import { createInput } from "./tensor.ts";

/** Options of {@link exportInferenceModel}. */
export interface ExportOptions {
  /** Flat parameter values, as the trainer gives them. */
  readonly values: Float32Array;
  /** Written into the model's metadata; default none. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Name of the exported model's input. */
export const MODEL_INPUT = "input";
/** Name of the exported model's output. */
export const MODEL_OUTPUT = "output";

/** Networks that see the whole image state large radii; no network needs more than this to be traced. */
const LARGEST_TRACED_RADIUS = 256;

/**
 * Writes an inference model: input `input` [batch, inputChannels, height, width] in HU, output `output`
 * [batch, outputChannels, height, width] in HU; opset 17. Three-dimensional networks have an axis `slices` before the
 * height; networks that enlarge give `outputHeight` and `outputWidth`. Spatial sizes must be multiples of
 * `network.sizeMultiple`.
 *
 * @throws LearnError `SHAPE_MISMATCH` when the values belong to another network; `FIXED_SIZE` when the network depends
 *   on the size of its input in a way that one model cannot hold
 * Tested with onnx.checker and against the float64 evaluation, for every network of the registry.
 */
export function exportInferenceModel(network: Network, options: ExportOptions): Uint8Array {
  const { sizeMultiple, inputChannels, outputChannels, outputScale } = network;
  const radius = Math.min(network.receptiveRadius, LARGEST_TRACED_RADIUS);
  const blocks = Math.ceil((radius + 1) / sizeMultiple);
  const triple = (...steps: readonly [number, number, number]): readonly [number, number, number] => [
    sizeMultiple * (blocks + steps[0]),
    sizeMultiple * (blocks + steps[1]),
    sizeMultiple * (blocks + steps[2]),
  ];
  const isVolume = network.dimensions === 3;
  const planeNames = outputScale === 1 ? ["height", "width"] : ["outputHeight", "outputWidth"];
  const slices = isVolume ? ["slices"] : [];
  return writeAnySizeModel({
    trace(shape) {
      const input = createInput(MODEL_INPUT, shape);
      return { input, output: network.apply(input) };
    },
    inputName: MODEL_INPUT,
    outputName: MODEL_OUTPUT,
    inputAxes: ["batch", inputChannels, ...slices, "height", "width"],
    outputAxes: ["batch", outputChannels, ...slices, ...planeNames],
    // All sizes differ, so that no axis is taken for another.
    sizes: { batch: [2, 3, 5], slices: triple(4, 6, 8), height: triple(0, 2, 9), width: triple(1, 3, 7) },
    weights: splitParameters(network.parameters, options.values),
    metadata: options.metadata ?? {},
  });
}
