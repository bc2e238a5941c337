/** Feldkamp–Davis–Kress reconstruction of 256³ voxels from 360 views of 256² on a flat detector. */
import type { BenchResult } from "./result.ts";
import { createAngles } from "./workload/ct-scans.ts";
import { benchFbp } from "./workload/fbp-bench.ts";

const SIDE = 256;

/** Runs the bench; needs gcc. */
export default function benchFdk(): Promise<BenchResult> {
  return benchFbp({
    name: "fdk",
    makeGeometry: (views) => ({
      ...{ kind: "cone-flat", sourceToIsoMm: 1000, sourceToDetectorMm: 1500, channels: SIDE, rows: SIDE },
      ...{ channelPitchMm: 1.6, rowPitchMm: 1.6, channelOffset: 0, rowOffset: 0 },
      anglesRad: createAngles(views, 2 * Math.PI),
    }),
    views: 360,
    arcRad: 2 * Math.PI,
    size: [SIDE, SIDE, SIDE],
    pixelMm: 0.9,
    limitS: 15,
    unit: "s per volume",
    peerSlices: SIDE,
    typescriptViews: 6,
    curves: { views: [90, 180, 360], slices: [64, 128, 256], "rows and columns": [128, 181, 256] },
  });
}
