/**
 * A parallel-coordinates plot (Inselberg 1985) of a search: one axis per varied field and one for the score, one line per
 * variant, coloured from the best to the worst. A self-contained SVG.
 */

import type { VariantRecord } from "./search.ts";
import type { SettingValue } from "./search-space.ts";

const WIDTH_PER_AXIS = 150;
const MARGIN = { left: 90, right: 110, top: 56, bottom: 40 };
/** Lines through one value of a list are spread over this share of the axis, the best lowest, so that they can be told. */
const SPREAD = 0.05;
const HEIGHT = 420;
/** Colours from best to worst, light enough on white and dark enough on black; safe for colour-blind eyes (viridis-like). */
const COLOURS = ["#2a788e", "#22a884", "#7ad151", "#c8b020", "#d08a3c", "#a0617e"];

interface Axis {
  readonly label: string;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
  /** 0 at the bottom, 1 at the top. */
  readonly place: (value: SettingValue) => number;
  /** Few values, so that many lines go through each. */
  readonly isList: boolean;
}

function escapeText(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : Number(value.toPrecision(3)).toString();
}

/** A number axis; logarithmic when the values span more than a factor of 30 above 0. */
function createNumberAxis(label: string, values: readonly number[]): Axis {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const isLog = low > 0 && high / low > 30;
  const scale = (x: number): number => (isLog ? Math.log(x) : x);
  const span = scale(high) - scale(low);
  const place = (value: SettingValue): number =>
    span === 0 ? 0.5 : (scale(value as number) - scale(low)) / span;
  const unscale = (share: number): number =>
    isLog ? low * (high / low) ** share : low + (high - low) * share;
  const distinct = [...new Set(values)].sort((a, b) => a - b);
  const marks = distinct.length <= 6 ? distinct : [0, 0.25, 0.5, 0.75, 1].map(unscale);
  return {
    label,
    place,
    isList: distinct.length <= 6,
    ticks: marks.map((value) => ({ at: place(value), text: formatNumber(value) })),
  };
}

function createWordAxis(label: string, values: readonly SettingValue[]): Axis {
  const words = [...new Set(values.map((value) => JSON.stringify(value)))];
  const place = (value: SettingValue): number =>
    words.length === 1 ? 0.5 : words.indexOf(JSON.stringify(value)) / (words.length - 1);
  return {
    label,
    place,
    isList: true,
    ticks: words.map((word) => ({
      at: place(JSON.parse(word) as SettingValue),
      text: word.replace(/^"|"$/g, ""),
    })),
  };
}

function createAxis(label: string, values: readonly SettingValue[]): Axis {
  const isNumeric = values.every((value) => typeof value === "number");
  return isNumeric ? createNumberAxis(label, values as number[]) : createWordAxis(label, values);
}

/**
 * Draws the plot. Variants without a finite score are left out and counted in the caption.
 *
 * @param scoreLabel - what the score is; default "score (lower is better)"
 */
export function drawParallelCoordinates(
  records: readonly VariantRecord[],
  options: { readonly scoreLabel?: string } = {},
): string {
  const { scoreLabel = "score (lower is better)" } = options;
  const shown = records.filter(({ score }) => score !== undefined && Number.isFinite(score));
  const paths = Object.keys(records[0]?.settings ?? {});
  const axes =
    shown.length === 0
      ? []
      : [
          ...paths.map((path) => {
            const names = path.split(".");
            const isAmbiguous = paths.filter((other) => other.endsWith(`.${names.at(-1)}`)).length > 1;
            return createAxis(
              isAmbiguous ? names.slice(-2).join(".") : (names.at(-1) as string),
              shown.map(({ settings }) => settings[path]),
            );
          }),
          createNumberAxis(
            scoreLabel,
            shown.map(({ score }) => score as number),
          ),
        ];
  const width = MARGIN.left + MARGIN.right + WIDTH_PER_AXIS * Math.max(1, axes.length - 1);
  const x = (axis: number): number => MARGIN.left + WIDTH_PER_AXIS * axis;
  const y = (share: number): number => HEIGHT - MARGIN.bottom - share * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const byScore = [...shown].sort((a, b) => (b.score as number) - (a.score as number));
  const lines = byScore.map((record, k) => {
    const rank = byScore.length - 1 - k;
    const colour =
      COLOURS[Math.min(COLOURS.length - 1, Math.floor((rank * COLOURS.length) / byScore.length))];
    const values = [...paths.map((path) => record.settings[path]), record.score as number];
    const points = values.map((value, axis) => {
      const shift = axes[axis].isList ? SPREAD * (rank / byScore.length - 0.5) : 0;
      return `${x(axis).toFixed(1)},${y(axes[axis].place(value) + shift).toFixed(1)}`;
    });
    const title = `trial ${record.trial + 1}: ${formatNumber(record.score as number)} after ${record.steps} steps`;
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="${rank === 0 ? 3.5 : 1.3}" stroke-opacity="${rank === 0 ? 1 : 0.6}"><title>${escapeText(title)}</title></polyline>`;
  });
  const drawn = axes.map(({ label, ticks }, k) => {
    // The last axis is read from the right.
    const side = k === axes.length - 1 ? 1 : -1;
    const anchor = side === 1 ? "start" : "end";
    const marks = ticks.map(({ at, text }) => {
      const level = y(at).toFixed(1);
      return `<line x1="${x(k) - 4}" x2="${x(k) + 4}" y1="${level}" y2="${level}" stroke="#555"/><text x="${x(k) + 8 * side}" y="${(y(at) + 4).toFixed(1)}" text-anchor="${anchor}" class="tick">${escapeText(text)}</text>`;
    });
    return `<line x1="${x(k)}" x2="${x(k)}" y1="${y(-SPREAD / 2)}" y2="${y(1 + SPREAD / 2)}" stroke="#555"/><text x="${x(k)}" y="${MARGIN.top - 26}" text-anchor="middle" class="label">${escapeText(label)}</text>${marks.join("")}`;
  });
  const missing = records.length - shown.length;
  const caption = `${shown.length} variants${missing > 0 ? `, ${missing} without a score` : ""}; the thick line is the best, colours go from the best to the worst sixth`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${HEIGHT}" viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${escapeText(caption)}"><style>text{font-family:system-ui,sans-serif;fill:#222;paint-order:stroke;stroke:#fff;stroke-width:3px}.label{font-size:13px;font-weight:600}.tick{font-size:11px}</style><rect width="100%" height="100%" fill="#fff"/>${lines.join("")}${drawn.join("")}<text x="${MARGIN.left}" y="${HEIGHT - 10}" class="tick">${escapeText(caption)}</text></svg>\n`;
}
