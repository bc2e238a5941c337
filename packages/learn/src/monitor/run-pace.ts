/**
 * How fast a run goes and when it ends, from the times of its log lines. Medians over the recent lines, so that a
 * pause, a resumption or one slow validation does not move the estimate; steps and validations are timed apart,
 * since a validation may cost as much as hundreds of steps.
 */
import type { RunSession } from "./run-facts.ts";
import type { RunRecord } from "./run-log.ts";

/** Lines that the medians run over. */
const RECENT = 20;

/** The pace of a run; null where the log does not tell. */
export interface RunPace {
  readonly secondsPerStep: number | null;
  readonly secondsPerValidation: number | null;
  /** Steps from one validation to the next. */
  readonly validateEvery: number | null;
  readonly lastValidationStep: number | null;
  /** Time between the last lines, to tell a quiet run from a dead one. */
  readonly secondsPerLine: number | null;
}

/** Median; null of nothing. */
export function findMedian(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Measures the pace.
 *
 * @param records - the log in order
 * @param sessions - starts of the run's processes; the gap before each is not counted
 */
export function measurePace(records: readonly RunRecord[], sessions: readonly RunSession[] = []): RunPace {
  const starts = sessions.map(({ startedAt }) => Date.parse(startedAt));
  const clean: number[] = [];
  const withValidation: number[] = [];
  const validations: number[] = [];
  const lines: number[] = [];
  const validationGaps: number[] = [];
  let lastValidationStep: number | null = null;
  let previous: RunRecord | null = null;
  for (const record of records) {
    if (record.kind === "validation") {
      if (lastValidationStep !== null && record.step > lastValidationStep) {
        validationGaps.push(record.step - lastValidationStep);
      }
      lastValidationStep = record.step;
    }
    const from = previous;
    previous = record;
    if (record.kind === "end" || from === null || from.timeMs === null || record.timeMs === null) continue;
    const [begin, end] = [from.timeMs, record.timeMs];
    if (end < begin || starts.some((start) => start > begin && start <= end)) continue;
    const seconds = (end - begin) / 1000;
    const steps = record.step - from.step;
    lines.push(seconds);
    if (steps > 0) (record.kind === "train" ? clean : withValidation).push(seconds / steps);
    else if (steps === 0 && record.kind === "validation") validations.push(seconds);
  }
  const recent = (values: readonly number[]): number | null => findMedian(values.slice(-RECENT));
  return {
    secondsPerStep: recent(clean) ?? recent(withValidation),
    secondsPerValidation: recent(validations),
    validateEvery: recent(validationGaps),
    lastValidationStep,
    secondsPerLine: recent(lines),
  };
}

/**
 * Time left.
 *
 * @param at.step - steps done
 * @param at.total - steps of the run
 * @returns seconds; null before the pace is known; an early stop may end the run sooner
 */
export function estimateRemainingSeconds(
  pace: RunPace,
  at: { readonly step: number; readonly total: number },
): number | null {
  if (pace.secondsPerStep === null) return null;
  const training = Math.max(0, at.total - at.step) * pace.secondsPerStep;
  const { validateEvery, lastValidationStep, secondsPerValidation } = pace;
  if (validateEvery === null || lastValidationStep === null || secondsPerValidation === null) return training;
  const left = Math.max(0, Math.ceil((at.total - lastValidationStep) / validateEvery));
  return training + left * secondsPerValidation;
}

/** Seconds the run has worked: pauses between sessions are left out. */
export function measureElapsedSeconds(
  records: readonly RunRecord[],
  sessions: readonly RunSession[] = [],
): number | null {
  const times = records.flatMap(({ timeMs }) => (timeMs === null ? [] : [timeMs]));
  if (times.length === 0) return null;
  const starts = sessions.map(({ startedAt }) => Date.parse(startedAt)).sort((a, b) => a - b);
  if (starts.length === 0 || starts[0] > times[0]) starts.unshift(times[0]);
  let total = 0;
  for (const [index, start] of starts.entries()) {
    const next = starts[index + 1] ?? Number.POSITIVE_INFINITY;
    const last = times.filter((time) => time >= start && time < next).at(-1);
    if (last !== undefined) total += (last - start) / 1000;
  }
  return total;
}
