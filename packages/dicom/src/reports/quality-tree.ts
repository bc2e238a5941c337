/**
 * The content tree of a quality report, and back: typed numbers to content items and content items to typed numbers.
 * Arrangement after TID 1500, 1501 and 4019 of PS3.16; see quality-report.ts for what it does not claim.
 */
import type { DicomDataset } from "../dataset/dataset.ts";
import type { CodedConcept } from "../dataset/elements.ts";
import { EQUIPMENT_MANUFACTURER, PRODUCT_NAMES } from "../derive/equipment.ts";
import {
  type ContentItem,
  type ContentRelationship,
  type ContentValue,
  findContentItems,
  isSameConcept,
  readContentTree,
} from "./content-tree.ts";
import {
  MEASURE_CONCEPT,
  MEASURE_UNIT,
  QUALIFIER_CONCEPT,
  type QualityMeasureName,
  type QualityUnit,
  REPORT_CONCEPT,
  TISSUE_CONCEPT,
  UNIT_CONCEPT,
} from "./quality-codes.ts";
import type {
  ImageQuality,
  QualityMeasure,
  QualityReportContent,
  ReportedSeries,
  TissueQuality,
} from "./quality-content.ts";

/** UIDs that the tree needs; the caller derives them. */
export interface QualityTreeUids {
  readonly deviceUid: string;
  /** One per measurement group: images first, then tissues. */
  readonly trackingUids: readonly string[];
}

const C = REPORT_CONCEPT;

function item(
  relationship: ContentRelationship,
  concept: CodedConcept | undefined,
  value: ContentValue,
  children: readonly ContentItem[] = [],
): ContentItem {
  return { relationship, ...(concept === undefined ? {} : { concept }), value, children };
}

const container = (concept: CodedConcept, children: readonly ContentItem[]): ContentItem =>
  item("CONTAINS", concept, { type: "CONTAINER" }, children);
const text = (relationship: ContentRelationship, concept: CodedConcept, value: string): ContentItem =>
  item(relationship, concept, { type: "TEXT", text: value });
const uid = (relationship: ContentRelationship, concept: CodedConcept, value: string): ContentItem =>
  item(relationship, concept, { type: "UIDREF", uid: value });

function number(
  concept: CodedConcept,
  value: QualityMeasure["value"],
  unit: QualityUnit,
  children: readonly ContentItem[] = [],
  relationship: ContentRelationship = "CONTAINS",
): ContentItem {
  const measured: ContentValue =
    typeof value === "number"
      ? { type: "NUM", value, units: UNIT_CONCEPT[unit] }
      : {
          type: "NUM",
          value: null,
          qualifier: QUALIFIER_CONCEPT[value === null ? "not measurable" : "infinite"],
        };
  return item(relationship, concept, measured, children);
}

/** Builds the tree of a report. */
export function createQualityTree(content: QualityReportContent, uids: QualityTreeUids): ContentItem {
  const groups = [
    ...content.images.map((image, i) => createImageGroup(image, uids.trackingUids[i])),
    ...content.tissues.map((tissue, i) =>
      createTissueGroup(tissue, uids.trackingUids[content.images.length + i]),
    ),
  ];
  return {
    concept: C.report,
    value: { type: "CONTAINER" },
    children: [
      item("HAS CONCEPT MOD", C.language, { type: "CODE", code: C.english }),
      item("HAS OBS CONTEXT", C.observerType, { type: "CODE", code: C.device }),
      uid("HAS OBS CONTEXT", C.deviceUid, uids.deviceUid),
      text("HAS OBS CONTEXT", C.deviceName, EQUIPMENT_MANUFACTURER),
      text("HAS OBS CONTEXT", C.deviceManufacturer, EQUIPMENT_MANUFACTURER),
      text("HAS OBS CONTEXT", C.deviceModel, PRODUCT_NAMES.enhancement),
      item("HAS CONCEPT MOD", C.procedureReported, { type: "CODE", code: C.ctOfAnyRegion }),
      text("CONTAINS", C.algorithmName, content.method),
      text("CONTAINS", C.algorithmVersion, content.codeVersion),
      ...Object.entries(content.parameters).map(([name, value]) =>
        text("CONTAINS", C.algorithmParameters, `${name}=${value}`),
      ),
      number(C.strength, content.strength, "1"),
      ...(content.modelDigest === undefined ? [] : [text("CONTAINS", C.modelDigest, content.modelDigest)]),
      text("CONTAINS", C.measuredImages, content.measuredImages),
      ...(content.referenceNoise === undefined
        ? []
        : [text("CONTAINS", C.referenceNoise, content.referenceNoise)]),
      container(C.imageLibrary, [
        createLibraryGroup(C.sourceSeries, content.source),
        createLibraryGroup(C.derivedSeries, content.derived),
      ]),
      container(C.measurements, groups),
      ...content.caveats.map((caveat) => text("CONTAINS", C.comment, caveat)),
    ],
  };
}

function createLibraryGroup(concept: CodedConcept, series: ReportedSeries): ContentItem {
  return container(C.imageLibraryGroup, [
    uid("CONTAINS", concept, series.seriesInstanceUid),
    ...series.instances.map((instance) => item("CONTAINS", undefined, { type: "IMAGE", ...instance })),
  ]);
}

function createImageGroup(image: ImageQuality, trackingUid: string): ContentItem {
  return container(C.measurementGroup, [
    text("HAS OBS CONTEXT", C.trackingIdentifier, image.image),
    uid("HAS OBS CONTEXT", C.trackingUid, trackingUid),
    ...(image.against === undefined ? [] : [text("HAS OBS CONTEXT", C.comparedWith, image.against)]),
    ...image.measures.map(({ measure, value, region }) =>
      number(
        MEASURE_CONCEPT[measure],
        value,
        MEASURE_UNIT[measure],
        region === undefined ? [] : [text("HAS CONCEPT MOD", C.region, region)],
      ),
    ),
  ]);
}

function createTissueGroup(tissue: TissueQuality, trackingUid: string): ContentItem {
  const site = TISSUE_CONCEPT.get(tissue.tissue);
  const error: readonly ContentItem[] =
    tissue.standardErrorHu === null
      ? []
      : [number(C.standardError, tissue.standardErrorHu, "HU", [], "HAS PROPERTIES")];
  return container(C.measurementGroup, [
    text("HAS OBS CONTEXT", C.trackingIdentifier, tissue.image),
    uid("HAS OBS CONTEXT", C.trackingUid, trackingUid),
    text("HAS OBS CONTEXT", C.comparedWith, tissue.against),
    text("HAS CONCEPT MOD", C.region, tissue.tissue),
    ...(site === undefined ? [] : [item("HAS CONCEPT MOD", C.findingSite, { type: "CODE", code: site })]),
    number(MEASURE_CONCEPT.huBias, tissue.biasHu, "HU", error),
    number(C.voxels, tissue.voxels, "1"),
  ]);
}

/**
 * Reads the numbers of a quality report that {@link createQualityReport} wrote.
 *
 * @param dataset - of the SR object
 * @returns the content; `undefined` when the object is another kind of report
 * @throws DicomError for broken sequences and numbers
 * @remarks Tested by round trip. Foreign reports are read by `readContentTree`.
 */
export function readQualityReport(dataset: DicomDataset): QualityReportContent | undefined {
  const root = readContentTree(dataset);
  const strength = findChild(root, C.strength);
  const measurements = findChild(root, C.measurements);
  if (!isSameConcept(root.concept, C.report) || strength?.value.type !== "NUM" || measurements === undefined)
    return undefined;
  const groups = findContentItems(measurements, C.measurementGroup);
  const isTissue = (group: ContentItem): boolean => findChild(group, C.voxels) !== undefined;
  const modelDigest = readChildText(root, C.modelDigest);
  const referenceNoise = readChildText(root, C.referenceNoise);
  return {
    source: readLibraryGroup(root, C.sourceSeries),
    derived: readLibraryGroup(root, C.derivedSeries),
    method: readChildText(root, C.algorithmName) ?? "",
    parameters: Object.fromEntries(
      readChildTexts(root, C.algorithmParameters).map((line) => {
        const at = line.indexOf("=");
        return [line.slice(0, at), line.slice(at + 1)];
      }),
    ),
    strength: strength.value.value ?? 0,
    ...(modelDigest === undefined ? {} : { modelDigest }),
    codeVersion: readChildText(root, C.algorithmVersion) ?? "",
    ...(referenceNoise === undefined ? {} : { referenceNoise }),
    measuredImages: readChildText(root, C.measuredImages) ?? "",
    images: groups.filter((group) => !isTissue(group)).map(readImageGroup),
    tissues: groups.filter(isTissue).map(readTissueGroup),
    caveats: readChildTexts(root, C.comment),
  };
}

function findChild(parent: ContentItem, concept: CodedConcept): ContentItem | undefined {
  return parent.children.find((child) => isSameConcept(child.concept, concept));
}

function readChildTexts(parent: ContentItem, concept: CodedConcept): string[] {
  return parent.children.flatMap((child) =>
    isSameConcept(child.concept, concept) && child.value.type === "TEXT" ? [child.value.text] : [],
  );
}

function readChildText(parent: ContentItem, concept: CodedConcept): string | undefined {
  return readChildTexts(parent, concept)[0];
}

function readLibraryGroup(root: ContentItem, concept: CodedConcept): ReportedSeries {
  for (const group of findContentItems(root, C.imageLibraryGroup)) {
    const series = findChild(group, concept);
    if (series?.value.type !== "UIDREF") continue;
    const instances = group.children.flatMap(({ value }) =>
      value.type === "IMAGE"
        ? [{ sopClassUid: value.sopClassUid, sopInstanceUid: value.sopInstanceUid }]
        : [],
    );
    return { seriesInstanceUid: series.value.uid, instances };
  }
  return { seriesInstanceUid: "", instances: [] };
}

function readImageGroup(group: ContentItem): ImageQuality {
  const against = readChildText(group, C.comparedWith);
  return {
    image: readChildText(group, C.trackingIdentifier) ?? "",
    ...(against === undefined ? {} : { against }),
    measures: group.children.flatMap((child): QualityMeasure[] => {
      const known = Object.entries(MEASURE_CONCEPT).find(([, concept]) =>
        isSameConcept(child.concept, concept),
      );
      if (known === undefined || child.value.type !== "NUM") return [];
      const region = readChildText(child, C.region);
      const { qualifier } = child.value;
      return [
        {
          measure: known[0] as QualityMeasureName,
          value: isSameConcept(qualifier, QUALIFIER_CONCEPT.infinite) ? "infinite" : child.value.value,
          ...(region === undefined ? {} : { region }),
        },
      ];
    }),
  };
}

function readTissueGroup(group: ContentItem): TissueQuality {
  const bias = findChild(group, MEASURE_CONCEPT.huBias);
  const readValue = (found: ContentItem | undefined): number | null =>
    found?.value.type === "NUM" ? found.value.value : null;
  return {
    image: readChildText(group, C.trackingIdentifier) ?? "",
    against: readChildText(group, C.comparedWith) ?? "",
    tissue: readChildText(group, C.region) ?? "",
    biasHu: readValue(bias),
    standardErrorHu: bias === undefined ? null : readValue(findChild(bias, C.standardError)),
    voxels: readValue(findChild(group, C.voxels)) ?? 0,
  };
}
