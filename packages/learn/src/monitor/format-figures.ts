/** Numbers and durations as a monitor writes them: four digits that matter, time in two units. */

/** Four significant digits, an exponent for the very small and the very large: `0.04312`, `7e-6`, `1234`. */
export function formatFigure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    return value
      .toExponential(2)
      .replace(/\.?0+e/, "e")
      .replace("e+", "e");
  }
  return size >= 1000 ? value.toFixed(0) : Number(value.toPrecision(4)).toString();
}

/** Whole numbers with thin groups: `16 000`. */
export function formatCount(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, " ");
}

/** Seconds as `45 s`, `12 min 05 s`, `1 h 05 min`, `2 d 03 h`. */
export function formatSpan(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${pad(hours % 24)} h`;
}

/** Speed from seconds per step: `3.2 steps/s`, or `4.1 s/step` for slow ones. */
export function formatSpeed(secondsPerStep: number): string {
  if (!(secondsPerStep > 0)) return "–";
  return secondsPerStep <= 1
    ? `${formatFigure(Number((1 / secondsPerStep).toPrecision(3)))} steps/s`
    : `${formatFigure(Number(secondsPerStep.toPrecision(3)))} s/step`;
}
