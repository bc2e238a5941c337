/**
 * Mutated files through everything that the package does with a file: a value or a known code each time, in bounded
 * time. 10⁵ inputs, 10⁶ under ALARA_FULL; `npm run evidence fuzz-dicom` runs 10⁷ under a watchdog.
 */
import process from "node:process";
import { type FuzzReport, type FuzzTask, runFuzz } from "@alara/testing/hostile";
import { beforeAll, describe, expect, it } from "vitest";
import { createFuzzTask } from "./hostile-target.ts";

const SEED = 20260101;
const INPUTS = process.env.ALARA_FULL ? 1_000_000 : 100_000;

describe("hostile input", () => {
  let task: FuzzTask;
  let report: FuzzReport;

  beforeAll(async () => {
    task = await createFuzzTask(SEED);
  });

  it("starts from seeds that are sound", async () => {
    for (const { name, bytes } of task.mutator.seeds) {
      expect(await task.target(bytes, name, 0), name).toMatch(/^(decoded|read.*|decode: MISSING_ATTRIBUTE)$/);
    }
  });

  it(`gives a value or a known code for each of ${INPUTS} mutants, in less than a second`, async () => {
    report = await runFuzz(task.mutator, task.target, {
      first: 0,
      count: INPUTS,
      knownCodes: task.knownCodes,
    });
    expect(report.findings).toEqual([]);
    expect(report.inputs).toBe(INPUTS);
    expect(report.worstMs).toBeLessThan(1000);
  }, 1_200_000);

  it("reached every seed, and past reading with a good part of each", () => {
    for (const { name } of task.mutator.seeds) {
      const outcomes = report.outcomes[name];
      const counts = Object.values(outcomes);
      const total = counts.reduce((sum, count) => sum + count, 0);
      const refusedAtOnce = Object.entries(outcomes)
        .filter(([outcome]) => !/^(decode|write|read [a-z])/.test(outcome))
        .reduce((sum, [, count]) => sum + count, 0);
      expect(total, name).toBeGreaterThan(100);
      expect(refusedAtOnce / total, name).toBeLessThan(0.95);
      expect(counts.length, name).toBeGreaterThan(3);
    }
  });

  it("makes an input again from its number", () => {
    const first = task.mutator.createInput(4711).bytes;
    expect(task.mutator.createInput(4711).bytes).toEqual(first);
    expect(task.mutator.createInput(4712).bytes).not.toEqual(first);
  });
});
