/**
 * The projector registry: each entry is run through the adjointness, linearity and analytic-phantom tests.
 */
import { createRegistry, type FanArcGeometry, type LinearOperator, type Registry } from "@alara/core";
import type { PlaneGrid } from "./grids.ts";
import { createJosephProjector } from "./joseph.ts";

/** Makes a matched projector pair for one slice. */
export type ProjectorFactory = (geometry: FanArcGeometry, grid: PlaneGrid) => LinearOperator<Float64Array>;

/** Projectors by name. */
export const projectors: Registry<ProjectorFactory> = createRegistry<ProjectorFactory>("projector", [
  ["joseph", createJosephProjector],
]);
