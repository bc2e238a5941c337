/**
 * Throughput: a series of 512² slices from DICOM folder to derived DICOM folder with the shipped model, as a user runs
 * it. `ours` is the wall time of the `alara enhance` process for 250 slices, start and exit included; the peer does
 * the same work with pydicom and PyTorch on the same network, imports left out. Memory is the process's high-water mark.
 */
import fs from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { type ProcessRun, runMeasured } from "./measure.ts";
import { findPython } from "./peers/python.ts";
import type { BenchResult } from "./result.ts";
import { writeSyntheticSeries } from "./workload/synthetic-series.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MAIN = `${ROOT}packages/cli/src/main.ts`;
/** The shipped model unless `ALARA_BENCH_MODEL` names another bundle's folder. */
const BUNDLE = process.env.ALARA_BENCH_MODEL ?? `${ROOT}models/residual-cnn`;
const MODEL = `${BUNDLE}/model.onnx`;
const PEER = fileURLToPath(new URL("./peers/enhance-series.py", import.meta.url));
/** A quarter, half and all of the series: times must grow in proportion. */
const SIZES = [63, 125, 250] as const;
const LIMIT_S = 60;
const LIMIT_GIB = 1.5;
/** The slope of the second half may differ from that of the first by this factor at most. */
const LINEARITY = 1.2;

function requireSuccess(run: ProcessRun, what: string): ProcessRun {
  if (run.exitCode !== 0) throw new Error(`${what} ended with ${run.exitCode}: ${run.stderr.slice(-2000)}`);
  return run;
}

async function enhance(folder: TemporaryFolder, input: string, slices: number): Promise<ProcessRun> {
  const output = folder.resolve(`enhanced-${slices}`);
  const run = requireSuccess(
    await runMeasured(process.execPath, [
      MAIN,
      "enhance",
      input,
      "-o",
      output,
      "--model",
      BUNDLE,
      "--no-report",
    ]),
    `alara enhance of ${slices} slices`,
  );
  const written = fs.readdirSync(output, { recursive: true }).filter((name) => String(name).endsWith(".dcm"));
  if (written.length !== slices)
    throw new Error(`expected ${slices} files in the output, found ${written.length}`);
  fs.rmSync(output, { recursive: true });
  return run;
}

/** Runs the bench; needs PyTorch, onnx and pydicom for the system's Python. */
export default async function benchSeries(): Promise<BenchResult> {
  const python = findPython(["torch", "onnx", "pydicom"], "python3-torch python3-onnx python3-pydicom");
  if (!fs.existsSync(MODEL))
    throw new Error(`there is no model at ${MODEL}; train it, or name another with ALARA_BENCH_MODEL`);
  const folder = createTemporaryFolder("bench-series");
  try {
    const runs: { slices: number; run: ProcessRun }[] = [];
    let input = "";
    for (const slices of SIZES) {
      input = folder.resolve(`input-${slices}`);
      await writeSyntheticSeries(input, { slices });
      const run = await enhance(folder, input, slices);
      runs.push({ slices, run });
      process.stderr.write(`${slices} slices: ${run.seconds.toFixed(1)} s\n`);
    }
    const threads = availableParallelism();
    const peer = requireSuccess(
      await runMeasured(python, [PEER, input, MODEL, folder.resolve("peer"), String(threads)], {
        OMP_NUM_THREADS: String(threads),
      }),
      "the peer",
    );
    const peerReport = JSON.parse(peer.stdout) as { seconds: number; torch: string; pydicom: string };

    const [quarter, half, whole] = runs;
    const firstSlope = (half.run.seconds - quarter.run.seconds) / (half.slices - quarter.slices);
    const secondSlope = (whole.run.seconds - half.run.seconds) / (whole.slices - half.slices);
    const growth = secondSlope / firstSlope;
    const peakGib = Math.max(...runs.map(({ run }) => run.peakBytes ?? Number.NaN)) / 2 ** 30;
    const isLinear = growth <= LINEARITY;
    return {
      name: "series",
      ours: whole.run.seconds,
      peer: peerReport.seconds,
      peerName: `pydicom ${peerReport.pydicom} and PyTorch ${peerReport.torch}, ${threads} threads, same network`,
      unit: "s",
      target: `250 slices in ≤ ${LIMIT_S} s with ≤ ${LIMIT_GIB} GiB, slope of the second half ≤ ${LINEARITY} × the first's`,
      ok: whole.run.seconds <= LIMIT_S && peakGib <= LIMIT_GIB && isLinear,
      details: {
        slices: SIZES,
        seconds: runs.map(({ run }) => Number(run.seconds.toFixed(2))),
        slopeRatio: Number(growth.toFixed(3)),
        peakGib: Number(peakGib.toFixed(3)),
        peerPeakGib: Number(((peer.peakBytes ?? Number.NaN) / 2 ** 30).toFixed(3)),
        peerReport,
      },
    };
  } finally {
    folder.dispose();
  }
}
