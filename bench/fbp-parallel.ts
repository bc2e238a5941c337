/**
 * Parallel-beam filtered back-projection: 512² pixels, 984 views, rays one pixel apart, a stack of eight; also against
 * scikit-image's `iradon`, whose output must agree.
 */
import { createCentredGrid } from "@alara/core";
import { createFbpPlan, createSimdEngine } from "@alara/recon";
import { summariseTimes } from "./measure.ts";
import { startRadon } from "./peers/timed-process.ts";
import type { BenchResult } from "./result.ts";
import { createParallelScan, readFloats, requireAgreement, writeFloats } from "./workload/ct-scans.ts";
import { benchFbp, type FbpBenchContext } from "./workload/fbp-bench.ts";

const SIDE = 512;

/** `iradon` on the first slice; its axis lies on pixel ⌊n/2⌋, its angles run the other way round. */
async function compareWithIradon({
  plan,
  data,
  folder,
  pool,
}: FbpBenchContext): Promise<Record<string, unknown>> {
  const { channels, anglesRad } = plan.geometry;
  const views = anglesRad.length;
  const first = data.subarray(0, views * channels);
  writeFloats(`${folder}/sinogram.bin`, first);
  const peer = await startRadon("iradon", folder, views, channels, SIDE);
  try {
    const times = summariseTimes([await peer.run(), await peer.run()]);
    await peer.save();
    const grid = createCentredGrid([1, SIDE, SIDE], [1, 1, 1]);
    const geometry = { ...plan.geometry, anglesRad: anglesRad.map((angle) => -angle) };
    const ours = new Float32Array(SIDE * SIDE);
    const shifted = createFbpPlan(geometry as typeof plan.geometry, grid, { axisOffsetMm: [0.5, 0.5] });
    // In iradon's frame s = column · cosθ − row · sinθ.
    await createSimdEngine({ pool }).run(shifted, first, ours, {});
    return {
      [`${peer.name}, s per slice`]: times.medianS,
      "relative RMS difference to scikit-image's output": requireAgreement(
        "ours and iradon",
        ours,
        readFloats(`${folder}/radon.bin`),
        2e-2,
      ),
    };
  } finally {
    peer.stop();
  }
}

/** Runs the bench; needs gcc and a Python with scikit-image. */
export default function benchFbpParallel(): Promise<BenchResult> {
  return benchFbp(
    {
      name: "fbp-parallel",
      makeGeometry: (views) => createParallelScan(views, SIDE),
      views: 984,
      arcRad: Math.PI,
      size: [8, SIDE, SIDE],
      pixelMm: 1,
      limitS: 0.12,
      unit: "s per slice",
      peerSlices: 8,
      typescriptViews: 246,
      curves: { views: [246, 492, 984, 1968], slices: [8, 16, 32], "rows and columns": [256, 362, 512, 724] },
    },
    compareWithIradon,
  );
}
