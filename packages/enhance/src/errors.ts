/** The error class of `enhance` and its stable codes. */
import { AlaraError } from "@alara/core";

/** Codes that `enhance` throws. */
export type EnhanceErrorCode =
  /** A file of a model bundle does not have the sha256 that model.json states. */
  | "DIGEST_MISMATCH"
  /** model.json is missing, unreadable, of another schema, or lists files that are not there. */
  | "BUNDLE_INVALID"
  /** A recipe has unknown or wrong fields. */
  | "RECIPE_INVALID"
  /** No series of the training side can be used. */
  | "NO_TRAINING_DATA"
  /** The input lies outside the range that the model's card states. */
  | "OUTSIDE_INTENDED_RANGE"
  /** The method needs neighbouring slices that the input does not have. */
  | "NEEDS_NEIGHBOURS"
  /** A parameter is outside its range. */
  | "OUT_OF_RANGE"
  /** A dataset manifest is no JSON, of another schema, or has a faulty entry. */
  | "DATASET_INVALID"
  /** Two sides of a split share a patient, a series or slices. */
  | "SPLIT_LEAK"
  /** Training data have faults that would spoil a training run; the message lists them. */
  | "TRAINING_DATA_FAULTY"
  /** Two images cannot be laid over one another by a shift and a small rotation. */
  | "NOT_ALIGNABLE"
  /** A method is given NaN or infinite values. */
  | "NON_FINITE_INPUT"
  /** A network with statistics over the whole image is to be run in parts, whose results would not fit together. */
  | "CANNOT_TILE"
  /** The model fills holes and wants a mask of them, which is not at hand. */
  | "MODEL_NEEDS_MASK"
  /** The network returned something that cannot be an image of the input. */
  | "BAD_NETWORK_OUTPUT";

/** Error of the `enhance` package. */
export class EnhanceError extends AlaraError<EnhanceErrorCode> {}
