/**
 * One training step of a four-level 2D U-Net (32 channels at the top, two 3×3 convolutions on each side of a level, maximum
 * pooling, nearest enlargement; batch 8 of 128²; L1; Adam) against PyTorch; what is measured is said in
 * workload/training.ts.
 */
import { createUnet } from "@alara/learn";
import type { BenchResult } from "./result.ts";
import { benchTraining } from "./workload/training.ts";

const CONFIG = {
  levels: 4,
  channels: 32,
  convolutionsPerLevel: 2,
  up: "nearest",
  scaleHu: 500,
} as const;

/** Runs the bench; needs PyTorch for the system's Python. */
export default function benchTrainUnet2d(): Promise<BenchResult> {
  return benchTraining({
    name: "train-unet2d",
    network: createUnet({ ...CONFIG, dimensions: 2, lastLayerGain: 0.1 }),
    workload: { ...CONFIG, batch: 8, sizes: [128, 128], learningRate: 1e-4 },
    limit: 1.2,
    repeats: 9,
  });
}
