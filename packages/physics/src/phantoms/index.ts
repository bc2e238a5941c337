/** Exports of phantoms with exact line integrals and voxels. */
export { type BodyPhantomOptions, createRandomBodyPhantom } from "./body-phantom.ts";
export {
  convertPhantomToMu,
  createPhantomProjector,
  type Ellipse,
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
