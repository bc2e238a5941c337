/**
 * Rebuilds a dataset under the profile, element by element and item by item at every depth: only what a decision keeps
 * is copied, so anything unforeseen is left behind. Explicit VR in, explicit VR out; UN-encoded sequences come out as
 * sequences, so that nothing hides in bytes that were not looked at.
 */
import { convertToExplicit } from "../dataset/convert.ts";
import type { DicomDataset, DicomElement } from "../dataset/dataset.ts";
import { createElement, createTextElement, encodeAscii, padToEven } from "../dataset/elements.ts";
import { readItems } from "../dataset/read.ts";
import { findVr, isPrivateTag, TAG } from "../dataset/tags.ts";
import { isTextVr } from "../dataset/value-representations.ts";
import { encodeItems } from "../dataset/write.ts";
import { DicomError } from "../errors.ts";
import { type ActionContext, type AttributeAction, findAttributeAction } from "./attribute-actions.ts";
import type { DeidentifyFindingCode } from "./deidentify-options.ts";
import { cleanDescription } from "./descriptors.ts";
import { holdsIdentifier, type IdentifierWords } from "./identifiers.ts";
import { isPublicUid } from "./known-uids.ts";
import { findSafePrivateElements } from "./safe-private.ts";
import { shiftTemporalValue } from "./temporal.ts";
import { checkValue, createDummyValue, readValueText } from "./values.ts";

/** Everything that the walk needs; the counts are its only output besides the dataset. */
export interface CleanContext {
  readonly sopClassUid: string;
  readonly retain: ReadonlySet<string>;
  readonly cleanDescriptors: boolean;
  readonly pseudonym: string;
  readonly shiftDays: number;
  readonly words: IdentifierWords;
  readonly replaceUid: (uid: string) => Promise<string>;
  /** How often each thing happened. */
  readonly counts: Map<DeidentifyFindingCode, number>;
}

const OTHER_BYTES: ReadonlySet<string> = new Set(["OB", "OW", "OF", "OL", "OD", "OV"]);
const SHORT_NUMBERS: ReadonlySet<string> = new Set(["US", "SS", "OW"]);
/** Texts in which the patient's names and identifiers are looked for; codes (CS) share words with names. */
const FREE_TEXTS: ReadonlySet<string> = new Set(["LO", "SH", "UC", "UR"]);
const PATIENT_AGE = 0x00101010;
const TEXT_LIMITS: Readonly<Record<string, number | undefined>> = { SH: 16, LO: 64, ST: 1024, LT: 1024 };

function count(context: CleanContext, code: DeidentifyFindingCode): void {
  context.counts.set(code, (context.counts.get(code) ?? 0) + 1);
}

/**
 * The VR that an element is judged and written by: the dictionary's, but the element's own where the dictionary
 * leaves it open (OB or OW, US or SS) or does not know the tag.
 */
function findEffectiveVr(element: DicomElement): { vr: string; isKnown: boolean } {
  const vr = findVr(element.tag);
  if (vr === "UN") return { vr: element.vr, isKnown: false };
  const isOpen =
    (OTHER_BYTES.has(vr) && OTHER_BYTES.has(element.vr)) ||
    (SHORT_NUMBERS.has(vr) && SHORT_NUMBERS.has(element.vr));
  return { vr: isOpen ? element.vr : vr, isKnown: true };
}

/**
 * Cleans a dataset and everything nested in it.
 *
 * @param dataset - explicit VR
 * @throws DicomError when a sequence that stays cannot be read
 */
export async function cleanDataset(dataset: DicomDataset, context: CleanContext): Promise<DicomDataset> {
  const action: ActionContext = { ...context, isTopLevel: dataset.depth === 0 };
  const kept: DicomElement[] = [];
  for (const element of dataset.elements.values()) {
    if (isPrivateTag(element.tag)) continue;
    const cleaned = await cleanElement(dataset, element, action, context);
    if (cleaned !== undefined) kept.push(cleaned);
  }
  if (context.retain.has("safe-private")) kept.push(...(await keepSafePrivate(dataset, context)));
  kept.sort((a, b) => a.tag - b.tag);
  return { ...dataset, elements: new Map(kept.map((element) => [element.tag, element])) };
}

async function cleanElement(
  dataset: DicomDataset,
  element: DicomElement,
  actionContext: ActionContext,
  context: CleanContext,
): Promise<DicomElement | undefined> {
  const { tag } = element;
  const { vr, isKnown } = findEffectiveVr(element);
  const action = findAttributeAction(tag, vr, isKnown, actionContext);
  if (action === "unknown") {
    count(context, "UNKNOWN_ATTRIBUTE_REMOVED");
    return undefined;
  }
  if (action === "remove") return undefined;
  if (vr === "SQ") return cleanSequence(dataset, element, action, context);
  if (vr === "UN" && (action === "keep" || action === "clean" || action === "shift")) {
    // Newer than the dictionary and of a VR that nothing tells: it may be a sequence, so it cannot be looked through.
    count(context, "UNKNOWN_ATTRIBUTE_REMOVED");
    return undefined;
  }
  if (element.vr === "SQ" || (element.undefinedLength && tag !== TAG.PixelData)) {
    count(context, "INVALID_VALUE_REMOVED");
    return undefined;
  }
  const changed = await changeElement(element, vr, action, context);
  if (changed !== undefined) return changed;
  // A date that cannot be moved or a text of which nothing is left: what the Basic Profile does.
  const basic = findAttributeAction(tag, vr, isKnown, {
    ...actionContext,
    retain: new Set(),
    cleanDescriptors: false,
  });
  if (action !== "shift" && action !== "clean") return undefined;
  return basic === "remove" ? undefined : changeElement(element, vr, basic, context);
}

async function cleanSequence(
  dataset: DicomDataset,
  element: DicomElement,
  action: AttributeAction,
  context: CleanContext,
): Promise<DicomElement | undefined> {
  const { tag } = element;
  if (action === "empty") return createElement(tag, new Uint8Array(0), "SQ");
  // One empty item: a value that is there and says nothing.
  if (action === "dummy") return createElement(tag, encodeItems([[]], "explicit-le"), "SQ");
  if (element.vr !== "SQ" && element.vr !== "UN") {
    count(context, "INVALID_VALUE_REMOVED");
    return undefined;
  }
  const items: DicomElement[][] = [];
  for (const item of readItems(dataset, tag) ?? []) {
    const cleaned = await cleanDataset(convertToExplicit(item), context);
    items.push([...cleaned.elements.values()]);
  }
  return createElement(tag, encodeItems(items, "explicit-le"), "SQ");
}

/** The element under an action; `undefined` when its value does not allow it. */
async function changeElement(
  element: DicomElement,
  vr: string,
  action: AttributeAction,
  context: CleanContext,
): Promise<DicomElement | undefined> {
  const { tag } = element;
  switch (action) {
    case "empty":
      return createElement(tag, new Uint8Array(0), vr);
    case "dummy":
      return vr === "UI" ? replaceUids(element, vr, context) : createElement(tag, createDummyValue(vr), vr);
    case "pseudonym":
      // A caret makes it a name of today's form: one that is all family name (PS3.5 §6.2.1).
      return createTextElement(tag, tag === TAG.PatientName ? `${context.pseudonym}^` : context.pseudonym);
    case "uid":
      return replaceUids(element, vr, context);
    case "shift": {
      const values = readValueText(element.bytes)
        .split("\\")
        .map((value) => shiftTemporalValue(value.trim(), vr, context.shiftDays));
      if (values.some((value) => value === undefined)) return undefined;
      return createElement(tag, padToEven(encodeAscii(values.join("\\")), vr), vr);
    }
    case "clean": {
      const text = cleanDescription(readValueText(element.bytes), TEXT_LIMITS[vr] ?? 1024);
      if (text === "" || holdsIdentifier(text, context.words)) return undefined;
      return createElement(tag, padToEven(encodeAscii(text), vr), vr);
    }
    default:
      return keepElement(element, vr, context);
  }
}

function keepElement(element: DicomElement, vr: string, context: CleanContext): DicomElement | undefined {
  const { tag, bytes } = element;
  if (tag === TAG.PixelData) return { ...element, vr, offset: -1 };
  // Characters where the dictionary has numbers or bytes are somebody's mistake, and may be somebody's name.
  const checked = isTextVr(element.vr) && !isTextVr(vr) ? undefined : checkValue(tag, vr, bytes);
  if (checked === undefined) {
    count(context, "INVALID_VALUE_REMOVED");
    return undefined;
  }
  if (checked.cut) count(context, "VALUE_CUT_AT_NUL");
  if (FREE_TEXTS.has(vr) && holdsIdentifier(readValueText(checked.bytes), context.words)) {
    count(context, "IDENTIFIER_ECHO");
    return createElement(tag, new Uint8Array(0), vr);
  }
  if (tag === PATIENT_AGE) return createElement(tag, capAge(checked.bytes), vr);
  return createElement(tag, checked.bytes, vr);
}

/** Ages of 90 years and more become 090Y: very old people are few. */
function capAge(bytes: Uint8Array): Uint8Array {
  const match = /^(\d{1,3})Y$/.exec(readValueText(bytes).trim());
  return match !== null && Number(match[1]) > 89 ? encodeAscii("090Y") : bytes;
}

/** Every UID of the value replaced, but public ones. Text that is no UID is replaced by one too. */
async function replaceUids(
  element: DicomElement,
  vr: string,
  context: CleanContext,
): Promise<DicomElement | undefined> {
  const text = readValueText(element.bytes);
  if (text.trim() === "") return createElement(element.tag, new Uint8Array(0), "UI");
  if (vr !== "UI" && vr !== "UN") {
    count(context, "INVALID_VALUE_REMOVED");
    return undefined;
  }
  const uids: string[] = [];
  for (const part of text.split("\\")) {
    const uid = part.trim();
    uids.push(uid === "" || isPublicUid(element.tag, uid) ? uid : await context.replaceUid(uid));
  }
  return createElement(element.tag, padToEven(encodeAscii(uids.join("\\")), "UI"), "UI");
}

/** Private elements that are safe, their values checked like any other, dates and UIDs among them treated alike. */
async function keepSafePrivate(dataset: DicomDataset, context: CleanContext): Promise<DicomElement[]> {
  let safe: ReturnType<typeof findSafePrivateElements>;
  try {
    safe = findSafePrivateElements(dataset);
  } catch (error) {
    if (!(error instanceof DicomError)) throw error;
    count(context, "INVALID_VALUE_REMOVED");
    return [];
  }
  const kept: DicomElement[] = [...safe.creators];
  if (safe.characteristics !== undefined) kept.push(safe.characteristics);
  for (const { element, vr: tableVr } of safe.elements) {
    const vr = tableVr ?? element.vr;
    const isDate = vr === "DA" || vr === "DT" || vr === "TM";
    let action: AttributeAction = "keep";
    if (vr === "UI" && !context.retain.has("uids")) action = "uid";
    if (isDate && !context.retain.has("full-dates")) {
      if (!context.retain.has("modified-dates")) continue;
      action = "shift";
    }
    if (vr === "PN" || (isTextVr(vr) && !isTextVr(element.vr) && element.vr !== "UN")) continue;
    const changed = await changeElement(element, vr, action, context);
    if (changed !== undefined) kept.push(changed);
  }
  return kept;
}
