/**
 * Turning, moving and joining of solids and phantoms.
 */
import type { Vector3 } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import type { Solid, SolidAxes, SolidPhantom } from "./solid.ts";

/** Angles of {@link createAxes}; defaults 0. */
export interface AxesAngles {
  readonly aboutXRad?: number;
  readonly aboutYRad?: number;
  readonly aboutZRad?: number;
}

/**
 * Axes turned about the fixed x, then y, then z (right-handed: about z from +x towards +y).
 *
 * @throws PhysicsError `NON_FINITE`
 */
export function createAxes(angles: AxesAngles): SolidAxes {
  const { aboutXRad = 0, aboutYRad = 0, aboutZRad = 0 } = angles;
  if (![aboutXRad, aboutYRad, aboutZRad].every(Number.isFinite)) {
    throw new PhysicsError(
      "NON_FINITE",
      `angles ${aboutXRad}, ${aboutYRad}, ${aboutZRad} are not all finite`,
    );
  }
  const turn = (v: Vector3): Vector3 => {
    let [x, y, z] = v;
    [y, z] = rotate(y, z, aboutXRad);
    [z, x] = rotate(z, x, aboutYRad);
    [x, y] = rotate(x, y, aboutZRad);
    return [x, y, z];
  };
  return { x: turn([1, 0, 0]), y: turn([0, 1, 0]), z: turn([0, 0, 1]) };
}

function rotate(a: number, b: number, angleRad: number): [number, number] {
  const cosine = Math.cos(angleRad);
  const sine = Math.sin(angleRad);
  return [cosine * a - sine * b, sine * a + cosine * b];
}

/**
 * Axes whose z runs along a direction; x and y somewhere at right angles (for round solids).
 *
 * @param direction - of any length but 0
 * @throws PhysicsError `OUT_OF_RANGE`
 */
export function createAxesAlong(direction: Vector3): SolidAxes {
  const length = Math.hypot(...direction);
  if (!(length > 0 && length < Infinity)) {
    throw new PhysicsError("OUT_OF_RANGE", `[${direction}] has no direction`);
  }
  const z: Vector3 = [direction[0] / length, direction[1] / length, direction[2] / length];
  // Away from the axis that z is least along.
  const least = [0, 1, 2].reduce((best, i) => (Math.abs(z[i]) < Math.abs(z[best]) ? i : best), 0);
  const share = z[least];
  const raw = z.map((value, i) => (i === least ? 1 : 0) - share * value);
  const size = Math.hypot(...raw);
  const x: Vector3 = [raw[0] / size, raw[1] / size, raw[2] / size];
  const y: Vector3 = [z[1] * x[2] - z[2] * x[1], z[2] * x[0] - z[0] * x[2], z[0] * x[1] - z[1] * x[0]];
  return { x, y, z };
}

/** Where {@link placeSolid} and {@link placePhantom} put things. */
export interface Placement {
  /** Turns about the origin, first: the directions that x, y, z become. Default: none. */
  readonly axes?: SolidAxes;
  /** Moves, after turning, mm; default zeros. */
  readonly shiftMm?: Vector3;
}

/** Turns and moves a solid with its clip planes. */
export function placeSolid<C>(solid: Solid<C>, placement: Placement): Solid<C> {
  const { axes, shiftMm = [0, 0, 0] } = placement;
  const turn = ([x, y, z]: Vector3): Vector3 =>
    axes === undefined
      ? [x, y, z]
      : [
          axes.x[0] * x + axes.y[0] * y + axes.z[0] * z,
          axes.x[1] * x + axes.y[1] * y + axes.z[1] * z,
          axes.x[2] * x + axes.y[2] * y + axes.z[2] * z,
        ];
  const { shape, clips } = solid;
  const [cx, cy, cz] = turn(shape.centreMm);
  const own = shape.axes;
  const turned = own === undefined ? axes : { x: turn(own.x), y: turn(own.y), z: turn(own.z) };
  return {
    ...solid,
    shape: {
      ...shape,
      centreMm: [cx + shiftMm[0], cy + shiftMm[1], cz + shiftMm[2]],
      ...(turned === undefined ? {} : { axes: turned }),
    },
    ...(clips === undefined
      ? {}
      : {
          clips: clips.map(({ normal, offsetMm }) => {
            const n = turn(normal);
            return {
              normal: n,
              offsetMm: offsetMm + n[0] * shiftMm[0] + n[1] * shiftMm[1] + n[2] * shiftMm[2],
            };
          }),
        }),
  };
}

/** Turns and moves a whole phantom. Tested: line integrals of placed phantoms along placed lines. */
export function placePhantom<P extends SolidPhantom<unknown>>(phantom: P, placement: Placement): P {
  return { ...phantom, solids: phantom.solids.map((solid) => placeSolid(solid, placement)) };
}

/**
 * Joins phantoms; where they overlap under `"replace"`, later ones win.
 *
 * @throws PhysicsError `OUT_OF_RANGE` for none or for different compositions
 */
export function combinePhantoms<P extends SolidPhantom<unknown>>(name: string, phantoms: readonly P[]): P {
  const [first] = phantoms;
  if (first === undefined || phantoms.some((phantom) => phantom.composition !== first.composition)) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `"${name}" wants one or more phantoms of one composition, got [${phantoms.map((p) => p.composition).join(", ")}]`,
    );
  }
  return { ...first, name, solids: phantoms.flatMap((phantom) => phantom.solids) };
}
