/**
 * How far from the rotation axis a scan measures: the field of view that its rays cover.
 */
import { countDetectorRows, countViews, isPlanarGeometry, type ScanGeometry } from "@alara/core";
import { createRayCaster } from "./rays.ts";

/** The region that rays reach. */
export interface ScanCoverage {
  /**
   * Largest distance from the axis of any ray in the source's plane, mm; a displaced detector reaches it on one side
   * at a time.
   */
  readonly radiusMm: number;
  /** Lowest and highest point of the axis that rays of all views meet, mm; `[0, 0]` for planar geometries. */
  readonly heightMm: readonly [number, number];
}

/**
 * Measures a scan's coverage from its outermost rays.
 *
 * Tested against D sin Γ and the magnified detector's height.
 */
export function measureScanCoverage(geometry: ScanGeometry): ScanCoverage {
  const caster = createRayCaster(geometry);
  const rows = countDetectorRows(geometry);
  const ray = new Float64Array(6);
  let radiusMm = 0;
  let low = Number.NEGATIVE_INFINITY;
  let high = Number.POSITIVE_INFINITY;
  const views = geometry.kind === "posed" ? countViews(geometry) : 1;
  for (let view = 0; view < views; view++) {
    for (const channel of [-0.5, geometry.channels - 0.5]) {
      caster.cast(view, (rows - 1) / 2, channel, ray);
      const across = Math.hypot(ray[3], ray[4]);
      radiusMm = Math.max(radiusMm, Math.abs(ray[0] * ray[4] - ray[1] * ray[3]) / across);
    }
    const ends = [-0.5, rows - 0.5].map((row) => {
      caster.cast(view, row, (geometry.channels - 1) / 2, ray);
      // Where the ray passes nearest to the axis.
      const along = -(ray[0] * ray[3] + ray[1] * ray[4]) / (ray[3] ** 2 + ray[4] ** 2);
      return ray[2] + along * ray[5];
    });
    low = Math.max(low, Math.min(...ends));
    high = Math.min(high, Math.max(...ends));
  }
  return { radiusMm, heightMm: isPlanarGeometry(geometry) ? [0, 0] : [low, high] };
}
