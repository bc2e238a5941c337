/**
 * Ten million mutated inputs through everything that `@alara/dicom` does with a file: DICOM of every kind and transfer
 * syntax, and every other volume format. Child processes do the reading, this one watches: an input on which a child
 * makes no progress for 20 s counts as hung, one on which it exits as died. The target is no finding of any kind:
 * nothing uncaught, no unknown code, none hung or died, none of a second of CPU or more.
 *
 * `ALARA_FUZZ_INPUTS=<n>` runs another number, `ALARA_FUZZ_SEED=<n>` other inputs. A finding names its input: the same
 * seed and number make it again. Inputs with findings are written to `bench/results/fuzz-dicom/`.
 */
import fs from "node:fs";
import process from "node:process";
import { runWatchedFuzz } from "@alara/testing/hostile";
import { createFuzzTask } from "../../packages/dicom/test/hostile-target.ts";
import type { BenchResult } from "../result.ts";

const INPUTS = Number(process.env.ALARA_FUZZ_INPUTS ?? 10_000_000);
const SEED = Number(process.env.ALARA_FUZZ_SEED ?? 20260401);
const TARGET_INPUTS = 10_000_000;
const RESULTS = new URL("../results/", import.meta.url);

/** Sums the outcomes of all seeds. */
function countOutcomes(
  outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>,
): Record<string, number> {
  const sums = new Map<string, number>();
  for (const counts of Object.values(outcomes)) {
    for (const [name, count] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return Object.fromEntries([...sums].sort((a, b) => b[1] - a[1]));
}

/** Keeps the inputs of findings as files. */
async function keepInputs(inputs: readonly number[]): Promise<void> {
  if (inputs.length === 0) return;
  const folder = new URL("fuzz-dicom/", RESULTS);
  fs.mkdirSync(folder, { recursive: true });
  const { mutator } = await createFuzzTask(SEED);
  for (const input of inputs) {
    fs.writeFileSync(new URL(`${SEED}-${input}.bin`, folder), mutator.createInput(input).bytes);
  }
}

/** Runs the study; about half an hour on two idle cores. */
export default async function fuzzDicom(): Promise<BenchResult> {
  const start = performance.now();
  let lastReport = start;
  const report = await runWatchedFuzz({
    taskModule: new URL("../../packages/dicom/test/hostile-target.ts", import.meta.url).href,
    seed: SEED,
    inputs: INPUTS,
    onProgress: (done, findings) => {
      const now = performance.now();
      if (now - lastReport < 10_000 && done < INPUTS) return;
      lastReport = now;
      const rate = done / ((now - start) / 1000);
      const left = Math.round((INPUTS - done) / rate);
      process.stderr.write(
        `${done} of ${INPUTS} inputs, ${findings} findings, ${Math.round(rate)}/s, ${left} s left\n`,
      );
    },
  });
  const seconds = (performance.now() - start) / 1000;
  await keepInputs(report.findings.map((finding) => finding.input));
  const outcomes = countOutcomes(report.outcomes);
  const ok = report.findings.length === 0 && report.inputs >= TARGET_INPUTS;
  return {
    name: "fuzz-dicom",
    ours: report.findings.length,
    peer: TARGET_INPUTS,
    peerName: "inputs required",
    unit: "findings",
    target: `0 findings in ≥ ${TARGET_INPUTS} inputs`,
    ok,
    details: {
      inputs: report.inputs,
      seed: SEED,
      findings: report.findings,
      "slowest input, ms": Math.round(report.worstMs),
      "number of the slowest input": report.worstInput,
      "largest peak of a child, MiB": Math.round(report.peakRssBytes / 2 ** 20),
      "inputs per second": Math.round(report.inputs / seconds),
      outcomes,
      "outcomes by seed": report.outcomes,
    },
  };
}
