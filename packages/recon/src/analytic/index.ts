/** Exports of filtered back-projection. */
export { backprojectFanArcReference } from "./fan-backprojection.ts";
export { createFanFilter, type FanFilter, getDetectorNyquistPerMm } from "./fan-filter.ts";
export { type FbpOptions, reconstructFbp } from "./fbp.ts";
export type { FbpPlan } from "./plan.ts";
export { type RampWindow, rampWindows } from "./windows.ts";
