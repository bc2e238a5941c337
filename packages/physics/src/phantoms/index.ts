/** Exports of phantoms with exact line integrals and voxels. */

export * from "./anatomy/index.ts";
export { type BodyPhantomOptions, createRandomBodyPhantom } from "./body-phantom.ts";
export { type ConvexSolid, prepareSolid, type SolidBounds } from "./convex-solid.ts";
export { listInserts, type PhantomInsert } from "./inserts.ts";
export {
  createLesionPair,
  getContentAt,
  insertLesion,
  insertValueLesion,
  type LesionForm,
  type LesionPair,
  type MaterialLesion,
  removeLabelled,
  type ValueLesion,
} from "./lesions.ts";
export { evaluatePhantom, voxelizeHu, voxelizeMu } from "./material-voxels.ts";
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
export { measurePhantomBounds } from "./phantom-bounds.ts";
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
export {
  acrModuleHeightsMm,
  createAcr464,
  createAcrModule1,
  createAcrModule2,
  createAcrModule3,
  createAcrModule4,
} from "./quality/acr-464.ts";
export {
  type CatphanModuleOptions,
  type Ctp404FdaModelOptions,
  type Ctp404Options,
  catphanModuleHeightsMm,
  createCatphan,
  createCtp404,
  createCtp404FdaModel,
  createCtp486,
  createCtp515,
  createCtp528,
} from "./quality/catphan.ts";
export { createWaterEquivalent } from "./quality/contents.ts";
export {
  createForbildHead,
  createForbildHeadOfMaterials,
  type ForbildHeadOptions,
  type ForbildHeadValueOptions,
} from "./quality/forbild-head.ts";
export {
  type Cct189Options,
  createCct189,
  createMicroCtPhantom,
  createWaterPhantom,
  type MicroCtPhantomOptions,
  type WaterPhantomOptions,
} from "./quality/low-contrast.ts";
export { createSheppLoganHead, createSheppLoganPhantom, type SheppLoganOptions } from "./shepp-logan.ts";
export type {
  ClipPlane,
  MaterialPhantom,
  Solid,
  SolidAxes,
  SolidPhantom,
  SolidShape,
  ValuePhantom,
} from "./solid.ts";
export { type SolidPhantomEntry, solidPhantoms } from "./solid-phantoms.ts";
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
  computeVoxelHu,
  createVoxelPhantom,
  getMaterialAmounts,
  type VoxelPhantom,
  type VoxelPhantomOptions,
} from "./voxel-phantom.ts";
export {
  createVoxelScannedObject,
  projectVoxelMaterials,
  type VoxelScanOptions,
} from "./voxel-phantom-scan.ts";
export {
  computeMaterialFractions,
  computeShapeVolume,
  labelSolids,
  type MaterialFractions,
  voxelizeSolids,
} from "./voxelize-solids.ts";
