/** Exports of anatomical phantoms. */
export type { AnatomicalPhantom, PhantomRegion } from "./anatomy.ts";
export {
  type CoronaryPhantomOptions,
  createCoronaryPhantom,
  type StentOptions,
} from "./coronary-phantom.ts";
export { createMousePhantom, type MousePhantomOptions } from "./mouse-phantom.ts";
export { createPelvisPhantom, type PelvisPhantomOptions } from "./pelvis-phantom.ts";
export { type AnatomicalPhantomEntry, anatomicalPhantoms } from "./registry.ts";
export { createThoraxPhantom, type NoduleOptions, type ThoraxPhantomOptions } from "./thorax-phantom.ts";
export { createCalcifiedTissue, createContrastBlood, type TissueName, tissues } from "./tissues.ts";
