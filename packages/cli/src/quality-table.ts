/** The short table that the terminal shows of a quality report. */
import type { QualityReport } from "@alara/evaluate";
import { formatTable } from "./terminal.ts";

function formatValue(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? "–" : value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1");
}

/** Noise and error of every image, then the HU bias of the candidates. */
export function formatQualityTable(report: QualityReport): string {
  const hasReference = report.referenceNoise !== null;
  const heading = ["image", "noise HU", ...(hasReference ? ["RMSE HU", "PSNR dB", "SSIM"] : [])];
  const rows = report.images.map(({ name }) => {
    const noise = report.noise.find((item) => item.image === name)?.noise.sigmaHu;
    const metrics = report.comparisons.find((item) => item.image === name)?.metrics;
    const find = (metric: string): number | null | undefined =>
      metrics?.find((item) => item.metric === metric)?.value;
    const errors = [formatValue(find("rmse"), 2), formatValue(find("psnr"), 2), formatValue(find("ssim"), 4)];
    return [name, formatValue(noise, 1), ...(hasReference ? errors : [])];
  });
  const tables = [formatTable([heading, ...rows])];
  const biases = report.huBias.filter((item) => item.kind === (hasReference ? "reference" : "input"));
  if (biases.length > 0) {
    const classes = biases[0].tissues.map((item) => item.tissue);
    tables.push(
      formatTable([
        ["mean HU change", ...classes],
        ...biases.map((item) => [
          `${item.image} − ${item.against}`,
          ...item.tissues.map((tissue) => formatValue(tissue.meanDifferenceHu, 2)),
        ]),
      ]),
    );
  }
  return tables.join("\n\n");
}
