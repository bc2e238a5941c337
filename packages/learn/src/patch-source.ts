/**
 * The source interface of the trainer's first form: square 2D patches of input and target. Sources themselves stand in
 * `data/`; those made by `createPairSource` satisfy this interface and `BatchSource` alike.
 */
import type { Random } from "@alara/core";
import type { Batch } from "./data/pair-source.ts";

export {
  type Batch,
  createPairSource,
  type ExplicitPair,
  type PairSource,
  type PairSourceOptions,
  type TrainingPair,
} from "./data/pair-source.ts";

/** Draws training batches; everything random comes from `random`. */
export interface PatchSource {
  drawBatch(random: Random, batch: number, patch: number): Batch;
}
