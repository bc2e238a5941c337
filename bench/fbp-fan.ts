/** Fan-beam filtered back-projection at clinical size: 512² pixels, 984 views × 888 channels, a stack of eight. */
import type { BenchResult } from "./result.ts";
import { createFanScan } from "./workload/ct-scans.ts";
import { benchFbp } from "./workload/fbp-bench.ts";

/** Runs the bench; needs gcc. */
export default function benchFbpFan(): Promise<BenchResult> {
  return benchFbp({
    name: "fbp-fan",
    makeGeometry: createFanScan,
    views: 984,
    arcRad: 2 * Math.PI,
    size: [8, 512, 512],
    pixelMm: 500 / 512,
    limitS: 0.3,
    unit: "s per slice",
    peerSlices: 8,
    typescriptViews: 246,
    curves: { views: [246, 492, 984, 1968], slices: [8, 16, 32], "rows and columns": [256, 362, 512, 724] },
  });
}
