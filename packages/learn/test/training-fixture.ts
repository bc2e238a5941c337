/** A small synthetic denoising task: smooth discs with white noise. */
import { createRandom } from "@alara/core";
import {
  type BatchSource,
  createPairSource,
  type MethodRecipe,
  methods,
  type TrainingPair,
  type TrainingProgram,
  type TrainLogEntry,
  type TrainSettings,
  type TrainSink,
  type ValidationPair,
} from "@alara/learn";

const SIDE = 64;

/** A slice with a textured disc in air, and two noise fields of 40 HU. */
export function createPair(id: string, seed: number): TrainingPair {
  const random = createRandom(seed);
  const target = new Float32Array(SIDE * SIDE);
  for (let r = 0; r < SIDE; r++) {
    for (let c = 0; c < SIDE; c++) {
      const inside = Math.hypot(r - SIDE / 2, c - SIDE / 2) < 28;
      target[r * SIDE + c] = inside ? 40 + 60 * Math.sin(r / 7 + seed) * Math.cos(c / 9) : -1000;
    }
  }
  const noises = [0, 1].map(() => Float32Array.from(target, () => 40 * random.nextNormal()));
  return { id, rows: SIDE, columns: SIDE, target, noises, levelRange: [0.7, 1.4] };
}

/** A held-out pair with noise at unit level. */
export function createValidation(id: string, seed: number): ValidationPair {
  const { rows, columns, target, noises } = createPair(id, seed);
  const clean = Float32Array.from(target);
  return { id, rows, columns, target: clean, input: clean.map((x, k) => x + noises[0][k]) };
}

export const source: BatchSource = createPairSource([createPair("a", 1), createPair("b", 2)], {
  tissueFraction: 0,
});
export const validationPairs: readonly ValidationPair[] = [createValidation("v", 3)];
export const settings: TrainSettings = {
  seed: 11,
  batch: 4,
  patch: 24,
  steps: 24,
  logEvery: 5,
  validateEvery: 8,
};
export const recipe: MethodRecipe = {
  method: "regression",
  networks: { main: { name: "residual-cnn", config: { channels: 8, layers: 3, unshuffle: 1 } } },
  losses: [{ name: "l1", options: { scale: 40 } }],
  optimiser: { kind: "adam", averageDecay: 0.95 },
  learningRate: { kind: "cosine", value: 8e-3, warmupSteps: 5 },
  batch: 4,
  patch: [24, 24],
};
/** Writes the program of the recipe with some of it changed. */
export function buildProgram(changes: Partial<MethodRecipe> = {}): TrainingProgram {
  const changed = { ...recipe, ...changes };
  return methods.get(changed.method).build(changed);
}

/** A sink that keeps everything in memory. */
export function createMemorySink(): {
  sink: TrainSink;
  entries: TrainLogEntry[];
  checkpoints: Uint8Array[];
  failures: Uint8Array[];
} {
  const entries: TrainLogEntry[] = [];
  const checkpoints: Uint8Array[] = [];
  const failures: Uint8Array[] = [];
  return {
    entries,
    checkpoints,
    failures,
    sink: {
      async log(entry) {
        entries.push(entry);
      },
      async saveCheckpoint(bytes) {
        checkpoints.push(bytes);
      },
      async saveFailure(_step, bytes) {
        failures.push(bytes);
      },
    },
  };
}
