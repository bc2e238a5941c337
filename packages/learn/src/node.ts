/**
 * `@alara/learn/node`: what the training engine needs from Node: the onnxruntime-node runtime and run folders.
 */
export { openRunFolder, type RunFolder } from "./node/run-folder.ts";
export { createNodeRuntime, type NodeRuntimeOptions } from "./node/runtime.ts";
