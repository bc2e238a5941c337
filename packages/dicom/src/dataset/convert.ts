/**
 * Rewrites datasets item by item: implicit to explicit VR, and without private elements. Sequences are opened only
 * where something in them changes; depth is bounded by the reader's limit.
 */

import type { DicomDataset, DicomElement } from "./dataset.ts";
import { readItems } from "./read.ts";
import { findVr, isPrivateTag, TAG } from "./tags.ts";
import { hasShortLength } from "./value-representations.ts";
import { readInteger } from "./values.ts";
import { encodeItems } from "./write.ts";

/**
 * The dataset in explicit VR; unchanged when it already is. VRs come from the dictionary, UN where it has none
 * (PS3.5 §6.2.2); sequences become items of defined length.
 *
 * @throws DicomError when a sequence cannot be read
 */
export function convertToExplicit(dataset: DicomDataset): DicomDataset {
  if (dataset.encoding === "explicit-le") return dataset;
  return convertImplicit(dataset, readInteger(dataset, TAG.PixelRepresentation) ?? 0);
}

function convertImplicit(dataset: DicomDataset, pixelRepresentation: number): DicomDataset {
  const elements = new Map<number, DicomElement>();
  for (const element of dataset.elements.values()) {
    elements.set(element.tag, convertElement(dataset, element, pixelRepresentation));
  }
  return { ...dataset, encoding: "explicit-le", elements };
}

function convertElement(
  dataset: DicomDataset,
  element: DicomElement,
  pixelRepresentation: number,
): DicomElement {
  const { tag, bytes } = element;
  const vr = element.vr === "SQ" ? "SQ" : findVr(tag, { pixelRepresentation });
  if (vr === "SQ") {
    const items = readItems(dataset, tag) ?? [];
    const converted = items.map((item) => [...convertImplicit(item, pixelRepresentation).elements.values()]);
    return { tag, vr, bytes: encodeItems(converted, "explicit-le"), undefinedLength: false, offset: -1 };
  }
  return { ...element, vr: hasShortLength(vr) && bytes.length > 0xfffe ? "UN" : vr };
}

/**
 * The dataset without private elements, inside sequences too. Sequences without any keep their raw bytes.
 *
 * @throws DicomError when a sequence cannot be read
 */
export function removePrivateElements(dataset: DicomDataset): DicomDataset {
  const elements = new Map<number, DicomElement>();
  let changed = false;
  for (const element of dataset.elements.values()) {
    if (isPrivateTag(element.tag)) {
      changed = true;
      continue;
    }
    const kept = cleanSequence(dataset, element);
    changed ||= kept !== element;
    elements.set(element.tag, kept);
  }
  return changed ? { ...dataset, elements } : dataset;
}

function cleanSequence(dataset: DicomDataset, element: DicomElement): DicomElement {
  const isSequence =
    element.vr === "SQ" || (element.vr === "UN" && (element.undefinedLength || findVr(element.tag) === "SQ"));
  if (!isSequence) return element;
  const items = readItems(dataset, element.tag) ?? [];
  const cleaned = items.map(removePrivateElements);
  if (cleaned.every((item, i) => item === items[i])) return element;
  const encoding = items[0].encoding;
  return {
    ...element,
    bytes: encodeItems(
      cleaned.map((item) => [...item.elements.values()]),
      encoding,
    ),
    undefinedLength: false,
    offset: -1,
  };
}

/**
 * The dataset in implicit VR; unchanged when it already is. The VRs of private elements are lost, as the encoding has
 * it; values keep their bytes, and sequences become items of defined length.
 *
 * @throws DicomError when a sequence cannot be read
 */
export function convertToImplicit(dataset: DicomDataset): DicomDataset {
  if (dataset.encoding === "implicit-le") return dataset;
  const elements = new Map<number, DicomElement>();
  for (const element of dataset.elements.values()) {
    // Of undefined length, UN holds items that are implicit already (PS3.5 §6.2.2).
    elements.set(element.tag, element.vr === "SQ" ? convertItems(dataset, element) : element);
  }
  return { ...dataset, encoding: "implicit-le", elements };
}

function convertItems(dataset: DicomDataset, { tag, vr }: DicomElement): DicomElement {
  const items = readItems(dataset, tag) ?? [];
  const converted = items.map((item) => [...convertToImplicit(item).elements.values()]);
  return { tag, vr, bytes: encodeItems(converted, "implicit-le"), undefinedLength: false, offset: -1 };
}
