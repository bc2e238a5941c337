/**
 * What the anatomical phantoms are made of: ICRU-44 tissues of the NIST tables, mixtures of them by volume, and the
 * stuff of implants and of the plaster phantom. Densities: NIST Table 2 unless an entry says otherwise.
 */
import { PhysicsError } from "../../errors.ts";
import type { Material, MaterialComponent } from "../../materials/material.ts";

/** A share of a mixture. */
export interface VolumeShare {
  readonly material: Material;
  /** Volume fraction; the shares of a mixture sum to 1. */
  readonly volumeFraction: number;
}

/**
 * Mixes materials by volume: ρ = Σ v ρ, weight fractions v ρ w / Σ. Volumes are taken as additive.
 *
 * @throws PhysicsError `BAD_MATERIAL` unless the volume fractions are ≥ 0 and sum to 1
 */
export function mixByVolume(name: string, shares: readonly VolumeShare[]): Material {
  const total = shares.reduce((sum, { volumeFraction }) => sum + volumeFraction, 0);
  if (Math.abs(total - 1) > 1e-9 || shares.some(({ volumeFraction }) => !(volumeFraction >= 0))) {
    throw new PhysicsError(
      "BAD_MATERIAL",
      `volume fractions of "${name}" are ${shares.map(({ volumeFraction }) => volumeFraction).join(", ")}; they must be ≥ 0 and sum to 1`,
    );
  }
  let density = 0;
  const masses = new Map<string, number>();
  for (const { material, volumeFraction } of shares) {
    const mass = volumeFraction * material.densityGPerCm3;
    density += mass;
    for (const { substance, weightFraction } of material.components) {
      if (mass > 0) masses.set(substance, (masses.get(substance) ?? 0) + mass * weightFraction);
    }
  }
  const components: MaterialComponent[] = [...masses].map(([substance, mass]) => ({
    substance,
    weightFraction: mass / density,
  }));
  return { name, densityGPerCm3: density, components };
}

function makePure(name: string, substance: string, densityGPerCm3: number): Material {
  return { name, densityGPerCm3, components: [{ substance, weightFraction: 1 }] };
}

const air = makePure("air", "air_dry", 0.001205);
const water = makePure("water", "water_liquid", 1);
const adipose = makePure("adipose", "adipose_icru44", 0.95);
const muscle = makePure("muscle", "muscle_skeletal_icru44", 1.05);
const softTissue = makePure("soft tissue", "soft_tissue_icru44", 1.06);
const blood = makePure("blood", "blood_whole_icru44", 1.06);
const brain = makePure("brain", "brain_icru44", 1.04);
const lung = makePure("lung", "lung_icru44", 0.26);
const corticalBone = makePure("cortical bone", "bone_cortical_icru44", 1.92);
/** Density of the crystal: 3.16 g/cm³. */
const hydroxyapatite = makePure("hydroxyapatite", "hydroxyapatite", 3.16);
const marrow = mixByVolume("marrow", [
  { material: adipose, volumeFraction: 0.5 },
  { material: softTissue, volumeFraction: 0.5 },
]);

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
  | "marrow"
  | "spongiosa"
  | "cartilage"
  | "bowel"
  | "plaster"
  | "titanium"
  | "steel"
  | "cobaltChromium"
  | "polyethylene"
  | "hydroxyapatite";

/** Named materials of the anatomical phantoms. */
export const tissues: Readonly<Record<TissueName, Material>> = {
  air,
  water,
  adipose,
  muscle,
  softTissue,
  blood,
  brain,
  /** Inflated: 0.26 g/cm³. */
  lung,
  corticalBone,
  marrow,
  /** Cortical bone and marrow 19 : 81 by volume, 1.18 g/cm³ as in ICRU 46. */
  spongiosa: mixByVolume("spongiosa", [
    { material: corticalBone, volumeFraction: 0.19 },
    { material: marrow, volumeFraction: 0.81 },
  ]),
  /** Soft tissue with 5 % of bone by volume. */
  cartilage: mixByVolume("cartilage", [
    { material: softTissue, volumeFraction: 0.95 },
    { material: corticalBone, volumeFraction: 0.05 },
  ]),
  /** Soft tissue with 15 % of fat by volume: liver and spleen are denser, intestine is about this. */
  bowel: mixByVolume("bowel", [
    { material: softTissue, volumeFraction: 0.85 },
    { material: adipose, volumeFraction: 0.15 },
  ]),
  /** Set plaster, CaSO₄·2H₂O, porous: 1.2 g/cm³ (range of casts 1.1–1.3). */
  plaster: {
    name: "plaster",
    densityGPerCm3: 1.2,
    components: [
      { substance: "calcium", weightFraction: 0.2328 },
      { substance: "element_S", weightFraction: 0.1862 },
      { substance: "element_O", weightFraction: 0.5576 },
      { substance: "element_H", weightFraction: 0.0234 },
    ],
  },
  /** Ti-6Al-4V with its vanadium counted as titanium, 4.43 g/cm³. */
  titanium: {
    name: "titanium alloy",
    densityGPerCm3: 4.43,
    components: [
      { substance: "element_Ti", weightFraction: 0.94 },
      { substance: "element_Al", weightFraction: 0.06 },
    ],
  },
  /** Stainless steel as iron of 7.9 g/cm³: chromium and nickel stand beside iron in the periodic table. */
  steel: makePure("stainless steel", "element_Fe", 7.9),
  /** Cobalt-chromium as iron of 8.3 g/cm³. */
  cobaltChromium: makePure("cobalt-chromium", "element_Fe", 8.3),
  /** Ultra-high-molecular-weight polyethylene of joint liners. */
  polyethylene: makePure("polyethylene", "polyethylene", 0.94),
  hydroxyapatite,
};

/**
 * Blood with iodine; the volume of the iodine is neglected (0.2 % at 10 mg/mL).
 *
 * @param iodineMgPerMl - 0 gives plain blood
 * @param base - what is mixed with; default blood
 * @throws PhysicsError `BAD_MATERIAL`
 */
export function createContrastBlood(iodineMgPerMl: number, base: Material = tissues.blood): Material {
  if (!(iodineMgPerMl >= 0 && iodineMgPerMl <= 400)) {
    throw new PhysicsError(
      "BAD_MATERIAL",
      `iodine concentration ${iodineMgPerMl} mg/mL is outside 0..400; arteries in CT angiography have about 10 to 15`,
    );
  }
  if (iodineMgPerMl === 0) return base;
  const iodine = iodineMgPerMl / 1000;
  const density = base.densityGPerCm3 + iodine;
  return {
    name: `${base.name} with ${iodineMgPerMl} mg/mL iodine`,
    densityGPerCm3: density,
    components: [
      ...base.components.map(({ substance, weightFraction }) => ({
        substance,
        weightFraction: (weightFraction * base.densityGPerCm3) / density,
      })),
      { substance: "iodine", weightFraction: iodine / density },
    ],
  };
}

/**
 * Soft tissue with calcium hydroxyapatite, as calcified plaque is made in phantoms.
 *
 * @throws PhysicsError `BAD_MATERIAL`
 */
export function createCalcifiedTissue(hydroxyapatiteMgPerCm3: number): Material {
  const share = hydroxyapatiteMgPerCm3 / (1000 * hydroxyapatite.densityGPerCm3);
  if (!(share >= 0 && share <= 1)) {
    throw new PhysicsError(
      "BAD_MATERIAL",
      `hydroxyapatite ${hydroxyapatiteMgPerCm3} mg/cm³ is outside 0..${1000 * hydroxyapatite.densityGPerCm3}; plaques have about 200 to 1200`,
    );
  }
  return mixByVolume(`calcified tissue, ${hydroxyapatiteMgPerCm3} mg/cm³`, [
    { material: hydroxyapatite, volumeFraction: share },
    { material: softTissue, volumeFraction: 1 - share },
  ]);
}
