/**
 * Random branching trees of tubes inside an ellipsoid: vessels of the lung. Each branch splits in two, radii follow
 * Murray's law (r₀³ = r₁³ + r₂³); branches that would leave the organ turn or end.
 */
import type { Random, Vector3 } from "@alara/core";
import type { Material } from "../../materials/material.ts";
import { type MaterialSolid, makeTaper, moveAlong } from "./shapes.ts";

/** Options of {@link growVesselTree}. */
export interface VesselTreeOptions {
  readonly label: string;
  readonly content: Material;
  readonly fromMm: Vector3;
  /** Direction of the trunk, any length. */
  readonly towards: Vector3;
  readonly radiusMm: number;
  readonly lengthMm: number;
  /** How often branches split. */
  readonly generations: number;
  /** Whether a point may hold a vessel. */
  isInside(pointMm: Vector3): boolean;
}

/** Grows a tree of tapered tubes. */
export function growVesselTree(random: Random, options: VesselTreeOptions): MaterialSolid[] {
  const { label, content, isInside } = options;
  const solids: MaterialSolid[] = [];
  const grow = (from: Vector3, wanted: Vector3, radius: number, length: number, left: number): void => {
    let towards = wanted;
    let norm = Math.hypot(towards[0], towards[1], towards[2]);
    let to = moveAlong(from, towards, length / norm);
    for (let attempt = 0; attempt < 4 && !isInside(to); attempt++) {
      const turn: Vector3 = [random.nextNormal(), random.nextNormal(), random.nextNormal()];
      towards = moveAlong(towards, turn, 0.5 * norm);
      norm = Math.hypot(towards[0], towards[1], towards[2]);
      to = moveAlong(from, towards, (0.7 * length) / norm);
    }
    if (!isInside(to)) return;
    const share = 0.35 + 0.3 * random.nextUniform();
    const children = [radius * Math.cbrt(share), radius * Math.cbrt(1 - share)];
    solids.push(makeTaper(label, content, from, to, radius, Math.max(...children)));
    if (left === 0) return;
    const across: Vector3 = [random.nextNormal(), random.nextNormal(), random.nextNormal()];
    children.forEach((child, i) => {
      const bent = moveAlong(
        [towards[0] / norm, towards[1] / norm, towards[2] / norm],
        across,
        (i === 0 ? 0.28 : -0.32) * (0.7 + 0.5 * random.nextUniform()),
      );
      grow(to, bent, child, length * (0.72 + 0.2 * random.nextUniform()), left - 1);
    });
  };
  grow(options.fromMm, options.towards, options.radiusMm, options.lengthMm, options.generations);
  return solids;
}
