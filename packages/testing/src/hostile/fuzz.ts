/**
 * Feeds numbered inputs to a target and judges what comes of each: a value, or an error with a known code, in bounded
 * time. Everything else is a finding. Hung inputs are not seen from inside: see watch.ts.
 */
import { AlaraError } from "@alara/core";
import type { Mutator } from "./mutator.ts";

/** What reads input `number`; resolves to a short name of the outcome, or throws. */
export type FuzzTarget = (bytes: Uint8Array, seedName: string, number: number) => Promise<string>;

/** What is wrong with an input's outcome. */
export type FindingKind = "uncaught" | "unknown-code" | "slow" | "hung" | "died";

/** An input that the target did not survive as it should. */
export interface FuzzFinding {
  readonly kind: FindingKind;
  readonly input: number;
  readonly seedName: string;
  readonly detail: string;
}

/** What a run counted. */
export interface FuzzReport {
  inputs: number;
  /** Outcome → count, by seed name. */
  readonly outcomes: Record<string, Record<string, number>>;
  readonly findings: FuzzFinding[];
  /** Longest CPU time of one input, ms, after measuring slow ones again. */
  worstMs: number;
  worstInput: number;
}

/** Options of {@link runFuzz}. */
export interface FuzzOptions {
  readonly first: number;
  readonly count: number;
  /** Codes that errors may carry. */
  readonly knownCodes: ReadonlySet<string>;
  /** An input that takes longer is a finding, ms of CPU. Default 1000. */
  readonly maxMs?: number;
  /** Called before each input. */
  readonly onInput?: (number: number) => void;
}

/** An empty report. */
export function createFuzzReport(): FuzzReport {
  return { inputs: 0, outcomes: {}, findings: [], worstMs: 0, worstInput: -1 };
}

/** Adds a report to another. */
export function mergeFuzzReport(into: FuzzReport, from: FuzzReport): void {
  into.inputs += from.inputs;
  into.findings.push(...from.findings);
  for (const [seed, counts] of Object.entries(from.outcomes)) {
    into.outcomes[seed] ??= {};
    for (const [name, count] of Object.entries(counts)) {
      into.outcomes[seed][name] = (into.outcomes[seed][name] ?? 0) + count;
    }
  }
  if (from.worstMs > into.worstMs) {
    into.worstMs = from.worstMs;
    into.worstInput = from.worstInput;
  }
}

/** Inputs that took longer than this on the wall clock are measured again in CPU time, ms. */
const SUSPECT_MS = 50;
const MAX_FINDINGS = 50;

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw a ${typeof error}: ${String(error).slice(0, 200)}`;
  const place = (error.stack ?? "").split("\n").find((line) => line.includes("/packages/")) ?? "";
  return `${error.name}: ${error.message.slice(0, 200)}${place.trim() === "" ? "" : ` ${place.trim().replace(/\(.*\/packages/, "(packages")}`}`;
}

/** Runs inputs `first` to `first + count`. */
export async function runFuzz(
  mutator: Mutator,
  target: FuzzTarget,
  options: FuzzOptions,
): Promise<FuzzReport> {
  // Most of an expected error's cost is its stack, which nobody reads.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await runInputs(mutator, target, options);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function runInputs(mutator: Mutator, target: FuzzTarget, options: FuzzOptions): Promise<FuzzReport> {
  const report = createFuzzReport();
  const { knownCodes, maxMs = 1000 } = options;
  const end = options.first + options.count;
  for (let number = options.first; number < end; number++) {
    options.onInput?.(number);
    const { seed, bytes } = mutator.createInput(number);
    const seedName = mutator.seeds[seed].name;
    const addFinding = (kind: FindingKind, detail: string): void => {
      if (report.findings.length < MAX_FINDINGS)
        report.findings.push({ kind, input: number, seedName, detail });
    };
    let outcome: string;
    const start = performance.now();
    try {
      outcome = await target(bytes, seedName, number);
    } catch (error) {
      if (error instanceof AlaraError) {
        outcome = error.code;
        if (!knownCodes.has(error.code)) addFinding("unknown-code", describe(error));
      } else {
        outcome = "uncaught";
        addFinding("uncaught", describe(await repeatWithStack(error, () => target(bytes, seedName, number))));
      }
    }
    let elapsedMs = performance.now() - start;
    if (elapsedMs > SUSPECT_MS) {
      elapsedMs = Math.min(elapsedMs, await measureAgain(() => target(bytes, seedName, number)));
      if (elapsedMs > maxMs) addFinding("slow", `${Math.round(elapsedMs)} ms of CPU`);
    }
    if (elapsedMs > report.worstMs) {
      report.worstMs = elapsedMs;
      report.worstInput = number;
    }
    report.outcomes[seedName] ??= {};
    const counts = report.outcomes[seedName];
    counts[outcome] = (counts[outcome] ?? 0) + 1;
    report.inputs++;
  }
  return report;
}

/** The same error with its stack, when it comes again. */
async function repeatWithStack(error: unknown, run: () => Promise<string>): Promise<unknown> {
  Error.stackTraceLimit = 10;
  try {
    await run();
    return error;
  } catch (again) {
    return again;
  } finally {
    Error.stackTraceLimit = 0;
  }
}

/** The least CPU time of two more runs, ms: collection of earlier inputs' garbage and other programs do not count. */
async function measureAgain(run: () => Promise<string>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 2; i++) {
    const start = process.cpuUsage();
    await run().catch(() => undefined);
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}
