/**
 * The error base class. Each package derives one class with its own union of stable codes.
 * Messages show the values and the way out; patient data never enters a message.
 */

/** Severity is always "the caller must act": expected absence is a value, never an error. */
export class AlaraError<Code extends string = string> extends Error {
  /** Stable, machine-readable code; documented by the package that throws it. */
  readonly code: Code;

  constructor(code: Code, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Codes that `core` throws. */
export type CoreErrorCode =
  | "SHAPE_MISMATCH"
  | "OUT_OF_RANGE"
  | "DUPLICATE_NAME"
  | "UNKNOWN_NAME"
  | "OUT_OF_MEMORY"
  | "WORKER_FAILED";

/** Error of the `core` package. */
export class CoreError extends AlaraError<CoreErrorCode> {}
