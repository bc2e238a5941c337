/**
 * Line integrals of an image that is moved affinely from view to view: instead of moving the image, each ray is taken
 * back into the resting image, where Joseph's method (doi 10.1109/TMI.1982.4307572) integrates it. For x = M a + t the
 * integral along a unit ray d is that along M⁻¹d at rest, divided by |M⁻¹d|. Attenuation moves along unchanged.
 */
import type { FanArcGeometry } from "@alara/core";
import { getRayAngleRad, type PlaneGrid } from "@alara/physics";

/** Where a point a of the resting object is: x = M a + t; M row by row `[xx, xy, yx, yy]`, t in mm. */
export interface PlaneMotion {
  readonly matrix: readonly [number, number, number, number];
  readonly shiftMm: readonly [number, number];
}

/**
 * Projects one view of a moved image.
 *
 * @param image - `[row][column]`, 1/mm
 * @param out - receives one line integral per channel
 */
export function projectMovedView(
  image: Float32Array,
  grid: PlaneGrid,
  geometry: FanArcGeometry,
  view: number,
  motion: PlaneMotion,
  out: Float64Array,
): void {
  const { rows, columns } = grid;
  const [xx, xy, yx, yy] = motion.matrix;
  const determinant = xx * yy - xy * yx;
  const beta = geometry.anglesRad[view];
  const sourceX = geometry.sourceToIsoMm * Math.cos(beta) - motion.shiftMm[0];
  const sourceY = geometry.sourceToIsoMm * Math.sin(beta) - motion.shiftMm[1];
  const originX = (yy * sourceX - xy * sourceY) / determinant;
  const originY = (-yx * sourceX + xx * sourceY) / determinant;
  for (let c = 0; c < geometry.channels; c++) {
    const angle = beta - getRayAngleRad(geometry, c);
    const rayX = -Math.cos(angle);
    const rayY = -Math.sin(angle);
    const dx = (yy * rayX - xy * rayY) / determinant;
    const dy = (-yx * rayX + xx * rayY) / determinant;
    const isAlongX = Math.abs(dx) >= Math.abs(dy);
    const steps = isAlongX ? columns : rows;
    const across = isAlongX ? rows : columns;
    const stepStride = isAlongX ? 1 : columns;
    const acrossStride = isAlongX ? columns : 1;
    const stepMm = isAlongX ? grid.columnSpacingMm : grid.rowSpacingMm;
    const acrossMm = isAlongX ? grid.rowSpacingMm : grid.columnSpacingMm;
    const slope = isAlongX ? dy / dx : dx / dy;
    const firstStep = isAlongX ? grid.firstColumnMm - originX : grid.firstRowMm - originY;
    const firstAcross = isAlongX ? originY - grid.firstRowMm : originX - grid.firstColumnMm;
    const start = (firstAcross + slope * firstStep) / acrossMm;
    const increment = (slope * stepMm) / acrossMm;
    // Steps whose position lies in (−1, across): there both neighbours are in the grid but for the rims.
    let first = 0;
    let last = steps - 1;
    if (increment !== 0) {
      const a = (-1 - start) / increment;
      const b = (across - start) / increment;
      first = Math.max(first, Math.ceil(Math.min(a, b)));
      last = Math.min(last, Math.floor(Math.max(a, b)));
    }
    let sum = 0;
    for (let i = first; i <= last; i++) {
      const position = start + i * increment;
      const low = Math.floor(position);
      if (low < -1 || low >= across) continue;
      const fraction = position - low;
      const at = i * stepStride + low * acrossStride;
      if (low >= 0) sum += (1 - fraction) * image[at];
      if (low + 1 < across) sum += fraction * image[at + acrossStride];
    }
    // Step length at rest over |M⁻¹d|.
    out[c] = (sum * stepMm) / Math.abs(isAlongX ? dx : dy);
  }
}
