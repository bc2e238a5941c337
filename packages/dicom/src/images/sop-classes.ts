/**
 * SOP Class UIDs that code decides by (PS3.6 table A-1). Not a list of all classes: object-kinds.ts tells the others
 * apart by their branches.
 */

/** Storage classes by what they hold. */
export const SOP_CLASS = {
  ctImage: "1.2.840.10008.5.1.4.1.1.2",
  enhancedCt: "1.2.840.10008.5.1.4.1.1.2.1",
  legacyConvertedCt: "1.2.840.10008.5.1.4.1.1.2.2",
  ultrasoundMultiFrame: "1.2.840.10008.5.1.4.1.1.3.1",
  mrImage: "1.2.840.10008.5.1.4.1.1.4",
  enhancedMr: "1.2.840.10008.5.1.4.1.1.4.1",
  legacyConvertedMr: "1.2.840.10008.5.1.4.1.1.4.4",
  petImage: "1.2.840.10008.5.1.4.1.1.128",
  legacyConvertedPet: "1.2.840.10008.5.1.4.1.1.128.1",
  enhancedPet: "1.2.840.10008.5.1.4.1.1.130",
  mediaDirectory: "1.2.840.10008.1.3.10",
} as const;

/** Classes whose frames are described by functional groups: enhanced CT, MR and PET, and their legacy converted ones. */
export const ENHANCED_CLASSES: ReadonlySet<string> = new Set([
  SOP_CLASS.enhancedCt,
  SOP_CLASS.legacyConvertedCt,
  SOP_CLASS.enhancedMr,
  SOP_CLASS.legacyConvertedMr,
  SOP_CLASS.legacyConvertedPet,
  SOP_CLASS.enhancedPet,
]);
