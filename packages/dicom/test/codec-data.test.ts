/** Published files of one image in many transfer syntaxes: lossless ones decode to the same pixels, lossy ones nearly. */
import { readFileSync } from "node:fs";
import {
  decodeHu,
  describeDecodedFrame,
  extractStoredValues,
  readDicomFile,
  readFrameBytes,
  readFrameFormat,
} from "@alara/dicom";

import { findDataFolder } from "@alara/testing";
import { describe, expect, it } from "vitest";

const DATA = findDataFolder();
const FOLDER = `${DATA}/dicom-syntaxes`;
const ABSENT = "ALARA_DATA does not name the data folder";

async function readStored(path: string): Promise<Float64Array> {
  const file = readDicomFile(new Uint8Array(readFileSync(path)));
  const format = readFrameFormat(file.dataset);
  const frames: Float64Array[] = [];
  for (let frame = 0; frame < format.frames; frame++) {
    frames.push(extractStoredValues(await readFrameBytes(file, format, frame), format));
  }
  expect(describeDecodedFrame(file, format).photometricInterpretation).toBe(format.photometricInterpretation);
  return Float64Array.from(frames.flatMap((values) => [...values]));
}

function findDeviation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}

const CT = "ctimage-16-syntaxes";
const LOSSLESS: readonly (readonly [string, string])[] = [
  ...[
    "BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2",
    "DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99",
    "JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90",
    "JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80",
    "JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70",
    "JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57",
    "LittleEndianExplicitTransferSyntax_1.2.840.10008.1.2.1",
    "LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2",
    "RLELosslessTransferSyntax_1.2.840.10008.1.2.5",
  ].map((name) => [`${CT}/CTImage_${name}.dcm`, `${CT}/CTImage.dcm`] as const),
  ["ct1-htj2k/CT1_HTJ2K.dcm", "ct1-htj2k/CT1_UNC.dcm"],
  ...[2, 3, 4, 5, 6, 7, 8, 9].map(
    (i) => [`mr-mosaic-9-syntaxes/${i}.dcm`, "mr-mosaic-9-syntaxes/1.dcm"] as const,
  ),
  ...["RLE", "bigendian", "implicit", "jp2klossless", "jpeg_ls_lossless"].map(
    (name) => [`pydicom-small/MR_small_${name}.dcm`, "pydicom-small/MR_small.dcm"] as const,
  ),
  ...["RLE", "jpeg_ls_lossless"].map(
    (name) => [`enhanced-multiframe/emri_small_${name}.dcm`, "enhanced-multiframe/emri_small.dcm"] as const,
  ),
];

/** Greatest deviations from the uncompressed image in HU, rounded, as the data's own description states them. */
const LOSSY: readonly (readonly [string, number])[] = [
  ["JPEG2000TransferSyntax_1.2.840.10008.1.2.4.91", 5],
  ["JPEGLSLossyTransferSyntax_1.2.840.10008.1.2.4.81", 1],
  ["JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51", 36],
  ["JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53", 36],
  ["JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55", 36],
  ["JPEGProcess1TransferSyntax_1.2.840.10008.1.2.4.50", 64],
];

describe("published files", () => {
  it.for(LOSSLESS)("%s holds the pixels of %s", async ([name, original], context) => {
    if (DATA === undefined) return context.skip(ABSENT);
    expect(
      findDeviation(await readStored(`${FOLDER}/${name}`), await readStored(`${FOLDER}/${original}`)),
    ).toBe(0);
  });

  it.for(LOSSY)("%s is within %i HU", async ([name, bound], context) => {
    const path = `${FOLDER}/${CT}/CTImage_${name}.dcm`;
    if (DATA === undefined) return context.skip(ABSENT);
    const read = async (from: string): Promise<Float32Array> =>
      (await decodeHu(readDicomFile(new Uint8Array(readFileSync(from))))).hu;
    const deviation = findDeviation(await read(path), await read(`${FOLDER}/${CT}/CTImage.dcm`));
    expect(deviation).toBeGreaterThan(0);
    expect(Math.round(deviation)).toBeLessThanOrEqual(bound);
  });

  it("finds two frames in eleven fragments without an offset table", async (context) => {
    const path = `${FOLDER}/${CT}/CT0012.fragmented_no_bot_jpeg_baseline.51.dcm`;
    if (DATA === undefined) return context.skip(ABSENT);
    const stored = await readStored(path);
    expect(stored.length).toBe(2 * 512 * 512);
    const half = stored.length / 2;
    const means = [stored.subarray(0, half), stored.subarray(half)].map(
      (frame) => frame.reduce((sum, value) => sum + value, 0) / half,
    );
    expect(means[0]).toBeGreaterThan(100);
    expect(Math.abs(means[0] - means[1])).toBeLessThan(0.2 * means[0]);
  });
});
