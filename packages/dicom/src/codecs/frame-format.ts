/**
 * How the samples of one frame are stored: the Image Pixel module (PS3.3 C.7.6.3), checked against itself and the
 * limits before anything is allocated.
 */
import type { DicomDataset } from "../dataset/dataset.ts";
import { TAG } from "../dataset/tags.ts";
import { readInteger, readText } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";

/** Layout of a frame's samples. */
export interface FrameFormat {
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  readonly bitsAllocated: 8 | 16 | 32;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
  readonly photometricInterpretation: string;
  readonly frames: number;
}

/** Bytes of one native frame. */
export function countFrameBytes(format: FrameFormat): number {
  return (format.rows * format.columns * format.samplesPerPixel * format.bitsAllocated) / 8;
}

/**
 * Reads and checks the Image Pixel module.
 *
 * @throws DicomError `MISSING_ATTRIBUTE`, `INVALID_VALUE`, `UNSUPPORTED_PIXEL_FORMAT`, `LIMIT_EXCEEDED`
 */
export function readFrameFormat(dataset: DicomDataset): FrameFormat {
  const rows = requireInteger(dataset, TAG.Rows, "Rows");
  const columns = requireInteger(dataset, TAG.Columns, "Columns");
  const bitsAllocated = requireInteger(dataset, TAG.BitsAllocated, "Bits Allocated");
  const bitsStored = readInteger(dataset, TAG.BitsStored) ?? bitsAllocated;
  const highBit = readInteger(dataset, TAG.HighBit) ?? bitsStored - 1;
  const pixelRepresentation = readInteger(dataset, TAG.PixelRepresentation) ?? 0;
  const samplesPerPixel = readInteger(dataset, TAG.SamplesPerPixel) ?? 1;
  const frames = readInteger(dataset, TAG.NumberOfFrames) ?? 1;
  if (bitsAllocated !== 8 && bitsAllocated !== 16 && bitsAllocated !== 32) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      `Bits Allocated is ${bitsAllocated}; 8, 16 and 32 are read`,
    );
  }
  if (
    !(bitsStored >= 1 && bitsStored <= bitsAllocated && highBit >= bitsStored - 1 && highBit < bitsAllocated)
  ) {
    throw new DicomError(
      "INVALID_VALUE",
      `Bits Allocated ${bitsAllocated}, Bits Stored ${bitsStored} and High Bit ${highBit} contradict each other`,
    );
  }
  if (pixelRepresentation !== 0 && pixelRepresentation !== 1) {
    throw new DicomError("INVALID_VALUE", `Pixel Representation is ${pixelRepresentation}, neither 0 nor 1`);
  }
  if (rows < 1 || columns < 1 || samplesPerPixel < 1 || frames < 1) {
    throw new DicomError(
      "INVALID_VALUE",
      `an image of ${rows} rows, ${columns} columns, ${samplesPerPixel} samples per pixel and ${frames} frames has no pixels`,
    );
  }
  const format: FrameFormat = {
    rows,
    columns,
    samplesPerPixel,
    bitsAllocated,
    bitsStored,
    highBit,
    signed: pixelRepresentation === 1,
    photometricInterpretation: readText(dataset, TAG.PhotometricInterpretation) ?? "",
    frames,
  };
  const { maxFrameBytes, maxFrames } = dataset.limits;
  if (countFrameBytes(format) > maxFrameBytes) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `one frame would take ${countFrameBytes(format)} bytes (${rows} × ${columns} × ${samplesPerPixel} of ${bitsAllocated} bits), more than limits.maxFrameBytes = ${maxFrameBytes}`,
    );
  }
  if (frames > maxFrames) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `the image declares ${frames} frames, more than limits.maxFrames = ${maxFrames}`,
    );
  }
  return format;
}

function requireInteger(dataset: DicomDataset, tag: number, name: string): number {
  const value = readInteger(dataset, tag);
  if (value === undefined) {
    throw new DicomError("MISSING_ATTRIBUTE", `${name} is missing, so there is no image to decode`);
  }
  return value;
}
