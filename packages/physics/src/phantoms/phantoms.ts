/**
 * The phantom registry: each entry is run through the voxelisation and mass tests.
 */
import { createRandom, createRegistry, type Registry } from "@alara/core";
import { createRandomBodyPhantom } from "./body-phantom.ts";
import type { Phantom } from "./phantom.ts";
import { createSheppLoganPhantom } from "./shepp-logan.ts";

/** A named phantom. */
export interface PhantomEntry {
  readonly summary: string;
  create(): Phantom<"HU"> | Phantom<"1/mm">;
}

/** Options of {@link createWaterCylinder}. */
export interface WaterCylinderOptions {
  /** Default 100. */
  readonly radiusMm?: number;
  /** Centre from the axis, mm; default 0. */
  readonly xMm?: number;
  readonly yMm?: number;
}

/** A disc of water (0 HU) in air. */
export function createWaterCylinder(options: WaterCylinderOptions = {}): Phantom<"HU"> {
  const { radiusMm = 100, xMm = 0, yMm = 0 } = options;
  return {
    unit: "HU",
    composition: "replace",
    background: -1000,
    ellipses: [{ xMm, yMm, semiAxisXMm: radiusMm, semiAxisYMm: radiusMm, rotationRad: 0, value: 0 }],
  };
}

/** Phantoms by name. */
export const phantoms: Registry<PhantomEntry> = createRegistry<PhantomEntry>("phantom", [
  [
    "shepp-logan",
    {
      summary: "Shepp–Logan head, classic values on 0.02/mm, radius 100 mm",
      create: () => createSheppLoganPhantom({ values: "classic", radiusMm: 100, unitPerMm: 0.02 }),
    },
  ],
  [
    "shepp-logan-modified",
    {
      summary: "Shepp–Logan head, modified values on 0.02/mm, radius 100 mm",
      create: () => createSheppLoganPhantom({ radiusMm: 100, unitPerMm: 0.02 }),
    },
  ],
  ["water-cylinder", { summary: "water disc of 200 mm in air", create: () => createWaterCylinder() }],
  [
    "random-chest",
    {
      summary: "random chest cross-section of seed 1",
      create: () => createRandomBodyPhantom(createRandom(1), { region: "chest" }),
    },
  ],
  [
    "random-abdomen",
    {
      summary: "random abdomen cross-section of seed 1",
      create: () => createRandomBodyPhantom(createRandom(1), { region: "abdomen" }),
    },
  ],
]);
