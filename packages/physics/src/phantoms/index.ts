/** Exports of phantoms with exact line integrals and voxels. */

export * from "./anatomy/index.ts";
export { type BodyPhantomOptions, createRandomBodyPhantom } from "./body-phantom.ts";
export { type ConvexSolid, prepareSolid, type SolidBounds } from "./convex-solid.ts";
export {
  convertPhantomToMu,
  createPhantomProjector,
  type Ellipse,
  type ExtrudePhantomOptions,
  extrudePhantom,
  type Phantom,
  type PhantomProjector,
  type ProjectPhantomOptions,
  projectPhantom,
  type VoxelizeOptions,
  voxelizePhantom,
} from "./phantom.ts";
export {
  createWaterCylinder,
  type PhantomEntry,
  phantoms,
  type WaterCylinderOptions,
} from "./phantoms.ts";
export {
  type AxesAngles,
  combinePhantoms,
  createAxes,
  createAxesAlong,
  type Placement,
  placePhantom,
  placeSolid,
} from "./place-solids.ts";
export { type ProjectSolidsOptions, projectValuePhantom } from "./project-solids.ts";
export { createSheppLoganPhantom, type SheppLoganOptions } from "./shepp-logan.ts";
export type {
  ClipPlane,
  MaterialPhantom,
  Solid,
  SolidAxes,
  SolidPhantom,
  SolidShape,
  ValuePhantom,
} from "./solid.ts";
export type { VoxelizeSolidsOptions } from "./solid-rows.ts";
export {
  createMaterialProjector,
  createSolidTracer,
  createValueProjector,
  listMaterials,
  type SolidTracer,
  type ValueProjector,
} from "./trace-solids.ts";
export {
  computeMaterialFractions,
  computeShapeVolume,
  labelSolids,
  type MaterialFractions,
  voxelizeSolids,
} from "./voxelize-solids.ts";
