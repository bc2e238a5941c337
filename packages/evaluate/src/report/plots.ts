/**
 * Line plots over slices as static SVG text: axes from 0 (or from the data), one line per image, a marker that the
 * page's script moves to the slice on screen. Gaps where a slice has no value.
 */
import { escapeHtml } from "./escape.ts";

/** One line of a plot. */
export interface PlotLine {
  readonly name: string;
  /** Colour class. */
  readonly role: "input" | "candidate" | "reference";
  /** Dash pattern, to tell candidates apart: 0 is solid. */
  readonly dash: number;
  readonly values: readonly (number | null)[];
}

const WIDTH = 640;
const HEIGHT = 230;
const LEFT = 46;
const RIGHT = 14;
const TOP = 30;
const BOTTOM = 36;

/** A step of 1, 2 or 5 times a power of ten that cuts `span` into 3 to 6 parts. */
function chooseStep(span: number): number {
  const raw = span / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const share = raw / power;
  return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

/**
 * Draws a plot.
 *
 * @param title - what is plotted, with unit
 * @param lines - all of the same length, one value per slice
 * @returns an `<svg>` element; empty text when no line has a value
 */
export function renderPlot(title: string, lines: readonly PlotLine[]): string {
  const known = lines.flatMap((line) => line.values.filter((v) => v !== null));
  if (known.length === 0) return "";
  const slices = Math.max(...lines.map((line) => line.values.length));
  const highest = known.reduce((a, b) => Math.max(a, b), 0);
  const step = chooseStep(highest > 0 ? highest : 1);
  const top = step * Math.ceil((highest * 1.04) / step || 1);
  const stride = slices > 1 ? (WIDTH - LEFT - RIGHT) / (slices - 1) : 0;
  const first = slices > 1 ? LEFT : (LEFT + WIDTH - RIGHT) / 2;
  const x = (slice: number): string => (first + slice * stride).toFixed(1);
  const y = (value: number): string => (HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM)).toFixed(1);

  const parts: string[] = [];
  for (let k = 0; k * step <= top * 1.0001; k++) {
    const value = k * step;
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    parts.push(
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>`,
      `<text x="${LEFT - 8}" y="${Number(y(value)) + 4}" text-anchor="end">${value.toFixed(digits)}</text>`,
    );
  }
  const every = Math.max(1, chooseStep(slices));
  const ticks = [1];
  for (let slice = every; slice <= slices; slice += every) if (slice > 1) ticks.push(Math.round(slice));
  for (const tick of ticks) {
    parts.push(`<text x="${x(tick - 1)}" y="${HEIGHT - BOTTOM + 17}" text-anchor="middle">${tick}</text>`);
  }
  parts.push(`<text x="${WIDTH - RIGHT}" y="${HEIGHT - 3}" text-anchor="end">slice</text>`);
  let legend = LEFT;
  for (const line of lines) {
    let path = "";
    let drawing = false;
    const dots: string[] = [];
    for (const [slice, value] of line.values.entries()) {
      if (value === null) {
        drawing = false;
        continue;
      }
      path += `${drawing ? "L" : "M"}${x(slice)} ${y(value)}`;
      drawing = true;
      if (slices <= 40) {
        dots.push(`<circle class="f-${line.role}" cx="${x(slice)}" cy="${y(value)}" r="2.4"/>`);
      }
    }
    if (path === "") continue;
    const name = escapeHtml(line.name);
    parts.push(
      `<path class="line s-${line.role} dash-${line.dash}" d="${path}"/>`,
      ...dots,
      `<line class="line s-${line.role} dash-${line.dash}" x1="${legend}" x2="${legend + 20}" y1="13" y2="13"/>`,
      `<text x="${legend + 26}" y="17">${name}</text>`,
    );
    legend += 44 + 7 * line.name.length;
  }
  const label = escapeHtml(title);
  return (
    `<div><h3>${label}</h3>` +
    `<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}" ` +
    `data-first="${first}" data-step="${stride}">${parts.join("")}` +
    `<g class="plot-marker" transform="translate(${first} 0)"><line x1="0" x2="0" y1="${TOP - 6}" y2="${HEIGHT - BOTTOM}"/></g>` +
    "</svg></div>"
  );
}
