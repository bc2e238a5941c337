/**
 * What a bench hands back, and the one line of JSON that a run ends with. A bench measures Alara and a peer in
 * the same run on the same machine; figures without a peer are not published.
 */
import { readCommit } from "../packages/cli/src/version.ts";
import { describeMachine, type Machine } from "./machine.ts";

/** The outcome of one bench. */
export interface BenchResult {
  readonly name: string;
  /** Alara's figure, in `unit`. */
  readonly ours: number;
  /** The peer's figure from the same run, in `unit`. */
  readonly peer: number;
  /** What the peer is: program, version, settings. */
  readonly peerName: string;
  readonly unit: string;
  /** The target in words, e.g. "ratio ≤ 1.5". */
  readonly target: string;
  /** Whether the target was met in this run. */
  readonly ok: boolean;
  /** Anything worth keeping beside the figures: spreads, sizes, seeds. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What a bench file exports as its default. */
export type Bench = () => Promise<BenchResult>;

/** The printed line: the result with its ratio and where it was measured. */
export interface BenchLine {
  readonly name: string;
  readonly ours: number;
  readonly peer: number;
  /** ours / peer, in `unit`s of the same kind. */
  readonly ratio: number;
  readonly unit: string;
  readonly target: string;
  readonly ok: boolean;
  readonly peerName: string;
  readonly machine: Machine;
  readonly commit: string;
}

function roundFigure(value: number): number {
  return Number(value.toPrecision(5));
}

/** Completes a result with ratio, machine and commit; figures are rounded to five significant digits. */
export function completeResult(result: BenchResult): BenchLine {
  return {
    name: result.name,
    ours: roundFigure(result.ours),
    peer: roundFigure(result.peer),
    ratio: roundFigure(result.ours / result.peer),
    unit: result.unit,
    target: result.target,
    ok: result.ok,
    peerName: result.peerName,
    machine: describeMachine(),
    commit: readCommit(),
  };
}

/** Prints the details, one per line, and then the line of JSON alone on the last line, which it returns. */
export function printResult(result: BenchResult): BenchLine {
  for (const [key, value] of Object.entries(result.details ?? {})) {
    process.stdout.write(`${key}: ${typeof value === "string" ? value : JSON.stringify(value)}\n`);
  }
  const line = completeResult(result);
  process.stdout.write(`${JSON.stringify(line)}\n`);
  return line;
}
