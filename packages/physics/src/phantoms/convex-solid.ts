/**
 * One convex solid, prepared: where a line enters and leaves it, whether it holds a point, and its bounds.
 * All primitives are one quadric u² + v² + κw² ≤ (ρ₀ + ρ′w)² in the solid's own scaled frame, slabs |u|, |v|, |w| ≤ h
 * and clip planes (tomography.md §3.2: transform the ray to the unit sphere's frame, 2√disc/|d̂′|). float64; one ray
 * at a time. Composition of several solids stands in trace-solids.ts.
 */
import type { Vector3 } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import type { ClipPlane, SolidAxes, SolidShape } from "./solid.ts";

/** Axis-aligned bounds in mm; infinite where the solid is. */
export interface SolidBounds {
  readonly lowMm: Vector3;
  readonly highMm: Vector3;
}

/** A solid ready for rays. */
export interface ConvexSolid {
  readonly bounds: SolidBounds;
  /**
   * Where a line runs inside.
   *
   * @param ray - origin x, y, z (mm) and unit direction x, y, z
   * @param interval - receives the ray parameters of entry and exit, mm from the origin, where there are any; may be
   *   infinite for solids without ends
   * @returns whether the line runs inside for a positive length
   */
  intersect(ray: Float64Array, interval: Float64Array): boolean;
  /** Whether a point lies inside (or on the surface). */
  contains(xMm: number, yMm: number, zMm: number): boolean;
}

const OWN_AXES: SolidAxes = { x: [1, 0, 0], y: [0, 1, 0], z: [0, 0, 1] };

/** Scaled frame and constants of a shape. */
interface Frame {
  /** Rows map (x − centre) to u, v, w. */
  readonly rows: readonly [Vector3, Vector3, Vector3];
  /** κ, ρ₀, ρ′ of the quadric; undefined for boxes. */
  readonly quadric: readonly [number, number, number] | undefined;
  /** Half-widths of the slabs in u, v, w; `Infinity` for none. */
  readonly slabs: Vector3;
}

/**
 * Prepares a shape with its clip planes.
 *
 * @param label - names the solid in error messages
 * @throws PhysicsError `OUT_OF_RANGE` for sizes that are not positive, axes that are not orthonormal, cones whose ends
 *   differ in shape, normals that are not of unit length, numbers that are not finite
 * Tested: closed formulas, numeric integration of random solids, half volumes under clip planes.
 */
export function prepareSolid(
  shape: SolidShape,
  clips: readonly ClipPlane[] = [],
  label: string = shape.kind,
): ConvexSolid {
  const fail = (what: string): PhysicsError => new PhysicsError("OUT_OF_RANGE", `solid "${label}": ${what}`);
  const axes = shape.axes ?? OWN_AXES;
  const [cx, cy, cz] = shape.centreMm;
  if (!shape.centreMm.every(Number.isFinite)) throw fail(`centre ${shape.centreMm} is not finite`);
  checkAxes(axes, fail);
  for (const { normal, offsetMm } of clips) {
    if (!(Math.abs(Math.hypot(...normal) - 1) < 1e-9)) {
      throw fail(`clip normal ${normal} is not of unit length; divide it by ${Math.hypot(...normal)}`);
    }
    if (!Number.isFinite(offsetMm)) throw fail(`clip offset ${offsetMm} is not finite`);
  }
  const { rows, quadric, slabs } = frameShape(shape, axes, fail);
  const [[ux, uy, uz], [vx, vy, vz], [wx, wy, wz]] = rows;
  const [hu, hv, hw] = slabs;
  const hasQuadric = quadric !== undefined;
  const [kappa, radius, slope] = quadric ?? [0, 1, 0];
  const normals = clips.flatMap((clip) => [...clip.normal]);
  /** Offsets from the centre. */
  const offsets = clips.map(({ normal: n, offsetMm }) => offsetMm - (n[0] * cx + n[1] * cy + n[2] * cz));

  return {
    bounds: boundShape(shape, axes, clips),
    intersect(ray, interval) {
      const dx = ray[3];
      const dy = ray[4];
      const dz = ray[5];
      let x = ray[0] - cx;
      let y = ray[1] - cy;
      let z = ray[2] - cz;
      // From the point nearest the centre on: no digits are lost to a far source.
      const shift = -(x * dx + y * dy + z * dz);
      x += shift * dx;
      y += shift * dy;
      z += shift * dz;
      const u = ux * x + uy * y + uz * z;
      const v = vx * x + vy * y + vz * z;
      const w = wx * x + wy * y + wz * z;
      const du = ux * dx + uy * dy + uz * dz;
      const dv = vx * dx + vy * dy + vz * dz;
      const dw = wx * dx + wy * dy + wz * dz;
      let low = -Infinity;
      let high = Infinity;
      if (hasQuadric) {
        const r = radius + slope * w;
        const dr = slope * dw;
        const a = du * du + dv * dv + kappa * dw * dw - dr * dr;
        const b = u * du + v * dv + kappa * w * dw - r * dr;
        const c = u * u + v * v + kappa * w * w - r * r;
        // b² − ac by the form's 2 × 2 minors: no cancellation for lines through the apex or far-off tangents.
        const uv = u * dv - v * du;
        const vw = v * dw - w * dv;
        const wu = w * du - u * dw;
        const ru = r * du - u * dr;
        const rv = r * dv - v * dr;
        const rw = r * dw - w * dr;
        const discriminant = ru * ru + rv * rv - uv * uv + kappa * (rw * rw - vw * vw - wu * wu);
        if (a > 0) {
          if (discriminant <= 0) return false;
          const root = Math.sqrt(discriminant);
          const q = b > 0 ? -b - root : root - b;
          const first = q / a;
          const second = c / q;
          low = b > 0 ? first : second;
          high = b > 0 ? second : first;
        } else if (a < 0) {
          // Steeper than the cone: one ray in each nappe, of which only that of positive radius is the solid.
          const root = Math.sqrt(Math.max(0, discriminant));
          const q = b > 0 ? -b - root : root - b;
          const first = q / a;
          const second = q === 0 ? first : c / q;
          if (dr > 0) low = Math.max(first, second);
          else high = Math.min(first, second);
        } else if (b !== 0) {
          if (b > 0) high = -c / (2 * b);
          else low = -c / (2 * b);
        } else if (c > 0) {
          return false;
        }
      }
      if (hu !== Infinity) {
        if (du !== 0) {
          const inverse = 1 / du;
          const reach = Math.abs(hu * inverse);
          low = Math.max(low, -u * inverse - reach);
          high = Math.min(high, -u * inverse + reach);
        } else if (u < -hu || u >= hu) return false;
      }
      if (hv !== Infinity) {
        if (dv !== 0) {
          const inverse = 1 / dv;
          const reach = Math.abs(hv * inverse);
          low = Math.max(low, -v * inverse - reach);
          high = Math.min(high, -v * inverse + reach);
        } else if (v < -hv || v >= hv) return false;
      }
      if (hw !== Infinity) {
        if (dw !== 0) {
          const inverse = 1 / dw;
          const reach = Math.abs(hw * inverse);
          low = Math.max(low, -w * inverse - reach);
          high = Math.min(high, -w * inverse + reach);
        } else if (w < -hw || w >= hw) return false;
      }
      for (let k = 0; k < offsets.length; k++) {
        const nx = normals[3 * k];
        const ny = normals[3 * k + 1];
        const nz = normals[3 * k + 2];
        const rate = nx * dx + ny * dy + nz * dz;
        const room = offsets[k] - (nx * x + ny * y + nz * z);
        if (rate > 0) high = Math.min(high, room / rate);
        else if (rate < 0) low = Math.max(low, room / rate);
        else if (room < 0) return false;
      }
      interval[0] = low + shift;
      interval[1] = high + shift;
      return high > low;
    },
    contains(xMm, yMm, zMm) {
      const x = xMm - cx;
      const y = yMm - cy;
      const z = zMm - cz;
      const u = ux * x + uy * y + uz * z;
      const v = vx * x + vy * y + vz * z;
      const w = wx * x + wy * y + wz * z;
      if (Math.abs(u) > hu || Math.abs(v) > hv || Math.abs(w) > hw) return false;
      if (hasQuadric) {
        const r = radius + slope * w;
        if (u * u + v * v + kappa * w * w > r * r) return false;
      }
      for (let k = 0; k < offsets.length; k++) {
        if (normals[3 * k] * x + normals[3 * k + 1] * y + normals[3 * k + 2] * z > offsets[k]) return false;
      }
      return true;
    },
  };
}

function checkAxes({ x, y, z }: SolidAxes, fail: (what: string) => PhysicsError): void {
  const dot = (a: Vector3, b: Vector3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const errors = [dot(x, x) - 1, dot(y, y) - 1, dot(z, z) - 1, dot(x, y), dot(y, z), dot(z, x)];
  if (!errors.every((error) => Math.abs(error) < 1e-9)) {
    throw fail(`axes [${x}], [${y}], [${z}] are not orthonormal; make them with createAxes`);
  }
}

function scaleVector(a: Vector3, factor: number): Vector3 {
  return [a[0] * factor, a[1] * factor, a[2] * factor];
}

function frameShape(shape: SolidShape, axes: SolidAxes, fail: (what: string) => PhysicsError): Frame {
  const checkSize = (name: string, sizes: readonly number[], mayBeInfinite = false): void => {
    for (const size of sizes) {
      if (!(size > 0 && (mayBeInfinite || size < Infinity))) {
        throw fail(`${name} ${sizes.join(", ")} mm must be > 0${mayBeInfinite ? "" : " and finite"}`);
      }
    }
  };
  switch (shape.kind) {
    case "ellipsoid": {
      const [a, b, c] = shape.semiAxesMm;
      checkSize("semi-axes", shape.semiAxesMm);
      return {
        rows: [scaleVector(axes.x, 1 / a), scaleVector(axes.y, 1 / b), scaleVector(axes.z, 1 / c)],
        quadric: [1, 1, 0],
        slabs: [Infinity, Infinity, Infinity],
      };
    }
    case "cylinder": {
      const [a, b] = shape.semiAxesMm;
      checkSize("semi-axes", shape.semiAxesMm);
      checkSize("half-length", [shape.halfLengthMm], true);
      return {
        rows: [scaleVector(axes.x, 1 / a), scaleVector(axes.y, 1 / b), axes.z],
        quadric: [0, 1, 0],
        slabs: [Infinity, Infinity, shape.halfLengthMm],
      };
    }
    case "box":
      checkSize("half-sizes", shape.halfSizesMm, true);
      return { rows: [axes.x, axes.y, axes.z], quadric: undefined, slabs: shape.halfSizesMm };
    case "cone": {
      const { bottomSemiAxesMm: bottom, topSemiAxesMm: top, halfLengthMm } = shape;
      checkSize("half-length", [halfLengthMm]);
      const a = Math.max(bottom[0], top[0]);
      const b = Math.max(bottom[1], top[1]);
      checkSize("larger semi-axes", [a, b]);
      const skew = Math.max(Math.abs(bottom[0] / a - bottom[1] / b), Math.abs(top[0] / a - top[1] / b));
      if (!(Math.min(...bottom, ...top) >= 0 && skew < 1e-9)) {
        throw fail(`cone ends ${bottom.join(" × ")} and ${top.join(" × ")} mm are not of one shape`);
      }
      const low = bottom[0] / a;
      const high = top[0] / a;
      return {
        rows: [scaleVector(axes.x, 1 / a), scaleVector(axes.y, 1 / b), axes.z],
        quadric: [0, (low + high) / 2, (high - low) / (2 * halfLengthMm)],
        slabs: [Infinity, Infinity, halfLengthMm],
      };
    }
  }
}

/** Bounds of the shape, cut by those clip planes that are at right angles to an axis. */
function boundShape(shape: SolidShape, axes: SolidAxes, clips: readonly ClipPlane[]): SolidBounds {
  const columns = [axes.x, axes.y, axes.z];
  const low = [0, 0, 0];
  const high = [0, 0, 0];
  for (let i = 0; i < 3; i++) {
    // |component| · size, where 0 · ∞ is 0.
    const reach = (own: number, size: number): number =>
      columns[own][i] === 0 ? 0 : Math.abs(columns[own][i]) * size;
    const disc = (a: number, b: number): number => Math.hypot(reach(0, a), reach(1, b));
    let below: number;
    let above: number;
    switch (shape.kind) {
      case "ellipsoid": {
        const [a, b, c] = shape.semiAxesMm;
        above = Math.hypot(reach(0, a), reach(1, b), reach(2, c));
        below = -above;
        break;
      }
      case "cylinder":
        above = disc(...shape.semiAxesMm) + reach(2, shape.halfLengthMm);
        below = -above;
        break;
      case "box": {
        const [a, b, c] = shape.halfSizesMm;
        above = reach(0, a) + reach(1, b) + reach(2, c);
        below = -above;
        break;
      }
      case "cone": {
        const along = columns[2][i] * shape.halfLengthMm;
        const bottom = disc(...shape.bottomSemiAxesMm);
        const top = disc(...shape.topSemiAxesMm);
        above = Math.max(-along + bottom, along + top);
        below = Math.min(-along - bottom, along - top);
        break;
      }
    }
    low[i] = shape.centreMm[i] + below;
    high[i] = shape.centreMm[i] + above;
    for (const { normal, offsetMm } of clips) {
      if (normal[i] === 1) high[i] = Math.min(high[i], offsetMm);
      else if (normal[i] === -1) low[i] = Math.max(low[i], -offsetMm);
    }
    if (low[i] > high[i]) low[i] = high[i];
  }
  return { lowMm: [low[0], low[1], low[2]], highMm: [high[0], high[1], high[2]] };
}
