/**
 * The Catphan's modules (The Phantom Laboratory, Catphan 504/600 manual; positions of tomography.md §2.8 as pylinac
 * finds them): CTP404 sensitometry and ramps, CTP486 uniformity, CTP515 low contrast, CTP528 line pairs and beads,
 * each alone at z = 0 and all assembled. Not a drawing of the maker's: where the manual is silent (HU of the casts,
 * lengths of bars and wires, places of the sub-slice targets) the values are this model's and are named below.
 */
import { PhysicsError } from "../../errors.ts";
import type { Material } from "../../materials/material.ts";
import { combinePhantoms, placePhantom } from "../place-solids.ts";
import type { MaterialPhantom, Solid } from "../solid.ts";
import { contents, createWaterEquivalent } from "./contents.ts";
import { createBall, createBars, createRod, createWire, type HeightRange, placePolar } from "./upright.ts";

/** Radius of the modules; the housing reaches to 100 mm. */
const MODULE_RADIUS_MM = 75;
const HOUSING_RADIUS_MM = 100;
/** Wires and beads: 0.011 inch. */
const BEAD_RADIUS_MM = 0.14;
/** Rise of the ramps. */
const RAMP_TANGENT = Math.tan((23 * Math.PI) / 180);

/** Casts of the modules; the maker gives only the last one's range, within 20 HU of water. */
const casts = {
  housing: createWaterEquivalent(120),
  ctp404: createWaterEquivalent(95),
  ctp528: createWaterEquivalent(105),
  ctp515: createWaterEquivalent(50),
  ctp486: createWaterEquivalent(10),
};

/** What all modules share. */
export interface CatphanModuleOptions {
  /** Length along z; default 25 for CTP404, 35 for the others. */
  readonly thicknessMm?: number;
  /** Outer ring from 75 to 100 mm; default `"present"`. */
  readonly housing?: "present" | "absent";
}

function createBody(
  options: CatphanModuleOptions,
  cast: Material,
  defaultThicknessMm: number,
): {
  readonly height: HeightRange;
  readonly solids: Solid<Material>[];
} {
  const { thicknessMm = defaultThicknessMm } = options;
  if (!(thicknessMm >= 2 && thicknessMm < Infinity)) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `module thickness ${thicknessMm} mm must be ≥ 2 and finite; the maker's are 25 to 40 mm`,
    );
  }
  const half = thicknessMm / 2;
  const height = { fromMm: -half, toMm: half };
  const solids: Solid<Material>[] = [];
  if ((options.housing ?? "present") === "present") {
    solids.push(createRod("housing", casts.housing, [0, 0], HOUSING_RADIUS_MM, height));
  }
  solids.push(createRod("body", cast, [0, 0], MODULE_RADIUS_MM, height));
  return { height, solids };
}

/** Options of {@link createCtp404}. */
export interface Ctp404Options extends CatphanModuleOptions {
  /**
   * `"504"`: Catphan 504/600, eight rods, two of air. `"604"`: the second air and the gap beside it give way to
   * rods of 20 % and 50 % bone. Default `"604"`.
   */
  readonly inserts?: "504" | "604";
  /**
   * Ramps at 23°: wires, or beads every 1 mm of height (above and below) and every 0.25 mm (left and right) as in
   * CTP591. Default `"wires"`.
   */
  readonly ramps?: "wires" | "beads";
}

/** Rods of 12.2 mm, 58.7 mm from the axis: label, content, angle in degrees. */
const SENSITOMETRY: readonly (readonly [string, Material, number])[] = [
  ["air", contents.air, -90],
  ["PMP", contents.pmp, -120],
  ["LDPE", contents.ldpe, 180],
  ["polystyrene", contents.polystyrene, 120],
  ["acrylic", contents.acrylic, 60],
  ["Delrin", contents.delrin, 0],
  ["Teflon", contents.teflon, -60],
];

/**
 * CTP404: sensitometry rods, four rods of 3 mm 50 mm apart (three air, one Teflon), five acrylic balls on a circle of
 * 30 mm, four 23° ramps 38 mm from the axis.
 *
 * @returns labels: each rod's material, `"50 mm square …"`, `"ball … mm"`, `"ramp …"`
 */
export function createCtp404(options: Ctp404Options = {}): MaterialPhantom {
  const { height, solids } = createBody(options, casts.ctp404, 25);
  const inserts = options.inserts ?? "604";
  const rods: readonly (readonly [string, Material, number])[] =
    inserts === "604"
      ? [...SENSITOMETRY, ["bone 50 %", contents.bone50, -150], ["bone 20 %", contents.bone20, 30]]
      : [...SENSITOMETRY, ["air (lower)", contents.air, 90]];
  for (const [label, content, angle] of rods) {
    solids.push(createRod(label, content, placePolar(58.7, angle), 6.1, height));
  }
  for (const [x, y] of [
    [-25, -25],
    [25, -25],
    [25, 25],
    [-25, 25],
  ] as const) {
    const isTeflon = x < 0 && y > 0;
    const label = `50 mm square ${isTeflon ? "Teflon" : "air"}`;
    solids.push(createRod(label, isTeflon ? contents.teflon : contents.air, [x, y], 1.5, height));
  }
  [10, 8, 6, 4, 2].forEach((diameter, i) => {
    const [x, y] = placePolar(15, -90 + 72 * i);
    solids.push(createBall(`ball ${diameter} mm`, contents.acrylic, [x, y, 0], diameter / 2));
  });
  const reach = (height.toMm - 0.5) / RAMP_TANGENT;
  // Side, where the ramp's middle lies and along which in-plane direction it rises.
  const ramps = [
    { side: "left", x: -38, y: 0, dx: 0, dy: 1, stepMm: 0.25 },
    { side: "right", x: 38, y: 0, dx: 0, dy: -1, stepMm: 0.25 },
    { side: "upper", x: 0, y: -38, dx: 1, dy: 0, stepMm: 1 },
    { side: "lower", x: 0, y: 38, dx: -1, dy: 0, stepMm: 1 },
  ];
  for (const { side, x, y, dx, dy, stepMm } of ramps) {
    const at = (z: number): readonly [number, number, number] => [
      x + (dx * z) / RAMP_TANGENT,
      y + (dy * z) / RAMP_TANGENT,
      z,
    ];
    if ((options.ramps ?? "wires") === "wires") {
      const top = reach * RAMP_TANGENT;
      solids.push(createWire(`ramp ${side}`, contents.steel, at(-top), at(top), BEAD_RADIUS_MM));
      continue;
    }
    const beads = Math.floor((height.toMm - 0.5) / stepMm);
    for (let i = -beads; i <= beads; i++) {
      solids.push(createBall(`ramp ${side}`, contents.tungstenCarbide, at(i * stepMm), BEAD_RADIUS_MM));
    }
  }
  return { name: `catphan-ctp404-${inserts}`, composition: "replace", solids };
}

/** Options of {@link createCtp404FdaModel}. */
export interface Ctp404FdaModelOptions {
  /** Diameter d of the water cylinder; default 200. */
  readonly diameterMm?: number;
  /** Default 40. */
  readonly thicknessMm?: number;
}

/**
 * CTP404 as the FDA's simulations model it: water of diameter d with eight rods of radius 0.08·d/2 at 0.38·d, 45°
 * apart from 0°, of 15, −35, −100, −200, air, 990, 340 and 120 HU (energy-independent), and a 0.5 mm bead of
 * aluminium on the axis.
 */
export function createCtp404FdaModel(options: Ctp404FdaModelOptions = {}): MaterialPhantom {
  const { diameterMm = 200, thicknessMm = 40 } = options;
  const height = { fromMm: -thicknessMm / 2, toMm: thicknessMm / 2 };
  const rods = [15, -35, -100, -200, -1000, 990, 340, 120].map((hu, i) =>
    createRod(
      hu === -1000 ? "air" : `${hu} HU`,
      hu === -1000 ? contents.air : createWaterEquivalent(hu),
      placePolar(0.38 * diameterMm, 45 * i),
      0.04 * diameterMm,
      height,
    ),
  );
  return {
    name: "catphan-ctp404-fda",
    composition: "replace",
    solids: [
      createRod("body", contents.water, [0, 0], diameterMm / 2, height),
      ...rods,
      createBall("bead", contents.aluminium, [0, 0, 0], 0.25),
    ],
  };
}

/** CTP486: one uniform cast within 20 HU of water (10 HU here). */
export function createCtp486(options: CatphanModuleOptions = {}): MaterialPhantom {
  return {
    name: "catphan-ctp486",
    composition: "replace",
    solids: createBody(options, casts.ctp486, 35).solids,
  };
}

/**
 * CTP515: supra-slice rods of 15, 9, 8, 7, 6, 5, 4, 3, 2 mm in three sets of 1.0, 0.5 and 0.3 % (10, 5, 3 HU above
 * the cast) 50 mm from the axis, and three sets of 1.0 % sub-slice rods of 9, 7, 5, 3 mm, 7, 5 and 3 mm long, 25 mm
 * from the axis.
 *
 * @returns labels `"1.0 % 15 mm"` …, `"sub-slice 7 mm long 9 mm"` …
 */
export function createCtp515(options: CatphanModuleOptions = {}): MaterialPhantom {
  const { height, solids } = createBody(options, casts.ctp515, 35);
  const cast = (casts.ctp515.densityGPerCm3 - 1) * 1000;
  const target = (percent: number): Material => createWaterEquivalent(Math.round(cast + 10 * percent));
  const diameters = [15, 9, 8, 7, 6, 5, 4, 3, 2];
  // Six are pylinac's; the last three go on by the same free space between rims.
  const angles = [-87.4, -69.1, -52.7, -38.5, -25.1, -12.9, -2.2, 7.1, 15.0];
  [1, 0.5, 0.3].forEach((percent, set) => {
    const content = target(percent);
    diameters.forEach((diameter, i) => {
      const at = placePolar(50, angles[i] + 120 * set);
      solids.push(createRod(`${percent.toFixed(1)} % ${diameter} mm`, content, at, diameter / 2, height));
    });
  });
  const subSlice = target(1);
  [7, 5, 3].forEach((length, set) => {
    [9, 7, 5, 3].forEach((diameter, i) => {
      const at = placePolar(25, -80 + 28 * i + 120 * set);
      const range = { fromMm: -length / 2, toMm: length / 2 };
      solids.push(createRod(`sub-slice ${length} mm long ${diameter} mm`, subSlice, at, diameter / 2, range));
    });
  });
  return { name: "catphan-ctp515", composition: "replace", solids };
}

/**
 * CTP528: 21 patterns of 1–21 line pairs per cm of 2 mm thick aluminium, 47 mm from the axis, in turn from 180° with
 * equal gaps, and two beads of tungsten carbide (0.28 mm) 20 mm above and below the axis, 2.5 and 10 mm along z from
 * the patterns. Bars are 8 mm long.
 *
 * @returns labels `"1 lp/cm"` …, `"bead"`
 */
export function createCtp528(options: CatphanModuleOptions = {}): MaterialPhantom {
  const { solids } = createBody(options, casts.ctp528, 35);
  const radius = 47;
  // Bars per pattern: 2 at 1 lp/cm, 3 at 2, 4 up to 5, then 5.
  const counts = Array.from({ length: 21 }, (_, i) => Math.min(i + 2, i < 5 ? 4 : 5));
  const widths = counts.map((bars, i) => ((2 * bars - 1) * 5) / (i + 1));
  const gap = (2 * Math.PI * radius - widths.reduce((sum, width) => sum + width, 0)) / 21;
  let along = 0;
  counts.forEach((bars, i) => {
    const angleDeg = 180 + ((along + widths[i] / 2) / radius) * (180 / Math.PI);
    along += widths[i] + gap;
    solids.push(
      ...createBars({
        label: `${i + 1} lp/cm`,
        content: contents.aluminium,
        distanceMm: radius,
        angleDeg,
        linePairsPerMm: (i + 1) / 10,
        bars,
        barLengthMm: 8,
        height: { fromMm: -1, toMm: 1 },
      }),
    );
  });
  solids.push(
    createBall("bead", contents.tungstenCarbide, [0, -20, 2.5], BEAD_RADIUS_MM),
    createBall("bead", contents.tungstenCarbide, [0, 20, 10], BEAD_RADIUS_MM),
  );
  return { name: "catphan-ctp528", composition: "replace", solids };
}

/** Heights of the modules' middles in the assembled Catphan 504, mm from CTP404's (as pylinac looks for them). */
export const catphanModuleHeightsMm = { ctp404: 0, ctp528: 30, ctp515: -30, ctp486: -65 } as const;

/** The Catphan 504 assembled: CTP404 at z = 0, CTP528 at +30, CTP515 at −30, CTP486 at −65 mm. */
export function createCatphan(
  options: Pick<Ctp404Options, "inserts" | "ramps" | "housing"> = {},
): MaterialPhantom {
  const { housing = "present" } = options;
  const at = (z: number): { readonly shiftMm: readonly [number, number, number] } => ({ shiftMm: [0, 0, z] });
  const heights = catphanModuleHeightsMm;
  return combinePhantoms("catphan", [
    placePhantom(createCtp486({ housing }), at(heights.ctp486)),
    placePhantom(createCtp515({ housing }), at(heights.ctp515)),
    placePhantom(createCtp404({ inserts: "504", ...options }), at(heights.ctp404)),
    placePhantom(createCtp528({ housing }), at(heights.ctp528)),
  ]);
}
