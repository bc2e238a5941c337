/**
 * Who made this: Alara's identity in DICOM headers, and recognising its own results so that none is enhanced twice
 * (the loop guard). Contributing Equipment Sequence, PS3.3 C.12.1 (table C.12-1).
 */
import type { DicomDataset } from "../dataset/dataset.ts";
import { readItems } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readText } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";

/** Identifies this implementation in group 0002 (PS3.7 §D.3.3.2); a random UUID under 2.25. */
export const IMPLEMENTATION_CLASS_UID = "2.25.116315644063262364092680716079027669431";
/** Goes with {@link IMPLEMENTATION_CLASS_UID}. */
export const IMPLEMENTATION_VERSION_NAME = "ALARA_010";
/** Manufacturer in the Contributing Equipment item. */
export const EQUIPMENT_MANUFACTURER = "Alara";

/** What a derived series is for, with the Manufacturer's Model Name that says so. */
export const PRODUCT_NAMES = {
  enhancement: "Alara CT enhancement",
  simulation: "Alara CT simulation",
} as const;

/** A kind of derived series. */
export type ProductKind = keyof typeof PRODUCT_NAMES;

/**
 * Whether an image is a result of Alara's enhancement: a Contributing Equipment item with manufacturer "Alara" and
 * the enhancement's model name. Simulated series are inputs like any other. A damaged sequence counts as not ours.
 */
export function isDerivedByAlara(dataset: DicomDataset): boolean {
  try {
    const items = readItems(dataset, TAG.ContributingEquipmentSequence) ?? [];
    return items.some(
      (item) =>
        readText(item, TAG.Manufacturer) === EQUIPMENT_MANUFACTURER &&
        readText(item, TAG.ManufacturerModelName) === PRODUCT_NAMES.enhancement,
    );
  } catch (error) {
    if (error instanceof DicomError) return false;
    throw error;
  }
}
