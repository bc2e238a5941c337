/**
 * The head phantom of Shepp & Logan 1974 (doi 10.1109/TNS.1974.6499235) and its modified, higher-contrast values
 * (Toft 1996), in the plane and as ellipsoids; table and z-axes of tomography.md §3.2.
 */
import type { Phantom } from "./phantom.ts";
import { createAxes } from "./place-solids.ts";
import type { ValuePhantom } from "./solid.ts";

/** x, y, semi-axes (unit disc), rotation in degrees, classic value, modified value. */
const TABLE: readonly (readonly [number, number, number, number, number, number, number])[] = [
  [0, 0, 0.69, 0.92, 0, 2, 1],
  [0, -0.0184, 0.6624, 0.874, 0, -0.98, -0.8],
  [0.22, 0, 0.11, 0.31, -18, -0.02, -0.2],
  [-0.22, 0, 0.16, 0.41, 18, -0.02, -0.2],
  [0, 0.35, 0.21, 0.25, 0, 0.01, 0.1],
  [0, 0.1, 0.046, 0.046, 0, 0.01, 0.1],
  [0, -0.1, 0.046, 0.046, 0, 0.01, 0.1],
  [-0.08, -0.605, 0.046, 0.023, 0, 0.01, 0.1],
  [0, -0.605, 0.023, 0.023, 0, 0.01, 0.1],
  [0.06, -0.605, 0.023, 0.046, 0, 0.01, 0.1],
];

/** Semi-axes along z of the same ellipsoids. */
const Z_SEMI_AXES: readonly number[] = [0.81, 0.78, 0.22, 0.28, 0.41, 0.05, 0.05, 0.05, 0.02, 0.02];

/** Options of {@link createSheppLoganPhantom} and {@link createSheppLoganHead}. */
export interface SheppLoganOptions {
  /** Default `"modified"`. */
  readonly values?: "classic" | "modified";
  /** Radius of the disc that holds the head, mm; default 1. */
  readonly radiusMm?: number;
  /** Attenuation of value 1, 1/mm; default 1. */
  readonly unitPerMm?: number;
}

function getValue(options: SheppLoganOptions, classic: number, modified: number): number {
  return ((options.values ?? "modified") === "classic" ? classic : modified) * (options.unitPerMm ?? 1);
}

/** Makes the head phantom; +y is the forehead. */
export function createSheppLoganPhantom(options: SheppLoganOptions = {}): Phantom<"1/mm"> {
  const { radiusMm = 1 } = options;
  return {
    unit: "1/mm",
    composition: "additive",
    background: 0,
    ellipses: TABLE.map(([x, y, a, b, degrees, classic, modified]) => ({
      xMm: x * radiusMm,
      yMm: y * radiusMm,
      semiAxisXMm: a * radiusMm,
      semiAxisYMm: b * radiusMm,
      rotationRad: (degrees * Math.PI) / 180,
      value: getValue(options, classic, modified),
    })),
  };
}

/**
 * Makes the head of ellipsoids, all centred on z = 0: its mid-plane is {@link createSheppLoganPhantom}.
 *
 * @returns `"additive"`, 1/mm
 */
export function createSheppLoganHead(options: SheppLoganOptions = {}): ValuePhantom {
  const { radiusMm = 1 } = options;
  return {
    name: "shepp-logan-3d",
    composition: "additive",
    solids: TABLE.map(([x, y, a, b, degrees, classic, modified], i) => ({
      shape: {
        kind: "ellipsoid",
        centreMm: [x * radiusMm, y * radiusMm, 0],
        semiAxesMm: [a * radiusMm, b * radiusMm, Z_SEMI_AXES[i] * radiusMm],
        axes: createAxes({ aboutZRad: (degrees * Math.PI) / 180 }),
      },
      content: getValue(options, classic, modified),
    })),
  };
}
