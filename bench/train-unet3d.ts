/**
 * One training step of a four-level 3D U-Net (16 channels at the top, two 3×3×3 convolutions on each side of a level, maximum
 * pooling, nearest enlargement; batch 1 of 64³; L1; Adam) against PyTorch; what is measured is said in
 * workload/training.ts.
 */
import { createUnet } from "@alara/learn";
import type { BenchResult } from "./result.ts";
import { benchTraining } from "./workload/training.ts";

const CONFIG = {
  levels: 4,
  channels: 16,
  convolutionsPerLevel: 2,
  up: "nearest",
  scaleHu: 500,
} as const;

/** Runs the bench; needs PyTorch for the system's Python. */
export default function benchTrainUnet3d(): Promise<BenchResult> {
  return benchTraining({
    name: "train-unet3d",
    network: createUnet({ ...CONFIG, dimensions: 3, lastLayerGain: 0.1 }),
    workload: { ...CONFIG, batch: 1, sizes: [64, 64, 64], learningRate: 1e-4 },
    limit: 1.6,
    repeats: 9,
  });
}
