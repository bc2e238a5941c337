/**
 * What a material is: a density and weight fractions of tabulated substances. The numbers stand in
 * attenuation.ts, the named materials in materials.ts.
 */

/** A tabulated substance (element or compound of the NIST tables) and its weight fraction. */
export interface MaterialComponent {
  /** Name in the attenuation table, e.g. `"water_liquid"`, `"element_I"`. */
  readonly substance: string;
  /** Weight fraction; the fractions of a material sum to 1. */
  readonly weightFraction: number;
}

/** A homogeneous material. */
export interface Material {
  readonly name: string;
  readonly densityGPerCm3: number;
  readonly components: readonly MaterialComponent[];
}
