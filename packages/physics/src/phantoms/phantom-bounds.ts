/** The box that holds a phantom of solids. */
import { prepareSolid, type SolidBounds } from "./convex-solid.ts";
import type { SolidPhantom } from "./solid.ts";

/**
 * Bounds of all solids together.
 *
 * @returns axis-aligned, mm; infinite where a solid has no end
 * @throws PhysicsError `OUT_OF_RANGE` for solids that are none
 * Tested on every registered phantom.
 */
export function measurePhantomBounds(phantom: SolidPhantom<unknown>): SolidBounds {
  const low: [number, number, number] = [Infinity, Infinity, Infinity];
  const high: [number, number, number] = [-Infinity, -Infinity, -Infinity];
  for (const { shape, clips, label } of phantom.solids) {
    const { bounds } = prepareSolid(shape, clips, label);
    for (let axis = 0; axis < 3; axis++) {
      low[axis] = Math.min(low[axis], bounds.lowMm[axis]);
      high[axis] = Math.max(high[axis], bounds.highMm[axis]);
    }
  }
  return { lowMm: low, highMm: high };
}
