/**
 * Which UIDs name a kind of thing or a published object rather than this patient's (PS3.6 annex A): they stay. All
 * others are replaced, whatever attribute they stand in. No list of every registered UID: attributes that name
 * classes are recognised by tag, well-known instances by the branches of PS3.6 table A-1 that hold them.
 */

/** Attributes of VR UI whose values name classes, syntaxes, coding schemes or context groups. */
const CLASS_TAGS: ReadonlySet<number> = new Set([
  0x00080016, // SOP Class UID
  0x0008001a, // Related General SOP Class UID
  0x0008001b, // Original Specialized SOP Class UID
  0x00080062, // SOP Classes in Study
  0x0008010c, // Coding Scheme UID
  0x00080117, // Context UID
  0x00080118, // Mapping Resource UID
  0x00081150, // Referenced SOP Class UID
  0x0008115a, // SOP Classes Supported
  0x00083002, // Available Transfer Syntax UID
  0x00340003, // Flow Transfer Syntax UID
  0x30100052, // Pertinent SOP Classes in Study
  0x30100053, // Pertinent SOP Classes in Series
]);
/** Registered names: DICOM's own below a few short components, and the coding schemes that HL7 registers. */
const CLASS_UID = /^(1\.2\.840\.10008(\.\d{1,4}){1,9}|2\.16\.840\.1\.113883\.6\.\d{1,4}(\.\d{1,3})?)$/;
/** Well-known frames of reference, palettes, SOP instances and the UTC synchronisation frame. */
const WELL_KNOWN_INSTANCE =
  /^1\.2\.840\.10008\.(1\.4\.[1-6]\.\d{1,2}(\.\d)?|1\.5\.[1-8]|15\.1\.1|1\.20\.[12]\.1|1\.4[02]\.1|8\.1\.1)$/;

/** Whether a UID in the given attribute is public knowledge and stays as it is. */
export function isPublicUid(tag: number, uid: string): boolean {
  return CLASS_TAGS.has(tag) ? CLASS_UID.test(uid) : WELL_KNOWN_INSTANCE.test(uid);
}

/** Whether a SOP Class UID is one of DICOM's own storage classes. */
export function isStandardClass(uid: string): boolean {
  return uid.startsWith("1.2.840.10008.5.1.4.") && CLASS_UID.test(uid);
}
