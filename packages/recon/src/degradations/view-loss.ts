/**
 * Too few views: sparse sampling of the turn (streaks) and a limited arc (missing directions, a wedge without data in
 * the Fourier plane). Rays of a limited arc that are measured twice are weighted by Noo, Defrise, Clackdoyle & Kudo
 * 2002 (doi 10.1088/0031-9155/47/14/311): w = c(β)/(c(β) + c(β′)), β′ = β + π − 2γ.
 */
import { type FanArcGeometry, selectViews } from "@alara/core";
import { getRayAngleRad } from "@alara/physics";
import { ReconError } from "../errors.ts";
import {
  type ChainOptions,
  checkOption,
  type DegradationSource,
  type DegradedPair,
  degradeThroughChain,
  reconstructDifferences,
} from "./degradation.ts";

/** Options of {@link degradeBySparseViews}. */
export interface SparseViewOptions extends ChainOptions {
  /** Every how many-th view is kept; divides the number of views; 1 keeps all. */
  readonly keepEvery: number;
}

/**
 * Reconstructs from every n-th view.
 *
 * @throws ReconError `OUT_OF_RANGE`, `NON_FINITE`
 * Tested: streaks grow with n, the mean stays, 1 is clean bit for bit, equality with a scan of so few views.
 */
export async function degradeBySparseViews(
  source: DegradationSource,
  options: SparseViewOptions,
): Promise<DegradedPair> {
  const { keepEvery } = options;
  checkOption("keepEvery", keepEvery, 1, 1000, "1 keeps all views");
  return degradeThroughChain(
    source,
    options,
    { degradation: "sparse-views", keepEvery },
    async ({ chain, lineIntegrals }) => {
      const views = chain.geometry.anglesRad.length;
      if (!Number.isInteger(views / keepEvery) || views / keepEvery < 8) {
        throw new ReconError(
          "OUT_OF_RANGE",
          `keepEvery ${keepEvery} does not divide ${views} views into 8 or more; pass a divisor or other views`,
        );
      }
      if (keepEvery === 1) return lineIntegrals.map(() => null);
      const kept = Array.from({ length: views / keepEvery }, (_, k) => k * keepEvery);
      const { channels } = chain.geometry;
      const sparse = lineIntegrals.map((line) => {
        const few = new Float32Array(kept.length * channels);
        kept.forEach((view, k) => {
          few.set(line.subarray(view * channels, (view + 1) * channels), k * channels);
        });
        return few;
      });
      const few = await chain.reconstruct(sparse, selectViews(chain.geometry, kept));
      const all = await chain.reconstruct(lineIntegrals);
      return few.map((image, i) => image.map((value, k) => value - all[i][k]));
    },
  );
}

/** Options of {@link degradeByLimitedAngle}. */
export interface LimitedAngleOptions extends ChainOptions {
  /** Arc of the source that is measured, rad, in (0, 2π]; 2π is the full turn. */
  readonly arcRad: number;
  /** Source angle β at which the arc starts, rad; default 0. */
  readonly startRad?: number;
  /** Over which the weight rises at both ends, rad; default 0.15, at most half the arc. */
  readonly featherRad?: number;
}

/** Smooth window over the arc: 0 outside, cos² at the ends. */
function weighArc(angle: number, start: number, arc: number, feather: number): number {
  const turn = 2 * Math.PI;
  const at = (((angle - start) % turn) + turn) % turn;
  if (at > arc) return 0;
  const edge = Math.min(at, arc - at);
  return edge >= feather ? 1 : Math.sin((Math.PI / 2) * (edge / feather)) ** 2;
}

/** Weights `[view][channel]` that make a full-turn reconstruction use the arc alone; 1 for rays weighed fully. */
function computeArcWeights(
  geometry: FanArcGeometry,
  start: number,
  arc: number,
  feather: number,
): Float64Array {
  const { channels, anglesRad } = geometry;
  const weights = new Float64Array(anglesRad.length * channels);
  for (let v = 0; v < anglesRad.length; v++) {
    const own = weighArc(anglesRad[v], start, arc, feather);
    if (own === 0) continue;
    for (let c = 0; c < channels; c++) {
      const conjugate = anglesRad[v] + Math.PI - 2 * getRayAngleRad(geometry, c);
      const other = weighArc(conjugate, start, arc, feather);
      weights[v * channels + c] = (2 * own) / (own + other);
    }
  }
  return weights;
}

/**
 * Reconstructs from part of the turn.
 *
 * @throws ReconError `OUT_OF_RANGE`, `NON_FINITE`
 * @remarks From π plus the fan angle on all directions are measured and only noise would suffer.
 * Tested: a short scan stays clean, the wedge of a smaller arc is empty, the full turn is clean bit for bit.
 */
export async function degradeByLimitedAngle(
  source: DegradationSource,
  options: LimitedAngleOptions,
): Promise<DegradedPair> {
  const { arcRad, startRad = 0, featherRad = 0.15 } = options;
  checkOption("arcRad", arcRad, 0.05, 2 * Math.PI + 1e-9, "radians; 2π is the full turn");
  checkOption("startRad", startRad, -100, 100, "radians");
  checkOption("featherRad", featherRad, 0, arcRad / 2, "at most half the arc");
  const isFull = arcRad >= 2 * Math.PI - 1e-9;
  return degradeThroughChain(
    source,
    options,
    { degradation: "limited-angle", arcRad, startRad, featherRad },
    ({ chain, lineIntegrals }) => {
      if (isFull) return Promise.resolve(lineIntegrals.map(() => null));
      const weights = computeArcWeights(chain.geometry, startRad, arcRad, featherRad);
      return reconstructDifferences(
        chain,
        lineIntegrals.map((line) => line.map((p, k) => p * (weights[k] - 1))),
      );
    },
  );
}
