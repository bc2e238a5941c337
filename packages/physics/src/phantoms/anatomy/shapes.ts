/**
 * Building blocks of the anatomical phantoms: solids from end points, chains of them along a curve, and points
 * on elliptic arcs. Geometry only; what organs are like stands in the phantoms' own files.
 */
import { crossVectors, dotVectors, type Vector3 } from "@alara/core";
import type { Material } from "../../materials/material.ts";
import type { ClipPlane, Solid, SolidAxes } from "../solid.ts";

/** A solid of material. */
export type MaterialSolid = Solid<Material>;

/** a + t·b */
export function moveAlong(a: Vector3, b: Vector3, t = 1): Vector3 {
  return [a[0] + t * b[0], a[1] + t * b[1], a[2] + t * b[2]];
}

function scaleToUnit(v: Vector3): Vector3 {
  const length = Math.hypot(v[0], v[1], v[2]);
  return [v[0] / length, v[1] / length, v[2] / length];
}

/**
 * Own axes of which z runs along `along` and x is as near to `near` as it can be.
 *
 * @param near - default: +z, or +x when `along` is nearly z
 */
function alignAxes(along: Vector3, near?: Vector3): SolidAxes {
  const z = scaleToUnit(along);
  let wanted = near ?? (Math.abs(z[2]) > 0.95 ? [1, 0, 0] : [0, 0, 1]);
  if (Math.abs(dotVectors(scaleToUnit(wanted), z)) > 0.999)
    wanted = Math.abs(z[0]) > 0.9 ? [0, 1, 0] : [1, 0, 0];
  const x = scaleToUnit(moveAlong(wanted, z, -dotVectors(wanted, z)));
  return { x, y: crossVectors(z, x), z };
}

/** Own axes turned by `angleRad` about +z (from x to y), then by `tiltRad` about the turned x axis. */
export function turnAxes(angleRad: number, tiltRad = 0): SolidAxes {
  const c = Math.cos(angleRad);
  const s = Math.sin(angleRad);
  const ct = Math.cos(tiltRad);
  const st = Math.sin(tiltRad);
  return { x: [c, s, 0], y: [-s * ct, c * ct, st], z: [s * st, -c * st, ct] };
}

/** An ellipsoid. */
export function makeEllipsoid(
  label: string,
  content: Material,
  centreMm: Vector3,
  semiAxesMm: Vector3,
  axes?: SolidAxes,
  clips?: readonly ClipPlane[],
): MaterialSolid {
  return {
    label,
    content,
    shape: { kind: "ellipsoid", centreMm, semiAxesMm, ...(axes && { axes }) },
    ...(clips && { clips }),
  };
}

/** A ball. */
export function makeBall(
  label: string,
  content: Material,
  centreMm: Vector3,
  radiusMm: number,
): MaterialSolid {
  return makeEllipsoid(label, content, centreMm, [radiusMm, radiusMm, radiusMm]);
}

/** A box. */
export function makeBox(
  label: string,
  content: Material,
  centreMm: Vector3,
  halfSizesMm: Vector3,
  axes?: SolidAxes,
): MaterialSolid {
  return { label, content, shape: { kind: "box", centreMm, halfSizesMm, ...(axes && { axes }) } };
}

/** An elliptic cylinder along z. */
export function makeColumn(
  label: string,
  content: Material,
  centreMm: Vector3,
  semiAxesMm: readonly [number, number],
  halfLengthMm: number,
): MaterialSolid {
  return { label, content, shape: { kind: "cylinder", centreMm, semiAxesMm, halfLengthMm } };
}

/** Options of {@link makeTube}. */
export interface TubeOptions {
  /** Direction of the first semi-axis of the cross-section; default see {@link alignAxes}. */
  readonly near?: Vector3;
  /** Lengthens both ends, mm; default 0. */
  readonly overlapMm?: number;
}

/**
 * A straight cylinder between two points.
 *
 * @param semiAxesMm - radius, or semi-axes of the cross-section along `near` and across
 */
export function makeTube(
  label: string,
  content: Material,
  fromMm: Vector3,
  toMm: Vector3,
  semiAxesMm: number | readonly [number, number],
  options: TubeOptions = {},
): MaterialSolid {
  const along = moveAlong(toMm, fromMm, -1);
  const axes = alignAxes(along, options.near);
  return {
    label,
    content,
    shape: {
      kind: "cylinder",
      centreMm: moveAlong(fromMm, along, 0.5),
      semiAxesMm: typeof semiAxesMm === "number" ? [semiAxesMm, semiAxesMm] : semiAxesMm,
      halfLengthMm: Math.hypot(along[0], along[1], along[2]) / 2 + (options.overlapMm ?? 0),
      axes,
    },
  };
}

/** A round cone between two points; a cylinder where both radii agree. */
export function makeTaper(
  label: string,
  content: Material,
  fromMm: Vector3,
  toMm: Vector3,
  fromRadiusMm: number,
  toRadiusMm: number,
): MaterialSolid {
  if (Math.abs(fromRadiusMm - toRadiusMm) < 1e-9) return makeTube(label, content, fromMm, toMm, fromRadiusMm);
  const along = moveAlong(toMm, fromMm, -1);
  return {
    label,
    content,
    shape: {
      kind: "cone",
      centreMm: moveAlong(fromMm, along, 0.5),
      bottomSemiAxesMm: [fromRadiusMm, fromRadiusMm],
      topSemiAxesMm: [toRadiusMm, toRadiusMm],
      halfLengthMm: Math.hypot(along[0], along[1], along[2]) / 2,
      axes: alignAxes(along),
    },
  };
}

/** Round tubes along a polyline with balls in its joints: vessels, airways, bowel. */
export function makeTubePath(
  label: string,
  content: Material,
  pointsMm: readonly Vector3[],
  radiusMm: number | ((index: number) => number),
): MaterialSolid[] {
  const radiusAt = typeof radiusMm === "number" ? () => radiusMm : radiusMm;
  const solids: MaterialSolid[] = [];
  for (let i = 0; i + 1 < pointsMm.length; i++) {
    solids.push(makeTaper(label, content, pointsMm[i], pointsMm[i + 1], radiusAt(i), radiusAt(i + 1)));
    if (i > 0) solids.push(makeBall(label, content, pointsMm[i], radiusAt(i)));
  }
  return solids;
}

/** An elliptic arc in a plane that is tilted about the x axis. */
export interface ArcOptions {
  readonly centreMm: Vector3;
  /** Along x and along the tilted y. */
  readonly semiAxesMm: readonly [number, number];
  /** How far the anterior half (−y) sinks, rad. */
  readonly tiltRad: number;
  /** From +y towards ±x to −y: 0 is posterior, π anterior. */
  readonly fromRad: number;
  readonly toRad: number;
  /** +1: towards +x, −1: towards −x. */
  readonly side: number;
}

/** The point of an elliptic arc at an angle from +y. */
function locateOnArc(arc: ArcOptions, angleRad: number): Vector3 {
  const y = arc.semiAxesMm[1] * Math.cos(angleRad);
  return moveAlong(arc.centreMm, [
    arc.side * arc.semiAxesMm[0] * Math.sin(angleRad),
    y * Math.cos(arc.tiltRad),
    y * Math.sin(arc.tiltRad),
  ]);
}

/** `count + 1` points along an elliptic arc. */
export function sampleArc(arc: ArcOptions, count: number): Vector3[] {
  return Array.from({ length: count + 1 }, (_, i) =>
    locateOnArc(arc, arc.fromRad + ((arc.toRad - arc.fromRad) * i) / count),
  );
}

/** Flat-sided tubes along a polyline that overlap in its joints; `near` is the tall direction of the section. */
export function makeStrip(
  label: string,
  content: Material,
  pointsMm: readonly Vector3[],
  semiAxesMm: readonly [number, number],
  near: Vector3,
): MaterialSolid[] {
  const solids: MaterialSolid[] = [];
  for (let i = 0; i + 1 < pointsMm.length; i++) {
    solids.push(
      makeTube(label, content, pointsMm[i], pointsMm[i + 1], semiAxesMm, {
        near,
        overlapMm: 0.3 * semiAxesMm[1],
      }),
    );
  }
  return solids;
}
