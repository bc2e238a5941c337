/**
 * What a 3D phantom is made of: convex solids with clip planes, each carrying a material or a number. Types only;
 * line integrals stand in trace-solids.ts, voxels in voxelize-solids.ts.
 */
import type { Vector3 } from "@alara/core";
import type { Material } from "../materials/material.ts";

/** Own axes of a solid as unit vectors, right-handed; the columns of its rotation. */
export interface SolidAxes {
  readonly x: Vector3;
  readonly y: Vector3;
  readonly z: Vector3;
}

/** A convex surface in scanner coordinates, mm. Own axes default to x, y, z. */
export type SolidShape =
  | {
      readonly kind: "ellipsoid";
      readonly centreMm: Vector3;
      readonly semiAxesMm: Vector3;
      readonly axes?: SolidAxes;
    }
  | {
      /** Elliptic cylinder along its own z. */
      readonly kind: "cylinder";
      readonly centreMm: Vector3;
      /** Semi-axes of the cross-section along own x and y. */
      readonly semiAxesMm: readonly [number, number];
      /** `Infinity` for one without ends. */
      readonly halfLengthMm: number;
      readonly axes?: SolidAxes;
    }
  | {
      readonly kind: "box";
      readonly centreMm: Vector3;
      /** Each may be `Infinity`. */
      readonly halfSizesMm: Vector3;
      readonly axes?: SolidAxes;
    }
  | {
      /** Truncated elliptic cone along its own z: the cross-section grows linearly from bottom to top. */
      readonly kind: "cone";
      readonly centreMm: Vector3;
      /** Semi-axes at −halfLength; both may be 0. */
      readonly bottomSemiAxesMm: readonly [number, number];
      /** Semi-axes at +halfLength; in the ratio of the bottom ones, or these are 0. */
      readonly topSemiAxesMm: readonly [number, number];
      readonly halfLengthMm: number;
      readonly axes?: SolidAxes;
    };

/** Keeps the half-space normal · x ≤ offset (scanner coordinates, mm; unit normal). */
export interface ClipPlane {
  readonly normal: Vector3;
  readonly offsetMm: number;
}

/** A solid and what it is filled with. */
export interface Solid<Content> {
  readonly shape: SolidShape;
  readonly clips?: readonly ClipPlane[];
  readonly content: Content;
  /** Says what this is, e.g. "LDPE insert"; for lists and regions of interest. */
  readonly label?: string;
}

/**
 * A phantom of solids in nothing (air of µ = 0). `"replace"`: at a point counts the last solid that holds it;
 * `"additive"`: all contents there are added (numbers only).
 */
export interface SolidPhantom<Content> {
  readonly name: string;
  readonly composition: "replace" | "additive";
  readonly solids: readonly Solid<Content>[];
}

/** Solids of materials: what poly-energetic scans take. Always `"replace"`. */
export type MaterialPhantom = SolidPhantom<Material> & { readonly composition: "replace" };

/** Solids of attenuation values, 1/mm. */
export type ValuePhantom = SolidPhantom<number>;
