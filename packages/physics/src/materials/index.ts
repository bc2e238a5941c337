/** Exports of materials and their attenuation. */
export {
  checkMaterial,
  computeMassAttenuation,
  computeMuCurve,
  computeMuPerMm,
  getSubstance,
  type Substance,
  substanceNames,
} from "./attenuation.ts";
export {
  computeEffectiveMuPerMm,
  computeHu,
  computeSpectralHu,
  type EffectiveMuOptions,
} from "./hu.ts";
export type { Material, MaterialComponent } from "./material.ts";
export { materials } from "./materials.ts";
export {
  createCompound,
  createHydroxyapatiteInsert,
  createMixture,
  createPureMaterial,
  createSolution,
  HYDROXYAPATITE_DENSITY_G_PER_CM3,
  type MixturePart,
  withDensity,
} from "./mixtures.ts";
