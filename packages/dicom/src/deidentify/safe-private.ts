/**
 * Retain Safe Private (PS3.15 §E.3.10): which private elements carry no identity. Two sources: the rows of table
 * E.3.10-1 for CT, MR and PET (its ultrasound and mammography rows are left out, so less is kept than may be), and
 * what the object itself declares in Private Data Element Characteristics (0008,0300). Sequences are never kept.
 */
import type { DicomDataset, DicomElement } from "../dataset/dataset.ts";
import { createSequenceElement, createShortElement, createTextElement } from "../dataset/elements.ts";
import { readItems } from "../dataset/read.ts";
import { decodeLatin1, readNumbers, readText } from "../dataset/values.ts";

/** creator | group → element within its block : VR. */
const SAFE: Readonly<Record<string, string>> = {
  "Philips PET Private Group|7053": "00:DS 09:DS",
  "Philips Imaging DD 001|2001": "03:FL 04:CS",
  "Philips MR Imaging DD 001|2005": "0d:FL 0e:FL",
  "PHILIPS MR IMAGING DD 001|2005": "0d:FL 0e:FL",
  "ELSCINT1|00e1": "21:DS 50:DS",
  "ELSCINT1|01e1": "26:CS",
  "ELSCINT1|01f1": "01:CS 07:DS 26:DS 27:DS",
  "GEMS_ACQU_01|0019": "23:DS 24:DS 27:DS 9e:LO",
  "GEMS_SERS_01|0025": "07:SL",
  "GEMS_PARM_01|0043": "27:SH 39:IS 6f:DS",
  "GEMS_HELIOS_01|0045": "01:SS 02:FL",
  "GEIIS PACS|0903": "10:US 11:US 12:US",
  "SIEMENS MR HEADER|0019": "0c:IS 0d:CS 0e:FD 27:FD",
};

const PRIVATE_CHARACTERISTICS = 0x00080300;
const GROUP_REFERENCE = 0x00080301;
const CREATOR_REFERENCE = 0x00080302;
const BLOCK_STATUS = 0x00080303;
const NONIDENTIFYING = 0x00080304;

/** A private element that may stay, and the VR that its value must have (none: as declared by the object). */
interface SafeElement {
  readonly element: DicomElement;
  readonly vr: string | undefined;
}

/** The private elements of one dataset that may stay, with their creators, and the rewritten (0008,0300). */
export interface SafePrivateElements {
  readonly elements: readonly SafeElement[];
  readonly creators: readonly DicomElement[];
  readonly characteristics: DicomElement | undefined;
}

/** A creator name as compared: up to the first NUL, without padding. */
function readCreator(element: DicomElement): string {
  return decodeLatin1(element.bytes).split("\0")[0].trim();
}

/** creator|group → declared: every element, or the listed ones. Declarations that cannot be read count as none. */
function readDeclarations(dataset: DicomDataset): Map<string, "all" | ReadonlySet<number>> {
  const declared = new Map<string, "all" | ReadonlySet<number>>();
  const element = dataset.elements.get(PRIVATE_CHARACTERISTICS);
  if (element === undefined || (element.vr !== "SQ" && element.vr !== "UN")) return declared;
  for (const item of readItems(dataset, PRIVATE_CHARACTERISTICS) ?? []) {
    const group = readNumbers(item, GROUP_REFERENCE)?.[0];
    const creator = readText(item, CREATOR_REFERENCE);
    const status = readText(item, BLOCK_STATUS);
    if (group === undefined || creator === undefined) continue;
    const key = `${creator}|${group.toString(16).padStart(4, "0")}`;
    if (status === "SAFE") declared.set(key, "all");
    if (status === "MIXED") declared.set(key, new Set(readNumbers(item, NONIDENTIFYING) ?? []));
  }
  return declared;
}

/**
 * Finds the private elements of a dataset that are known or declared to be safe. Creators count only as printable
 * ASCII of at most 64 characters, and stay only when something of their block does.
 */
export function findSafePrivateElements(dataset: DicomDataset): SafePrivateElements {
  const declared = readDeclarations(dataset);
  const elements: SafeElement[] = [];
  const creators = new Map<number, DicomElement>();
  const blocks = new Map<string, { group: number; creator: string }>();
  for (const element of dataset.elements.values()) {
    const group = Math.floor(element.tag / 65536);
    const block = (element.tag >> 8) & 0xff;
    if ((group & 1) === 0 || block < 0x10 || element.vr === "SQ" || element.undefinedLength) continue;
    const creatorElement = dataset.elements.get(group * 65536 + block);
    if (creatorElement === undefined) continue;
    const creator = readCreator(creatorElement);
    if (!/^[ -~]{1,64}$/.test(creator)) continue;
    const key = `${creator}|${group.toString(16).padStart(4, "0")}`;
    const number = (element.tag & 0xff).toString(16).padStart(2, "0");
    const row = Object.hasOwn(SAFE, key)
      ? SAFE[key].split(" ").find((entry) => entry.startsWith(`${number}:`))
      : undefined;
    const declaration = declared.get(key);
    const isDeclared = declaration === "all" || (declaration?.has(element.tag & 0xff) ?? false);
    if (row === undefined && !isDeclared) continue;
    elements.push({ element, vr: row?.slice(3) });
    creators.set(creatorElement.tag, createCreator(creatorElement.tag, creator));
    if (declaration !== undefined) blocks.set(key, { group, creator });
  }
  return {
    elements,
    creators: [...creators.values()],
    characteristics: blocks.size === 0 ? undefined : createCharacteristics(dataset, [...blocks.values()]),
  };
}

/** What is left of the blocks is safe, so that is what the new declaration says. */
function createCharacteristics(
  dataset: DicomDataset,
  blocks: readonly { group: number; creator: string }[],
): DicomElement {
  const items = blocks.map(({ group, creator }) => [
    createShortElement(GROUP_REFERENCE, [group]),
    createTextElement(CREATOR_REFERENCE, creator),
    createTextElement(BLOCK_STATUS, "SAFE"),
  ]);
  return createSequenceElement(PRIVATE_CHARACTERISTICS, items, dataset.encoding);
}

function createCreator(tag: number, creator: string): DicomElement {
  return { ...createTextElement(CREATOR_REFERENCE, creator), tag, vr: "LO" };
}
