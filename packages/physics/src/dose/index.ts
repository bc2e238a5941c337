/** Exports of dose to patients. */
export {
  type BodyRegion,
  computeDlp,
  type DosimetryPhantomMm,
  EFFECTIVE_DOSE_SOURCE,
  type EffectiveDose,
  type EffectiveDoseFactor,
  type EffectiveDoseOptions,
  estimateEffectiveDose,
  getEffectiveDoseFactor,
  type ReferenceAge,
} from "./effective-dose.ts";
