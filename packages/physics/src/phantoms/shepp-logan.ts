/**
 * The head phantom of Shepp & Logan 1974 (doi 10.1109/TNS.1974.6499235) and its modified, higher-contrast values
 * (Toft 1996); ellipse table of tomography.md §3.2.
 */
import type { Phantom } from "./phantom.ts";

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

/** Options of {@link createSheppLoganPhantom}. */
export interface SheppLoganOptions {
  /** Default `"modified"`. */
  readonly values?: "classic" | "modified";
  /** Radius of the disc that holds the head, mm; default 1. */
  readonly radiusMm?: number;
  /** Attenuation of value 1, 1/mm; default 1. */
  readonly unitPerMm?: number;
}

/** Makes the head phantom; +y is the forehead. */
export function createSheppLoganPhantom(options: SheppLoganOptions = {}): Phantom<"1/mm"> {
  const { values = "modified", radiusMm = 1, unitPerMm = 1 } = options;
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
      value: (values === "classic" ? classic : modified) * unitPerMm,
    })),
  };
}
