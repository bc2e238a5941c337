/**
 * `@alara/learn/node`: what the training engine needs from Node: the onnxruntime-node runtime and run folders.
 */
export { inspectPlacement, type Placement, type PlacementOptions } from "./node/placement.ts";
export {
  openRunFolder,
  type RunFolder,
  type RunFolderOptions,
  type StampedLogEntry,
} from "./node/run-folder.ts";
export { createNodeRuntime, type NodeRuntimeOptions } from "./node/runtime.ts";
