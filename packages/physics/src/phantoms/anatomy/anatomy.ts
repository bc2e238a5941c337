/**
 * What every anatomical phantom is: solids of materials with labels, and balls of one material in them to measure in.
 */
import type { Vector3 } from "@alara/core";
import { PhysicsError } from "../../errors.ts";
import type { Material } from "../../materials/material.ts";
import type { MaterialPhantom } from "../solid.ts";
import type { MaterialSolid } from "./shapes.ts";

/** A ball inside one material of a phantom. */
export interface PhantomRegion {
  readonly label: string;
  readonly centreMm: Vector3;
  readonly radiusMm: number;
  readonly material: Material;
}

/**
 * A phantom of solids with regions of interest. Axes as in the scanner: +x to the patient's left, +y to the back,
 * +z to the head.
 */
export type AnatomicalPhantom = MaterialPhantom & {
  /** Balls that hold one material only; tested point by point. */
  readonly regions: readonly PhantomRegion[];
  /** Half sizes of a box around the isocentre that holds the phantom, x, y, z. */
  readonly halfExtentMm: Vector3;
};

/** Puts an anatomical phantom together. */
export function createAnatomicalPhantom(
  name: string,
  solids: readonly MaterialSolid[],
  regions: readonly PhantomRegion[],
  halfExtentMm: Vector3,
): AnatomicalPhantom {
  return { name, composition: "replace", solids, regions, halfExtentMm };
}

/** @throws PhysicsError `OUT_OF_RANGE` unless low ≤ value ≤ high */
export function checkRange(name: string, value: number, low: number, high: number, hint: string): void {
  if (!(value >= low && value <= high)) {
    throw new PhysicsError("OUT_OF_RANGE", `${name} ${value} is outside ${low}..${high}; ${hint}`);
  }
}

/** @throws PhysicsError `OUT_OF_RANGE` unless an integer in 0..high */
export function checkCount(name: string, value: number, high: number, hint: string): void {
  if (!(Number.isInteger(value) && value >= 0 && value <= high)) {
    throw new PhysicsError("OUT_OF_RANGE", `${name} ${value} is not an integer in 0..${high}; ${hint}`);
  }
}
