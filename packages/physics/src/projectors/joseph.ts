/**
 * Joseph's projector for the equiangular fan: one linearly interpolated sample per grid line of the ray's
 * dominant axis, weighted with the step length. The plain float64 definition and its exact adjoint (the same
 * weights, scattered). Joseph 1982, doi 10.1109/TMI.1982.4307572; tomography.md §2.1. Not the fast path.
 */
import type { FanArcGeometry, LinearOperator } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { getRayAngleRad } from "../scanners/scanners.ts";
import type { PlaneGrid } from "./grids.ts";

/**
 * Visits every (pixel, weight) of one ray. `visit` gets the two interpolation partners of one sample:
 * index of the first, stride to the second, fraction of the second, and the step length in mm.
 * Out-of-grid partners have weight zero by convention and are skipped inside.
 */
function walkRay(
  grid: PlaneGrid,
  sourceX: number,
  sourceY: number,
  directionX: number,
  directionY: number,
  visit: (index: number, weight: number) => void,
): void {
  const alongX = Math.abs(directionX) >= Math.abs(directionY);
  const steps = alongX ? grid.columns : grid.rows;
  const cross = alongX ? grid.rows : grid.columns;
  const stepStride = alongX ? 1 : grid.columns;
  const crossStride = alongX ? grid.columns : 1;
  const stepSpacing = alongX ? grid.columnSpacingMm : grid.rowSpacingMm;
  const crossSpacing = alongX ? grid.rowSpacingMm : grid.columnSpacingMm;
  const firstStep = alongX ? grid.firstColumnMm : grid.firstRowMm;
  const firstCross = alongX ? grid.firstRowMm : grid.firstColumnMm;
  const s0 = alongX ? sourceX : sourceY;
  const c0 = alongX ? sourceY : sourceX;
  const slope = alongX ? directionY / directionX : directionX / directionY;
  const lengthMm = stepSpacing * Math.sqrt(1 + slope * slope);
  const start = (c0 + slope * (firstStep - s0) - firstCross) / crossSpacing;
  const increment = (slope * stepSpacing) / crossSpacing;
  for (let i = 0; i < steps; i++) {
    const position = start + i * increment;
    const low = Math.floor(position);
    if (low < -1 || low >= cross) continue;
    const fraction = position - low;
    const index = i * stepStride + low * crossStride;
    if (low >= 0) visit(index, lengthMm * (1 - fraction));
    if (low + 1 < cross) visit(index + crossStride, lengthMm * fraction);
  }
}

/**
 * Builds the Joseph projector of one slice.
 *
 * @param geometry - equiangular fan
 * @param grid - slice grid; rows grow along +y, columns along +x
 * @returns operator from `[row][column]` 1/mm to `[view][channel]` line integrals, float64
 * @remarks Samples outside the grid are zero. Sources inside the grid are refused.
 * Tested by ⟨Ax, y⟩ = ⟨x, Aᵀy⟩ ≤ 1e-12, linearity, and analytic ellipses.
 * @throws PhysicsError `OUT_OF_RANGE` when the source circle cuts the grid
 */
export function createJosephProjector(
  geometry: FanArcGeometry,
  grid: PlaneGrid,
): LinearOperator<Float64Array> {
  const views = geometry.anglesRad.length;
  const { channels } = geometry;
  const reachX = Math.max(
    Math.abs(grid.firstColumnMm),
    Math.abs(grid.firstColumnMm + (grid.columns - 1) * grid.columnSpacingMm),
  );
  const reachY = Math.max(
    Math.abs(grid.firstRowMm),
    Math.abs(grid.firstRowMm + (grid.rows - 1) * grid.rowSpacingMm),
  );
  const reach = Math.hypot(reachX, reachY);
  if (reach >= geometry.sourceToIsoMm) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `grid reaches ${reach.toFixed(0)} mm from the axis but the source is at ${geometry.sourceToIsoMm} mm; pass a smaller grid`,
    );
  }
  const domainLength = grid.rows * grid.columns;
  const rangeLength = views * channels;
  const checkLength = (what: string, got: number, expected: number): void => {
    if (got !== expected) {
      throw new PhysicsError(
        "SHAPE_MISMATCH",
        `${what} has ${got} samples, expected ${expected} (${views} views × ${channels} channels, ${grid.rows} × ${grid.columns} pixels)`,
      );
    }
  };
  const visitRays = (onRay: (ray: number, x: number, y: number, dx: number, dy: number) => void): void => {
    for (let v = 0; v < views; v++) {
      const beta = geometry.anglesRad[v];
      const sourceX = geometry.sourceToIsoMm * Math.cos(beta);
      const sourceY = geometry.sourceToIsoMm * Math.sin(beta);
      for (let c = 0; c < channels; c++) {
        // Ray direction: from the source towards the axis, turned by −γ (θ = β + π/2 − γ).
        const angle = beta - getRayAngleRad(geometry, c);
        onRay(v * channels + c, sourceX, sourceY, -Math.cos(angle), -Math.sin(angle));
      }
    }
  };
  return {
    name: "joseph",
    domainLength,
    rangeLength,
    apply(x, out = new Float64Array(rangeLength)) {
      checkLength("image", x.length, domainLength);
      checkLength("output", out.length, rangeLength);
      visitRays((ray, sx, sy, dx, dy) => {
        let sum = 0;
        walkRay(grid, sx, sy, dx, dy, (index, weight) => {
          sum += weight * x[index];
        });
        out[ray] = sum;
      });
      return out;
    },
    applyAdjoint(y, out = new Float64Array(domainLength)) {
      checkLength("sinogram", y.length, rangeLength);
      checkLength("output", out.length, domainLength);
      out.fill(0);
      visitRays((ray, sx, sy, dx, dy) => {
        const value = y[ray];
        if (value === 0) return;
        walkRay(grid, sx, sy, dx, dy, (index, weight) => {
          out[index] += weight * value;
        });
      });
      return out;
    },
  };
}
