/** Exports of voxel grids and projectors. */
export { createDistanceDrivenProjector } from "./distance-driven.ts";
export { createFastProjector, type FastProjector, type FastProjectorOptions } from "./fast-projector.ts";
export { createFastJosephProjector, type SliceProjector } from "./fast-slice-projector.ts";
export { createPlaneGrid, createVolumeGrid, type PlaneGrid, type VolumeGrid } from "./grids.ts";
export { createJosephProjector } from "./joseph.ts";
export { estimateOperatorNorm, type OperatorNormOptions } from "./operator-norm.ts";
export { checkProjection, isDominant } from "./projection-operator.ts";
export { type ProjectorFactory, projectors } from "./projectors.ts";
export { createSeparableFootprintProjector } from "./separable-footprint.ts";
export { createSiddonProjector } from "./siddon.ts";
