/**
 * The error class of `@alara/dicom`. Messages name tags, offsets and sizes, never values that could identify a
 * patient.
 */
import { AlaraError } from "@alara/core";

/**
 * Codes that `dicom` throws.
 *
 * Reading: NOT_DICOM, UNSAFE_PREAMBLE, UNEXPECTED_ELEMENT, TRUNCATED, VALUE_BEYOND_END, INVALID_VR,
 * INVALID_LENGTH, INVALID_SEQUENCE,
 * DUPLICATE_ELEMENT, LIMIT_EXCEEDED, NESTING_TOO_DEEP, UNSUPPORTED_TRANSFER_SYNTAX, MISSING_ATTRIBUTE,
 * INVALID_VALUE.
 * Pixels: PIXEL_DATA_MISMATCH, UNSUPPORTED_PIXEL_FORMAT, UNSUPPORTED_PHOTOMETRIC, INVALID_COMPRESSED_DATA,
 * NOT_HU, NON_FINITE_VALUE, SHAPE_MISMATCH.
 * Series: SOURCE_CHANGED, OUT_OF_RANGE.
 * Other formats: UNSUPPORTED_FORMAT, SEVERAL_VOLUMES, UNSAFE_PATH.
 * De-identification: UNSUPPORTED_OBJECT, BURNED_IN_TEXT.
 * Files: INPUT_NOT_FOUND, INPUT_UNREADABLE, FILE_TOO_LARGE, OUTPUT_NOT_EMPTY, OUTPUT_UNWRITABLE, OUTPUT_CLOSED.
 */
export type DicomErrorCode =
  | "NOT_DICOM"
  | "UNSAFE_PREAMBLE"
  | "UNEXPECTED_ELEMENT"
  | "TRUNCATED"
  | "VALUE_BEYOND_END"
  | "INVALID_VR"
  | "INVALID_LENGTH"
  | "INVALID_SEQUENCE"
  | "DUPLICATE_ELEMENT"
  | "LIMIT_EXCEEDED"
  | "NESTING_TOO_DEEP"
  | "UNSUPPORTED_TRANSFER_SYNTAX"
  | "MISSING_ATTRIBUTE"
  | "INVALID_VALUE"
  | "PIXEL_DATA_MISMATCH"
  | "UNSUPPORTED_PIXEL_FORMAT"
  | "UNSUPPORTED_PHOTOMETRIC"
  | "INVALID_COMPRESSED_DATA"
  | "NOT_HU"
  | "NON_FINITE_VALUE"
  | "SHAPE_MISMATCH"
  | "SOURCE_CHANGED"
  | "OUT_OF_RANGE"
  | "UNSUPPORTED_FORMAT"
  | "SEVERAL_VOLUMES"
  | "UNSAFE_PATH"
  | "UNSUPPORTED_OBJECT"
  | "BURNED_IN_TEXT"
  | "INPUT_NOT_FOUND"
  | "INPUT_UNREADABLE"
  | "FILE_TOO_LARGE"
  | "OUTPUT_NOT_EMPTY"
  | "OUTPUT_UNWRITABLE"
  | "OUTPUT_CLOSED";

/** Error of the `dicom` package. */
export class DicomError extends AlaraError<DicomErrorCode> {
  /** Byte offset in the file at which reading failed, when there is one. */
  readonly offset: number | undefined;

  constructor(code: DicomErrorCode, message: string, options: { cause?: unknown; offset?: number } = {}) {
    super(code, options.offset === undefined ? message : `${message} (at byte ${options.offset})`, options);
    this.offset = options.offset;
  }
}
