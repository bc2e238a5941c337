/** Cross-validation: who is where in the folds, and the table over patients. */
import {
  computeJobKey,
  computeTrialKey,
  formatCrossValidation,
  planCrossValidation,
  summariseCrossValidation,
} from "@alara/studies";
import { expect, it } from "vitest";
import { makeResult, recipe } from "./study-data.ts";

const patients = Array.from({ length: 12 }, (_, k) => `p${k}`);

it("tests each of 12 patients once, on networks that never saw them", () => {
  const { folds, trials } = planCrossValidation(recipe, patients, {
    folds: "leave-one-out",
    seed: 3,
    dataDigest: "d",
  });
  expect(folds).toHaveLength(12);
  expect(trials.flatMap((trial) => trial.patients?.test ?? []).sort()).toEqual([...patients].sort());
  for (const { patients: sides } of trials) {
    const all = [...(sides?.train ?? []), ...(sides?.validation ?? []), ...(sides?.test ?? [])];
    expect(new Set(all).size).toBe(12);
    expect(sides?.train).toHaveLength(10);
    expect(sides?.validation).toHaveLength(1);
  }
});

it("gives keys that know recipe, patients and data, but not how far a trial has come", async () => {
  const [trial, other] = planCrossValidation(recipe, patients, { folds: 4, seed: 3, dataDigest: "d" }).trials;
  const key = await computeTrialKey(trial);
  expect(await computeTrialKey({ ...trial, until: 5 })).toBe(key);
  expect(await computeJobKey({ ...trial, until: 5 })).not.toBe(await computeJobKey(trial));
  expect(await computeTrialKey(other)).not.toBe(key);
  expect(await computeTrialKey({ ...trial, dataDigest: "e" })).not.toBe(key);
});

it("averages images of a patient first, then patients, and pairs input with output", () => {
  const image = (patient: string, rmseHu: number, inputRmseHu: number) => ({
    id: `${patient}#0`,
    patient,
    rmseHu,
    inputRmseHu,
  });
  const summary = summariseCrossValidation([
    makeResult(1, [image("a", 8, 20), image("a", 12, 20), image("b", 9, 21)]),
    makeResult(2, [image("c", 11, 19), image("d", 10, 30)]),
  ]);
  const [rmse] = summary.figures;
  expect(summary.figures).toHaveLength(1);
  expect(rmse.output.values).toEqual([10, 9, 11, 10]);
  expect(rmse.output.mean).toBe(10);
  expect(rmse.output.sd).toBeCloseTo(Math.sqrt(2 / 3), 12);
  expect(rmse.input.mean).toBe(22.5);
  // Four differences of one sign, without ties: exact p = 2/16.
  expect(rmse.test).toMatchObject({ pValue: 0.125, isExact: true, rankBiserial: -1 });
  expect(summary.folds[0].figures).toEqual([{ name: "rmseHu", output: 9.5, input: 20.5 }]);
  const text = formatCrossValidation(summary);
  expect(text).toContain("22.50 ± 5.07 → 10.00 ± 0.82");
  expect(text).toContain("fold 2: 24.50 → 10.50");
});

it("refuses an empty result", () => {
  expect(() => summariseCrossValidation([makeResult(1)])).toThrow(/without a test image/);
});
