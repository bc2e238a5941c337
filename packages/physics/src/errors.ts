/**
 * The error class of `@alara/physics`.
 */
import { AlaraError } from "@alara/core";

/** Codes that `physics` throws. */
export type PhysicsErrorCode = "SHAPE_MISMATCH" | "OUT_OF_RANGE" | "NO_HOMOGENEOUS_REGION";

/** Error of the `physics` package. */
export class PhysicsError extends AlaraError<PhysicsErrorCode> {}
