/** The errors of the `evaluate` package. */
import { AlaraError } from "@alara/core";

/**
 * Codes that `evaluate` throws.
 * - `SHAPE_MISMATCH`: two volumes, or a volume and a region, differ in size
 * - `EMPTY_REGION`: a region without a single voxel that can be measured
 * - `OUT_OF_RANGE`: an option outside what it may be
 * - `NOT_FINITE`: NaN or infinity among the voxels measured
 */
export type EvaluateErrorCode = "SHAPE_MISMATCH" | "EMPTY_REGION" | "OUT_OF_RANGE" | "NOT_FINITE";

/** Error of the `evaluate` package. */
export class EvaluateError extends AlaraError<EvaluateErrorCode> {}
