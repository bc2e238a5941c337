/**
 * Body Part Examined (0018,0015) as the coded Anatomic Region that enhanced objects want, and back: the part of
 * PS3.16 annex L that CT uses. Not a dictionary of anatomy.
 */
import type { DicomDataset } from "../dataset/dataset.ts";
import type { CodedConcept } from "../dataset/elements.ts";
import { readItems } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readText } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";

/** Body part, SNOMED CT code, its older SRT code, meaning. */
const REGIONS: readonly (readonly [string, string, string, string])[] = [
  ["CHEST", "51185008", "T-D3000", "Chest"],
  ["ABDOMEN", "818981001", "T-D4000", "Abdomen"],
  ["PELVIS", "816092008", "T-D6000", "Pelvis"],
  ["HEAD", "69536005", "T-D1100", "Head"],
  ["BRAIN", "12738006", "T-A0100", "Brain"],
  ["NECK", "45048000", "T-D1600", "Neck"],
  ["HEADNECK", "774007", "T-D1000", "Head and Neck"],
  ["SPINE", "421060004", "T-D0146", "Spine"],
  ["HEART", "80891009", "T-32000", "Heart"],
  ["LUNG", "39607008", "T-28000", "Lung"],
  ["EXTREMITY", "66019005", "T-D0300", "Extremity"],
  ["PHANTOM", "706342009", "A-A4001", "Phantom"],
];

/** The region of a body part; `undefined` for one that the table does not have. */
export function findAnatomicRegion(bodyPart: string): CodedConcept | undefined {
  const row = REGIONS.find(([name]) => name === bodyPart);
  return row === undefined ? undefined : { value: row[1], scheme: "SCT", meaning: row[3] };
}

/** The body part that a dataset's Anatomic Region Sequence codes; `undefined` when absent, damaged or not in the table. */
export function readCodedBodyPart(dataset: DicomDataset): string | undefined {
  if (!dataset.elements.has(TAG.AnatomicRegionSequence)) return undefined;
  try {
    const item = readItems(dataset, TAG.AnatomicRegionSequence)?.[0];
    const code = item === undefined ? undefined : readText(item, TAG.CodeValue);
    return code === undefined ? undefined : REGIONS.find((row) => row[1] === code || row[2] === code)?.[0];
  } catch (error) {
    if (error instanceof DicomError) return undefined;
    throw error;
  }
}
