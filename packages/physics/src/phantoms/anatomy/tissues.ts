/**
 * What the anatomical phantoms are made of: materials of the registry, a few mixtures of them, contrast and
 * calcified plaque of any concentration.
 */
import { PhysicsError } from "../../errors.ts";
import type { Material } from "../../materials/material.ts";
import { materials } from "../../materials/materials.ts";
import {
  createCompound,
  createHydroxyapatiteInsert,
  createMixture,
  createSolution,
  HYDROXYAPATITE_DENSITY_G_PER_CM3,
} from "../../materials/mixtures.ts";

/** Names in {@link tissues}. */
export type TissueName =
  | "air"
  | "water"
  | "adipose"
  | "muscle"
  | "softTissue"
  | "blood"
  | "brain"
  | "lung"
  | "corticalBone"
  | "spongiosa"
  | "marrow"
  | "cartilage"
  | "bowel"
  | "plaster"
  | "titanium"
  | "steel"
  | "cobaltChromium"
  | "polyethylene";

const adipose = materials.get("adipose");
const softTissue = materials.get("soft-tissue");
const corticalBone = materials.get("cortical-bone");

function mix(name: string, parts: readonly (readonly [Material, number])[]): Material {
  return createMixture(
    name,
    parts.map(([material, weightFraction]) => ({ material, weightFraction })),
  );
}

/** Materials of the anatomical phantoms. */
export const tissues: Readonly<Record<TissueName, Material>> = {
  air: materials.get("air"),
  water: materials.get("water"),
  adipose,
  muscle: materials.get("muscle"),
  softTissue,
  blood: materials.get("blood"),
  brain: materials.get("brain"),
  /** Inflated. */
  lung: materials.get("lung"),
  corticalBone,
  spongiosa: materials.get("trabecular-bone"),
  /** Half fat, half soft tissue by weight. */
  marrow: mix("marrow", [
    [adipose, 0.5],
    [softTissue, 0.5],
  ]),
  /** Soft tissue with 9 % of cortical bone by weight: about 130 HU at 70 keV. */
  cartilage: mix("cartilage", [
    [softTissue, 0.91],
    [corticalBone, 0.09],
  ]),
  /** Bowel with its content: soft tissue with 15 % of fat by weight. */
  bowel: mix("bowel", [
    [softTissue, 0.85],
    [adipose, 0.15],
  ]),
  /** Set plaster: about 720 HU at 70 keV. */
  plaster: materials.get("plaster"),
  /** Ti-6Al-4V with its vanadium counted as titanium, 4.43 g/cm³. */
  titanium: createCompound("titanium alloy", 4.43, { Ti: 94, Al: 6 }, { amounts: "weights" }),
  steel: materials.get("stainless-steel"),
  cobaltChromium: materials.get("cobalt-chrome"),
  polyethylene: materials.get("polyethylene"),
};

/**
 * Blood with iodine.
 *
 * @param iodineMgPerMl - 0 gives plain blood
 * @throws PhysicsError `BAD_MATERIAL`
 */
export function createContrastBlood(iodineMgPerMl: number): Material {
  if (!(iodineMgPerMl >= 0 && iodineMgPerMl <= 400)) {
    throw new PhysicsError(
      "BAD_MATERIAL",
      `iodine concentration ${iodineMgPerMl} mg/mL is outside 0..400; arteries in CT angiography have about 10 to 15`,
    );
  }
  if (iodineMgPerMl === 0) return tissues.blood;
  return createSolution(`blood with ${iodineMgPerMl} mg/mL iodine`, tissues.blood, "iodine", iodineMgPerMl);
}

/**
 * Soft tissue with calcium hydroxyapatite, as calcified plaque is made in phantoms.
 *
 * @throws PhysicsError `BAD_MATERIAL`
 */
export function createCalcifiedTissue(hydroxyapatiteMgPerCm3: number): Material {
  if (!(hydroxyapatiteMgPerCm3 > 0 && hydroxyapatiteMgPerCm3 < 1000 * HYDROXYAPATITE_DENSITY_G_PER_CM3)) {
    throw new PhysicsError(
      "BAD_MATERIAL",
      `hydroxyapatite ${hydroxyapatiteMgPerCm3} mg/cm³ is outside 0..3160 (exclusive); plaques have about 200 to 1200`,
    );
  }
  return createHydroxyapatiteInsert(
    `calcified tissue, ${hydroxyapatiteMgPerCm3} mg/cm³`,
    hydroxyapatiteMgPerCm3,
    softTissue,
  );
}
