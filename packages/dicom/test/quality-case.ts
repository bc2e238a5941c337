/** A quality report of three slices with every kind of number in it, for tests and goldens. */
import {
  createQualityReport,
  type QualityReportContent,
  type QualityReportFile,
  readDicomFile,
} from "@alara/dicom";
import { makeCtSlice } from "./make-dicom.ts";

const CT = "1.2.840.10008.5.1.4.1.1.2";

/** What the report of {@link createReportCase} says. */
export const REPORT_CONTENT: QualityReportContent = {
  source: {
    seriesInstanceUid: "1.2.3.30",
    instances: [1, 2, 3].map((i) => ({ sopClassUid: CT, sopInstanceUid: `1.2.3.4.${i}` })),
  },
  derived: {
    seriesInstanceUid: "1.2.3.31",
    instances: [1, 2, 3].map((i) => ({ sopClassUid: CT, sopInstanceUid: `1.2.3.5.${i}` })),
  },
  method: "residual-cnn",
  parameters: { tile: "128", overlap: "16" },
  strength: 0.75,
  modelDigest: "0123456789abcdef".repeat(4),
  codeVersion: "0.1.0",
  referenceNoise: "shared",
  measuredImages: "3 of 3 slices",
  images: [
    { image: "input", measures: [{ measure: "noise", value: 31.25 }] },
    {
      image: "enhanced",
      against: "original",
      measures: [
        { measure: "noise", value: 12.5, region: "homogeneous soft tissue, 40 tiles of 16 px" },
        { measure: "noiseReduction", value: 60 },
        { measure: "rmse", value: 14.125, region: "body" },
        { measure: "mae", value: null, region: "body" },
        { measure: "psnr", value: "infinite", region: "body, soft tissue window" },
        { measure: "ssim", value: 0.9125 },
      ],
    },
  ],
  tissues: [
    {
      image: "enhanced",
      against: "original",
      tissue: "lung",
      biasHu: -0.5,
      standardErrorHu: 0.0625,
      voxels: 4096,
    },
    {
      image: "enhanced",
      against: "original",
      tissue: "air outside",
      biasHu: null,
      standardErrorHu: null,
      voxels: 0,
    },
  ],
  caveats: ["The input was made from the reference by adding noise: both share its noise."],
};

/** The report that goldens are made of. */
export async function createReportCase(): Promise<QualityReportFile> {
  const source = readDicomFile(makeCtSlice({ sopUid: "1.2.3.4.1" })).dataset;
  return createQualityReport(source, REPORT_CONTENT, { dateTime: "2026-01-31T12:00:00+00:00" });
}
