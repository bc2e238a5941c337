/**
 * A run as text: the panel that a terminal redraws in place, and single lines for logs. Pure text; cursor movement
 * and the clock are the terminal's business. Every name that comes from a file loses its control characters here,
 * so that a log can send no commands to a terminal.
 */
import { formatCount, formatFigure, formatSpan, formatSpeed } from "./format-figures.ts";
import type { RunRecord } from "./run-log.ts";
import { estimateRemainingSeconds } from "./run-pace.ts";
import type { RunCurve, RunView } from "./run-view.ts";
import { drawSparkline } from "./sparkline.ts";

/** Options of {@link renderRunPanel}. */
export interface PanelOptions {
  /** Width of the terminal in characters. */
  readonly columns: number;
  /** Most lines; less important ones are left out. Default: all. */
  readonly rows?: number;
  /** Whether ANSI colours are wanted. */
  readonly hasColour: boolean;
  /** Name of the run and what it runs on. */
  readonly title: string;
  /** Steps done by now, when known better than from the last line. */
  readonly liveStep?: number;
  /** Pace by now, for the time before the first lines. */
  readonly liveSecondsPerStep?: number;
  /** Address of the page. */
  readonly url?: string;
  /** The newest sample image. */
  readonly sample?: string;
}

type Style = "bold" | "dim" | "accent" | "good" | "bad";
interface Span {
  readonly text: string;
  readonly style?: Style;
}
/** Importance 0 is dropped last. */
interface PanelLine {
  readonly importance: number;
  readonly spans: readonly Span[];
}

const CODES: Readonly<Record<Style, string>> = { bold: "1", dim: "2", accent: "36", good: "32", bad: "31" };
const LABEL = 28;
const FIGURE = 12;

/** Text without control, format and line-separator characters. */
export function cleanText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "·");
}

/** Cuts spans to the width and colours them. */
function fitSpans(spans: readonly Span[], columns: number, hasColour: boolean): string {
  let left = columns;
  let out = "";
  for (const { text, style } of spans) {
    const characters = [...cleanText(text)];
    const part = characters.length <= left ? characters.join("") : characters.slice(0, left).join("");
    left -= Math.min(characters.length, left);
    if (part === "") continue;
    out += hasColour && style !== undefined ? `\x1b[${CODES[style]}m${part}\x1b[0m` : part;
  }
  return out;
}

function fitLabel(text: string): string {
  const characters = [...cleanText(text)];
  return characters.length > LABEL - 1
    ? `${characters.slice(0, LABEL - 2).join("")}… `
    : characters.join("").padEnd(LABEL);
}

/** "generator loss l1"; the only phase of a run is not named. */
function nameCurve(phase: string, name: string, isSingle: boolean): string {
  return isSingle || phase === "" ? name : `${phase} ${name}`;
}

function curveLine(
  label: string,
  curve: RunCurve,
  options: PanelOptions,
  extra: { readonly importance: number; readonly unit?: string; readonly style?: Style },
): PanelLine {
  const figure = `${formatFigure(curve.last.value)}${extra.unit ? ` ${extra.unit}` : ""}`;
  const { text } = drawSparkline(curve.points, { width: Math.min(60, options.columns - LABEL - FIGURE - 2) });
  return {
    importance: extra.importance,
    spans: [
      { text: fitLabel(label), style: "dim" },
      { text: `${figure.padStart(FIGURE)}  ` },
      { text, style: extra.style ?? "accent" },
    ],
  };
}

function validationLines(view: RunView, options: PanelOptions): readonly PanelLine[] {
  const { rmse, best, inputRmseHu, figures } = view.validation;
  const lines: PanelLine[] = [];
  if (rmse !== null) {
    const width = Math.min(60, options.columns - LABEL - FIGURE - 2);
    const { text, markIndex } = drawSparkline(rmse.points, {
      width,
      ...(best === null ? {} : { markStep: best.step }),
    });
    const mark = [...text];
    lines.push({
      importance: 1,
      spans: [
        { text: fitLabel("validation RMSE"), style: "dim" },
        { text: `${`${formatFigure(rmse.last.value)} HU`.padStart(FIGURE)}  ` },
        { text: mark.slice(0, Math.max(0, markIndex)).join(""), style: "accent" },
        { text: markIndex < 0 ? "" : mark[markIndex], style: "good" },
        { text: mark.slice(markIndex + 1).join(""), style: "accent" },
      ],
    });
    if (best !== null) {
      const value = best.rmseHu === null ? "" : `${formatFigure(best.rmseHu)} HU `;
      const input = inputRmseHu === null ? "" : ` · input ${formatFigure(inputRmseHu)} HU`;
      const words = `best ${value}at step ${formatCount(best.step)}`;
      const place = LABEL + FIGURE + 2 + Math.max(0, markIndex);
      const room = options.columns - words.length - input.length;
      const arrow = markIndex >= 0 && place + 2 <= room ? "▲ " : "";
      const indent = arrow === "" ? Math.max(0, Math.min(place, room)) : place;
      lines.push({
        importance: 2,
        spans: [
          { text: " ".repeat(indent) },
          { text: `${arrow}${words}`, style: "good" },
          { text: input, style: "dim" },
        ],
      });
    }
  }
  for (const curve of figures)
    lines.push(curveLine(`validation ${curve.name}`, curve, options, { importance: 5 }));
  return lines;
}

function progressLine(view: RunView, options: PanelOptions): PanelLine {
  const step = Math.max(view.step, options.liveStep ?? 0);
  const secondsPerStep = view.pace.secondsPerStep ?? options.liveSecondsPerStep ?? null;
  const share = view.total ? Math.min(1, step / view.total) : null;
  const width = Math.max(0, Math.min(30, options.columns - 70));
  const filled = Math.round((share ?? 0) * width);
  const spans: Span[] = [
    { text: `step ${formatCount(step)}${view.total === null ? "" : ` of ${formatCount(view.total)}`}  ` },
  ];
  if (share !== null && width >= 8) {
    spans.push(
      { text: "█".repeat(filled), style: "accent" },
      { text: "░".repeat(width - filled), style: "dim" },
      { text: "  " },
    );
  }
  if (share !== null) spans.push({ text: `${(100 * share).toFixed(1)} %  ` });
  if (secondsPerStep !== null) spans.push({ text: `${formatSpeed(secondsPerStep)}  ` });
  if (view.status === "running" || view.status === "waiting") {
    const left =
      view.total === null
        ? null
        : estimateRemainingSeconds({ ...view.pace, secondsPerStep }, { step, total: view.total });
    if (left !== null) spans.push({ text: `${formatSpan(left)} left`, style: "bold" });
  } else if (view.elapsedSeconds !== null) spans.push({ text: `took ${formatSpan(view.elapsedSeconds)}` });
  return { importance: 0, spans };
}

/**
 * Draws the panel.
 *
 * @returns one text per line, each at most `columns` characters wide (colour codes not counted)
 */
export function renderRunPanel(view: RunView, options: PanelOptions): readonly string[] {
  const style: Style =
    view.status === "aborted" ? "bad" : view.status === "running" ? "accent" : ("good" as const);
  const isSingle = view.phases.length < 2;
  const lines: PanelLine[] = [
    {
      importance: 0,
      spans: [
        { text: options.title, style: "bold" },
        { text: "  " },
        { text: view.status, style },
        ...(options.url === undefined ? [] : [{ text: `  ${options.url}`, style: "dim" as const }]),
      ],
    },
    progressLine(view, options),
  ];
  for (const phase of view.phases) {
    const name = (text: string): string => nameCurve(phase.name, text, isSingle);
    for (const curve of phase.losses)
      lines.push(curveLine(name(`loss ${curve.name}`), curve, options, { importance: 3 }));
    for (const curve of phase.other)
      lines.push(curveLine(name(curve.name), curve, options, { importance: 6 }));
    if (phase.gradientNorm)
      lines.push(curveLine(name("gradient norm"), phase.gradientNorm, options, { importance: 7 }));
    if (phase.learningRate)
      lines.push(curveLine(name("learning rate"), phase.learningRate, options, { importance: 4 }));
  }
  lines.push(...validationLines(view, options));
  if (options.sample !== undefined)
    lines.push({
      importance: 8,
      spans: [{ text: fitLabel("newest sample"), style: "dim" }, { text: options.sample }],
    });
  return dropLines(lines, options.rows ?? lines.length).map(({ spans }) =>
    fitSpans(spans, options.columns, options.hasColour),
  );
}

/** Leaves out the least important lines, later ones first. */
function dropLines(lines: readonly PanelLine[], rows: number): readonly PanelLine[] {
  if (lines.length <= rows) return lines;
  const order = lines
    .map((line, index) => ({ line, index }))
    .sort((a, b) => a.line.importance - b.line.importance || a.index - b.index)
    .slice(0, Math.max(1, rows))
    .map(({ index }) => index);
  const kept = new Set(order);
  return lines.filter((_, index) => kept.has(index));
}

/**
 * One line of the log for a person, for output that is no terminal.
 *
 * @param view - the run with this record as its last, for total and time left
 */
export function renderLogLine(record: RunRecord, view: RunView): string {
  const total = view.total === null ? "" : `/${view.total}`;
  const parts = [`step ${record.step}${total}`];
  if (record.kind === "train") {
    const phases = Object.entries(record.phases);
    for (const [phase, { losses, gradientNorm, learningRate, other }] of phases) {
      const name = (text: string): string => nameCurve(phase, text, phases.length < 2);
      for (const [term, value] of Object.entries(losses))
        parts.push(`${name(`loss ${term}`)} ${formatFigure(value)}`);
      for (const [item, value] of Object.entries(other)) parts.push(`${name(item)} ${formatFigure(value)}`);
      if (gradientNorm !== null) parts.push(`${name("gradient norm")} ${formatFigure(gradientNorm)}`);
      if (learningRate !== null) parts.push(`${name("learning rate")} ${formatFigure(learningRate)}`);
    }
    if (view.pace.secondsPerStep !== null) parts.push(formatSpeed(view.pace.secondsPerStep));
    if (view.remainingSeconds !== null) parts.push(`${formatSpan(view.remainingSeconds)} left`);
  } else if (record.kind === "validation") {
    if (record.rmseHu !== null) {
      const best = record.isBest ? " (best so far)" : "";
      parts.push(`validation RMSE ${formatFigure(record.rmseHu)} HU${best}`);
    }
    if (record.inputRmseHu !== null) parts.push(`input ${formatFigure(record.inputRmseHu)} HU`);
    for (const [name, value] of Object.entries(record.figures)) parts.push(`${name} ${formatFigure(value)}`);
  } else {
    parts.push(record.reason);
    if (view.elapsedSeconds !== null) parts.push(`took ${formatSpan(view.elapsedSeconds)}`);
  }
  return cleanText(parts.join("  "));
}
