/**
 * A trained network as an ONNX model for inference: the same graph as in training without its backward half,
 * standard operators only, any batch and image size.
 */
import type { Network } from "./network.ts";
import { writeOnnxModel } from "./onnx/write.ts";
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

/**
 * Writes an inference model: input `input` [batch, channels, height, width] in HU, output `output`
 * [batch, 1, height, width] in HU; opset 17. Height and width must be multiples of `network.sizeMultiple`.
 *
 * @throws LearnError `SHAPE_MISMATCH` when the values belong to another network, `FIXED_SIZE`
 * Tested with onnx.checker and against the float64 evaluation.
 */
export function exportInferenceModel(network: Network, options: ExportOptions): Uint8Array {
  const side = network.sizeMultiple * Math.ceil((network.receptiveRadius + 1) / network.sizeMultiple);
  const input = createInput(MODEL_INPUT, [1, network.inputChannels, side, side]);
  return writeOnnxModel({
    inputs: [input],
    outputs: { [MODEL_OUTPUT]: network.apply(input) },
    weights: splitParameters(network.parameters, options.values),
    symbolicShapes: {
      [MODEL_INPUT]: ["batch", network.inputChannels, "height", "width"],
      [MODEL_OUTPUT]: ["batch", 1, "height", "width"],
    },
    metadata: options.metadata ?? {},
  });
}
