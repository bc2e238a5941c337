/** Successive halving: rungs, promotions, and the whole course of a search with known scores. */
import { listRungs, planRungs, type RungResult } from "@alara/studies";
import { expect, it } from "vitest";

const options = { firstSteps: 10, lastSteps: 90, factor: 3 };

/** Trains everything that is planned, one task at a time, score = trial number. */
function run(trials: number, isPatient: boolean): RungResult[] {
  const results: RungResult[] = [];
  for (let guard = 0; guard < 1000; guard++) {
    const [next] = planRungs(results, trials, { ...options, isPatient });
    if (next === undefined) return results;
    results.push({ trial: next.trial, rung: next.rung, score: next.trial });
  }
  throw new Error("never ends");
}

it("lists rungs up to the whole training", () => {
  expect(listRungs(options)).toEqual([10, 30, 90]);
  expect(listRungs({ firstSteps: 10, lastSteps: 100, factor: 3 })).toEqual([10, 30, 90, 100]);
  expect(listRungs({ firstSteps: 50, lastSteps: 50 })).toEqual([50]);
  expect(() => listRungs({ firstSteps: 60, lastSteps: 50 })).toThrow(/60, 50/);
});

it("trains 27 + 9 + 3 rungs of 27 variants when it waits for full rungs, the best ones longest", () => {
  const results = run(27, true);
  const atRung = [0, 1, 2].map((rung) =>
    results.filter((result) => result.rung === rung).map(({ trial }) => trial),
  );
  expect(atRung.map((list) => list.length)).toEqual([27, 9, 3]);
  expect(atRung[1].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(atRung[2].sort((a, b) => a - b)).toEqual([0, 1, 2]);
});

it("never waits in its asynchronous form, and still brings the best variant to the end", () => {
  const results = run(27, false);
  expect(results.filter(({ rung }) => rung === 0)).toHaveLength(27);
  const last = results.filter(({ rung }) => rung === 2).map(({ trial }) => trial);
  expect(last).toContain(0);
  // The first promotion happens long before the first rung is full.
  expect(results.findIndex(({ rung }) => rung === 1)).toBeLessThan(6);
});

it("lets no failed variant go on, and plans what runs already no second time", () => {
  const results: RungResult[] = [
    { trial: 0, rung: 0, score: Number.POSITIVE_INFINITY },
    { trial: 1, rung: 0, score: 5 },
    { trial: 2, rung: 0, score: 7 },
  ];
  expect(planRungs(results, 3, options)).toEqual([{ trial: 1, rung: 1, steps: 30 }]);
  expect(planRungs([...results, { trial: 1, rung: 1 }], 3, options)).toEqual([]);
});
