/**
 * A curve in one line of text, in eight heights of block characters. Each character is the mean of its stretch of
 * steps; positive curves that span more than a decade are drawn by their logarithm.
 */
import type { RunPoint } from "./run-view.ts";

const BLOCKS = "▁▂▃▄▅▆▇█";

/** A drawn curve. */
export interface Sparkline {
  readonly text: string;
  /** Character of {@link SparklineOptions.markStep}; −1 without one. */
  readonly markIndex: number;
}

/** Options of {@link drawSparkline}. */
export interface SparklineOptions {
  /** Characters at most. */
  readonly width: number;
  /** Step to find in the drawing, such as the best validation. */
  readonly markStep?: number;
}

/** Draws a curve; fewer points than the width give one character each. */
export function drawSparkline(points: readonly RunPoint[], options: SparklineOptions): Sparkline {
  const width = Math.min(Math.max(0, Math.floor(options.width)), points.length);
  if (width === 0) return { text: "", markIndex: -1 };
  const low = points.reduce((least, { value }) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = points.reduce((most, { value }) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const scale = low > 0 && high / low > 10 ? Math.log : (value: number): number => value;
  const [bottom, span] = [scale(low), scale(high) - scale(low)];
  let text = "";
  let markIndex = -1;
  for (let c = 0; c < width; c++) {
    const stretch = points.slice(
      Math.floor((c * points.length) / width),
      Math.floor(((c + 1) * points.length) / width),
    );
    const mean = stretch.reduce((sum, { value }) => sum + scale(value), 0) / stretch.length;
    text += BLOCKS[span > 0 ? Math.min(7, Math.floor((8 * (mean - bottom)) / span)) : 3];
    if (stretch.some(({ step }) => step === options.markStep)) markIndex = c;
  }
  return { text, markIndex };
}
