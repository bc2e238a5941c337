/**
 * The ACR CT accreditation phantom (Gammex 464): four modules of 200 mm diameter and 40 mm depth (ACR phantom testing
 * instructions; positions of tomography.md §2.8). Module 1: CT numbers, ramps of wires, alignment balls; 2: low
 * contrast of 6 HU; 3: uniformity with two balls 100 mm apart; 4: bar patterns. Not a drawing of the maker's: casts
 * are water of the nominal CT number; angles of the rods of module 2 and of the patterns are this model's.
 */
import type { Material } from "../../materials/material.ts";
import { combinePhantoms, placePhantom } from "../place-solids.ts";
import type { MaterialPhantom, Solid } from "../solid.ts";
import { contents, createWaterEquivalent } from "./contents.ts";
import { createBall, createBars, createRod, createWire, placePolar } from "./upright.ts";

const RADIUS_MM = 100;
const HEIGHT = { fromMm: -20, toMm: 20 };

const solidWater = createWaterEquivalent(0);
const plain = createWaterEquivalent(90);
const lowContrast = createWaterEquivalent(96);

/** Alignment balls of 1 mm steel just under the rim, in the middle of the module. */
function createAlignmentBalls(): Solid<Material>[] {
  return [0, 90, 180, 270].map((angle) => {
    const [x, y] = placePolar(RADIUS_MM - 1, angle);
    return createBall("alignment ball", contents.steel, [x, y, 0], 0.5);
  });
}

/**
 * Module 1: rods of 25 mm, 63 mm from the axis: air 45°, water 180°, bone −45°, polyethylene 225°, acrylic 135°;
 * two ramps of 25 wires each, 0.5 mm higher from wire to wire.
 */
export function createAcrModule1(): MaterialPhantom {
  const rods: readonly (readonly [string, Material, number])[] = [
    ["air", contents.air, 45],
    ["bone", contents.acrBone, -45],
    ["polyethylene", contents.acrPolyethylene, 225],
    ["acrylic", contents.acrylic, 135],
    ["water", contents.water, 180],
  ];
  const ramp = [-1, 1].flatMap((side) =>
    Array.from({ length: 25 }, (_, i) => {
      const x = 2 * (i - 12);
      const z = 0.5 * (i - 12) * side;
      return createWire(
        side < 0 ? "ramp upper" : "ramp lower",
        contents.steel,
        [x, side * 85 - 4, z],
        [x, side * 85 + 4, z],
        0.15,
      );
    }),
  );
  return {
    name: "acr-464-module-1",
    composition: "replace",
    solids: [
      createRod("body", solidWater, [0, 0], RADIUS_MM, HEIGHT),
      ...rods.map(([label, content, angle]) =>
        createRod(label, content, placePolar(63, angle), 12.5, HEIGHT),
      ),
      ...ramp,
      ...createAlignmentBalls(),
    ],
  };
}

/**
 * Module 2: rods 6 HU above a 90 HU cast: one of 25 mm at −90°, and rows of four of 6, 5, 4, 3 and 2 mm, their centres
 * two diameters apart, every 60° onwards, all about 60 mm from the axis.
 */
export function createAcrModule2(): MaterialPhantom {
  const rows = [6, 5, 4, 3, 2].flatMap((diameter, k) => {
    const angle = -30 + 60 * k;
    const [x, y] = placePolar(60, angle);
    const [dx, dy] = placePolar(1, angle + 90);
    return [0, 1, 2, 3].map((i) => {
      const along = (i - 1.5) * 2 * diameter;
      return createRod(`${diameter} mm`, lowContrast, [x + along * dx, y + along * dy], diameter / 2, HEIGHT);
    });
  });
  return {
    name: "acr-464-module-2",
    composition: "replace",
    solids: [
      createRod("body", plain, [0, 0], RADIUS_MM, HEIGHT),
      createRod("25 mm", lowContrast, placePolar(60, -90), 12.5, HEIGHT),
      ...rows,
    ],
  };
}

/** Module 3: uniform water equivalent with two balls of 0.28 mm tungsten carbide 100 mm apart. */
export function createAcrModule3(): MaterialPhantom {
  return {
    name: "acr-464-module-3",
    composition: "replace",
    solids: [
      createRod("body", solidWater, [0, 0], RADIUS_MM, HEIGHT),
      createBall("distance ball", contents.tungstenCarbide, [-50, 0, 0], 0.14),
      createBall("distance ball", contents.tungstenCarbide, [50, 0, 0], 0.14),
    ],
  };
}

/**
 * Module 4: patterns of 15 × 15 mm of aluminium bars, 38 mm deep, of 4, 5, 6, 7, 8, 9, 10 and 12 lp/cm, 70 mm from the
 * axis, 45° apart from −90° on.
 */
export function createAcrModule4(): MaterialPhantom {
  const patterns = [4, 5, 6, 7, 8, 9, 10, 12].flatMap((linePairsPerCm, k) =>
    createBars({
      label: `${linePairsPerCm} lp/cm`,
      content: contents.aluminium,
      distanceMm: 70,
      angleDeg: -90 + 45 * k,
      linePairsPerMm: linePairsPerCm / 10,
      bars: Math.floor((15 * linePairsPerCm) / 10 + 0.5),
      barLengthMm: 15,
      height: { fromMm: -19, toMm: 19 },
    }),
  );
  return {
    name: "acr-464-module-4",
    composition: "replace",
    solids: [createRod("body", plain, [0, 0], RADIUS_MM, HEIGHT), ...patterns, ...createAlignmentBalls()],
  };
}

/** Heights of the modules' middles in the assembled phantom, mm from module 1's. */
export const acrModuleHeightsMm: readonly number[] = [0, 40, 80, 120];

/** The ACR 464 phantom assembled along +z from module 1 at z = 0. */
export function createAcr464(): MaterialPhantom {
  const modules = [createAcrModule1(), createAcrModule2(), createAcrModule3(), createAcrModule4()];
  return combinePhantoms(
    "acr-464",
    modules.map((module, i) => placePhantom(module, { shiftMm: [0, 0, acrModuleHeightsMm[i]] })),
  );
}
