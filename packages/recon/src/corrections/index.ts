/** Exports of corrections. */
export {
  type BeamHardeningFitOptions,
  type BeamHardeningPolynomial,
  correctBeamHardening,
  evaluateBeamHardening,
  fitBeamHardening,
} from "./beam-hardening.ts";
export { type BoneHardeningOptions, correctBoneHardening } from "./bone-hardening.ts";
export { convertHuToMu, convertMuToHu } from "./hounsfield.ts";
