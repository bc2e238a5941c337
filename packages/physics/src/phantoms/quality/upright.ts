/**
 * Solids that quality phantoms are built of: upright rods, discs, balls, bars and wires with labels.
 */
import type { Vector3 } from "@alara/core";
import type { Material } from "../../materials/material.ts";
import { createAxes, createAxesAlong } from "../place-solids.ts";
import type { Solid } from "../solid.ts";

/** Where along z an upright solid reaches. */
export interface HeightRange {
  readonly fromMm: number;
  readonly toMm: number;
}

/** A point in the plane by distance from the axis and angle from +x towards +y (+y: rows grow, down in images). */
export function placePolar(distanceMm: number, angleDeg: number): readonly [number, number] {
  const angle = (angleDeg * Math.PI) / 180;
  return [distanceMm * Math.cos(angle), distanceMm * Math.sin(angle)];
}

/** A round rod along z. */
export function createRod(
  label: string,
  content: Material,
  [xMm, yMm]: readonly [number, number],
  radiusMm: number,
  height: HeightRange,
): Solid<Material> {
  return {
    label,
    content,
    shape: {
      kind: "cylinder",
      centreMm: [xMm, yMm, (height.fromMm + height.toMm) / 2],
      semiAxesMm: [radiusMm, radiusMm],
      halfLengthMm: (height.toMm - height.fromMm) / 2,
    },
  };
}

/** A ball. */
export function createBall(
  label: string,
  content: Material,
  centreMm: Vector3,
  radiusMm: number,
): Solid<Material> {
  return {
    label,
    content,
    shape: { kind: "ellipsoid", centreMm, semiAxesMm: [radiusMm, radiusMm, radiusMm] },
  };
}

/** A straight round wire between two points. */
export function createWire(
  label: string,
  content: Material,
  fromMm: Vector3,
  toMm: Vector3,
  radiusMm: number,
): Solid<Material> {
  const along: Vector3 = [toMm[0] - fromMm[0], toMm[1] - fromMm[1], toMm[2] - fromMm[2]];
  return {
    label,
    content,
    shape: {
      kind: "cylinder",
      centreMm: [(fromMm[0] + toMm[0]) / 2, (fromMm[1] + toMm[1]) / 2, (fromMm[2] + toMm[2]) / 2],
      semiAxesMm: [radiusMm, radiusMm],
      halfLengthMm: Math.hypot(...along) / 2,
      axes: createAxesAlong(along),
    },
  };
}

/** A pattern of bars around a point: line pairs along the tangent of the circle about the axis, bars radial. */
export interface BarPattern {
  readonly label: string;
  readonly content: Material;
  /** Middle of the pattern. */
  readonly distanceMm: number;
  readonly angleDeg: number;
  readonly linePairsPerMm: number;
  readonly bars: number;
  /** Length of each bar along the radius. */
  readonly barLengthMm: number;
  readonly height: HeightRange;
}

/** The bars of a pattern; each as wide as the gap between two, half a period. */
export function createBars(pattern: BarPattern): readonly Solid<Material>[] {
  const { label, content, distanceMm, angleDeg, linePairsPerMm, bars, barLengthMm, height } = pattern;
  const angle = (angleDeg * Math.PI) / 180;
  const [x, y] = placePolar(distanceMm, angleDeg);
  const period = 1 / linePairsPerMm;
  const axes = createAxes({ aboutZRad: angle });
  return Array.from({ length: bars }, (_, i) => {
    const along = (i - (bars - 1) / 2) * period;
    return {
      label,
      content,
      shape: {
        kind: "box" as const,
        centreMm: [
          x - along * Math.sin(angle),
          y + along * Math.cos(angle),
          (height.fromMm + height.toMm) / 2,
        ] as const,
        halfSizesMm: [barLengthMm / 2, period / 4, (height.toMm - height.fromMm) / 2] as const,
        axes,
      },
    };
  });
}
