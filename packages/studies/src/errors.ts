/** Errors of studies: one class, stable codes. */
import { AlaraError } from "@alara/core";

/**
 * Codes that `studies` throws.
 *
 * - `OUT_OF_RANGE`: a numeric option outside its stated range.
 * - `SEARCH_INVALID`: a search file with faults; the message names each.
 * - `NO_TRIAL`: a study without a finished trial.
 * - `TRIAL_BROKEN`: a job's payload that is no trial.
 */
export type StudiesErrorCode = "OUT_OF_RANGE" | "SEARCH_INVALID" | "NO_TRIAL" | "TRIAL_BROKEN";

/** Error of the `studies` package. */
export class StudiesError extends AlaraError<StudiesErrorCode> {}
