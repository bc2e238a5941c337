/**
 * The FORBILD head phantom (Lauritsch & Bruder; tomography.md §3.2) in 3D: skull, brain, ventricle, eyes, contrast
 * spots, haematoma, frontal sinus with its bones, occipital protuberance, the right ear with its honeycomb of air
 * cells and, where asked, the resolution pattern of the left ear. The mid-plane is the published 2D version (Yu et
 * al., Phys. Med. Biol. 57:N237, 2012) to 0.1 mm: that one has straight edges where sections here are conics.
 */
import type { Vector3 } from "@alara/core";
import type { Material } from "../../materials/material.ts";
import { materials } from "../../materials/materials.ts";
import { withDensity } from "../../materials/mixtures.ts";
import { createAxes } from "../place-solids.ts";
import type { MaterialPhantom, Solid, SolidAxes, SolidShape, ValuePhantom } from "../solid.ts";
import { contents, createWaterEquivalent } from "./contents.ts";

/** Shared options of the FORBILD heads. */
export interface ForbildHeadOptions {
  /** The right ear: bone with air cells, bone alone, or neither. Default `"cells"`. */
  readonly ear?: "cells" | "bone" | "absent";
  /**
   * `"pattern"` puts 144 small ellipsoids of bone into the left ear: four columns of 0.357, 0.312, 0.278 and 0.25 mm,
   * each with four groups of five along y, twice their width apart, and of four more along z. Default `"absent"`.
   */
  readonly leftEar?: "pattern" | "absent";
}

/** Options of {@link createForbildHead}. */
export interface ForbildHeadValueOptions extends ForbildHeadOptions {
  /** Attenuation of relative density 1, 1/mm; default 0.02. */
  readonly muWaterPerMm?: number;
}

/**
 * The head in attenuation: relative density × µ of water. +y is the forehead; sizes of the definition (cm) in mm.
 *
 * @returns `"replace"`; bounds ±96, ±120, ±125 mm
 */
export function createForbildHead(options: ForbildHeadValueOptions = {}): ValuePhantom {
  const { muWaterPerMm = 0.02 } = options;
  return {
    name: "forbild-head",
    composition: "replace",
    solids: listSolids(options, (density) => density * muWaterPerMm),
  };
}

/** The head in materials: bone as ICRU-44 cortical bone of 1.8 g/cm³, the rest as water of the stated density. */
export function createForbildHeadOfMaterials(options: ForbildHeadOptions = {}): MaterialPhantom {
  const known = new Map<number, Material>([
    [0, contents.air],
    [1.8, withDensity(materials.get("cortical-bone"), 1.8, { name: "bone 1.8 g/cm³" })],
  ]);
  const getMaterial = (density: number): Material => {
    const material = known.get(density) ?? createWaterEquivalent(Math.round((density - 1) * 1e6) / 1000);
    known.set(density, material);
    return material;
  };
  return {
    name: "forbild-head-materials",
    composition: "replace",
    solids: listSolids(options, getMaterial),
  };
}

/** Air cells per row of the ear, by |row| in y and z (steps of 0.34641 cm); all lie 0.4 cm apart. */
const CELLS: readonly (readonly number[])[] = [
  [9, 8, 8, 6],
  [8, 8, 7, 6],
  [8, 7, 7, 5],
  [6, 6, 5, 4],
];

/** Columns of the left ear: x in cm and width of the ellipsoids in x and y. */
const PATTERN_COLUMNS: readonly (readonly [number, number])[] = [
  [-7, 0.0357],
  [-6.92, 0.0312],
  [-6.84, 0.0278],
  [-6.76, 0.025],
];
/** Groups of the left ear: first y in cm and height of the ellipsoids in z. */
const PATTERN_GROUPS: readonly (readonly [number, number])[] = [
  [-1, 0.4],
  [-0.52, 0.2],
  [-0.04, 0.1],
  [0.44, 0.05],
];

function listSolids<C>(options: ForbildHeadOptions, getContent: (density: number) => C): Solid<C>[] {
  const { ear = "cells", leftEar = "absent" } = options;
  const mm = <T extends readonly number[]>(cm: T): T => cm.map((value) => 10 * value) as unknown as T;
  const add = (label: string, density: number, shape: SolidShape): Solid<C> => ({
    label,
    content: getContent(density),
    shape,
  });
  const ellipsoid = (centre: Vector3, semiAxes: Vector3, axes?: SolidAxes): SolidShape => ({
    kind: "ellipsoid",
    centreMm: mm(centre),
    semiAxesMm: mm(semiAxes),
    ...(axes === undefined ? {} : { axes }),
  });
  const aboutZ = (degrees: number): SolidAxes => createAxes({ aboutZRad: (degrees * Math.PI) / 180 });
  // Own x and z of the leaning bones: z leans 15° outwards at the top, x runs 30° off the y axis within.
  const lean = (side: 1 | -1): SolidAxes => {
    const c15 = Math.cos(Math.PI / 12);
    const s15 = Math.sin(Math.PI / 12);
    const x: Vector3 = [side * 0.5 * c15, Math.sqrt(0.75), 0.5 * s15];
    const z: Vector3 = [-side * s15, 0, c15];
    const y: Vector3 = [z[1] * x[2] - z[2] * x[1], z[2] * x[0] - z[0] * x[2], z[0] * x[1] - z[1] * x[0]];
    return { x, y, z };
  };
  const c60 = 0.5;
  const s60 = Math.sqrt(0.75);
  const cone = (z: number): SolidShape => ({
    kind: "cone",
    centreMm: mm([0, -11.15, z]),
    bottomSemiAxesMm: [5, 5],
    topSemiAxesMm: [2, 2],
    halfLengthMm: 7.5,
    // Own z along +y.
    axes: { x: [1, 0, 0], y: [0, 0, -1], z: [0, 1, 0] },
  });
  const solids = [
    add("skull", 1.8, ellipsoid([0, 0, 0], [9.6, 12, 12.5])),
    add("brain", 1.05, ellipsoid([0, 0, 0], [9, 11.4, 11.9])),
    add("eye", 1.06, ellipsoid([-4.7, 4.3, 0.872], [2, 2, 2])),
    add("eye", 1.06, ellipsoid([4.7, 4.3, 0.872], [2, 2, 2])),
    add("spot", 1.0525, ellipsoid([-1.08, -9, 0], [0.4, 0.4, 0.4])),
    add("spot", 1.0475, ellipsoid([1.08, -9, 0], [0.4, 0.4, 0.4])),
    add("frontal sinus", 0, ellipsoid([0, 8.4, 0], [1.8, 3, 3])),
    add("sinus bone", 1.8, ellipsoid([-1.9, 5.4, 0], [1.165373, 0.405956, 3], lean(-1))),
    add("sinus bone", 1.8, ellipsoid([1.9, 5.4, 0], [1.159111, 0.405689, 3], lean(1))),
    add("temple bone", 1.8, {
      kind: "cylinder",
      centreMm: mm([-4.3, 6.8, -1]),
      semiAxesMm: [18, 2.4],
      halfLengthMm: 20,
      axes: aboutZ(150),
    }),
    add("temple bone", 1.8, {
      kind: "cylinder",
      centreMm: mm([4.3, 6.8, -1]),
      semiAxesMm: [18, 2.4],
      halfLengthMm: 20,
      axes: aboutZ(30),
    }),
    add("ventricle", 1.045, ellipsoid([0, -3.6, 0], [1.8, 3.6, 3.6])),
    add("haematoma", 1.055, ellipsoid([6.393945, -6.393945, 0], [1.2, 0.42, 1.2], aboutZ(58.1))),
    // Behind the sinus: a plate of 1.2 × 4 cm, its normal (0, −sin 60°, cos 60°).
    add("sinus bone", 1.8, {
      kind: "cylinder",
      centreMm: mm([0, 3.6, 0]),
      semiAxesMm: [12, 40],
      halfLengthMm: 2.5 * Math.cos(Math.PI / 12),
      axes: { x: [1, 0, 0], y: [0, c60, s60], z: [0, -s60, c60] },
    }),
    // In the sinus: 0.4 cm across, an ellipse of 2 × 0.525561 cm leaning by 30°, ±0.6 cm high in the mid-plane.
    add("sinus bone", 1.8, {
      kind: "cylinder",
      centreMm: mm([0, 9.6, 0]),
      semiAxesMm: [20, 5.25561],
      halfLengthMm: 2,
      axes: { x: [0, -c60, s60], y: [0, -s60, -c60], z: [1, 0, 0] },
    }),
    add("protuberance", 1.8, cone(-0.2)),
    add("protuberance", 1.8, cone(0.2)),
  ];
  if (leftEar === "pattern") {
    for (const [x, width] of PATTERN_COLUMNS) {
      for (const [y, height] of PATTERN_GROUPS) {
        const semiAxes: Vector3 = [width / 2, width / 2, height / 2];
        const place = (j: number, k: number): Solid<C> =>
          add("left ear", 1.8, ellipsoid([x, y + 2 * j * width, 2 * k * height], semiAxes));
        for (let j = 0; j < 5; j++) solids.push(place(j, 0));
        for (let k = 1; k < 5; k++) solids.push(place(0, k));
      }
    }
  }
  if (ear === "absent") return solids;
  solids.push({
    ...add("right ear bone", 1.8, ellipsoid([9.1, 0, 0], [4.2, 1.8, 1.8])),
    clips: [{ normal: [1, 0, 0], offsetMm: 91 }],
  });
  if (ear === "bone") return solids;
  for (let j = -3; j <= 3; j++) {
    for (let k = -3; k <= 3; k++) {
      const first = (j + k) % 2 === 0 ? 8.8 : 8.6;
      for (let i = 0; i < CELLS[Math.abs(j)][Math.abs(k)]; i++) {
        const centre: Vector3 = [first - 0.4 * i, j * 0.2 * Math.sqrt(3), k * 0.2 * Math.sqrt(3)];
        solids.push(add("ear cell", 0, ellipsoid(centre, [0.15, 0.15, 0.15])));
      }
    }
  }
  return solids;
}
