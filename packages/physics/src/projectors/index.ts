/** Exports of voxel grids and projectors. */
export { createPlaneGrid, createVolumeGrid, type PlaneGrid, type VolumeGrid } from "./grids.ts";
export { createJosephProjector } from "./joseph.ts";
export { createFastJosephProjector, type FastProjector } from "./joseph-simd.ts";
export { type ProjectorFactory, projectors } from "./projectors.ts";
