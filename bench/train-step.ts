/**
 * One training step of the 8-layer network (1 → 64, 6 × 64 → 64, 64 → 1, 3×3, ReLU; batch 16 of 64×64; L1; Adam)
 * against PyTorch; what is measured is said in workload/training.ts.
 */
import { createResidualCnn } from "@alara/learn";
import type { BenchResult } from "./result.ts";
import { benchTraining } from "./workload/training.ts";

const CONFIG = {
  channels: 64,
  layers: 8,
  unshuffle: 1,
  kernel: 3,
  scaleHu: 500,
  lastLayerGain: 0.1,
} as const;

/** Runs the bench; needs PyTorch for the system's Python. */
export default function benchTrainStep(): Promise<BenchResult> {
  return benchTraining({
    name: "train-step",
    network: createResidualCnn(CONFIG),
    workload: { ...CONFIG, batch: 16, sizes: [64, 64], learningRate: 1e-4 },
    limit: 1.2,
    repeats: 15,
  });
}
