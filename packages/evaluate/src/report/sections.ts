/**
 * The written parts of the report page as HTML text: cards, tables, facts. Every string from outside is escaped.
 */
import type { HuBias } from "../hu-bias.ts";
import type { QualityReport, ReportedMetric } from "../quality-report.ts";
import { escapeHtml } from "./escape.ts";
import { digitsFor, formatCount, formatNumber, formatSigned, NO_VALUE } from "./format.ts";
import { type PlotLine, renderPlot } from "./plots.ts";

/** A labelled value of the header or of the run, as the page lists it. */
export interface Fact {
  readonly label: string;
  readonly value: string | number;
  readonly unit?: string;
}

function findNoise(report: QualityReport, image: string): number | null {
  return report.noise.find((n) => n.image === image)?.noise.sigmaHu ?? null;
}

function findMetric(
  report: QualityReport,
  image: string,
  metric: string,
  window: string | null,
): ReportedMetric | undefined {
  const comparison = report.comparisons.find((c) => c.image === image);
  return comparison?.metrics.find((m) => m.metric === metric && (m.clippedTo?.name ?? null) === window);
}

function renderCard(name: string, figure: string, more: string): string {
  return `<div class="card"><p class="name">${escapeHtml(name)}</p><p class="figure">${figure}</p><p class="more">${escapeHtml(more)}</p></div>`;
}

function renderChange(
  before: number | null | undefined,
  after: number | null | undefined,
  digits: number,
  unit: string,
): string {
  const small = unit === "" ? "" : ` <small>${unit}</small>`;
  return `<span class="from">${formatNumber(before, digits)} →</span> ${formatNumber(after, digits)}${small}`;
}

/** The row of key figures: first candidate against input. */
export function renderCards(report: QualityReport): string {
  const input = report.images.find((i) => i.role === "input")?.name ?? "";
  const candidate = report.images.find((i) => i.role === "candidate")?.name ?? "";
  const cards: string[] = [];
  const noise = report.noise.find((n) => n.image === candidate);
  cards.push(
    renderCard(
      "Noise in soft tissue",
      renderChange(findNoise(report, input), noise?.noise.sigmaHu, 1, "HU"),
      noise?.reductionPercent == null
        ? "no homogeneous soft tissue found"
        : noise.reductionPercent >= 0
          ? `${formatNumber(noise.reductionPercent, 0)} % less noise`
          : `${formatNumber(-noise.reductionPercent, 0)} % more noise`,
    ),
  );
  if (report.comparisons.length > 0) {
    const against = report.comparisons[0].against;
    const rmse = findMetric(report, candidate, "rmse", null);
    const before = findMetric(report, input, "rmse", null);
    cards.push(
      renderCard(
        `RMSE against ${against}`,
        renderChange(before?.value, rmse?.value, 1, "HU"),
        `${rmse?.region.name ?? "whole image"}, full HU range`,
      ),
    );
    const [window] = report.windows;
    const ssim = findMetric(report, candidate, "ssim", window.name);
    cards.push(
      renderCard(
        `SSIM against ${against}`,
        renderChange(findMetric(report, input, "ssim", window.name)?.value, ssim?.value, 3, ""),
        `${ssim?.region.name ?? "whole image"}, window ${window.name}`,
      ),
    );
  } else {
    const structure = report.structure.find((s) => s.image === candidate);
    cards.push(
      renderCard(
        "Removed on edges ÷ on flat parts",
        formatNumber(structure?.edgeToFlatRatio, 2),
        "about 1 when noise alone was removed",
      ),
    );
  }
  const bias = report.huBias.find((b) => b.image === candidate);
  if (bias) {
    const judged = bias.tissues.filter((t) => t.verdict === "pass" || t.verdict === "fail");
    const failed = judged.filter((t) => t.verdict === "fail");
    const largest = judged.reduce((most, t) => Math.max(most, Math.abs(t.meanDifferenceHu ?? 0)), 0);
    cards.push(
      renderCard(
        `Mean HU of tissues against ${bias.against}`,
        judged.length === 0
          ? NO_VALUE
          : failed.length === 0
            ? `<span class="delta-good">kept</span> <small>≤ ${formatNumber(largest, 2)} HU</small>`
            : `<span class="delta-bad">${failed.length} of ${judged.length} moved</span>`,
        judged.length === 0
          ? "no tissue large enough to judge"
          : failed.length === 0
            ? `largest shift of ${judged.length} tissues, all within limits`
            : `beyond the limit: ${failed.map((t) => t.tissue).join(", ")}`,
      ),
    );
  }
  return `<div class="cards">${cards.join("")}</div>`;
}

/** Noise of every image, and every error against the reference. */
export function renderErrorTable(report: QualityReport): string {
  const names = report.images.map((image) => image.name);
  const head = names.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join("");
  const rows: string[] = [];
  const noiseCells = report.noise.map((n) => {
    const change =
      n.reductionPercent === null ? "" : `<small>${formatSigned(-n.reductionPercent, 0)} %</small>`;
    return `<td>${formatNumber(n.noise.sigmaHu, 2)}${change}</td>`;
  });
  rows.push(
    `<tr><th scope="row">Noise σ, HU<small>homogeneous soft tissue, same tiles</small></th>${noiseCells.join("")}</tr>`,
  );
  const [first] = report.comparisons;
  for (const [index, metric] of (first?.metrics ?? []).entries()) {
    const values = report.comparisons.map((c) => c.metrics[index].value);
    const known = values.filter((v) => v !== null);
    const best = metric.better === "lower" ? Math.min(...known) : Math.max(...known);
    const cells = report.images.map((image) => {
      const result = report.comparisons.find((c) => c.image === image.name)?.metrics[index];
      if (result === undefined) return `<td>${image.role === "reference" ? "reference" : NO_VALUE}</td>`;
      const mark = result.value === best && values.length > 1 ? ' class="best"' : "";
      const text = result.note === null ? formatNumber(result.value, digitsFor(result.unit)) : result.note;
      return `<td${mark}>${escapeHtml(text)}</td>`;
    });
    const unit = metric.unit === "1" ? "" : `, ${metric.unit}`;
    const window = metric.clippedTo === null ? "full HU range" : metric.clippedTo.name;
    const range = metric.dataRangeHu === null ? "" : `, range ${metric.dataRangeHu} HU`;
    const arrow = metric.better === "lower" ? "lower is better" : "higher is better";
    rows.push(
      `<tr><th scope="row">${escapeHtml(metric.label + unit)}<small>${escapeHtml(`${metric.region.name}, ${window}${range}; ${arrow}`)}</small></th>${cells.join("")}</tr>`,
    );
  }
  if (report.comparisons.some((c) => c.noiseCorrectedRmseHu !== null)) {
    const cells = report.images.map((image) => {
      const value = report.comparisons.find((c) => c.image === image.name)?.noiseCorrectedRmseHu;
      return `<td>${formatNumber(value, 2)}</td>`;
    });
    rows.push(
      `<tr><th scope="row">RMSE without the reference's noise, HU<small>√(RMSE² − σ²), body</small></th>${cells.join("")}</tr>`,
    );
  }
  return `<div class="scroll"><table><thead><tr><th scope="col">Measure</th>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

function renderVerdict(bias: HuBias): string {
  const kind = bias.verdict === "pass" ? "pass" : bias.verdict === "fail" ? "fail" : "none";
  return `<span class="verdict verdict-${kind}">${bias.verdict}</span>`;
}

function renderShift(bias: HuBias | undefined): string {
  const error =
    bias?.standardErrorHu == null ? "" : `<small>± ${formatNumber(bias.standardErrorHu, 2)}</small>`;
  return `<td>${formatSigned(bias?.meanDifferenceHu, 2)}${error}</td>`;
}

/** HU bias per tissue of one candidate: against the reference with verdict, and the shift from the input. */
export function renderBiasTable(report: QualityReport, candidate: string): string {
  const rows = report.huBias.filter((b) => b.image === candidate);
  const main = rows[0];
  if (main === undefined) return "";
  const second = rows[1];
  const name = escapeHtml(candidate);
  const heads = [
    "Tissue",
    `Mean HU<small>${escapeHtml(main.against)}</small>`,
    `Shift, HU<small>${name} − ${escapeHtml(main.against)}</small>`,
    ...(second ? [`Shift, HU<small>${name} − ${escapeHtml(second.against)}</small>`] : []),
    "Verdict",
  ];
  const body = main.tissues.map((bias, index) => {
    const limit = bias.limitHu === null ? "" : `<small>limit ±${formatNumber(bias.limitHu, 0)} HU</small>`;
    const range = `${formatNumber(bias.rangeHu[0], 0)} to ${formatNumber(bias.rangeHu[1], 0)} HU, ${formatCount(bias.voxels)} voxels`;
    const other = second ? renderShift(second.tissues[index]) : "";
    return (
      `<tr><th scope="row">${escapeHtml(bias.tissue)}<small>${range}</small></th>` +
      `<td>${formatNumber(bias.referenceMeanHu, 1)}</td>${renderShift(bias)}${other}` +
      `<td>${renderVerdict(bias)}${limit}</td></tr>`
    );
  });
  return `<div class="scroll"><table class="bias"><thead><tr>${heads.map((h) => `<th scope="col">${h}</th>`).join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

/** What was taken away, for each candidate. */
export function renderStructureTable(report: QualityReport): string {
  if (report.structure.length === 0) return "";
  const head = report.structure.map((s) => `<th scope="col">${escapeHtml(s.image)}</th>`).join("");
  const row = (
    label: string,
    explain: string,
    cell: (s: QualityReport["structure"][number]) => string,
  ): string =>
    `<tr><th scope="row">${label}<small>${explain}</small></th>${report.structure.map((s) => `<td>${cell(s)}</td>`).join("")}</tr>`;
  const rows = [
    row("Mean of the residual, HU", "0 when nothing shifted", (s) => formatSigned(s.residualMeanHu, 2)),
    row("SD of the residual, HU", "how much was changed", (s) => formatNumber(s.residualSdHu, 2)),
    row("Edges ÷ flat parts", "about 1: noise alone was removed", (s) => formatNumber(s.edgeToFlatRatio, 2)),
    row("Correlation with structure", "about 0: noise alone; above: edges blurred; below: sharpened", (s) =>
      formatSigned(s.laplacianCorrelation, 2),
    ),
  ];
  return `<div class="scroll"><table><thead><tr><th scope="col">Enhanced − input, in the body</th>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

/** Noise and RMSE over slices. */
export function renderPlots(report: QualityReport): string {
  const candidates = report.images.filter((i) => i.role === "candidate").map((i) => i.name);
  const dash = (image: string): number => Math.max(0, candidates.indexOf(image)) % 3;
  const noise: PlotLine[] = report.noise.map((n) => ({
    name: n.image,
    role: n.role,
    dash: dash(n.image),
    values: n.noise.perSlice,
  }));
  const errors: PlotLine[] = report.comparisons.map((c) => ({
    name: c.image,
    role: c.role,
    dash: dash(c.image),
    values: c.metrics.find((m) => m.metric === "rmse")?.perSlice ?? [],
  }));
  const region = report.comparisons[0]?.metrics[0]?.region.name;
  const plots =
    renderPlot("Noise σ in soft tissue, HU", noise) +
    (errors.length > 0
      ? renderPlot(`RMSE against ${report.comparisons[0].against}, HU (${region})`, errors)
      : "");
  return plots === "" ? "" : `<div class="plots">${plots}</div>`;
}

/** A definition list. */
export function renderFacts(facts: readonly Fact[]): string {
  const rows = facts.map(({ label, value, unit }) => {
    const text = `${value}${unit === undefined || unit === "" ? "" : ` ${unit}`}`;
    return `<dt>${escapeHtml(label)}</dt><dd>${escapeHtml(text)}</dd>`;
  });
  return `<dl>${rows.join("")}</dl>`;
}

/** How everything was measured, in sentences. */
export function renderMethods(report: QualityReport): string {
  const { tissue } = report;
  const [soft] = report.windows;
  const lines = [
    `${report.slices} slices of ${report.rows} × ${report.columns}, spacing ${report.spacingMm.map((mm) => formatNumber(mm, 2)).join(" × ")} mm (slice, row, column).`,
    `Noise: ${report.noise[0]?.noise.method ?? ""}; ${formatCount(report.noise[0]?.noise.tiles ?? 0)} overlapping tiles, found on ${tissue.foundOn}, the same for every image.`,
    `Tissue and body were found on ${tissue.foundOn}: Gaussian smoothing σ ${tissue.smoothingPx} px, HU ranges as in the table, eroded by ${tissue.erosionPx} px; voxels below ${formatNumber(tissue.paddingBelowHu, 0)} HU are padding. "Bone" includes dense contrast; air outside is not judged because scanners clip it.`,
    "HU shifts: mean ± standard error, with 16 × 16 px tiles as clusters because CT noise is correlated.",
    ...(report.comparisons.length > 0
      ? [
          "RMSE, MAE and PSNR pool all voxels of the region; PSNR takes the window's width as MAX and clips both images to it.",
          `SSIM: Wang et al. 2004, 11 × 11 Gaussian σ 1.5, K1 0.01, K2 0.03, population covariance, outer 5 px left out, mean of slices; images clipped to the window, L = its width (${soft.highHu - soft.lowHu} HU for ${soft.name}). Equal to scikit-image on the same settings.`,
        ]
      : []),
    "Structure: gradients and Laplacian of the enhanced image smoothed with σ 1.5 px; edges are the strongest 10 % of gradients, flat parts the weakest half.",
  ];
  return `<ul>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join("")}</ul>`;
}
