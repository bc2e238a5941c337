/**
 * The fast Joseph projector and its exact matched adjoint: WebAssembly SIMD in worker threads on shared memory,
 * float32. Same samples and weights as the float64 definition in joseph.ts. The same code runs in browsers; without
 * shared memory it runs in the calling thread.
 */
import {
  type AsyncLinearOperator,
  chooseThreadCount,
  countScanSamples,
  createWasmPool,
  isPlanarGeometry,
  type ScanGeometry,
  type WasmPool,
} from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { backprojectCone, checkConeAngle, projectCone } from "./fast-cone.ts";
import { backprojectPlanar, projectPlanar } from "./fast-planar.ts";
import type { VolumeGrid } from "./grids.ts";
import { checkProjection, getProjectionShape } from "./projection-operator.ts";

/** Options of {@link createFastProjector}. */
export interface FastProjectorOptions {
  /** Threads of a pool of its own; default by work, at most the processors of the machine. */
  readonly threads?: number;
  /** Runs in this pool, which stays the caller's to dispose of; overrides `threads`. For subsets of one scan. */
  readonly pool?: WasmPool;
  /** Aborts `apply` and `applyAdjoint` between jobs of some milliseconds. */
  readonly signal?: AbortSignal;
}

/** A projector pair that may own threads. */
export interface FastProjector extends AsyncLinearOperator<Float32Array> {
  apply(x: Float32Array, out?: Float32Array): Promise<Float32Array>;
  applyAdjoint(y: Float32Array, out?: Float32Array): Promise<Float32Array>;
  /** Ends the operator's own threads; a pool that was passed in stays. */
  dispose(): void;
}

/**
 * Builds the fast Joseph projector.
 *
 * @param geometry - parallel, fan-arc, fan-flat, cone-flat or cone-curved; making one for some views of a scan
 *   (`selectViews`) costs nothing: tables are made at every call and memory is the pool's
 * @param grid - rows grow along +y, columns along +x, slices along +z
 * @returns operator from 1/mm to line integrals. Planar scans: `[slice][row][column]` to `[slice][view][channel]`; cone
 *   beams: the volume to `[view][row][channel]`
 * @throws PhysicsError `UNSUPPORTED_GEOMETRY` (posed detectors, cones above 35°), `OUT_OF_RANGE`, `NON_FINITE`;
 *   `SHAPE_MISMATCH` from calls; CoreError `OUT_OF_MEMORY`, `WORKER_FAILED` from calls
 * @remarks Default threads: interpolations / 20 million, at most `navigator.hardwareConcurrency`. Results do not depend
 * on the thread count. Tested: ⟨Ax, y⟩ = ⟨x, Aᵀy⟩ ≤ 1e-5 for random vectors, and against `createJosephProjector` in
 * every geometry.
 */
export function createFastProjector(
  geometry: ScanGeometry,
  grid: VolumeGrid,
  options: FastProjectorOptions = {},
): FastProjector {
  if (geometry.kind === "posed") {
    throw new PhysicsError(
      "UNSUPPORTED_GEOMETRY",
      "the fast projector takes upright detectors only; use createJosephProjector for posed ones",
    );
  }
  checkProjection(geometry, grid);
  if (!isPlanarGeometry(geometry)) checkConeAngle(geometry);
  const shape = getProjectionShape(geometry, grid);
  const { domainLength, rangeLength } = shape;
  const { signal } = options;
  let ownPool: WasmPool | undefined;
  const getPool = (): WasmPool => {
    if (options.pool !== undefined) return options.pool;
    const steps = shape.stack * countScanSamples(geometry) * Math.max(grid.rows, grid.columns);
    ownPool ??= createWasmPool({ threads: options.threads ?? chooseThreadCount(steps) });
    return ownPool;
  };
  return {
    name: "fast-joseph",
    domainLength,
    rangeLength,
    async apply(x, out = new Float32Array(rangeLength)) {
      shape.checkDomain("volume", x.length);
      shape.checkRange("output", out.length);
      await getPool().use((scratch) =>
        isPlanarGeometry(geometry)
          ? projectPlanar(scratch, geometry, grid, x, out, signal)
          : projectCone(scratch, geometry, grid, x, out, signal),
      );
      return out;
    },
    async applyAdjoint(y, out = new Float32Array(domainLength)) {
      shape.checkRange("sinogram", y.length);
      shape.checkDomain("output", out.length);
      await getPool().use((scratch) =>
        isPlanarGeometry(geometry)
          ? backprojectPlanar(scratch, geometry, grid, y, out, signal)
          : backprojectCone(scratch, geometry, grid, y, out, signal),
      );
      return out;
    },
    dispose() {
      ownPool?.dispose();
      ownPool = undefined;
    },
  };
}
