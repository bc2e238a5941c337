/**
 * The error class of `@alara/physics`.
 */
import { AlaraError } from "@alara/core";

/** Codes that `physics` throws. */
export type PhysicsErrorCode =
  | "SHAPE_MISMATCH"
  | "OUT_OF_RANGE"
  | "NON_FINITE"
  | "NO_HOMOGENEOUS_REGION"
  | "ENERGY_OUT_OF_TABLE"
  | "BAD_SPECTRUM"
  | "BAD_MATERIAL"
  | "BAD_PROJECTIONS"
  | "UNSUPPORTED_GEOMETRY"
  | "TOO_LITTLE_MEMORY";

/** Error of the `physics` package. */
export class PhysicsError extends AlaraError<PhysicsErrorCode> {}
