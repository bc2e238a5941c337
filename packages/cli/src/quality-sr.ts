/** The quality report of an enhanced series as a DICOM structured report: `report.dcm` beside report.html. */
import {
  createQualityReport,
  type ImageQuality,
  type QualityMeasure,
  type QualityReportContent,
  type ReportedInstance,
  readSeriesFile,
  type Series,
} from "@alara/dicom";
import type { QualityReport, ReportedMetric } from "@alara/evaluate";
import { describeCode } from "./version.ts";

/** What the report adds to the measured numbers. */
export interface QualitySrOptions {
  readonly derivedSeriesInstanceUid: string;
  readonly derivedInstances: readonly ReportedInstance[];
  readonly method: string;
  readonly parameters: Readonly<Record<string, string | number>>;
  readonly strength: number;
  readonly modelDigest?: string;
  /** Slices that were measured. */
  readonly measuredSlices: number;
  /** ISO 8601. */
  readonly dateTime: string;
}

const MEASURES: Readonly<Record<string, QualityMeasure["measure"] | undefined>> = {
  rmse: "rmse",
  mae: "mae",
  psnr: "psnr",
  ssim: "ssim",
};

/** The same text in printable ASCII, which is right under any character set. */
function toAscii(text: string): string {
  return text
    .replace(/[–—−]/g, "-")
    .replace(/σ/g, "sigma")
    .replace(/²/g, "^2")
    .replace(/×/g, "x")
    .replace(/[^\x20-\x7e]/g, "?")
    .slice(0, 1024);
}

function describeRegion(metric: ReportedMetric): string {
  const { clippedTo, region } = metric;
  const window = clippedTo === null ? "" : `, clipped to ${clippedTo.lowHu}..${clippedTo.highHu} HU`;
  return toAscii(`${region.name}, ${metric.aggregation}${window}`);
}

function listImages(report: QualityReport): ImageQuality[] {
  return report.images.map(({ name }): ImageQuality => {
    const noise = report.noise.find((entry) => entry.image === name);
    const comparison = report.comparisons.find((entry) => entry.image === name);
    const measures: QualityMeasure[] = [];
    if (noise !== undefined) {
      measures.push({ measure: "noise", value: noise.noise.sigmaHu, region: toAscii(noise.noise.method) });
      if (noise.reductionPercent !== null)
        measures.push({ measure: "noiseReduction", value: noise.reductionPercent });
    }
    for (const metric of comparison?.metrics ?? []) {
      const measure = MEASURES[metric.metric];
      if (measure === undefined) continue;
      const value = metric.value ?? (metric.note === null ? null : "infinite");
      measures.push({ measure, value, region: describeRegion(metric) });
    }
    return {
      image: toAscii(name),
      ...(comparison === undefined ? {} : { against: toAscii(comparison.against) }),
      measures,
    };
  });
}

/**
 * Writes the numbers of a report as an Enhanced SR object in the study of the series.
 *
 * @throws DicomError as `createQualityReport` and for a source that changed meanwhile
 */
export async function createQualitySr(
  series: Series,
  report: QualityReport,
  options: QualitySrOptions,
): Promise<Uint8Array> {
  const { dataset } = await readSeriesFile(series, 0);
  const instances = new Map(
    series.slices.map(({ summary }) => [summary.sopInstanceUid, summary.sopClassUid]),
  );
  const content: QualityReportContent = {
    source: {
      seriesInstanceUid: series.seriesInstanceUid,
      instances: [...instances].map(([sopInstanceUid, sopClassUid]) => ({ sopClassUid, sopInstanceUid })),
    },
    derived: { seriesInstanceUid: options.derivedSeriesInstanceUid, instances: options.derivedInstances },
    method: toAscii(options.method),
    parameters: Object.fromEntries(
      Object.entries(options.parameters).map(([name, value]) => [
        toAscii(name),
        typeof value === "string" ? toAscii(value) : value,
      ]),
    ),
    strength: options.strength,
    ...(options.modelDigest === undefined ? {} : { modelDigest: options.modelDigest }),
    codeVersion: describeCode(),
    ...(report.referenceNoise === null ? {} : { referenceNoise: report.referenceNoise }),
    measuredImages: `${options.measuredSlices} of ${series.slices.length} slices`,
    images: listImages(report),
    tissues: report.huBias.flatMap(({ image, against, tissues }) =>
      tissues.map((tissue) => ({
        image: toAscii(image),
        against: toAscii(against),
        tissue: toAscii(tissue.tissue),
        biasHu: tissue.meanDifferenceHu,
        standardErrorHu: tissue.standardErrorHu,
        voxels: tissue.voxels,
      })),
    ),
    caveats: report.caveats.map(toAscii),
  };
  return (await createQualityReport(dataset, content, { dateTime: options.dateTime })).bytes;
}
