/**
 * Writes datasets and Part 10 files (PS3.5 §7, PS3.10 §7): one allocation, raw values copied, zero preamble (nothing
 * executable survives, CVE-2019-11687). The encoding is the dataset's own; convert.ts changes it.
 */

import { requireTransferSyntax, TRANSFER_SYNTAX_UID } from "../codecs/transfer-syntaxes.ts";
import { IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME } from "../derive/equipment.ts";
import { DicomError } from "../errors.ts";
import type { DicomDataset, DicomElement, DicomEncoding } from "./dataset.ts";
import { deflateDataset } from "./deflate.ts";
import { PREAMBLE_LENGTH } from "./file-start.ts";
import { formatTag, getTagGroup, TAG } from "./tags.ts";
import { getPadByte, hasShortLength } from "./value-representations.ts";
import { readUid } from "./values.ts";

function getHeaderLength(element: DicomElement, encoding: DicomEncoding): number {
  return encoding === "explicit-le" && !hasShortLength(element.vr) ? 12 : 8;
}

function getPaddedLength(element: DicomElement): number {
  return element.bytes.length + (element.bytes.length & 1);
}

function measureElements(elements: Iterable<DicomElement>, encoding: DicomEncoding): number {
  let size = 0;
  for (const element of elements) size += getHeaderLength(element, encoding) + getPaddedLength(element);
  return size;
}

/** Writes elements from `at`; returns the position after them. Odd values get their pad byte. */
function writeElements(
  elements: Iterable<DicomElement>,
  encoding: DicomEncoding,
  out: Uint8Array,
  view: DataView,
  start: number,
): number {
  let at = start;
  for (const element of elements) {
    const { tag, vr, bytes } = element;
    const length = getPaddedLength(element);
    const lengthField = element.undefinedLength ? 0xffffffff : length;
    view.setUint16(at, Math.floor(tag / 65536), true);
    view.setUint16(at + 2, tag % 65536, true);
    if (encoding === "implicit-le") {
      view.setUint32(at + 4, lengthField, true);
      at += 8;
    } else {
      out[at + 4] = vr.charCodeAt(0);
      out[at + 5] = vr.charCodeAt(1);
      if (hasShortLength(vr)) {
        if (length > 0xffff) {
          throw new DicomError(
            "INVALID_LENGTH",
            `the value of ${formatTag(tag)} has ${length} bytes; VR ${vr} holds at most 65534`,
          );
        }
        view.setUint16(at + 6, length, true);
        at += 8;
      } else {
        view.setUint32(at + 8, lengthField, true);
        at += 12;
      }
    }
    out.set(bytes, at);
    if (length > bytes.length) out[at + bytes.length] = getPadByte(vr);
    at += length;
  }
  return at;
}

/**
 * The elements to write: group lengths (gggg,0000; retired, PS3.5 §7.2) that are there are made right, the others
 * stay as they are.
 */
function prepareElements(dataset: DicomDataset): readonly DicomElement[] {
  const elements = [...dataset.elements.values()];
  if (!elements.some((element) => element.tag % 65536 === 0)) return elements;
  const sizes = new Map<number, number>();
  for (const element of elements) {
    if (element.tag % 65536 === 0) continue;
    const group = getTagGroup(element.tag);
    const size = getHeaderLength(element, dataset.encoding) + getPaddedLength(element);
    sizes.set(group, (sizes.get(group) ?? 0) + size);
  }
  return elements.map((element) => {
    if (element.tag % 65536 !== 0) return element;
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, sizes.get(getTagGroup(element.tag)) ?? 0, true);
    return { ...element, vr: "UL", bytes, undefinedLength: false };
  });
}

/**
 * The bytes of a dataset in its own encoding, without preamble and group 0002. Odd values are padded, group lengths
 * made right; everything else is as it was read.
 *
 * @throws DicomError `INVALID_LENGTH` when a value is too long for its VR
 */
export function writeDataset(dataset: DicomDataset): Uint8Array {
  const elements = prepareElements(dataset);
  const out = new Uint8Array(measureElements(elements, dataset.encoding));
  writeElements(elements, dataset.encoding, out, new DataView(out.buffer), 0);
  return out;
}

/** The value of a sequence: items of defined length. Elements within an item must be in tag order. */
export function encodeItems(
  items: readonly (readonly DicomElement[])[],
  encoding: DicomEncoding,
): Uint8Array {
  const sizes = items.map((item) => measureElements(item, encoding));
  const out = new Uint8Array(sizes.reduce((sum, size) => sum + 8 + size, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  items.forEach((item, i) => {
    view.setUint16(at, 0xfffe, true);
    view.setUint16(at + 2, 0xe000, true);
    view.setUint32(at + 4, sizes[i], true);
    at = writeElements(item, encoding, out, view, at + 8);
  });
  return out;
}

function createUidElement(tag: number, uid: string): DicomElement {
  const bytes = new Uint8Array(uid.length + (uid.length & 1));
  for (let i = 0; i < uid.length; i++) bytes[i] = uid.charCodeAt(i);
  return { tag, vr: "UI", bytes, undefinedLength: false, offset: -1 };
}

/**
 * A Part 10 file of a dataset with new meta information.
 *
 * @param transferSyntaxUid - must fit the dataset's encoding and its pixel data; deflated is written, big endian
 * (retired) is not
 * @throws DicomError `MISSING_ATTRIBUTE` without SOP class or instance UID, `INVALID_VALUE` when syntax and encoding
 * disagree, `UNEXPECTED_ELEMENT` for groups 0000 and 0002, `INVALID_LENGTH`, `UNSUPPORTED_TRANSFER_SYNTAX`
 * @remarks PS3.10 §7.1. Tested: bodies of untouched files are byte-identical; dcmtk and pydicom read the result.
 */
export function writeDicomFile(dataset: DicomDataset, transferSyntaxUid: string): Uint8Array {
  const syntax = requireTransferSyntax(transferSyntaxUid);
  if (syntax.encoding !== dataset.encoding) {
    throw new DicomError(
      "INVALID_VALUE",
      `${syntax.name} is laid out as ${syntax.encoding} but the dataset is ${dataset.encoding}; convert it first`,
    );
  }
  if (syntax.storage === "big-endian") {
    throw new DicomError(
      "UNSUPPORTED_TRANSFER_SYNTAX",
      `${syntax.name} is retired and not written; choose Explicit VR Little Endian (${TRANSFER_SYNTAX_UID.explicitLittleEndian})`,
    );
  }
  const sopClass = readUid(dataset, TAG.SOPClassUID);
  const sopInstance = readUid(dataset, TAG.SOPInstanceUID);
  if (sopClass === undefined || sopInstance === undefined) {
    throw new DicomError("MISSING_ATTRIBUTE", "a file needs a SOP Class UID and a SOP Instance UID");
  }
  const versionName: DicomElement = {
    tag: TAG.ImplementationVersionName,
    vr: "SH",
    bytes: Uint8Array.from(IMPLEMENTATION_VERSION_NAME, (letter) => letter.charCodeAt(0)),
    undefinedLength: false,
    offset: -1,
  };
  const meta: DicomElement[] = [
    {
      tag: TAG.FileMetaInformationVersion,
      vr: "OB",
      bytes: Uint8Array.of(0, 1),
      undefinedLength: false,
      offset: -1,
    },
    createUidElement(TAG.MediaStorageSOPClassUID, sopClass),
    createUidElement(TAG.MediaStorageSOPInstanceUID, sopInstance),
    createUidElement(TAG.TransferSyntaxUID, transferSyntaxUid),
    createUidElement(TAG.ImplementationClassUID, IMPLEMENTATION_CLASS_UID),
    versionName,
  ];
  const metaLength = measureElements(meta, "explicit-le");
  const groupLength = new Uint8Array(4);
  new DataView(groupLength.buffer).setUint32(0, metaLength, true);
  const elements = prepareElements(dataset);
  const misplaced = elements.find(
    (element) => getTagGroup(element.tag) < 8 && getTagGroup(element.tag) % 2 === 0,
  );
  if (misplaced !== undefined) {
    throw new DicomError(
      "UNEXPECTED_ELEMENT",
      `element ${formatTag(misplaced.tag)} has no place in a file's dataset; remove it`,
    );
  }
  const deflated = syntax.storage === "deflated" ? deflateDataset(writeDataset(dataset)) : undefined;
  const bodyLength = deflated?.length ?? measureElements(elements, dataset.encoding);
  const out = new Uint8Array(PREAMBLE_LENGTH + 4 + 12 + metaLength + bodyLength);
  const view = new DataView(out.buffer);
  out.set([0x44, 0x49, 0x43, 0x4d], PREAMBLE_LENGTH);
  const group: DicomElement = {
    tag: TAG.FileMetaInformationGroupLength,
    vr: "UL",
    bytes: groupLength,
    undefinedLength: false,
    offset: -1,
  };
  const bodyStart = writeElements([group, ...meta], "explicit-le", out, view, PREAMBLE_LENGTH + 4);
  if (deflated === undefined) writeElements(elements, dataset.encoding, out, view, bodyStart);
  else out.set(deflated, bodyStart);
  return out;
}
