/**
 * Who made this: Alara's identity in DICOM headers, and recognising its own results so that none is enhanced twice
 * (the loop guard). Contributing Equipment Sequence, PS3.3 C.12.1 (table C.12-1).
 */
import type { DicomDataset } from "./dataset.ts";
import { DicomError } from "./errors.ts";
import { readItems } from "./read.ts";
import { TAG } from "./tags.ts";
import { readText } from "./values.ts";

/** Identifies this implementation in group 0002 (PS3.7 §D.3.3.2); a random UUID under 2.25. */
export const IMPLEMENTATION_CLASS_UID = "2.25.116315644063262364092680716079027669431";
/** Goes with {@link IMPLEMENTATION_CLASS_UID}. */
export const IMPLEMENTATION_VERSION_NAME = "ALARA_010";
/** Manufacturer in the Contributing Equipment item. */
export const EQUIPMENT_MANUFACTURER = "Alara";

/**
 * Whether an image was made by Alara's derived-series writer: a Contributing Equipment item with manufacturer
 * "Alara". A damaged sequence counts as not ours.
 */
export function isDerivedByAlara(dataset: DicomDataset): boolean {
  try {
    const items = readItems(dataset, TAG.ContributingEquipmentSequence) ?? [];
    return items.some((item) => readText(item, TAG.Manufacturer) === EQUIPMENT_MANUFACTURER);
  } catch (error) {
    if (error instanceof DicomError) return false;
    throw error;
  }
}
