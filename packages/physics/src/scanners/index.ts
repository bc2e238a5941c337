/** Exports of scanners, geometries and rays. */

export {
  type ArcDetector,
  computeArcChannelAngles,
  type EquiangularFit,
  fitEquiangularGeometry,
  resampleChannels,
  tomotherapyArc,
} from "./arc-detector.ts";
export { measureScanCoverage, type ScanCoverage } from "./coverage.ts";
export {
  createHelicalGeometry,
  createPosedGeometry,
  type HelicalOptions,
  type ViewPerturbation,
} from "./posed-geometry.ts";
export { createRayCaster, type RayCaster, type SourceShift } from "./rays.ts";
export {
  type ConeFlatGeometryOptions,
  type ConeGeometryOptions,
  createConeCurvedGeometry,
  createConeFlatGeometry,
  createFanFlatGeometry,
  createParallelGeometry,
  createScanGeometry,
  type FlatGeometryOptions,
  type ParallelGeometryOptions,
  type ScanGeometryOptions,
} from "./scan-geometries.ts";
export type { FlatPanelScanner, Scanner } from "./scanner.ts";
export { flatPanelScanners, getRayAngleRad, scanners } from "./scanners.ts";
