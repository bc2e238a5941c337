/**
 * The projector registry: each entry is run through the adjointness, linearity, non-negativity, norm and
 * analytic-phantom tests in every geometry it supports.
 */
import { createRegistry, type LinearOperator, type Registry, type ScanGeometry } from "@alara/core";
import { createDistanceDrivenProjector } from "./distance-driven.ts";
import type { VolumeGrid } from "./grids.ts";
import { createJosephProjector } from "./joseph.ts";
import { createSeparableFootprintProjector } from "./separable-footprint.ts";
import { createSiddonProjector } from "./siddon.ts";

/**
 * Makes a matched pair: A from 1/mm to line integrals, and its exact adjoint. Planar scans map
 * `[slice][row][column]` to `[slice][view][channel]`, each slice on its own; all others map the volume to
 * `[view][row][channel]`.
 */
export interface ProjectorFactory {
  (geometry: ScanGeometry, grid: VolumeGrid): LinearOperator<Float64Array>;
  /** Geometries for which the projector is defined; others throw PhysicsError `UNSUPPORTED_GEOMETRY`. */
  supports(geometry: ScanGeometry): boolean;
}

type Create = (geometry: ScanGeometry, grid: VolumeGrid) => LinearOperator<Float64Array>;

function declareProjector(
  create: Create,
  supports: (geometry: ScanGeometry) => boolean = () => true,
): ProjectorFactory {
  return Object.assign((geometry: ScanGeometry, grid: VolumeGrid) => create(geometry, grid), { supports });
}

const isUpright = (geometry: ScanGeometry): boolean => geometry.kind !== "posed";

/** Projectors by name: `joseph`, `siddon`, `distance-driven`, `separable-footprint`. */
export const projectors: Registry<ProjectorFactory> = createRegistry<ProjectorFactory>("projector", [
  ["joseph", declareProjector(createJosephProjector)],
  ["siddon", declareProjector(createSiddonProjector)],
  ["distance-driven", declareProjector(createDistanceDrivenProjector, isUpright)],
  ["separable-footprint", declareProjector(createSeparableFootprintProjector, isUpright)],
]);
