/**
 * The registry of 3D phantoms: each entry is run through the bounds, mass and label tests.
 */
import { createRegistry, type Registry } from "@alara/core";
import { anatomicalPhantoms } from "./anatomy/registry.ts";
import {
  createAcr464,
  createAcrModule1,
  createAcrModule2,
  createAcrModule3,
  createAcrModule4,
} from "./quality/acr-464.ts";
import {
  createCatphan,
  createCtp404,
  createCtp404FdaModel,
  createCtp486,
  createCtp515,
  createCtp528,
} from "./quality/catphan.ts";
import { createForbildHead, createForbildHeadOfMaterials } from "./quality/forbild-head.ts";
import { createCct189, createMicroCtPhantom, createWaterPhantom } from "./quality/low-contrast.ts";
import { createSheppLoganHead } from "./shepp-logan.ts";
import type { MaterialPhantom, ValuePhantom } from "./solid.ts";

/** A named 3D phantom, of finite bounds. */
export type SolidPhantomEntry =
  | { readonly content: "materials"; readonly summary: string; create(): MaterialPhantom }
  | { readonly content: "values"; readonly summary: string; create(): ValuePhantom };

function entry(summary: string, create: () => MaterialPhantom): SolidPhantomEntry {
  return { content: "materials", summary, create };
}

/** 3D phantoms by name, the anatomical ones last. */
export const solidPhantoms: Registry<SolidPhantomEntry> = createRegistry<SolidPhantomEntry>("3D phantom", [
  [
    "shepp-logan-3d",
    {
      content: "values",
      summary: "Shepp–Logan head of ellipsoids, modified values on 0.02/mm, radius 100 mm",
      create: () => createSheppLoganHead({ radiusMm: 100, unitPerMm: 0.02 }),
    },
  ],
  [
    "forbild-head",
    {
      content: "values",
      summary: "FORBILD head with the ear's air cells, relative density × 0.02/mm",
      create: () => createForbildHead(),
    },
  ],
  [
    "forbild-head-materials",
    entry("FORBILD head of cortical bone and water", () => createForbildHeadOfMaterials()),
  ],
  ["water", entry("water cylinder of 200 × 200 mm", () => createWaterPhantom({ lengthMm: 200 }))],
  [
    "water-in-acrylic",
    entry("water cylinder of 200 × 200 mm in 6 mm of acrylic", () =>
      createWaterPhantom({ lengthMm: 200, shell: { thicknessMm: 6 } }),
    ),
  ],
  ["catphan", entry("Catphan 504: CTP404, CTP528, CTP515 and CTP486", () => createCatphan())],
  ["catphan-ctp404", entry("CTP404 sensitometry with bone rods and wire ramps", () => createCtp404())],
  [
    "catphan-ctp404-beads",
    entry("CTP404 of Catphan 504 with ramps of beads", () =>
      createCtp404({ inserts: "504", ramps: "beads" }),
    ),
  ],
  [
    "catphan-ctp404-fda",
    entry("CTP404 as the FDA models it: eight rods in water", () => createCtp404FdaModel()),
  ],
  ["catphan-ctp486", entry("CTP486 uniformity", () => createCtp486())],
  ["catphan-ctp515", entry("CTP515 low contrast, 1.0, 0.5 and 0.3 %", () => createCtp515())],
  ["catphan-ctp528", entry("CTP528 line pairs 1–21 lp/cm and beads", () => createCtp528())],
  ["acr-464", entry("ACR CT accreditation phantom, four modules", () => createAcr464())],
  ["acr-464-module-1", entry("ACR 464 CT numbers and alignment", () => createAcrModule1())],
  ["acr-464-module-2", entry("ACR 464 low contrast, 6 HU", () => createAcrModule2())],
  ["acr-464-module-3", entry("ACR 464 uniformity and distance", () => createAcrModule3())],
  ["acr-464-module-4", entry("ACR 464 line pairs 4–12 lp/cm", () => createAcrModule4())],
  ["cct189", entry("MITA low contrast CCT189: 14, 7, 5 and 3 HU", () => createCct189())],
  ["micro-ct", entry("micro-CT: hydroxyapatite rods, bars and a wire", () => createMicroCtPhantom())],
  ...[...anatomicalPhantoms.entries()].map(
    ([name, { summary, create }]) => [name, entry(summary, create)] as const,
  ),
]);
