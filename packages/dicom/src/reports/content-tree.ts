/**
 * The content tree of structured reports and key object selections (PS3.3 C.17.3): read from any report, written for
 * our own. Generic: it knows value types and relationships, not what concepts mean; spatial and temporal coordinates
 * are named and not interpreted.
 */

import { decodeText } from "../dataset/character-sets.ts";
import type { DicomDataset, DicomElement } from "../dataset/dataset.ts";
import {
  type CodedConcept,
  createCodeItem,
  createDecimalElement,
  createSequenceElement,
  createTextElement,
} from "../dataset/elements.ts";
import { readItems } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readNumber, readNumbers, readText, readUid } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";
import { createReference } from "../objects/references.ts";

/** What stands at an item, by Value Type (0040,A040). */
export type ContentValue =
  | { readonly type: "CONTAINER" }
  /** Text, names and moments as the report has them; names are the patient's or the staff's. */
  | { readonly type: "TEXT" | "PNAME" | "DATE" | "TIME" | "DATETIME"; readonly text: string }
  | { readonly type: "UIDREF"; readonly uid: string }
  | { readonly type: "CODE"; readonly code: CodedConcept }
  | {
      readonly type: "NUM";
      /** `null` where the report states none; `qualifier` then says why. */
      readonly value: number | null;
      readonly units?: CodedConcept;
      readonly qualifier?: CodedConcept;
    }
  | {
      readonly type: "IMAGE" | "COMPOSITE" | "WAVEFORM";
      readonly sopClassUid: string;
      readonly sopInstanceUid: string;
      /** From 1; absent: all frames. */
      readonly frames?: readonly number[];
    }
  /** An item that points at another one of the tree, by its place from 1 at each level. */
  | { readonly type: "REFERENCE"; readonly place: readonly number[] }
  /** Coordinates and value types that are not interpreted. */
  | { readonly type: "OTHER"; readonly valueType: string };

/** How an item relates to the one above it (PS3.3 table C.17.3-8). */
export type ContentRelationship =
  | "CONTAINS"
  | "HAS OBS CONTEXT"
  | "HAS ACQ CONTEXT"
  | "HAS CONCEPT MOD"
  | "HAS PROPERTIES"
  | "INFERRED FROM"
  | "SELECTED FROM";

/** One item with everything below it. */
export interface ContentItem {
  /** Absent at the root, and where a report leaves it out. */
  readonly relationship?: ContentRelationship;
  readonly concept?: CodedConcept;
  readonly value: ContentValue;
  readonly children: readonly ContentItem[];
}

const RELATIONSHIPS: ReadonlySet<string> = new Set<ContentRelationship>([
  "CONTAINS",
  "HAS OBS CONTEXT",
  "HAS ACQ CONTEXT",
  "HAS CONCEPT MOD",
  "HAS PROPERTIES",
  "INFERRED FROM",
  "SELECTED FROM",
]);

/**
 * A coded concept of a sequence's first item; `undefined` when there is none. Long code values are read too.
 *
 * @throws DicomError for broken sequences
 * @remarks PS3.3 §8.8; tested through {@link readContentTree}
 */
export function readCode(dataset: DicomDataset, tag: number): CodedConcept | undefined {
  const item = readItems(dataset, tag)?.[0];
  if (item === undefined) return undefined;
  const value = decodeText(item, TAG.CodeValue) ?? decodeText(item, TAG.LongCodeValue) ?? "";
  return {
    value,
    scheme: decodeText(item, TAG.CodingSchemeDesignator) ?? "",
    meaning: decodeText(item, TAG.CodeMeaning) ?? "",
  };
}

/** Whether two concepts are the same; meanings are for people and do not count. */
export function isSameConcept(
  a: Pick<CodedConcept, "value" | "scheme"> | undefined,
  b: Pick<CodedConcept, "value" | "scheme">,
): boolean {
  return a !== undefined && a.value === b.value && a.scheme === b.scheme;
}

/**
 * Reads the content tree of a structured report or key object selection.
 *
 * @param dataset - of the object; its depth is bounded by the reader's `limits.maxDepth`
 * @returns the root; an `OTHER` item without children when the object has no content
 * @throws DicomError for broken sequences, numbers and UIDs
 * @remarks PS3.3 C.17.3. Tested on own reports (whose tree dcmtk's dsrdump prints the same) and on dose reports.
 */
export function readContentTree(dataset: DicomDataset): ContentItem {
  const relationship = readText(dataset, TAG.RelationshipType);
  const concept = readCode(dataset, TAG.ConceptNameCodeSequence);
  return {
    ...(relationship !== undefined && RELATIONSHIPS.has(relationship)
      ? { relationship: relationship as ContentRelationship }
      : {}),
    ...(concept === undefined ? {} : { concept }),
    value: readContentValue(dataset),
    children: (readItems(dataset, TAG.ContentSequence) ?? []).map(readContentTree),
  };
}

const TEXT_TAGS: Readonly<Record<"TEXT" | "PNAME" | "DATE" | "TIME" | "DATETIME", number>> = {
  TEXT: TAG.TextValue,
  PNAME: TAG.PersonName,
  DATE: TAG.Date,
  TIME: TAG.Time,
  DATETIME: TAG.DateTime,
};

function readContentValue(item: DicomDataset): ContentValue {
  const place = readNumbers(item, TAG.ReferencedContentItemIdentifier);
  if (place !== undefined) return { type: "REFERENCE", place };
  const type = readText(item, TAG.ValueType) ?? "";
  switch (type) {
    case "CONTAINER":
      return { type };
    case "TEXT":
    case "PNAME":
    case "DATE":
    case "TIME":
    case "DATETIME":
      return { type, text: decodeText(item, TEXT_TAGS[type]) ?? "" };
    case "UIDREF":
      return { type, uid: readUid(item, TAG.UID) ?? "" };
    case "CODE": {
      const code = readCode(item, TAG.ConceptCodeSequence);
      return { type, code: code ?? { value: "", scheme: "", meaning: "" } };
    }
    case "NUM":
      return readNumericValue(item);
    case "IMAGE":
    case "COMPOSITE":
    case "WAVEFORM":
      return readReferenceValue(item, type);
    default:
      return { type: "OTHER", valueType: type };
  }
}

function readNumericValue(item: DicomDataset): ContentValue {
  const measured = readItems(item, TAG.MeasuredValueSequence)?.[0];
  const units = measured && readCode(measured, TAG.MeasurementUnitsCodeSequence);
  const qualifier = readCode(item, TAG.NumericValueQualifierCodeSequence);
  return {
    type: "NUM",
    value: (measured && readNumber(measured, TAG.NumericValue)) ?? null,
    ...(units === undefined ? {} : { units }),
    ...(qualifier === undefined ? {} : { qualifier }),
  };
}

function readReferenceValue(item: DicomDataset, type: "IMAGE" | "COMPOSITE" | "WAVEFORM"): ContentValue {
  const reference = readItems(item, TAG.ReferencedSOPSequence)?.[0];
  const frames = reference && readNumbers(reference, TAG.ReferencedFrameNumber);
  return {
    type,
    sopClassUid: (reference && readUid(reference, TAG.ReferencedSOPClassUID)) ?? "",
    sopInstanceUid: (reference && readUid(reference, TAG.ReferencedSOPInstanceUID)) ?? "",
    ...(frames === undefined ? {} : { frames }),
  };
}

/** Every item of a tree with the given concept, in document order; the root included. */
export function findContentItems(
  root: ContentItem,
  concept: Pick<CodedConcept, "value" | "scheme">,
): ContentItem[] {
  const found = isSameConcept(root.concept, concept) ? [root] : [];
  for (const child of root.children) {
    // One by one: there may be more than fit the stack as arguments.
    for (const item of findContentItems(child, concept)) found.push(item);
  }
  return found;
}

/**
 * The elements of an item and all below it, explicit little endian, in tag order.
 *
 * @param item - the root of a document, or any item
 * @throws DicomError `INVALID_VALUE` for text that is not ASCII and for value types that are only read
 */
export function createContentElements(item: ContentItem): DicomElement[] {
  const elements: DicomElement[] = [...createValueElements(item.value)];
  if (item.relationship !== undefined)
    elements.push(createTextElement(TAG.RelationshipType, item.relationship));
  if (item.concept !== undefined)
    elements.push(createCodeSequence(TAG.ConceptNameCodeSequence, item.concept));
  if (item.children.length > 0) {
    elements.push(
      createSequenceElement(TAG.ContentSequence, item.children.map(createContentElements), "explicit-le"),
    );
  }
  return elements.sort((a, b) => a.tag - b.tag);
}

function createCodeSequence(tag: number, code: CodedConcept): DicomElement {
  return createSequenceElement(tag, [createCodeItem(code)], "explicit-le");
}

function createValueElements(value: ContentValue): DicomElement[] {
  if (value.type === "REFERENCE" || value.type === "OTHER") {
    throw new DicomError(
      "INVALID_VALUE",
      `content items of type ${value.type} are read, not written; leave them out`,
    );
  }
  const type = createTextElement(TAG.ValueType, value.type);
  switch (value.type) {
    case "CONTAINER":
      return [type, createTextElement(TAG.ContinuityOfContent, "SEPARATE")];
    case "UIDREF":
      return [type, createTextElement(TAG.UID, value.uid)];
    case "CODE":
      return [type, createCodeSequence(TAG.ConceptCodeSequence, value.code)];
    case "NUM":
      return [type, ...createNumericElements(value)];
    case "IMAGE":
    case "COMPOSITE":
    case "WAVEFORM": {
      const { sopClassUid, sopInstanceUid, frames } = value;
      const reference = createReference(
        frames === undefined ? [sopClassUid, sopInstanceUid] : [sopClassUid, sopInstanceUid, frames],
      );
      return [type, createSequenceElement(TAG.ReferencedSOPSequence, [reference], "explicit-le")];
    }
    default:
      return [type, createTextElement(TEXT_TAGS[value.type], value.text)];
  }
}

function createNumericElements(value: Extract<ContentValue, { type: "NUM" }>): DicomElement[] {
  const measured =
    value.value === null || value.units === undefined
      ? []
      : [
          [
            createCodeSequence(TAG.MeasurementUnitsCodeSequence, value.units),
            createDecimalElement(TAG.NumericValue, [value.value]),
          ],
        ];
  return [
    createSequenceElement(TAG.MeasuredValueSequence, measured, "explicit-le"),
    ...(value.qualifier === undefined
      ? []
      : [createCodeSequence(TAG.NumericValueQualifierCodeSequence, value.qualifier)]),
  ];
}
