/** Exports of voxel grids and projectors. */
export { createDistanceDrivenProjector } from "./distance-driven.ts";
export { createPlaneGrid, createVolumeGrid, type PlaneGrid, type VolumeGrid } from "./grids.ts";
export { createJosephProjector } from "./joseph.ts";
export { createFastJosephProjector, type FastProjector } from "./joseph-simd.ts";
export { estimateOperatorNorm, type OperatorNormOptions } from "./operator-norm.ts";
export { checkProjection, isDominant } from "./projection-operator.ts";
export { type ProjectorFactory, projectors } from "./projectors.ts";
export { createSeparableFootprintProjector } from "./separable-footprint.ts";
export { createSiddonProjector } from "./siddon.ts";
