/**
 * `@alara/learn/web`: what the training engine needs from a browser: the onnxruntime-web runtime, on a page or in a
 * worker, and training in a worker of its own.
 */
export { createWebRuntime, type WebRuntimeOptions } from "./web/runtime.ts";
export { openTrainingWorker, type TrainingWorker, type WorkerRun } from "./web/training-worker.ts";
