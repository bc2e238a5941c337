/**
 * The loss curve of a run as a self-contained SVG: training loss (left axis) and validation RMSE (right).
 */
import type { TrainLogEntry } from "./trainer.ts";

const WIDTH = 720;
const HEIGHT = 360;
const MARGIN = { left: 64, right: 64, top: 28, bottom: 40 };

interface Point {
  readonly step: number;
  readonly value: number;
}

interface Axis {
  readonly low: number;
  readonly high: number;
}

function findAxis(points: readonly Point[]): Axis {
  const values = points.map((point) => point.value);
  const low = Math.min(...values);
  const high = Math.max(...values);
  return high > low ? { low, high } : { low: low - 0.5, high: high + 0.5 };
}

function formatTick(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

function drawCurve(points: readonly Point[], axis: Axis, lastStep: number, colour: string): string {
  const path = points.map(({ step, value }) => {
    const x = MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * step) / lastStep;
    const share = (value - axis.low) / (axis.high - axis.low);
    const y = HEIGHT - MARGIN.bottom - (HEIGHT - MARGIN.top - MARGIN.bottom) * share;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${path.join(" ")}"/>`;
}

function drawTicks(axis: Axis, x: number, anchor: "start" | "end", colour: string): string {
  return [0, 0.25, 0.5, 0.75, 1]
    .map((share) => {
      const y = HEIGHT - MARGIN.bottom - (HEIGHT - MARGIN.top - MARGIN.bottom) * share;
      const value = axis.low + (axis.high - axis.low) * share;
      return `<text x="${x}" y="${(y + 4).toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${formatTick(value)}</text>`;
    })
    .join("");
}

/** Draws the log of a run; an empty log gives an empty frame. */
export function drawLossCurve(entries: readonly TrainLogEntry[]): string {
  const training: Point[] = [];
  const validation: Point[] = [];
  for (const entry of entries) {
    if (entry.kind === "train") {
      const names = Object.keys(entry.means).filter((name) => name.startsWith("loss."));
      training.push({ step: entry.step, value: names.reduce((sum, name) => sum + entry.means[name], 0) });
    } else if (entry.kind === "validation") {
      validation.push({ step: entry.step, value: entry.rmseHu });
    }
  }
  const lastStep = Math.max(1, ...training.map(({ step }) => step), ...validation.map(({ step }) => step));
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<rect x="${MARGIN.left}" y="${MARGIN.top}" width="${WIDTH - MARGIN.left - MARGIN.right}" height="${HEIGHT - MARGIN.top - MARGIN.bottom}" fill="none" stroke="#bbb"/>`,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 10}" text-anchor="middle">step (0 … ${lastStep})</text>`,
  ];
  if (training.length > 0) {
    const axis = findAxis(training);
    parts.push(`<text x="${MARGIN.left}" y="18" fill="#1f5fa8">training loss (sum of terms)</text>`);
    parts.push(
      drawTicks(axis, MARGIN.left - 6, "end", "#1f5fa8"),
      drawCurve(training, axis, lastStep, "#1f5fa8"),
    );
  }
  if (validation.length > 0) {
    const axis = findAxis(validation);
    parts.push(
      `<text x="${WIDTH - MARGIN.right}" y="18" text-anchor="end" fill="#b4451f">validation RMSE / HU</text>`,
    );
    parts.push(
      drawTicks(axis, WIDTH - MARGIN.right + 6, "start", "#b4451f"),
      drawCurve(validation, axis, lastStep, "#b4451f"),
    );
  }
  return `${parts.join("\n")}\n</svg>\n`;
}
