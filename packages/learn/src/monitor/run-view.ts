/**
 * A run as a monitor shows it: curves, last figures, best validation, pace and time left. Built from the log's
 * records and the run's facts by a pure function; the terminal, the page and the plot in the run folder draw the
 * same view.
 */
import type { RunSession, StoredRunFacts } from "./run-facts.ts";
import type { RunRecord } from "./run-log.ts";
import { estimateRemainingSeconds, measureElapsedSeconds, measurePace, type RunPace } from "./run-pace.ts";

/** A value at a step. */
export interface RunPoint {
  readonly step: number;
  readonly value: number;
}

/** A named curve over steps. */
export interface RunCurve {
  readonly name: string;
  readonly points: readonly RunPoint[];
  readonly last: RunPoint;
  readonly lowest: RunPoint;
}

/** Curves of one phase of training; `name` is "" for the only phase of a simple run. */
export interface PhaseView {
  readonly name: string;
  readonly losses: readonly RunCurve[];
  readonly other: readonly RunCurve[];
  readonly learningRate: RunCurve | null;
  readonly gradientNorm: RunCurve | null;
}

/** Validation so far. */
export interface ValidationView {
  /** RMSE in HU over all held-out pairs. */
  readonly rmse: RunCurve | null;
  /** The same for the unprocessed input. */
  readonly inputRmseHu: number | null;
  readonly figures: readonly RunCurve[];
  /** The validation whose weights are kept. */
  readonly best: { readonly step: number; readonly rmseHu: number | null } | null;
  /** Pairs of the last validation. */
  readonly perPair: readonly { readonly id: string; readonly rmseHu: number }[];
}

/** Where a run stands. */
export type RunStatus = "waiting" | "running" | "finished" | "early stop" | "aborted";

/** Everything that a monitor shows; plain JSON. */
export interface RunView {
  readonly status: RunStatus;
  readonly step: number;
  /** Steps of the whole run; null when nobody said. */
  readonly total: number | null;
  readonly phases: readonly PhaseView[];
  readonly validation: ValidationView;
  readonly pace: RunPace;
  /** Time left as of the last line; null when unknown, 0 when the run has ended. */
  readonly remainingSeconds: number | null;
  /** Time worked, without pauses; null in logs without times. */
  readonly elapsedSeconds: number | null;
  /** Time of the last line, milliseconds since 1970. */
  readonly updatedMs: number | null;
}

/** Options of {@link buildRunView}. */
export interface RunViewOptions {
  /** What `run.json` says. */
  readonly facts?: StoredRunFacts | null;
  /** Longest curve; longer ones keep the lowest and the highest value of each stretch. Default: all points. */
  readonly maximumPoints?: number;
}

/** Curves that a log may hold at most; what is beyond is not shown. */
const MOST_CURVES = 96;

/** Keeps the shape of a long curve: first, last, and both extremes of equal stretches. */
export function thinPoints(points: readonly RunPoint[], maximum: number): readonly RunPoint[] {
  if (points.length <= maximum) return points;
  const stretches = Math.max(1, Math.floor((maximum - 2) / 2));
  const kept: RunPoint[] = [points[0]];
  for (let s = 0; s < stretches; s++) {
    const from = 1 + Math.floor((s * (points.length - 2)) / stretches);
    const to = 1 + Math.floor(((s + 1) * (points.length - 2)) / stretches);
    let [low, high] = [from, from];
    for (let i = from; i < to; i++) {
      if (points[i].value < points[low].value) low = i;
      if (points[i].value > points[high].value) high = i;
    }
    if (low === high) kept.push(points[low]);
    else kept.push(points[Math.min(low, high)], points[Math.max(low, high)]);
  }
  kept.push(points[points.length - 1]);
  return kept;
}

function toCurve(name: string, points: readonly RunPoint[], maximum: number): RunCurve | null {
  const last = points.at(-1);
  if (last === undefined) return null;
  const lowest = points.reduce((low, point) => (point.value < low.value ? point : low), last);
  return { name, points: thinPoints(points, maximum), last, lowest };
}

function statusOf(records: readonly RunRecord[]): RunStatus {
  const last = records.at(-1);
  if (last === undefined) return "waiting";
  if (last.kind !== "end") return "running";
  return last.reason === "finished" || last.reason === "early stop" ? last.reason : "aborted";
}

/** Collects points by phase, kind and name, in order of first appearance. */
function collectPhases(records: readonly RunRecord[], maximum: number): readonly PhaseView[] {
  const phases = new Map<string, Map<string, RunPoint[]>>();
  let curves = 0;
  const add = (phase: string, key: string, step: number, value: number | null): void => {
    if (value === null) return;
    const known = phases.get(phase) ?? new Map<string, RunPoint[]>();
    phases.set(phase, known);
    const points = known.get(key);
    if (points !== undefined) points.push({ step, value });
    else if (curves++ < MOST_CURVES) known.set(key, [{ step, value }]);
  };
  for (const record of records) {
    if (record.kind !== "train") continue;
    for (const [name, phase] of Object.entries(record.phases)) {
      for (const [term, value] of Object.entries(phase.losses)) add(name, `loss ${term}`, record.step, value);
      for (const [item, value] of Object.entries(phase.other)) add(name, `other ${item}`, record.step, value);
      add(name, "rate", record.step, phase.learningRate);
      add(name, "norm", record.step, phase.gradientNorm);
    }
  }
  return [...phases].map(([name, known]) => {
    const pick = (prefix: string): readonly RunCurve[] =>
      [...known].flatMap(([key, points]) => {
        const curve = key.startsWith(prefix) ? toCurve(key.slice(prefix.length), points, maximum) : null;
        return curve === null ? [] : [curve];
      });
    return {
      name,
      losses: pick("loss "),
      other: pick("other "),
      learningRate: toCurve("learning rate", known.get("rate") ?? [], maximum),
      gradientNorm: toCurve("gradient norm", known.get("norm") ?? [], maximum),
    };
  });
}

function collectValidation(records: readonly RunRecord[], maximum: number): ValidationView {
  const rmse: RunPoint[] = [];
  const figures = new Map<string, RunPoint[]>();
  let best: ValidationView["best"] = null;
  let inputRmseHu: number | null = null;
  let perPair: ValidationView["perPair"] = [];
  for (const record of records) {
    if (record.kind !== "validation") continue;
    if (record.rmseHu !== null) rmse.push({ step: record.step, value: record.rmseHu });
    if (record.isBest) best = { step: record.step, rmseHu: record.rmseHu };
    inputRmseHu = record.inputRmseHu ?? inputRmseHu;
    perPair = record.perPair;
    for (const [name, value] of Object.entries(record.figures)) {
      const points = figures.get(name);
      if (points !== undefined) points.push({ step: record.step, value });
      else if (figures.size < MOST_CURVES) figures.set(name, [{ step: record.step, value }]);
    }
  }
  return {
    rmse: toCurve("validation RMSE", rmse, maximum),
    inputRmseHu,
    figures: [...figures].flatMap(([name, points]) => toCurve(name, points, maximum) ?? []),
    best,
    perPair,
  };
}

/**
 * Builds the view of a run.
 *
 * @param records - the log in order of its lines
 * Tested on logs of one and several phases, cut, resumed, without times and without facts.
 */
export function buildRunView(records: readonly RunRecord[], options: RunViewOptions = {}): RunView {
  const { facts = null, maximumPoints = Number.POSITIVE_INFINITY } = options;
  const sessions: readonly RunSession[] = facts?.sessions ?? [];
  const status = statusOf(records);
  const step = records.at(-1)?.step ?? sessions.at(-1)?.fromStep ?? 0;
  const total = facts === null ? null : facts.steps;
  const pace = measurePace(records, sessions);
  const isOver = status !== "running" && status !== "waiting";
  return {
    status,
    step,
    total,
    phases: collectPhases(records, maximumPoints),
    validation: collectValidation(records, maximumPoints),
    pace,
    remainingSeconds: isOver ? 0 : total === null ? null : estimateRemainingSeconds(pace, { step, total }),
    elapsedSeconds: measureElapsedSeconds(records, sessions),
    updatedMs: records.findLast(({ timeMs }) => timeMs !== null)?.timeMs ?? null,
  };
}
