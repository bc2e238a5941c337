/**
 * Makes materials: mixtures by weight, chemical compounds, solutions by concentration, hydroxyapatite in resin, and
 * other densities of the same composition. Bookkeeping only: no chemistry beyond the volumes stated at each function.
 */
import { PhysicsError } from "../errors.ts";
import { checkMaterial, getSubstance } from "./attenuation.ts";
import type { Material, MaterialComponent } from "./material.ts";

/** Standard atomic weights (IUPAC 2021, abridged) of the tabulated elements. */
const ATOMIC_WEIGHTS: Readonly<Record<string, number>> = {
  H: 1.008,
  C: 12.011,
  N: 14.007,
  O: 15.999,
  F: 18.998,
  Na: 22.99,
  Mg: 24.305,
  Al: 26.982,
  Si: 28.085,
  P: 30.974,
  S: 32.06,
  Cl: 35.45,
  Ar: 39.95,
  K: 39.098,
  Ca: 40.078,
  Ti: 47.867,
  Cr: 51.996,
  Fe: 55.845,
  Co: 58.933,
  Ni: 58.693,
  Cu: 63.546,
  Zn: 65.38,
  Y: 88.906,
  Mo: 95.95,
  Rh: 102.91,
  Cd: 112.41,
  Sn: 118.71,
  Te: 127.6,
  I: 126.9,
  Cs: 132.91,
  Ba: 137.33,
  Eu: 151.96,
  Gd: 157.25,
  Lu: 174.97,
  W: 183.84,
  Pt: 195.08,
  Au: 196.97,
  Pb: 207.2,
  Bi: 208.98,
};

/** Density of the mineral hydroxyapatite, g/cm³: 3.16 (CRC Handbook of Chemistry and Physics, apatite minerals). */
export const HYDROXYAPATITE_DENSITY_G_PER_CM3 = 3.16;

/** Name in the attenuation table of a chemical element. */
function nameElement(symbol: string): string {
  if (!(symbol in ATOMIC_WEIGHTS)) {
    throw new PhysicsError(
      "BAD_MATERIAL",
      `no element "${symbol}" in the attenuation table; it has ${Object.keys(ATOMIC_WEIGHTS).join(", ")}`,
    );
  }
  if (symbol === "Ca") return "calcium";
  if (symbol === "I") return "iodine";
  return `element_${symbol}`;
}

/** Adds up components of the same substance. */
function joinComponents(components: readonly MaterialComponent[]): MaterialComponent[] {
  const sums = new Map<string, number>();
  for (const { substance, weightFraction } of components) {
    sums.set(substance, (sums.get(substance) ?? 0) + weightFraction);
  }
  return [...sums].map(([substance, weightFraction]) => ({ substance, weightFraction }));
}

function checked(material: Material): Material {
  checkMaterial(material);
  return material;
}

/**
 * A material of one tabulated substance.
 *
 * @param densityGPerCm3 - default: the table's
 * @throws PhysicsError `BAD_MATERIAL`
 */
export function createPureMaterial(name: string, substance: string, densityGPerCm3?: number): Material {
  const density = densityGPerCm3 ?? getSubstance(substance).densityGPerCm3;
  if (density === undefined) {
    throw new PhysicsError(
      "BAD_MATERIAL",
      `the table states no density of ${substance}; pass densityGPerCm3`,
    );
  }
  return checked({ name, densityGPerCm3: density, components: [{ substance, weightFraction: 1 }] });
}

/**
 * A compound or alloy from its elements.
 *
 * @param amounts - per element symbol: atoms per formula unit, or weight fractions (any common scale)
 * @param options.amounts - what the amounts are; default `"atoms"`
 * @throws PhysicsError `BAD_MATERIAL`
 * Mixture rule, NISTIR 5632 eq. 1. Tested against the tables' own compounds (≤ 0.06 %).
 */
export function createCompound(
  name: string,
  densityGPerCm3: number,
  amounts: Readonly<Record<string, number>>,
  options: { readonly amounts?: "atoms" | "weights" } = {},
): Material {
  const weights = Object.entries(amounts).map(([symbol, amount]) => ({
    substance: nameElement(symbol),
    weight: options.amounts === "weights" ? amount : amount * ATOMIC_WEIGHTS[symbol],
  }));
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  return checked({
    name,
    densityGPerCm3,
    components: weights.map(({ substance, weight }) => ({ substance, weightFraction: weight / total })),
  });
}

/** A material and its weight fraction in a mixture. */
export interface MixturePart {
  readonly material: Material;
  readonly weightFraction: number;
}

/**
 * A mixture by weight.
 *
 * @param parts - their weight fractions sum to 1
 * @param options.densityGPerCm3 - default: volumes add, 1/ρ = Σ w_i/ρ_i
 * @throws PhysicsError `BAD_MATERIAL`
 */
export function createMixture(
  name: string,
  parts: readonly MixturePart[],
  options: { readonly densityGPerCm3?: number } = {},
): Material {
  let volume = 0;
  for (const { material, weightFraction } of parts) {
    checkMaterial(material);
    volume += weightFraction / material.densityGPerCm3;
  }
  return checked({
    name,
    densityGPerCm3: options.densityGPerCm3 ?? 1 / volume,
    components: joinComponents(
      parts.flatMap(({ material, weightFraction }) =>
        material.components.map((component) => ({
          substance: component.substance,
          weightFraction: component.weightFraction * weightFraction,
        })),
      ),
    ),
  });
}

/**
 * A solution: so many milligrams of a substance in each millilitre, e.g. 10 mg/mL iodine in blood.
 *
 * @param solvent - what it is dissolved in
 * @param solute - name in the attenuation table, e.g. `"iodine"`, `"element_Gd"`, `"element_Ba"`
 * @param concentrationMgPerMl - of the solute itself (iodine, not the agent), ≥ 0
 * @param options.densityGPerCm3 - of the solution; default: the solvent's density plus the solute's mass, that is
 *   the solute takes no room (the agent's other atoms and displaced water are left out: ΔHU is then proportional to
 *   the concentration)
 * @throws PhysicsError `BAD_MATERIAL`
 * Tested against ΔHU of 10 mg/mL iodine at six energies.
 */
export function createSolution(
  name: string,
  solvent: Material,
  solute: string,
  concentrationMgPerMl: number,
  options: { readonly densityGPerCm3?: number } = {},
): Material {
  checkMaterial(solvent);
  const concentration = concentrationMgPerMl / 1000;
  const densityGPerCm3 = options.densityGPerCm3 ?? solvent.densityGPerCm3 + concentration;
  const fraction = concentration / densityGPerCm3;
  if (!(fraction >= 0 && fraction < 1)) {
    throw new PhysicsError(
      "BAD_MATERIAL",
      `${concentrationMgPerMl} mg/mL of ${solute} in a solution of ${densityGPerCm3} g/cm³ is a weight fraction of ${fraction}; it must lie in 0..1`,
    );
  }
  return checked({
    name,
    densityGPerCm3,
    components: joinComponents([
      ...solvent.components.map((component) => ({
        substance: component.substance,
        weightFraction: component.weightFraction * (1 - fraction),
      })),
      { substance: solute, weightFraction: fraction },
    ]),
  });
}

/**
 * Hydroxyapatite in resin, as in bone-density calibration inserts: the mineral (3.16 g/cm³) takes its room and the
 * resin the rest.
 *
 * @param concentrationMgPerCm3 - of hydroxyapatite, 0..3160 (exclusive)
 * @param resin - the matrix
 * @throws PhysicsError `BAD_MATERIAL`
 */
export function createHydroxyapatiteInsert(
  name: string,
  concentrationMgPerCm3: number,
  resin: Material,
): Material {
  checkMaterial(resin);
  const mineral = concentrationMgPerCm3 / 1000;
  const room = 1 - mineral / HYDROXYAPATITE_DENSITY_G_PER_CM3;
  if (!(mineral >= 0 && room > 0)) {
    throw new PhysicsError(
      "BAD_MATERIAL",
      `${concentrationMgPerCm3} mg/cm³ hydroxyapatite leaves no room for resin; pass 0..3160`,
    );
  }
  return createSolution(name, resin, "hydroxyapatite", concentrationMgPerCm3, {
    densityGPerCm3: mineral + room * resin.densityGPerCm3,
  });
}

/**
 * The same composition at another density (inflated lung, a vendor's plastic).
 *
 * @param options.name - default: the material's own
 * @throws PhysicsError `BAD_MATERIAL`
 */
export function withDensity(
  material: Material,
  densityGPerCm3: number,
  options: { readonly name?: string } = {},
): Material {
  return checked({ ...material, name: options.name ?? material.name, densityGPerCm3 });
}
