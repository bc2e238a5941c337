/**
 * Bones that several phantoms share: vertebrae with arch and processes, ribs as tilted elliptic arcs of straight
 * pieces, in millimetres of an adult times a scale. Shapes are rough: what a slice shows, not what a surgeon knows.
 */
import type { Vector3 } from "@alara/core";
import type { Material } from "../../materials/material.ts";
import {
  type ArcOptions,
  type MaterialSolid,
  makeBall,
  makeColumn,
  makeEllipsoid,
  makeStrip,
  makeTube,
  moveAlong,
  sampleArc,
  turnAxes,
} from "./shapes.ts";

/** What bones are made of. */
export interface BoneMaterials {
  readonly cortex: Material;
  readonly core: Material;
}

/** Options of {@link createVertebra}. */
export interface VertebraOptions {
  readonly bone: BoneMaterials;
  /** Centre of the vertebral body. */
  readonly centreMm: Vector3;
  /** 1 is a thoracic vertebra of an adult: body 32 × 26 mm, 19 mm high. */
  readonly scale: number;
  /** How far the spinous process points down, rad; default 0.8 (thoracic), 0.2 is lumbar. */
  readonly spinousTiltRad?: number;
  /** Material of the spinal canal. */
  readonly canal: Material;
  /** Material of the disc above; none leaves it out. */
  readonly disc?: Material;
  /** Distance to the next vertebra, mm; default 24·scale. */
  readonly pitchMm?: number;
  readonly label?: string;
}

/** Vertebral body with a cortical shell, pedicles, laminae, processes, canal and the disc above. */
export function createVertebra(options: VertebraOptions): MaterialSolid[] {
  const { bone, scale: s, canal, disc, label = "vertebra", spinousTiltRad = 0.8 } = options;
  const at = (x: number, y: number, z: number): Vector3 => moveAlong(options.centreMm, [x * s, y * s, z * s]);
  const pitch = (options.pitchMm ?? 24 * s) / s;
  const half = 0.4 * pitch;
  const solids: MaterialSolid[] = [];
  if (disc) {
    solids.push(
      makeColumn("disc", disc, at(0, 0, pitch / 2), [16.5 * s, 13 * s], (pitch / 2 - half + 1) * s),
    );
  }
  // Arch behind the body, then the canal through it, then body and processes.
  solids.push(makeColumn(label, bone.cortex, at(0, 19, 0), [14.5 * s, 13 * s], 0.75 * half * s));
  for (const side of [-1, 1]) {
    solids.push(
      makeTube(label, bone.cortex, at(side * 9, 18, 0), at(side * 30, 27, 2), [5 * s, 4 * s]),
      makeBall(label, bone.cortex, at(side * 30, 27, 2), 5 * s),
      makeTube(label, bone.core, at(side * 11, 19, 0), at(side * 29, 26.5, 2), [3.4 * s, 2.5 * s]),
    );
  }
  const reach = 34;
  const tip = at(0, 26 + reach * Math.cos(spinousTiltRad), -reach * Math.sin(spinousTiltRad));
  solids.push(
    makeTube(label, bone.cortex, at(0, 26, 0), tip, [7 * s, 3.2 * s], { near: [0, 0, 1] }),
    makeTube(label, bone.core, at(0, 28, -1), tip, [5 * s, 1.7 * s], { near: [0, 0, 1] }),
    makeColumn("spinal canal", canal, at(0, 19.5, 0), [8.5 * s, 7.5 * s], (pitch / 2) * s),
    makeColumn(label, bone.cortex, at(0, 0, 0), [17 * s, 13.5 * s], half * s),
    makeColumn(`${label} core`, bone.core, at(0, -0.2, 0), [15.4 * s, 11.9 * s], (half - 1.3) * s),
  );
  return solids;
}

/** Options of {@link createRib}. */
export interface RibOptions {
  readonly bone: BoneMaterials;
  readonly arc: ArcOptions;
  /** Half height of the section, mm; default 6.5. */
  readonly halfHeightMm?: number;
  /** Half thickness, mm; default 3.6. */
  readonly halfThicknessMm?: number;
  /** Thickness of the cortex, mm; default 1.1. */
  readonly cortexMm?: number;
  /** Straight pieces; default 12. */
  readonly pieces?: number;
  readonly label?: string;
}

/** A rib along an elliptic arc: cortex around a core, straight pieces. */
export function createRib(options: RibOptions): MaterialSolid[] {
  const {
    bone,
    arc,
    halfHeightMm = 6.5,
    halfThicknessMm = 3.6,
    cortexMm = 1.1,
    pieces = 12,
    label = "rib",
  } = options;
  const points = sampleArc(arc, pieces);
  const near: Vector3 = [0, -Math.sin(arc.tiltRad), Math.cos(arc.tiltRad)];
  const solids = makeStrip(label, bone.cortex, points, [halfHeightMm, halfThicknessMm], near);
  if (bone.core !== bone.cortex) {
    solids.push(
      ...makeStrip(
        `${label} core`,
        bone.core,
        points,
        [halfHeightMm - cortexMm, halfThicknessMm - cortexMm],
        near,
      ),
    );
  }
  return solids;
}

/** Options of {@link createLongBone}. */
export interface LongBoneOptions {
  readonly bone: BoneMaterials;
  /** What fills the shaft. */
  readonly marrow: Material;
  readonly fromMm: Vector3;
  readonly toMm: Vector3;
  readonly radiusMm: number;
  /** Radius of the balls at both ends, mm; default 1.6 × radius. */
  readonly endRadiusMm?: number;
  /** Thickness of the cortex of the shaft over its radius; default 0.35. */
  readonly cortexShare?: number;
  readonly label: string;
}

/** A long bone: a hollow shaft and two balls of spongy bone. */
export function createLongBone(options: LongBoneOptions): MaterialSolid[] {
  const { bone, marrow, fromMm, toMm, radiusMm, cortexShare = 0.35, label } = options;
  const end = options.endRadiusMm ?? 1.6 * radiusMm;
  const thin = 0.12 * end;
  return [
    makeTube(label, bone.cortex, fromMm, toMm, radiusMm),
    makeBall(label, bone.cortex, fromMm, end),
    makeBall(label, bone.cortex, toMm, end),
    makeTube(`${label} marrow`, marrow, fromMm, toMm, radiusMm * (1 - cortexShare)),
    makeBall(`${label} core`, bone.core, fromMm, end - thin),
    makeBall(`${label} core`, bone.core, toMm, end - thin),
  ];
}

/** A flat bone as a thin ellipsoid shell piece: cortex around a core. */
export function createPlate(
  label: string,
  bone: BoneMaterials,
  centreMm: Vector3,
  semiAxesMm: Vector3,
  turnRad: number,
  tiltRad: number,
  cortexMm: number,
): MaterialSolid[] {
  const axes = turnAxes(turnRad, tiltRad);
  const [a, b, c] = semiAxesMm;
  return [
    makeEllipsoid(label, bone.cortex, centreMm, semiAxesMm, axes),
    makeEllipsoid(`${label} core`, bone.core, centreMm, [a - cortexMm, b - cortexMm, c - cortexMm], axes),
  ];
}
