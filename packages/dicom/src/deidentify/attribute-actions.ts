/**
 * Decides what happens to one attribute: the row of Table E.1-1, the options, and for actions that leave a choice
 * (X/Z, X/D, Z/D, X/Z/D) the attribute's type in the object's information object definition (PS3.3). Where the type is
 * not known, the last of the choices is taken: it always leaves a valid object. What the table does not name is
 * decided by its value representation, more strictly than the standard asks.
 */

import { ENHANCED_CLASSES, SOP_CLASS } from "../images/sop-classes.ts";
import { findProfileRow, type ProfileRow } from "./profile-table.ts";

/** What to do with an element; sequences that stay are cleaned item by item. */
export type AttributeAction =
  | "keep"
  | "remove"
  | "empty"
  | "dummy"
  | "uid"
  | "shift"
  | "clean"
  | "pseudonym"
  | "unknown";

/** What the decision looks at besides the tag. */
export interface ActionContext {
  readonly sopClassUid: string;
  /** False inside sequences, where types are taken as unknown. */
  readonly isTopLevel: boolean;
  readonly retain: ReadonlySet<string>;
  readonly cleanDescriptors: boolean;
}

const PATIENT_NAME = 0x00100010;
const PATIENT_ID = 0x00100020;

/** Groups that never stay: commands, file meta in a dataset, DICOMDIR, signatures and encrypted originals, padding. */
const REMOVED_GROUPS: ReadonlySet<number> = new Set([0x0000, 0x0002, 0x0004, 0x0400, 0x4ffe, 0xfffa, 0xfffc]);

/** Identifying attributes that Table E.1-1 does not name. */
const ALSO_REMOVED: ReadonlySet<number> = new Set([
  0x00080001, // Length to End (retired)
  0x00080051, // Issuer of Accession Number Sequence
  0x00080300, // Private Data Element Characteristics Sequence: rebuilt when private elements stay
  0x00100024, // Issuer of Patient ID Qualifiers Sequence
  0x00100026, // Source Patient Group Identification Sequence
  0x00100027, // Group of Patients Identification Sequence
  0x00100033, // birth and death dates in another calendar
  0x00100034,
  0x00100035,
  0x00120062, // written anew
  0x00120063,
  0x00120064,
  0x00280303,
  0x00400026, // Order Placer and Filler Identifier Sequences
  0x00400027,
  0x00400036, // Assigning Facility, Jurisdiction and Agency
  0x00400039,
  0x0040003a,
  0x00880130, // Storage Media File-set ID
]);

/** Code Meaning's neighbours of VR UC and UR, which name concepts. */
const KEPT_LONG_TEXTS: ReadonlySet<number> = new Set([0x00080119, 0x00080120]);

const CLASSIC: ReadonlySet<string> = new Set([
  SOP_CLASS.ctImage,
  SOP_CLASS.mrImage,
  SOP_CLASS.petImage,
  "1.2.840.10008.5.1.4.1.1.7",
  "1.2.840.10008.5.1.4.1.1.1",
  "1.2.840.10008.5.1.4.1.1.20",
  "1.2.840.10008.5.1.4.1.1.6.1",
  SOP_CLASS.ultrasoundMultiFrame,
]);

/** Type 1 and 1C attributes whose row leaves a choice, in enhanced CT, MR and PET (PS3.3 §C.8.13–C.8.15, §C.7.5.2). */
const ENHANCED_TYPE_1: ReadonlySet<number> = new Set([0x0008002a, 0x00080023, 0x00080033, 0x00181000]);
/** Type 2 ones there. */
const ENHANCED_TYPE_2: ReadonlySet<number> = new Set([0x00400555]);
/** Type 2 in the classic images: Content Date and Time (2C, §C.7.6.1), agent (§C.7.6.4), sex neutered (2C, §C.7.2.2). */
const CLASSIC_TYPE_2: ReadonlySet<number> = new Set([0x00080023, 0x00080033, 0x00180010, 0x00102203]);
/** PET series and image (§C.8.9.1, §C.8.9.4). */
const PET_TYPE_1: ReadonlySet<number> = new Set([0x00080021, 0x00080031]);
const PET_TYPE_2: ReadonlySet<number> = new Set([0x00080022, 0x00080032]);

/** The type of an attribute in the object: 1, 2 or 3; `undefined` where this table does not know. */
function findType(tag: number, sopClassUid: string): 1 | 2 | 3 | undefined {
  if (ENHANCED_CLASSES.has(sopClassUid))
    return ENHANCED_TYPE_1.has(tag) ? 1 : ENHANCED_TYPE_2.has(tag) ? 2 : 3;
  if (!CLASSIC.has(sopClassUid)) return undefined;
  if (sopClassUid === SOP_CLASS.petImage && PET_TYPE_1.has(tag)) return 1;
  if (sopClassUid === SOP_CLASS.petImage && PET_TYPE_2.has(tag)) return 2;
  return CLASSIC_TYPE_2.has(tag) ? 2 : 3;
}

/** Turns the table's action into one: by type where it leaves a choice. */
function resolveBasicAction(row: ProfileRow, tag: number, context: ActionContext): AttributeAction {
  const { action } = row;
  if (action === "X") return "remove";
  if (action === "Z") return "empty";
  if (action === "D") return "dummy";
  if (action === "U") return "uid";
  // References to other images stay, with new UIDs: the third choice keeps the set's links.
  if (action === "X/Z/U*") return "keep";
  const type = context.isTopLevel ? findType(tag, context.sopClassUid) : undefined;
  const choices = action.split("/");
  if (type === 3 && choices.includes("X")) return "remove";
  if (type !== 1 && type !== undefined && choices.includes("Z")) return "empty";
  const last = choices[choices.length - 1];
  return last === "D" ? "dummy" : last === "Z" ? "empty" : "remove";
}

/**
 * What to do with a standard attribute (private ones are decided by safe-private.ts).
 *
 * @param vr - of the dictionary; of the element where the dictionary has none
 * @param isKnown - whether the dictionary has the tag
 */
export function findAttributeAction(
  tag: number,
  vr: string,
  isKnown: boolean,
  context: ActionContext,
): AttributeAction {
  const { retain } = context;
  if (tag % 65536 === 0 || REMOVED_GROUPS.has(Math.floor(tag / 65536)) || ALSO_REMOVED.has(tag))
    return "remove";
  if (tag === PATIENT_NAME || tag === PATIENT_ID) return "pseudonym";
  const row = findProfileRow(tag);
  if (row === undefined) return isKnown ? findActionByVr(tag, vr, retain) : "unknown";
  if (row.uid && retain.has("uids")) return "keep";
  if (row.temporal && retain.has("full-dates")) return "keep";
  if (row.temporal && retain.has("modified-dates")) {
    if (vr === "DA" || vr === "DT" || vr === "TM") return "shift";
    if (vr === "SH") return "keep";
  }
  if (row.device && retain.has("device")) return "keep";
  if (row.institution && retain.has("institution")) return "keep";
  if (row.patient && retain.has("patient")) return "keep";
  if (isText(vr)) {
    if (row.patientText && retain.has("patient")) return "clean";
    if (row.descriptor && context.cleanDescriptors) return "clean";
  }
  return resolveBasicAction(row, tag, context);
}

function isText(vr: string): boolean {
  return vr === "LO" || vr === "SH" || vr === "ST" || vr === "LT" || vr === "UT" || vr === "UC";
}

/** Attributes outside Table E.1-1: names, addresses, long texts and unlisted dates go, UIDs are replaced. */
function findActionByVr(tag: number, vr: string, retain: ReadonlySet<string>): AttributeAction {
  switch (vr) {
    case "DA":
    case "DT":
    case "TM":
      return retain.has("full-dates") ? "keep" : retain.has("modified-dates") ? "shift" : "remove";
    case "UI":
      return retain.has("uids") ? "keep" : "uid";
    case "PN":
    case "AE":
    case "ST":
    case "LT":
    case "UT":
    case "UC":
    case "UR":
      return KEPT_LONG_TEXTS.has(tag) ? "keep" : "remove";
    default:
      return "keep";
  }
}
