/** Exports of scanners, geometries and rays. */
export { createRayCaster, type RayCaster, type SourceShift } from "./rays.ts";
export {
  createScanGeometry,
  getRayAngleRad,
  type ScanGeometryOptions,
  type Scanner,
  scanners,
} from "./scanners.ts";
