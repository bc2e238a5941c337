/**
 * A validation sample as one picture for the eye: input, output, target … side by side in a stated HU window, the
 * difference in one of its own, names above and grey scales with their HU below. For looking only: the grey levels are
 * rounded and clipped, so nothing is to be measured in it.
 */
import { LearnError } from "../errors.ts";
import type { SampleEntry } from "../monitor/sample-index.ts";
import type { ValidationSample } from "../validation.ts";
import { type Canvas, countLetters, drawText, LETTER_ADVANCE, LETTER_HEIGHT } from "./bitmap-font.ts";

/** HU windows of a sheet. */
export interface SheetWindows {
  /** HU shown black and white; default soft tissue, [−160, 240]. */
  readonly windowHu?: readonly [number, number];
  /** The same for the difference; default [−100, 100]. */
  readonly differenceHu?: readonly [number, number];
}

/** A drawn sheet: pixels, and what the sample index says of it. */
export interface SampleSheet extends Canvas {
  readonly panels: readonly string[];
  readonly windowHu: readonly [number, number];
  readonly differenceHu: SampleEntry["differenceHu"];
}

/** Panels narrower than this are enlarged by whole pixels. */
const LEAST_PANEL_WIDTH = 256;
const MOST_PANELS = 8;
const GAP = 4;
const PAPER = 24;
const INK = 235;
/** Grey of pixels that are not a number. */
const NO_NUMBER = 0;

interface Panel {
  readonly name: string;
  readonly data: Float32Array;
  readonly windowHu: readonly [number, number];
}

function subtract(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, index) => value - b[index]);
}

function arrangePanels(sample: ValidationSample, windows: Required<SheetWindows>): readonly Panel[] {
  const { id, rows, columns, images } = sample;
  if (
    images.length === 0 ||
    images.length > MOST_PANELS ||
    images.some(({ data }) => data.length !== rows * columns)
  ) {
    const lengths = images.map(({ name, data }) => `${name} ${data.length}`).join(", ");
    throw new LearnError(
      "SHAPE_MISMATCH",
      `sample "${id}" needs 1 to ${MOST_PANELS} images of ${rows} × ${columns} = ${rows * columns} pixels; got ${lengths || "none"}`,
    );
  }
  const panels: Panel[] = images.map(({ name, data }) => ({ name, data, windowHu: windows.windowHu }));
  const find = (name: string): Float32Array | undefined => images.find((image) => image.name === name)?.data;
  const [output, target, input] = [find("output"), find("target"), find("input")];
  const against = target ?? input;
  if (output !== undefined && against !== undefined) {
    panels.push({
      name: `output − ${target === undefined ? "input" : "target"}`,
      data: subtract(output, against),
      windowHu: windows.differenceHu,
    });
  }
  return panels;
}

function drawImage(
  canvas: Canvas,
  panel: Panel,
  place: { readonly row: number; readonly column: number; readonly zoom: number; readonly columns: number },
): void {
  const { zoom, columns } = place;
  const [black, white] = panel.windowHu;
  for (let p = 0; p < panel.data.length; p++) {
    const value = panel.data[p];
    const grey = Number.isNaN(value)
      ? NO_NUMBER
      : Math.max(0, Math.min(255, Math.round((255 * (value - black)) / (white - black))));
    const row = place.row + Math.floor(p / columns) * zoom;
    const column = place.column + (p % columns) * zoom;
    for (let y = 0; y < zoom; y++) {
      canvas.pixels.fill(
        grey,
        (row + y) * canvas.columns + column,
        (row + y) * canvas.columns + column + zoom,
      );
    }
  }
}

/** A grey scale between its two HU. */
function drawScale(
  canvas: Canvas,
  [black, white]: readonly [number, number],
  place: { readonly row: number; readonly column: number; readonly width: number; readonly scale: number },
): void {
  const { row, column, width, scale } = place;
  const advance = LETTER_ADVANCE * scale;
  const [low, high] = [`${black}`, `${white} HU`];
  const start = column + (low.length + 1) * advance;
  const length = Math.max(0, Math.min(width - (low.length + high.length + 2) * advance, 128 * scale));
  drawText(canvas, low, { row, column, scale, grey: INK });
  drawText(canvas, high, { row, column: start + length + advance, scale, grey: INK });
  for (let y = 0; y < LETTER_HEIGHT * scale; y++) {
    for (let x = 0; x < length; x++) {
      const isRim = y === 0 || y === LETTER_HEIGHT * scale - 1 || x === 0 || x === length - 1;
      canvas.pixels[(row + y) * canvas.columns + start + x] = isRim
        ? 128
        : Math.round((255 * x) / (length - 1));
    }
  }
}

/**
 * Draws the sheet of a sample.
 *
 * @param sample - at most 8 images in HU, `[row][column]`; a difference panel is added when there is an output and
 *   something to subtract (the target, else the input)
 * @throws LearnError `SHAPE_MISMATCH` when an image is not rows × columns
 */
export function drawSampleSheet(sample: ValidationSample, windows: SheetWindows = {}): SampleSheet {
  const { windowHu = [-160, 240], differenceHu = [-100, 100] } = windows;
  const panels = arrangePanels(sample, { windowHu, differenceHu });
  const zoom = Math.max(1, Math.ceil(LEAST_PANEL_WIDTH / sample.columns));
  const [width, height] = [sample.columns * zoom, sample.rows * zoom];
  const scale = width >= 480 ? 2 : 1;
  const strip = (LETTER_HEIGHT + 6) * scale;
  const columns = panels.length * (width + GAP) + GAP;
  const rows = strip + height + 2 * strip;
  const canvas: Canvas = { pixels: new Uint8Array(rows * columns).fill(PAPER), rows, columns };
  const margin = 3 * scale;
  for (const [index, panel] of panels.entries()) {
    const column = GAP + index * (width + GAP);
    const name = panel.name.slice(0, countLetters(width, scale));
    drawText(canvas, name, { row: margin, column, scale, grey: INK });
    drawImage(canvas, panel, { row: strip, column, zoom, columns: sample.columns });
    drawScale(canvas, panel.windowHu, { row: strip + height + margin, column, width, scale });
  }
  const caption = `step ${sample.step}  ${sample.id}`.slice(0, countLetters(columns - 2 * GAP, scale));
  drawText(canvas, caption, { row: 2 * strip + height + margin, column: GAP, scale, grey: INK });
  return {
    ...canvas,
    panels: panels.map(({ name }) => name),
    windowHu,
    differenceHu: panels.length > sample.images.length ? differenceHu : null,
  };
}
