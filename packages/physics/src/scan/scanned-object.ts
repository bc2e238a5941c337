/**
 * What a scan sees of an object: how much of which material lies along a ray. Analytic phantoms and voxel phantoms
 * are both scanned through this.
 */
import type { Material } from "../materials/material.ts";

/** An object in the beam. */
export interface ScannedObject {
  readonly materials: readonly Material[];
  /**
   * Path lengths along the whole line of a ray.
   *
   * @param ray - origin x, y, z and unit direction x, y, z, as `RayCaster.cast` writes them
   * @param lengthsMm - receives one length per material, mm at the material's own density
   */
  integrate(ray: Float64Array, lengthsMm: Float64Array): void;
}
