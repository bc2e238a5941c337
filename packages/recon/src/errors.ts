/**
 * The error class of `@alara/recon`.
 */
import { AlaraError } from "@alara/core";

/** Codes that `recon` throws. */
export type ReconErrorCode = "SHAPE_MISMATCH" | "OUT_OF_RANGE" | "INCOMPLETE_TURN" | "NO_NOISE_MEASURED";

/** Error of the `recon` package. */
export class ReconError extends AlaraError<ReconErrorCode> {}
