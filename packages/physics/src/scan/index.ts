/** Exports of scan simulation. */
export type { Acquisition, Aperture, Exposure, FocalSpot } from "./acquisition.ts";
export { type Bowtie, type BowtieLayer, createBowtieLayers } from "./beam-filters.ts";
export { createDetectedSpectrum } from "./detected-spectrum.ts";
export {
  computePhotonResponse,
  type EnergyIntegratingDetector,
  type PhotonCountingDetector,
  type ScanDetector,
  scanDetectors,
} from "./detectors.ts";
export { type DrawScanOptions, drawScan, type ScanResult, type ScanSignals } from "./draw-scan.ts";
export {
  computeRelativeQuantumSizes,
  type PreparedScan,
  type PrepareScanOptions,
  prepareScan,
} from "./prepare-scan.ts";
export { applyCrosstalk, applyLag, type CrosstalkModel, type LagModel } from "./readout.ts";
export { estimateScanMemory, type ScanMemory } from "./scan-memory.ts";
export type { ScannedObject } from "./scanned-object.ts";
export {
  computeScatter,
  createScatterModel,
  KV_FAN_SCATTER,
  type ScatterCalibration,
  type ScatterModel,
} from "./scatter.ts";
export {
  type SimulateRepeatedScansOptions,
  type SimulateScanOptions,
  simulateRepeatedScans,
  simulateScan,
} from "./simulate-scan.ts";
export type { TubeCurrent } from "./tube-current.ts";
