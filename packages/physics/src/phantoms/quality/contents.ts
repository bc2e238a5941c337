/**
 * What quality phantoms are filled with: the plastics of the Catphan at the Catphan manual's own specific gravities
 * (tomography.md §2.8), metals of bars and beads, and water made lighter or denser, which has the same HU at every
 * energy. Materials of others stand in ../../materials.
 */
import { PhysicsError } from "../../errors.ts";
import type { Material } from "../../materials/material.ts";
import { materials } from "../../materials/materials.ts";
import { createCompound, createSolution, withDensity } from "../../materials/mixtures.ts";

/**
 * Water of density 1 + HU/1000: exactly that CT number at every energy. Stands for casts whose formula the makers
 * keep to themselves.
 *
 * @throws PhysicsError `OUT_OF_RANGE` for HU ≤ −1000 or not finite
 */
export function createWaterEquivalent(hu: number): Material {
  if (!(hu > -1000 && hu < Infinity)) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `water of ${hu} HU does not exist; pass a finite value above −1000`,
    );
  }
  return withDensity(materials.get("water"), 1 + hu / 1000, { name: `water-equivalent ${hu} HU` });
}

const epoxy = materials.get("epoxy-resin");

/** Roles of materials in the quality phantoms. */
export type ContentRole =
  | "air"
  | "water"
  | "pmp"
  | "ldpe"
  | "polystyrene"
  | "acrylic"
  | "delrin"
  | "teflon"
  | "bone20"
  | "bone50"
  | "acrPolyethylene"
  | "acrBone"
  | "epoxy"
  | "aluminium"
  | "steel"
  | "tungsten"
  | "tungstenCarbide";

/** Materials of the quality phantoms by their role. */
export const contents: Readonly<Record<ContentRole, Material>> = {
  air: materials.get("air"),
  water: materials.get("water"),
  pmp: materials.get("catphan-pmp"),
  ldpe: materials.get("catphan-ldpe"),
  polystyrene: materials.get("catphan-polystyrene"),
  acrylic: materials.get("catphan-acrylic"),
  delrin: materials.get("catphan-delrin"),
  teflon: materials.get("catphan-teflon"),
  bone20: materials.get("catphan-bone-20"),
  bone50: materials.get("catphan-bone-50"),
  /** ACR 464, nominal −95 HU at 120 kVp. */
  acrPolyethylene: withDensity(materials.get("polyethylene"), 0.94, { name: "acr-polyethylene" }),
  /** ACR 464, nominal 955 HU: epoxy at 1.6 g/cm³ with as much hydroxyapatite as gives that at 70 keV. */
  acrBone: createSolution("acr-bone", epoxy, "hydroxyapatite", 650, { densityGPerCm3: 1.6 }),
  epoxy,
  aluminium: materials.get("aluminium"),
  steel: materials.get("stainless-steel"),
  tungsten: materials.get("tungsten"),
  tungstenCarbide: createCompound("tungsten-carbide", 15.63, { W: 1, C: 1 }),
};
