/**
 * Exact path lengths of lines through phantoms of solids: per solid, per material, or summed with values. The truth
 * that scans are made from; no voxel grid stands between. Composition as solid.ts defines it.
 */
import { PhysicsError } from "../errors.ts";
import type { Material } from "../materials/material.ts";
import type { ScannedObject } from "../scan/scanned-object.ts";
import { prepareSolid, type SolidBounds } from "./convex-solid.ts";
import type { MaterialPhantom, SolidPhantom, ValuePhantom } from "./solid.ts";
import { createSolidTree } from "./solid-tree.ts";

/** Lines through one phantom, cut into the pieces that count. One tracer serves one thread. */
export interface SolidTracer {
  /** Bounds of the phantom; infinite where a solid is. */
  readonly bounds: SolidBounds;
  /** Of each piece of the last line: which solid it counts for. */
  readonly pieceSolids: Int32Array;
  /** Of each piece of the last line: ray parameter of its start, mm. */
  readonly pieceStartsMm: Float64Array;
  /** Of each piece of the last line: ray parameter of its end, mm. */
  readonly pieceEndsMm: Float64Array;
  /**
   * Cuts the whole line of a ray. `"replace"`: the pieces are disjoint and each counts for the last solid there;
   * `"additive"`: one piece per solid met.
   *
   * @param ray - origin x, y, z (mm) and unit direction x, y, z, as `RayCaster.cast` writes them
   * @returns number of pieces, in no order
   * @throws PhysicsError `NON_FINITE` for a line that never leaves a solid without ends
   */
  trace(ray: Float64Array): number;
  /** Number of the last solid that holds a point, or −1. */
  findSolid(xMm: number, yMm: number, zMm: number): number;
}

/**
 * Prepares a phantom's exact path lengths.
 *
 * @throws PhysicsError `OUT_OF_RANGE` for solids that are none (see `prepareSolid`)
 * Tested: closed formulas of every primitive; random phantoms against dense sampling, both compositions.
 */
export function createSolidTracer(phantom: SolidPhantom<unknown>): SolidTracer {
  const solids = phantom.solids.map((solid, i) =>
    prepareSolid(
      solid.shape,
      solid.clips,
      `${phantom.name} ${i}${solid.label === undefined ? "" : ` ${solid.label}`}`,
    ),
  );
  const isAdditive = phantom.composition === "additive";
  const tree = createSolidTree(solids.map((solid) => solid.bounds));
  const count = solids.length;
  const found = new Int32Array(count);
  const interval = new Float64Array(2);
  const hits = new Int32Array(count);
  const starts = new Float64Array(count);
  const ends = new Float64Array(count);
  // Covered stretches: disjoint, ascending; never more than the solids met.
  const coveredStarts = new Float64Array(count + 1);
  const coveredEnds = new Float64Array(count + 1);
  // The pieces' cuts are ends of intervals: n intervals make at most 2n − 1 disjoint pieces.
  const capacity = Math.max(1, 2 * count);
  const pieceSolids = new Int32Array(capacity);
  const pieceStarts = new Float64Array(capacity);
  const pieceEnds = new Float64Array(capacity);

  /** Intervals of the line with all solids, the last solid first. */
  const collect = (ray: Float64Array): number => {
    const candidates = tree.findAlong(ray, found);
    let met = 0;
    for (let k = 0; k < candidates; k++) {
      const solid = found[k];
      if (!solids[solid].intersect(ray, interval)) continue;
      const start = interval[0];
      const end = interval[1];
      if (!(end - start < 1e12)) {
        throw new PhysicsError(
          "NON_FINITE",
          `a ray along [${[...ray.subarray(3)]}] never leaves solid ${solid} (${phantom.solids[solid].label ?? phantom.solids[solid].shape.kind}) of "${phantom.name}"; give it ends`,
        );
      }
      let at = met++;
      for (; at > 0 && hits[at - 1] < solid; at--) {
        hits[at] = hits[at - 1];
        starts[at] = starts[at - 1];
        ends[at] = ends[at - 1];
      }
      hits[at] = solid;
      starts[at] = start;
      ends[at] = end;
    }
    return met;
  };

  return {
    bounds: tree.bounds,
    pieceSolids,
    pieceStartsMm: pieceStarts,
    pieceEndsMm: pieceEnds,
    trace(ray) {
      const met = collect(ray);
      if (isAdditive) {
        pieceSolids.set(hits.subarray(0, met));
        pieceStarts.set(starts.subarray(0, met));
        pieceEnds.set(ends.subarray(0, met));
        return met;
      }
      let pieces = 0;
      let covered = 0;
      for (let k = 0; k < met; k++) {
        const end = ends[k];
        let from = starts[k];
        let first = 0;
        while (first < covered && coveredEnds[first] < from) first++;
        // Gaps before and between the covered stretches that this interval reaches.
        let last = first;
        let newStart = from;
        let newEnd = end;
        for (; last < covered && coveredStarts[last] <= end; last++) {
          if (last === first) newStart = Math.min(from, coveredStarts[last]);
          if (coveredStarts[last] > from) {
            pieceSolids[pieces] = hits[k];
            pieceStarts[pieces] = from;
            pieceEnds[pieces++] = coveredStarts[last];
          }
          from = Math.max(from, coveredEnds[last]);
          newEnd = Math.max(newEnd, coveredEnds[last]);
        }
        if (from < end) {
          pieceSolids[pieces] = hits[k];
          pieceStarts[pieces] = from;
          pieceEnds[pieces++] = end;
        }
        // Stretches first..last−1 and the interval become one.
        const shrink = last - first - 1;
        if (shrink !== 0) {
          coveredStarts.copyWithin(first + 1, last, covered);
          coveredEnds.copyWithin(first + 1, last, covered);
          covered -= shrink;
        }
        coveredStarts[first] = newStart;
        coveredEnds[first] = newEnd;
      }
      return pieces;
    },
    findSolid(xMm, yMm, zMm) {
      for (let k = count - 1; k >= 0; k--) if (solids[k].contains(xMm, yMm, zMm)) return k;
      return -1;
    },
  };
}

/**
 * What a scan sees of a phantom of materials: exact lengths of each distinct material along a ray. Materials are
 * distinct by identity.
 *
 * @throws PhysicsError as {@link createSolidTracer}
 */
export function createMaterialProjector(phantom: MaterialPhantom): ScannedObject {
  const tracer = createSolidTracer(phantom);
  const materials = listMaterials(phantom);
  const materialOf = Int32Array.from(phantom.solids, (solid) => materials.indexOf(solid.content));
  const { pieceSolids, pieceStartsMm, pieceEndsMm } = tracer;
  return {
    materials,
    integrate(ray, lengthsMm) {
      lengthsMm.fill(0);
      const pieces = tracer.trace(ray);
      for (let k = 0; k < pieces; k++) {
        lengthsMm[materialOf[pieceSolids[k]]] += pieceEndsMm[k] - pieceStartsMm[k];
      }
    },
  };
}

/** The distinct materials of a phantom, in order of first use. */
export function listMaterials(phantom: MaterialPhantom): readonly Material[] {
  return [...new Set(phantom.solids.map((solid) => solid.content))];
}

/** Line integrals of one phantom of values. */
export interface ValueProjector {
  /** Bounds of the phantom; infinite where a solid is. */
  readonly bounds: SolidBounds;
  /**
   * Integral along the whole line of a ray, value·mm.
   *
   * @param ray - origin x, y, z (mm) and unit direction x, y, z
   */
  integrate(ray: Float64Array): number;
}

/**
 * Prepares a phantom's exact line integrals.
 *
 * @throws PhysicsError as {@link createSolidTracer}; `NON_FINITE` for values that are not finite
 * Tested against the Shepp–Logan table of tomography.md §3.2 to 1e-9.
 */
export function createValueProjector(phantom: ValuePhantom): ValueProjector {
  const tracer = createSolidTracer(phantom);
  const values = Float64Array.from(phantom.solids, (solid) => solid.content);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new PhysicsError("NON_FINITE", `solid ${bad} of "${phantom.name}" has the value ${values[bad]}`);
  }
  const { pieceSolids, pieceStartsMm, pieceEndsMm } = tracer;
  return {
    bounds: tracer.bounds,
    integrate(ray) {
      const pieces = tracer.trace(ray);
      let total = 0;
      for (let k = 0; k < pieces; k++) total += (pieceEndsMm[k] - pieceStartsMm[k]) * values[pieceSolids[k]];
      return total;
    },
  };
}
