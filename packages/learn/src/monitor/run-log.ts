/**
 * Lines of a run's `log.jsonl` as records of one shape. A log may be of a run with one phase or several, of an
 * older version, or cut short by a crash; every number is checked here, so that what reads records need not.
 * The trainer's own entries are `TrainLogEntry`; the run folder adds `time`, since the trainer has no clock.
 */

/** What one phase of training reported. */
export interface PhaseRecord {
  /** Mean of each loss term since the last line, by name. */
  readonly losses: Readonly<Record<string, number>>;
  readonly gradientNorm: number | null;
  readonly learningRate: number | null;
  /** Further means by name. */
  readonly other: Readonly<Record<string, number>>;
}

/** A line of the log. `timeMs` is milliseconds since 1970, or null in logs without times. */
export type RunRecord =
  | {
      readonly kind: "train";
      readonly step: number;
      readonly timeMs: number | null;
      /** By phase name; runs of one unnamed phase have the name "". */
      readonly phases: Readonly<Record<string, PhaseRecord>>;
    }
  | {
      readonly kind: "validation";
      readonly step: number;
      readonly timeMs: number | null;
      readonly rmseHu: number | null;
      readonly inputRmseHu: number | null;
      /** Further figures by name. */
      readonly figures: Readonly<Record<string, number>>;
      readonly perPair: readonly { readonly id: string; readonly rmseHu: number }[];
      readonly isBest: boolean;
    }
  | {
      readonly kind: "end";
      readonly step: number;
      readonly timeMs: number | null;
      readonly reason: string;
    };

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readNumber(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Entries of an object that are finite numbers. */
function listNumbers(value: unknown): readonly (readonly [string, number])[] {
  if (!isFields(value)) return [];
  return Object.entries(value).flatMap(([name, item]) => {
    const number = readNumber(item);
    return number === null ? [] : [[name, number] as const];
  });
}

interface PhaseDraft {
  readonly losses: Record<string, number>;
  gradientNorm: number | null;
  learningRate: number | null;
  readonly other: Record<string, number>;
}

/** Parts of a key of `means`: `loss.l1`, `generator.loss.l1`, `generator.gradientNorm`, `critic.accuracy`. */
function splitKey(key: string): { phase: string; kind: "loss" | "gradientNorm" | "other"; name: string } {
  const loss = /^(?:(.+?)\.)?loss\.(.+)$/s.exec(key);
  if (loss) return { phase: loss[1] ?? "", kind: "loss", name: loss[2] };
  const norm = /^(?:(.+)\.)?gradientNorm$/s.exec(key);
  if (norm) return { phase: norm[1] ?? "", kind: "gradientNorm", name: "" };
  const dot = key.indexOf(".");
  return { phase: dot > 0 ? key.slice(0, dot) : "", kind: "other", name: key.slice(dot + 1) };
}

function readPhases(entry: Fields): Readonly<Record<string, PhaseRecord>> {
  const drafts = new Map<string, PhaseDraft>();
  const open = (phase: string): PhaseDraft => {
    const known = drafts.get(phase) ?? { losses: {}, gradientNorm: null, learningRate: null, other: {} };
    drafts.set(phase, known);
    return known;
  };
  for (const [key, value] of listNumbers(entry.means)) {
    const { phase, kind, name } = splitKey(key);
    const draft = open(phase);
    if (kind === "loss") draft.losses[name] = value;
    else if (kind === "gradientNorm") draft.gradientNorm = value;
    else draft.other[name] = value;
  }
  for (const [phase, value] of listNumbers(entry.learningRates)) open(phase).learningRate = value;
  const single = readNumber(entry.learningRate);
  if (single !== null) {
    const names = drafts.size === 0 ? [""] : [...drafts.keys()];
    for (const name of names) open(name).learningRate ??= single;
  }
  return Object.fromEntries(drafts);
}

/**
 * Turns a parsed line into a record.
 *
 * @param entry - what `JSON.parse` gave, or a `TrainLogEntry` with or without `time`
 * @returns null when it is no line of a training log; values that are not finite numbers are left out
 */
export function readLogEntry(entry: unknown): RunRecord | null {
  if (!isFields(entry)) return null;
  const step = readNumber(entry.step);
  if (step === null || step < 0) return null;
  const parsed = typeof entry.time === "string" ? Date.parse(entry.time) : Number.NaN;
  const timeMs = Number.isNaN(parsed) ? null : parsed;
  switch (entry.kind) {
    case "train":
      return { kind: "train", step, timeMs, phases: readPhases(entry) };
    case "validation": {
      const score = readNumber(entry.score);
      const named = listNumbers(entry.figures).filter(
        ([name]) => name !== "rmseHu" && name !== "inputRmseHu",
      );
      const pairs: readonly unknown[] = Array.isArray(entry.perPair) ? entry.perPair : [];
      return {
        kind: "validation",
        step,
        timeMs,
        rmseHu: readNumber(entry.rmseHu),
        inputRmseHu: readNumber(entry.inputRmseHu),
        // Without an RMSE the score is all there is to tell better from worse.
        figures: Object.fromEntries(
          readNumber(entry.rmseHu) === null && score !== null ? [["score", score], ...named] : named,
        ),
        perPair: pairs.flatMap((pair) => {
          const rmseHu = isFields(pair) ? readNumber(pair.rmseHu) : null;
          return isFields(pair) && typeof pair.id === "string" && rmseHu !== null
            ? [{ id: pair.id, rmseHu }]
            : [];
        }),
        isBest: entry.isBest === true,
      };
    }
    case "end":
      return { kind: "end", step, timeMs, reason: String(entry.reason) };
    default:
      return null;
  }
}

/**
 * Reads one line of `log.jsonl`.
 *
 * @returns null for an empty, damaged or foreign line
 */
export function parseLogLine(line: string): RunRecord | null {
  try {
    return readLogEntry(JSON.parse(line));
  } catch {
    return null;
  }
}
