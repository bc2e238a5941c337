/**
 * Successive halving, asynchronous (ASHA: Li et al. 2020, MLSys, algorithm 2): a pure function from the table of results
 * to what to train next. A trial is trained to the first rung; whenever it is among the best 1/η of a rung it may go on to
 * the next, η times as long. Synchronous halving is the same with `isPatient`: nobody goes on before a rung is full.
 */
import { StudiesError } from "./errors.ts";

/** How a search spends its steps. */
export interface HalvingOptions {
  /** Steps of the first rung. */
  readonly firstSteps: number;
  /** Steps of the last rung: a whole training. */
  readonly lastSteps: number;
  /** η: share 1/η goes on, η times as long. Default 3. */
  readonly factor?: number;
  /** Wait until a rung is full before anyone goes on; default false. */
  readonly isPatient?: boolean;
}

/** A trial at a rung; lower scores are better. */
export interface RungResult {
  readonly trial: number;
  readonly rung: number;
  /** Absent while it runs; infinite when it failed. */
  readonly score?: number;
}

/** A trial to train to a rung. */
export interface RungTask {
  readonly trial: number;
  readonly rung: number;
  readonly steps: number;
}

/** Steps of every rung, the last being `lastSteps`. */
export function listRungs({ firstSteps, lastSteps, factor = 3 }: HalvingOptions): number[] {
  if (!(firstSteps >= 1) || !(lastSteps >= firstSteps) || !(factor > 1)) {
    throw new StudiesError(
      "OUT_OF_RANGE",
      `halving needs 1 ≤ first steps ≤ last steps and a factor above 1, got ${firstSteps}, ${lastSteps}, ${factor}`,
    );
  }
  const rungs: number[] = [];
  for (let steps = firstSteps; steps < lastSteps; steps = Math.ceil(steps * factor)) rungs.push(steps);
  return [...rungs, lastSteps];
}

/**
 * What to train next: promotions, best rung first.
 *
 * @param results - everything that was started
 * @param trials - number of trials in all
 * @returns tasks that are not in `results` yet, the trials' first rungs included
 */
export function planRungs(
  results: readonly RungResult[],
  trials: number,
  options: HalvingOptions,
): RungTask[] {
  const { factor = 3, isPatient = false } = options;
  const rungs = listRungs(options);
  const started = new Set(results.map(({ trial, rung }) => `${trial} ${rung}`));
  const tasks: RungTask[] = [];
  for (let rung = rungs.length - 2; rung >= 0; rung--) {
    const done = results.filter((result) => result.rung === rung && result.score !== undefined);
    const expected = rung === 0 ? trials : Math.floor(trials / factor ** rung);
    if (isPatient && done.length < expected) continue;
    const best = done
      .filter(({ score }) => Number.isFinite(score))
      .sort((a, b) => (a.score as number) - (b.score as number) || a.trial - b.trial)
      .slice(0, Math.floor(done.length / factor));
    for (const { trial } of best) {
      if (!started.has(`${trial} ${rung + 1}`)) tasks.push({ trial, rung: rung + 1, steps: rungs[rung + 1] });
    }
  }
  for (let trial = 0; trial < trials; trial++) {
    if (!started.has(`${trial} 0`)) tasks.push({ trial, rung: 0, steps: rungs[0] });
  }
  return tasks;
}
