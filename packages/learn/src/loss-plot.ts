/**
 * The loss curve of a run as a self-contained SVG: training loss of each phase (left axis, logarithmic when it spans
 * more than a decade) and validation RMSE (right) with the best step marked. The live page draws its own charts.
 */
import { formatFigure } from "./monitor/format-figures.ts";
import { readLogEntry } from "./monitor/run-log.ts";
import { buildRunView, type PhaseView, type RunPoint, thinPoints } from "./monitor/run-view.ts";
import type { TrainLogEntry } from "./train-log.ts";

const WIDTH = 720;
const HEIGHT = 360;
const MARGIN = { left: 64, right: 64, top: 28, bottom: 40 };
const LOSS_COLOURS = ["#1f5fa8", "#2b8a57", "#7a4fb5", "#8a6d1f"];
const VALIDATION_COLOUR = "#b4451f";
/** Points of a curve beyond which only extremes are kept. */
const MOST_POINTS = 1400;

interface Axis {
  readonly low: number;
  readonly high: number;
  readonly isLogarithmic: boolean;
}

function findAxis(points: readonly RunPoint[]): Axis {
  const low = points.reduce((least, { value }) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = points.reduce((most, { value }) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  if (!(high > low)) return { low: low - 0.5, high: high + 0.5, isLogarithmic: false };
  return { low, high, isLogarithmic: low > 0 && high / low > 10 };
}

function findShare(axis: Axis, value: number): number {
  return axis.isLogarithmic
    ? Math.log(value / axis.low) / Math.log(axis.high / axis.low)
    : (value - axis.low) / (axis.high - axis.low);
}

function placeX(step: number, lastStep: number): string {
  return (MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * step) / lastStep).toFixed(1);
}

function placeY(share: number): string {
  return (HEIGHT - MARGIN.bottom - (HEIGHT - MARGIN.top - MARGIN.bottom) * share).toFixed(1);
}

function drawCurve(points: readonly RunPoint[], axis: Axis, lastStep: number, colour: string): string {
  const path = thinPoints(points, MOST_POINTS).map(
    ({ step, value }) => `${placeX(step, lastStep)},${placeY(findShare(axis, value))}`,
  );
  return `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${path.join(" ")}"/>`;
}

function drawTicks(axis: Axis, x: number, anchor: "start" | "end", colour: string): string {
  return [0, 0.25, 0.5, 0.75, 1]
    .map((share) => {
      const value = axis.isLogarithmic
        ? axis.low * (axis.high / axis.low) ** share
        : axis.low + (axis.high - axis.low) * share;
      const y = (Number(placeY(share)) + 4).toFixed(1);
      return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${colour}">${formatFigure(Number(value.toPrecision(3)))}</text>`;
    })
    .join("");
}

/** The sum of a phase's terms at each step that has all of them. */
function sumTerms(phase: PhaseView): readonly RunPoint[] {
  const sums = new Map<number, { value: number; terms: number }>();
  for (const { points } of phase.losses) {
    for (const { step, value } of points) {
      const known = sums.get(step) ?? { value: 0, terms: 0 };
      sums.set(step, { value: known.value + value, terms: known.terms + 1 });
    }
  }
  return [...sums]
    .filter(([, { terms }]) => terms === phase.losses.length)
    .map(([step, { value }]) => ({ step, value }));
}

function escapeText(text: string): string {
  return text.replace(
    /[&<>\p{Cc}]/gu,
    (letter) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[letter] ?? "",
  );
}

/** Draws the log of a run; an empty log gives an empty frame. */
export function drawLossCurve(entries: readonly TrainLogEntry[]): string {
  const view = buildRunView(entries.flatMap((entry) => readLogEntry(entry) ?? []));
  const phases = view.phases
    .map((phase) => ({ name: phase.name, points: sumTerms(phase) }))
    .filter(({ points }) => points.length > 0);
  const training = phases.flatMap(({ points }) => points);
  const { rmse, best } = view.validation;
  const lastStep = Math.max(1, view.step);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<rect x="${MARGIN.left}" y="${MARGIN.top}" width="${WIDTH - MARGIN.left - MARGIN.right}" height="${HEIGHT - MARGIN.top - MARGIN.bottom}" fill="none" stroke="#bbb"/>`,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 10}" text-anchor="middle">step (0 … ${lastStep})</text>`,
  ];
  if (training.length > 0) {
    const axis = findAxis(training);
    const names = phases.map(({ name }, index) => {
      const words = phases.length > 1 ? `${name} loss` : "training loss (sum of terms)";
      return `<tspan fill="${LOSS_COLOURS[index % LOSS_COLOURS.length]}">${escapeText(words)}</tspan>`;
    });
    const scale = axis.isLogarithmic ? '<tspan fill="#777">logarithmic</tspan>' : "";
    parts.push(
      `<text x="${MARGIN.left}" y="18">${[...names, scale].filter(Boolean).join(" · ")}</text>`,
      drawTicks(axis, MARGIN.left - 6, "end", LOSS_COLOURS[0]),
      ...phases.map(({ points }, index) =>
        drawCurve(points, axis, lastStep, LOSS_COLOURS[index % LOSS_COLOURS.length]),
      ),
    );
  }
  if (rmse !== null) {
    const axis = findAxis(rmse.points);
    parts.push(
      `<text x="${WIDTH - MARGIN.right}" y="18" text-anchor="end" fill="${VALIDATION_COLOUR}">validation RMSE / HU</text>`,
      drawTicks(axis, WIDTH - MARGIN.right + 6, "start", VALIDATION_COLOUR),
      drawCurve(rmse.points, axis, lastStep, VALIDATION_COLOUR),
    );
    if (best !== null && best.rmseHu !== null) {
      const [x, y] = [placeX(best.step, lastStep), placeY(findShare(axis, best.rmseHu))];
      parts.push(
        `<circle cx="${x}" cy="${y}" r="4" fill="#fff" stroke="${VALIDATION_COLOUR}" stroke-width="1.5"><title>best: ${formatFigure(best.rmseHu)} HU at step ${best.step}</title></circle>`,
      );
    }
  }
  return `${parts.join("\n")}\n</svg>\n`;
}
