/**
 * Errors of the training engine: one class, stable codes, messages with both shapes and the way out.
 */
import { AlaraError } from "@alara/core";

/**
 * Codes that `learn` throws.
 *
 * - `SHAPE_MISMATCH`: an operator got shapes that do not fit; thrown at the line that built the node.
 * - `OUT_OF_RANGE`: a numeric option outside its stated range.
 * - `NOT_SCALAR`: a loss that is not a single number.
 * - `UNKNOWN_TENSOR`: a graph uses an input or parameter that nobody supplies.
 * - `FIXED_SIZE`: a network cannot be exported for any image size because one operator holds fixed sizes.
 * - `BROKEN_MODEL`: bytes that are no ONNX model.
 * - `MODEL_TOO_LARGE`: an ONNX model above the 2 GiB limit of protobuf.
 * - `EXTERNAL_DATA_REFUSED`: an ONNX model that points at other files.
 * - `NO_PROVIDER`: none of the asked execution providers is present.
 * - `RUN_FAILED`: the runtime rejected a model or a run.
 * - `BROKEN_WEIGHTS`: bytes that are no safetensors file, or contradict themselves.
 * - `UNSUPPORTED_DTYPE`: weights of an element type that is not read.
 * - `WEIGHTS_MISMATCH`: weights that do not fit a network: missing, unexpected or of another shape.
 * - `UNSUPPORTED_MODEL`: an ONNX graph with operators or settings that cannot be imported; all are named.
 * - `BROKEN_CHECKPOINT`: bytes that are no checkpoint, or are damaged.
 * - `CHECKPOINT_MISMATCH`: a checkpoint of another network or recipe.
 * - `DIVERGED`: the loss became NaN or infinite.
 * - `NO_DATA`: a patch source or validation set without a usable pair.
 * - `FOLDER_NOT_EMPTY`: a run folder that already holds another run.
 */
export type LearnErrorCode =
  | "SHAPE_MISMATCH"
  | "OUT_OF_RANGE"
  | "NOT_SCALAR"
  | "UNKNOWN_TENSOR"
  | "FIXED_SIZE"
  | "BROKEN_MODEL"
  | "MODEL_TOO_LARGE"
  | "EXTERNAL_DATA_REFUSED"
  | "NO_PROVIDER"
  | "RUN_FAILED"
  | "BROKEN_WEIGHTS"
  | "UNSUPPORTED_DTYPE"
  | "WEIGHTS_MISMATCH"
  | "UNSUPPORTED_MODEL"
  | "BROKEN_CHECKPOINT"
  | "CHECKPOINT_MISMATCH"
  | "DIVERGED"
  | "NO_DATA"
  | "FOLDER_NOT_EMPTY";

/** Error of the `learn` package. */
export class LearnError extends AlaraError<LearnErrorCode> {}

/** A shape as it appears in messages: `[16, 1, 64, 64]`. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
