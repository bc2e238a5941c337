/**
 * What the reader refuses before it allocates: nothing is ever sized from a length that a file merely declares.
 */

/** Bounds on what one file may contain. */
export interface DicomLimits {
  /** Element and item headers visited in one file. Default 1 000 000. */
  readonly maxElements: number;
  /** Depth of nested sequences. Default 32. */
  readonly maxDepth: number;
  /** Bytes of one file. Default 2 GiB. */
  readonly maxFileBytes: number;
  /** Bytes of one decoded frame. Default 256 MiB. */
  readonly maxFrameBytes: number;
  /** Frames of one file. Default 65 536. */
  readonly maxFrames: number;
  /** Bytes of one element read as text. Default 1 MiB. */
  readonly maxTextBytes: number;
  /** Values of one element read as numbers or text. Default 1 048 576. */
  readonly maxValues: number;
  /** Bytes of one inflated dataset (deflated transfer syntax). Default 256 MiB. */
  readonly maxInflatedBytes: number;
  /** Inflated bytes per deflated byte, for datasets beyond 16 MiB. Default 200. */
  readonly maxInflationRatio: number;
}

/** The limits in force when a caller names none. */
export const DEFAULT_DICOM_LIMITS: DicomLimits = {
  maxElements: 1_000_000,
  maxDepth: 32,
  maxFileBytes: 2 ** 31,
  maxFrameBytes: 2 ** 28,
  maxFrames: 65_536,
  maxTextBytes: 2 ** 20,
  maxValues: 2 ** 20,
  maxInflatedBytes: 2 ** 28,
  maxInflationRatio: 200,
};
