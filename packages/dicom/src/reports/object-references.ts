/**
 * References between objects: every Referenced SOP Instance UID (0008,1155) of a dataset, at any depth, with the
 * series and study that the hierarchy around it names (PS3.3 tables 10-3b, 10-4, 10-11, C.17-3); which of them dangle;
 * and the same object pointing at other instances. Frame numbers and content stay as they are.
 */
import { type DicomDataset, type DicomElement, editDataset } from "../dataset/dataset.ts";
import { createSequenceElement, createTextElement } from "../dataset/elements.ts";
import { readItems } from "../dataset/read.ts";
import { findVr, isPrivateTag, TAG } from "../dataset/tags.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { readUid } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";

/** One reference. */
export interface ObjectReference {
  readonly sopClassUid: string | undefined;
  readonly sopInstanceUid: string;
  /** Named by the hierarchy around the reference; `undefined` where nothing names it. */
  readonly seriesInstanceUid: string | undefined;
  readonly studyInstanceUid: string | undefined;
  /** Tags of the sequences from the outside in. */
  readonly path: readonly number[];
}

function isSequence(element: DicomElement): boolean {
  if (element.vr === "SQ") return true;
  return element.vr === "UN" && !isPrivateTag(element.tag) && findVr(element.tag) === "SQ";
}

interface Place {
  readonly series: string | undefined;
  readonly study: string | undefined;
  readonly path: readonly number[];
}

function* walkReferences(item: DicomDataset, place: Place): Generator<ObjectReference> {
  const { path } = place;
  const isRoot = path.length === 0;
  const here: Place = isRoot
    ? place
    : {
        path,
        series: readUid(item, TAG.SeriesInstanceUID) ?? place.series,
        study: readUid(item, TAG.StudyInstanceUID) ?? place.study,
      };
  const sopInstanceUid = isRoot ? undefined : readUid(item, TAG.ReferencedSOPInstanceUID);
  if (sopInstanceUid !== undefined) {
    yield {
      sopClassUid: readUid(item, TAG.ReferencedSOPClassUID),
      sopInstanceUid,
      seriesInstanceUid: here.series,
      studyInstanceUid: here.study,
      path,
    };
  }
  for (const element of item.elements.values()) {
    if (!isSequence(element)) continue;
    for (const child of readItems(item, element.tag) ?? []) {
      yield* walkReferences(child, { ...here, path: [...path, element.tag] });
    }
  }
}

/**
 * Every reference of an object to another one, in document order; an instance named twice is listed twice.
 *
 * @param dataset - of any object; depth is bounded by the reader's `limits.maxDepth`
 * @throws DicomError for broken sequences and UIDs
 * @remarks Private sequences of VR SQ are walked too. Tested on objects of dcmtk (dcmpsmk) and on own reports.
 */
export function listObjectReferences(dataset: DicomDataset): ObjectReference[] {
  return [...walkReferences(dataset, { series: undefined, study: undefined, path: [] })];
}

/** A reference to an instance that is not there. */
export interface DanglingReference {
  /** The object that refers. */
  readonly fromSopInstanceUid: string;
  readonly reference: ObjectReference;
}

/** SOP classes of study and performed-procedure objects, which are never files. */
const NEVER_STORED = /^1\.2\.840\.10008\.3\.1\.2\./;

/**
 * References that point outside a set of objects; study and procedure-step references are not counted.
 *
 * @param datasets - all objects of the set
 * @throws DicomError as {@link listObjectReferences}; `MISSING_ATTRIBUTE` for an object without SOP Instance UID
 * @remarks Tested on sets with and without gaps.
 */
export function findDanglingReferences(datasets: readonly DicomDataset[]): DanglingReference[] {
  const present = new Set(datasets.map(requireInstanceUid));
  return datasets.flatMap((dataset) => {
    const fromSopInstanceUid = requireInstanceUid(dataset);
    return listObjectReferences(dataset)
      .filter(
        ({ sopInstanceUid, sopClassUid }) =>
          !present.has(sopInstanceUid) && !(sopClassUid !== undefined && NEVER_STORED.test(sopClassUid)),
      )
      .map((reference) => ({ fromSopInstanceUid, reference }));
  });
}

function requireInstanceUid(dataset: DicomDataset): string {
  const uid = readUid(dataset, TAG.SOPInstanceUID);
  if (uid === undefined) {
    throw new DicomError("MISSING_ATTRIBUTE", "an object without SOP Instance UID cannot be referred to");
  }
  return uid;
}

/** Where a reference shall point. */
export interface ReferenceTarget {
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  /** Default: the study stays as it is. */
  readonly studyInstanceUid?: string;
  /** Default: the class stays as it is. */
  readonly sopClassUid?: string;
}

/** What {@link rewriteReferences} made. */
export interface RewrittenObject {
  /** With a new SOP Instance UID and Series Instance UID, derived from the old ones and the map. */
  readonly dataset: DicomDataset;
  readonly rewritten: number;
  /** References that the map does not hold; they still point where they did. */
  readonly dangling: readonly ObjectReference[];
}

/**
 * The same object pointing at other instances: a key object selection or presentation state of a source series for
 * the series derived from it. A reference series whose instances go to several series is split.
 *
 * @param dataset - the object; unchanged
 * @param targets - by SOP Instance UID of the present reference
 * @throws DicomError `INVALID_VALUE` when instances of one study item go to different studies; for broken sequences
 * @remarks UIDs are hashes: the same object and map give the same result. Tested on own key objects and on a
 * presentation state of dcmtk's dcmpsmk, read back by dcmtk.
 */
export async function rewriteReferences(
  dataset: DicomDataset,
  targets: ReadonlyMap<string, ReferenceTarget>,
): Promise<RewrittenObject> {
  const references = listObjectReferences(dataset);
  const moved = references.filter(({ sopInstanceUid }) => targets.has(sopInstanceUid));
  const dangling = references.filter(({ sopInstanceUid }) => !targets.has(sopInstanceUid));
  if (moved.length === 0) return { dataset, rewritten: 0, dangling };
  const edits = new Map<number, DicomElement | null>(
    rewriteSequences(dataset, targets).map((element) => [element.tag, element]),
  );
  const used = moved.map(({ sopInstanceUid }) => [sopInstanceUid, targets.get(sopInstanceUid)]);
  for (const tag of [TAG.SOPInstanceUID, TAG.SeriesInstanceUID]) {
    const content = { rewritten: readUid(dataset, tag) ?? null, targets: used };
    edits.set(tag, createTextElement(tag, await createHashedUid(JSON.parse(JSON.stringify(content)))));
  }
  const study = commonTarget(references, targets, (target) => target.studyInstanceUid);
  if (study !== undefined) edits.set(TAG.StudyInstanceUID, createTextElement(TAG.StudyInstanceUID, study));
  return { dataset: editDataset(dataset, edits), rewritten: moved.length, dangling };
}

/** The sequences of an item that hold a mapped reference, rewritten. */
function rewriteSequences(item: DicomDataset, targets: ReadonlyMap<string, ReferenceTarget>): DicomElement[] {
  const changed: DicomElement[] = [];
  for (const element of item.elements.values()) {
    if (!isSequence(element)) continue;
    const children = readItems(item, element.tag) ?? [];
    if (!children.some((child) => listItemReferences(child).some((uid) => targets.has(uid)))) continue;
    const encoding = children[0].encoding;
    const items = children.flatMap((child) => rewriteItem(child, targets));
    const made = createSequenceElement(
      element.tag,
      items.map((child) => [...child.elements.values()]),
      encoding,
    );
    changed.push({ ...made, vr: element.vr });
  }
  return changed;
}

function listItemReferences(item: DicomDataset): string[] {
  return [...walkReferences(item, { series: undefined, study: undefined, path: [0] })].map(
    ({ sopInstanceUid }) => sopInstanceUid,
  );
}

/** One item, or several when the instances of a series item part ways. */
function rewriteItem(item: DicomDataset, targets: ReadonlyMap<string, ReferenceTarget>): DicomDataset[] {
  const inside = listItemReferences(item);
  if (!inside.some((uid) => targets.has(uid))) return [item];
  if (readUid(item, TAG.SeriesInstanceUID) !== undefined) {
    const destinations = [...new Set(inside.map((uid) => targets.get(uid)?.seriesInstanceUid))];
    return destinations.map((destination) => {
      const kept = keepReferences(item, (uid) => targets.get(uid)?.seriesInstanceUid === destination);
      return finishItem(kept, targets, destination);
    });
  }
  return [finishItem(item, targets, undefined)];
}

function finishItem(
  item: DicomDataset,
  targets: ReadonlyMap<string, ReferenceTarget>,
  series: string | undefined,
): DicomDataset {
  const edits = new Map<number, DicomElement | null>(
    rewriteSequences(item, targets).map((element) => [element.tag, element]),
  );
  const set = (tag: number, uid: string | undefined): void => {
    if (uid !== undefined) edits.set(tag, createTextElement(tag, uid));
  };
  const own = readUid(item, TAG.ReferencedSOPInstanceUID);
  const target = own === undefined ? undefined : targets.get(own);
  set(TAG.ReferencedSOPInstanceUID, target?.sopInstanceUid);
  set(TAG.ReferencedSOPClassUID, target?.sopClassUid);
  set(TAG.SeriesInstanceUID, series);
  if (readUid(item, TAG.StudyInstanceUID) !== undefined) {
    const inside = [...walkReferences(item, { series: undefined, study: undefined, path: [0] })];
    set(
      TAG.StudyInstanceUID,
      commonTarget(inside, targets, (found) => found.studyInstanceUid),
    );
  }
  return editDataset(item, edits);
}

/** The item with only those direct references for which `isKept`. */
function keepReferences(item: DicomDataset, isKept: (uid: string) => boolean): DicomDataset {
  const edits = new Map<number, DicomElement>();
  for (const element of item.elements.values()) {
    if (!isSequence(element)) continue;
    const children = readItems(item, element.tag) ?? [];
    const kept = children.filter((child) => {
      const uid = readUid(child, TAG.ReferencedSOPInstanceUID);
      return uid === undefined || isKept(uid);
    });
    if (kept.length === children.length) continue;
    const items = kept.map((child) => [...child.elements.values()]);
    edits.set(element.tag, {
      ...createSequenceElement(element.tag, items, children[0].encoding),
      vr: element.vr,
    });
  }
  return editDataset(item, edits);
}

/** The study that mapped references share; a study cannot be named when references part ways. */
function commonTarget(
  references: readonly ObjectReference[],
  targets: ReadonlyMap<string, ReferenceTarget>,
  read: (target: ReferenceTarget) => string | undefined,
): string | undefined {
  const found = new Set<string | undefined>();
  for (const { sopInstanceUid } of references) {
    const target = targets.get(sopInstanceUid);
    found.add(target === undefined ? undefined : read(target));
  }
  const studies = [...found].filter((study) => study !== undefined);
  if (studies.length > 1) {
    throw new DicomError(
      "INVALID_VALUE",
      `the references of one object would point into ${studies.length} studies; rewrite them to one study`,
    );
  }
  return studies[0];
}
