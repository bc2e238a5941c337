/** Exports of filtered back-projection. */
export {
  createDetectorLine,
  type DetectorLine,
  type FbpGeometry,
  getFanAngleRad,
} from "./detector-line.ts";
export type { FbpEngine, OpenFbpEngine } from "./engine.ts";
export { createFanFilter, type FanFilter, getDetectorNyquistPerMm } from "./fan-filter.ts";
export { type FbpOptions, reconstructFbp } from "./fbp.ts";
export { fbpEngines } from "./fbp-engines.ts";
export { estimateFbpMemory, type FbpMemory } from "./fbp-memory.ts";
export {
  type FbpSlab,
  type FbpSlabOptions,
  type FbpSlabPlan,
  type FbpSource,
  planFbpSlabs,
  reconstructFbpSlabs,
} from "./fbp-slabs.ts";
export {
  createFbpPlan,
  type FbpPlan,
  type FbpPlanOptions,
  getPlanRows,
  selectPlanSlices,
  selectPlanViews,
} from "./plan.ts";
export type { TruncationOptions } from "./projection-checks.ts";
export { computeOffsetWeight, computeOverlapWeight, computeParkerWeight } from "./redundancy-weights.ts";
export { referenceEngine } from "./reference-engine.ts";
export { createPlanFilter, createRowFilter, type PlanFilter, type RowFilter } from "./row-filter.ts";
export { findTruncation, type TruncatedEdge, type TruncationMode } from "./truncation.ts";
export { unwrapAngles } from "./view-sampling.ts";
export type { DetectorOffsetMode } from "./view-weights.ts";
export { cutWindow, type RampWindow, rampWindows } from "./windows.ts";
