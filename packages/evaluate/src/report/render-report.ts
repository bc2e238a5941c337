/**
 * The report as one self-contained HTML page: pictures of every slice with their HU, tables, plots, what was run.
 * No network: Content-Security-Policy allows nothing but this page's own script and style, by SHA-256.
 * Text in, text out; writing files is the caller's business.
 */

import { getSliceData, type LongWorkOptions } from "@alara/core";
import type { ComparisonInput, NamedVolume } from "../compare.ts";
import type { QualityReport } from "../quality-report.ts";
import { assertSameSize } from "../region.ts";
import { spreadSlices } from "../slices.ts";
import { escapeHtml, stringifyForScript } from "./escape.ts";
import {
  type Fact,
  renderBiasTable,
  renderCards,
  renderErrorTable,
  renderFacts,
  renderMethods,
  renderPlots,
  renderStructureTable,
} from "./sections.ts";
import { encodeSlice, type SliceCrop } from "./slice-codec.ts";
import { REPORT_STYLES } from "./styles.ts";
import { VIEWER_SCRIPT } from "./viewer-script.ts";

/** What was run, as far as it is known. */
export interface RunFacts {
  /** Name of the method or model. */
  readonly method: string;
  /** Version of Alara. */
  readonly version: string;
  /** SHA-256 of the model, if a model was used. */
  readonly modelDigest?: string;
  /** 0..1 */
  readonly strength?: number;
  readonly seed?: number;
  /** Execution provider, e.g. "cpu". */
  readonly provider?: string;
  readonly seconds?: number;
  /** Shell command that repeats the run. */
  readonly command?: string;
  /** Anything else worth stating. */
  readonly more?: readonly Fact[];
}

/** What the page says besides measurements. The caller keeps patient data out of it. */
export interface ReportMeta {
  readonly title: string;
  readonly subtitle?: string;
  readonly run: RunFacts;
  /** What the input says of itself, under a heading: "Dose" with kVp, mAs, CTDIvol …, or "Volume file". */
  readonly input?: { readonly heading: string; readonly facts: readonly Fact[] };
  /** Why the result is to be taken with care, one sentence each; shown before everything else. */
  readonly marks?: readonly string[];
  /** When it was made, as text; library code has no clock. */
  readonly createdAt: string;
  /** Attribution, licence and warnings, one paragraph each. */
  readonly notes?: readonly string[];
}

/** Options of `renderReport`. */
export interface ReportOptions extends LongWorkOptions {
  /** Slices whose pixels are embedded, evenly spaced over the series when it has more; default 32. */
  readonly maximumSlices?: number;
  /** `"body"` embeds the box around the body plus 12 pixels (default); `"none"` whole slices. */
  readonly crop?: "body" | "none";
}

const CROP_MARGIN_PX = 12;
/** Slices packed at the same time. */
const CONCURRENCY = 4;

function chooseCrop(report: QualityReport, crop: "body" | "none"): SliceCrop {
  const box = report.tissue.bodyBox;
  if (crop === "none" || box === null) return { rows: [0, report.rows], columns: [0, report.columns] };
  return {
    rows: [Math.max(0, box.rows[0] - CROP_MARGIN_PX), Math.min(report.rows, box.rows[1] + CROP_MARGIN_PX)],
    columns: [
      Math.max(0, box.columns[0] - CROP_MARGIN_PX),
      Math.min(report.columns, box.columns[1] + CROP_MARGIN_PX),
    ],
  };
}

async function hashForPolicy(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return `'sha256-${btoa(String.fromCharCode(...digest))}'`;
}

interface Panel {
  readonly title: string;
  readonly kind: "image" | "difference";
  readonly image: number;
  /** Image that is subtracted; −1 for plain images. */
  readonly against: number;
  /** Image shown instead while a key is held; `null` for none. */
  readonly flip: number | null;
}

/** Input, candidates, reference, and one difference per candidate. */
function arrangePanels(volumes: readonly NamedVolume[], candidates: number, hasReference: boolean): Panel[] {
  const image = (index: number, flip: number | null): Panel => ({
    title: volumes[index].name,
    kind: "image",
    image: index,
    against: -1,
    flip,
  });
  const base = hasReference ? volumes.length - 1 : 0;
  const panels = [image(0, null)];
  for (let k = 1; k <= candidates; k++) panels.push(image(k, 0));
  if (hasReference) panels.push(image(base, null));
  for (let k = 1; k <= candidates; k++) {
    const title = `${volumes[k].name} − ${volumes[base].name}`;
    panels.push({ title, kind: "difference", image: k, against: base, flip: null });
  }
  return panels;
}

async function packImages(
  volumes: readonly NamedVolume[],
  slices: readonly number[],
  crop: SliceCrop,
  options: ReportOptions,
): Promise<string[]> {
  const jobs = volumes.flatMap(({ volume }, image) =>
    slices.map((slice) => ({ id: `px-${image}-${slices.indexOf(slice)}`, volume, slice })),
  );
  const blocks = new Array<string>(jobs.length);
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < jobs.length) {
      const index = next++;
      options.signal?.throwIfAborted();
      const { id, volume, slice } = jobs[index];
      const text = await encodeSlice(getSliceData(volume, slice), volume.geometry.size[2], crop);
      blocks[index] = `<script type="application/x-alara-slice" id="${id}">${text}</script>`;
      options.onProgress?.({ phase: "report", done: ++done, total: jobs.length, unit: "slices" });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return blocks;
}

function renderViewer(panels: readonly Panel[], report: QualityReport, slices: readonly number[]): string {
  const [soft, lung] = report.windows;
  const figures = panels.map((panel, index) => {
    const range = panel.kind === "difference" ? '<span class="panel-range">±100 HU</span>' : "";
    const flip =
      panel.flip === null ? "" : `<span class="panel-flip">${escapeHtml(panels[panel.flip].title)}</span>`;
    return (
      `<figure id="panel-${index}"><canvas></canvas><figcaption><span>${escapeHtml(panel.title)}</span>` +
      `${flip}${range}<span class="panel-value"></span></figcaption></figure>`
    );
  });
  const layout = panels.length === 3 ? "row" : "grid";
  const pressed = (name: string): string => `aria-pressed="${name === layout}"`;
  const preset = (name: string, index: number): string =>
    `<button type="button" data-preset="${index}" aria-pressed="false">${escapeHtml(name.replace("-", "−"))}</button>`;
  return `<section id="viewer" data-layout="${layout}" data-columns="${panels.length > 4 ? 3 : 2}" aria-label="Images">
<div class="controls">
<label class="group grow">Slice <input type="range" id="slice" min="0" max="${slices.length - 1}" step="1" value="0"><output id="slice-value"></output></label>
<div class="group">Window ${preset(soft.name, 0)}${preset(lung.name, 1)}</div>
<div class="group"><label for="level">Level</label><input type="number" id="level" step="10"><label for="width">Width</label><input type="number" id="width" step="10" min="1"></div>
<label class="group">Difference <input type="range" id="difference" min="5" max="500" step="5" value="100"><output id="difference-value"></output></label>
<div class="group">Zoom <button type="button" id="zoom-out" aria-label="Zoom out">−</button><button type="button" id="zoom-reset" aria-label="Whole image"><span id="zoom-value">×1</span></button><button type="button" id="zoom-in" aria-label="Zoom in">+</button></div>
<div class="group"><button type="button" data-layout-button="grid" ${pressed("grid")}>grid</button><button type="button" data-layout-button="row" ${pressed("row")}>row</button></div>
</div>
<div class="panels">${figures.join("")}</div>
<noscript><p>The images need JavaScript; the measurements below do not.</p></noscript>
<p class="hint"><span><kbd>wheel</kbd> or <kbd>↑</kbd> <kbd>↓</kbd> slice</span><span><kbd>Ctrl</kbd> + wheel or <kbd>double click</kbd> zoom, drag to move</span><span><kbd>1</kbd> <kbd>2</kbd> window</span><span>hold <kbd>F</kbd> to flip enhanced and input</span><output id="cursor-value"></output></p>
</section>`;
}

/** The run as facts, in reading order. */
function listRun(run: RunFacts): Fact[] {
  const facts: Fact[] = [{ label: "Method", value: run.method }];
  if (run.strength !== undefined) facts.push({ label: "Strength", value: run.strength });
  if (run.modelDigest !== undefined) facts.push({ label: "Model SHA-256", value: run.modelDigest });
  facts.push({ label: "Alara version", value: run.version });
  if (run.provider !== undefined) facts.push({ label: "Runs on", value: run.provider });
  if (run.seed !== undefined) facts.push({ label: "Seed", value: run.seed });
  if (run.seconds !== undefined) facts.push({ label: "Time", value: run.seconds.toFixed(1), unit: "s" });
  return [...facts, ...(run.more ?? [])];
}

/**
 * Renders the report page.
 *
 * @param report - from `compareVolumes`
 * @param images - the volumes that were compared; their HU are embedded as whole numbers
 * @param meta - title, run, dose; shown as given, escaped
 * @returns a complete HTML document that works from a file, without network
 * @throws EvaluateError `SHAPE_MISMATCH`, `NOT_FINITE`; the signal's reason
 * @remarks 27 slices × 3 volumes of 512² give about 12 MB in about 1 s on two cores.
 * Tested in headless Chromium: canvases drawn, windows and slices switch; and with hostile strings.
 */
export async function renderReport(
  report: QualityReport,
  images: ComparisonInput,
  meta: ReportMeta,
  options: ReportOptions = {},
): Promise<string> {
  const volumes = [images.input, ...images.candidates, ...(images.reference ? [images.reference] : [])];
  for (const { volume } of volumes) assertSameSize(volume, images.input.volume);
  const slices = spreadSlices(report.slices, Math.max(1, options.maximumSlices ?? 32));
  const crop = chooseCrop(report, options.crop ?? "body");
  const panels = arrangePanels(volumes, images.candidates.length, images.reference !== undefined);
  const pixels = await packImages(volumes, slices, crop, options);
  const setup = {
    rows: crop.rows[1] - crop.rows[0],
    columns: crop.columns[1] - crop.columns[0],
    rowOffset: crop.rows[0],
    columnOffset: crop.columns[0],
    aspect: report.spacingMm[1] / report.spacingMm[2],
    slices,
    totalSlices: report.slices,
    images: volumes.length,
    panels,
    windows: report.windows.slice(0, 2),
  };
  const policy = [
    "default-src 'none'",
    `script-src ${await hashForPolicy(VIEWER_SCRIPT)}`,
    `style-src ${await hashForPolicy(REPORT_STYLES)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const [soft] = report.windows;
  const shown =
    slices.length === report.slices
      ? `All ${report.slices} slices are shown`
      : `${slices.length} of ${report.slices} slices are shown, evenly spaced`;
  const cropped =
    setup.rows === report.rows && setup.columns === report.columns
      ? "whole"
      : `cut to the body (${setup.rows} × ${setup.columns} of ${report.rows} × ${report.columns})`;
  const candidates = images.candidates.map(({ name }) => name);
  const biasTables = candidates.map(
    (name) => (candidates.length > 1 ? `<h3>${escapeHtml(name)}</h3>` : "") + renderBiasTable(report, name),
  );
  const title = escapeHtml(meta.title);
  const section = (heading: string, content: string): string =>
    content === "" ? "" : `<section><h2>${heading}</h2>${content}</section>`;
  const command =
    meta.run.command === undefined ? "" : `<p class="command">${escapeHtml(meta.run.command)}</p>`;
  const heading = escapeHtml(meta.input?.heading ?? "");
  const inputFacts =
    meta.input === undefined || meta.input.facts.length === 0 ? "" : renderFacts(meta.input.facts);
  const inputBelow = inputFacts === "" ? "" : `<h2 class="next">${heading}</h2>${inputFacts}`;
  const marks = (meta.marks ?? []).map((text) => `<p>${escapeHtml(text)}</p>`).join("");
  const plots = renderPlots(report);
  const hasReference = report.comparisons.length > 0;
  const structure = renderStructureTable(report);

  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title} · Alara</title>
<style>${REPORT_STYLES}</style>
</head>
<body>
<header>
<div><p class="brand">Alara quality report</p><h1>${title}</h1>${meta.subtitle === undefined ? "" : `<p class="subtitle">${escapeHtml(meta.subtitle)}</p>`}</div>
<p class="badge">For research use; not a medical device</p>
</header>
<main>
${marks === "" ? "" : `<div class="note mark">${marks}</div>`}
${renderCards(report)}
${renderViewer(panels, report, slices)}
<div class="note">${report.caveats.map((text) => `<p>${escapeHtml(text)}</p>`).join("")}</div>
<div class="columns">
${hasReference ? section("Noise and error", renderErrorTable(report)) : section("Noise and what was taken away", renderErrorTable(report) + structure)}
${section("Mean HU per tissue", biasTables.join("") + (hasReference ? `<h2 class="next">What was taken away</h2>${structure}` : ""))}
</div>
${hasReference ? section("Slice by slice", plots) : ""}
<div class="columns">
${hasReference ? "" : section("Slice by slice", plots)}
${section("What was run", renderFacts(listRun(meta.run)) + command + (hasReference ? "" : inputBelow))}
${hasReference ? section(heading, inputFacts) : ""}
</div>
${section("How it was measured", renderMethods(report))}
</main>
<footer>
<p>${escapeHtml(`${shown}, ${cropped}; HU rounded to whole numbers for display. Starting window ${soft.name}. Made ${meta.createdAt}.`)}</p>
${(meta.notes ?? []).map((text) => `<p>${escapeHtml(text)}</p>`).join("")}
<p>For research use; not a medical device.</p>
</footer>
<script type="application/json" id="viewer-data">${stringifyForScript(setup)}</script>
${pixels.join("\n")}
<script>${VIEWER_SCRIPT}</script>
</body>
</html>
`;
}
