/**
 * What value representations have in common (PS3.5 §6.2, table 6.2-1 and table 7.1-2). Which one an attribute has is in
 * tags.ts.
 */

const SHORT_VRS: ReadonlySet<string> = new Set(
  "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split(" "),
);
const TEXT_VRS: ReadonlySet<string> = new Set(
  "AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split(" "),
);
const SINGLE_VALUED_TEXTS: ReadonlySet<string> = new Set(["LT", "ST", "UT", "UR"]);

/** Whether a VR has a 16-bit length field in explicit VR; every other VR has 32 bits. */
export function hasShortLength(vr: string): boolean {
  return SHORT_VRS.has(vr);
}

/** Whether values of this VR are characters. */
export function isTextVr(vr: string): boolean {
  return TEXT_VRS.has(vr);
}

/** Whether a backslash in a text of this VR is a character; in all others it separates values. */
export function isSingleValuedText(vr: string): boolean {
  return SINGLE_VALUED_TEXTS.has(vr);
}

/** What fills a value of odd length: a space for text, NUL for UIDs and all that is no text. */
export function getPadByte(vr: string): 0 | 0x20 {
  return TEXT_VRS.has(vr) && vr !== "UI" ? 0x20 : 0;
}
