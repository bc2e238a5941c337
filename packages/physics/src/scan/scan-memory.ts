/**
 * How much memory a simulated scan takes, computed before it starts.
 */
import { countScanSamples, isPlanarGeometry, type ScanGeometry } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { type Acquisition, getBeamSpectrum, getScanDetector } from "./acquisition.ts";

/** Bytes by what holds them. */
export interface ScanMemory {
  /** Expected signals: mean, air, variance, scatter, slots of rays with few quanta. */
  readonly preparedBytes: number;
  /** One draw: signal, air and line integrals. */
  readonly drawnBytes: number;
  readonly totalBytes: number;
}

/**
 * Estimates the memory of one scan, without the quanta by energy that rays of few quanta need beside (4 bytes per
 * energy and such ray).
 *
 * @throws PhysicsError `BAD_SPECTRUM`
 * Tested against the arrays that are allocated.
 */
export function estimateScanMemory(geometry: ScanGeometry, acquisition: Acquisition): ScanMemory {
  const slices = isPlanarGeometry(geometry) ? (acquisition.sliceHeightsMm ?? [0]).length : 1;
  const arrayBytes = 4 * slices * countScanSamples(geometry);
  const detector = getScanDetector(acquisition);
  const isIntegrating = detector.kind === "energy-integrating";
  const bins = isIntegrating ? 1 : detector.thresholdsKev.length;
  const energies = getBeamSpectrum(acquisition.spectrum).energiesKev.length;
  let arrays = 2 * bins;
  if (isIntegrating) arrays += energies > 1 ? 2 : 1;
  if (acquisition.scatter !== undefined) arrays++;
  const preparedBytes = arrays * arrayBytes;
  // Bins are also added up.
  const drawnBytes = 3 * (bins > 1 ? bins + 1 : 1) * arrayBytes;
  return { preparedBytes, drawnBytes, totalBytes: preparedBytes + drawnBytes };
}

/**
 * Refuses to start what does not fit.
 *
 * @throws PhysicsError `TOO_LITTLE_MEMORY`
 */
export function checkScanMemory(memory: ScanMemory, limitBytes: number): void {
  if (memory.totalBytes <= limitBytes) return;
  const toMebibytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
  throw new PhysicsError(
    "TOO_LITTLE_MEMORY",
    `the scan takes ${toMebibytes(memory.totalBytes)} MiB and ${toMebibytes(limitBytes)} MiB are allowed; take fewer views, slices or rows, or merge channels and rows`,
  );
}
