/**
 * `@alara/testing/hostile`: seeded damage to files, the run that judges what readers make of it, and the watch over
 * runs that may hang or die.
 */
export { type DicomTree, type Layout, type Piece, parseDicomTree, writeDicomTree } from "./dicom-tree.ts";
export {
  createFuzzReport,
  type FindingKind,
  type FuzzFinding,
  type FuzzOptions,
  type FuzzReport,
  type FuzzTarget,
  mergeFuzzReport,
  runFuzz,
} from "./fuzz.ts";
export { createHostileName, HOSTILE_NAMES } from "./interesting.ts";
export {
  createMutator,
  type HostileInput,
  type HostileSeed,
  type Mutator,
  type MutatorOptions,
  type SeedLayout,
} from "./mutator.ts";
export { type FuzzTask, runWatchedFuzz, type WatchedFuzzOptions } from "./watch.ts";
