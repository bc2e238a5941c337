/**
 * Whole scans in one call: expected signals and a draw, or many draws.
 */
import type { LongWorkOptions, ScanGeometry } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import type { Acquisition } from "./acquisition.ts";
import { type DrawScanOptions, drawScan, type ScanResult } from "./draw-scan.ts";
import { prepareScan } from "./prepare-scan.ts";
import type { ScannedObject } from "./scanned-object.ts";

/** Options of {@link simulateScan}. */
export interface SimulateScanOptions extends DrawScanOptions, LongWorkOptions {
  /** Bytes that the scan may take, see `estimateScanMemory`; default: no limit. */
  readonly memoryLimitBytes?: number;
}

/**
 * Simulates a scan: noise-free signals in the beam's full spectrum, quanta, detector, logarithm.
 *
 * @param object - analytic or voxel phantom (`createMaterialProjector` and others make one)
 * @returns signal, air scan and line integrals, each a sinogram
 * @throws PhysicsError as `prepareScan` and `drawScan`
 * tomography.md §2.5.
 */
export async function simulateScan<G extends ScanGeometry>(
  object: ScannedObject,
  geometry: G,
  acquisition: Acquisition,
  options: SimulateScanOptions,
): Promise<ScanResult<G>> {
  const prepared = await prepareScan(object, geometry, acquisition, {
    ...options,
    lowestDoseFraction: options.doseFraction ?? 1,
  });
  return drawScan(prepared, options);
}

/** Options of {@link simulateRepeatedScans}. */
export interface SimulateRepeatedScansOptions extends SimulateScanOptions {
  /** How many scans, realisations `realisation`, `realisation` + 1, …. */
  readonly repeats: number;
}

/**
 * The same scan again and again with independent noise; the object is projected once.
 *
 * @returns one result after the other; equal to `simulateScan` with that realisation
 * @throws PhysicsError `OUT_OF_RANGE` unless `repeats` is an integer ≥ 1; else as `simulateScan`
 */
export async function* simulateRepeatedScans<G extends ScanGeometry>(
  object: ScannedObject,
  geometry: G,
  acquisition: Acquisition,
  options: SimulateRepeatedScansOptions,
): AsyncGenerator<ScanResult<G>, void, undefined> {
  const { repeats, realisation = 0 } = options;
  if (!(Number.isInteger(repeats) && repeats >= 1)) {
    throw new PhysicsError("OUT_OF_RANGE", `repeats ${repeats} is not an integer ≥ 1; pass e.g. 10`);
  }
  const prepared = await prepareScan(object, geometry, acquisition, {
    ...options,
    lowestDoseFraction: options.doseFraction ?? 1,
  });
  for (let i = 0; i < repeats; i++) {
    options.signal?.throwIfAborted();
    yield drawScan(prepared, { ...options, realisation: realisation + i });
  }
}
