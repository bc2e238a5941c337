/**
 * The error class of `@alara/recon`.
 */
import { AlaraError } from "@alara/core";

/** Codes that `recon` throws. */
export type ReconErrorCode =
  | "SHAPE_MISMATCH"
  | "OUT_OF_RANGE"
  | "NON_FINITE"
  | "INCOMPLETE_TURN"
  | "TOO_FEW_VIEWS"
  | "UNEVEN_ANGLES"
  | "TRUNCATED"
  | "UNSUPPORTED_GEOMETRY"
  | "TOO_LITTLE_MEMORY"
  | "NO_NOISE_MEASURED"
  | "NO_GPU"
  | "GPU_FAILED";

/** Error of the `recon` package. */
export class ReconError extends AlaraError<ReconErrorCode> {}
