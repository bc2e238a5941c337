/**
 * The dataset: an ordered map of elements that keep their raw bytes (PS3.5 §7). What is not touched is written back
 * byte for byte; sequences are opaque bytes until someone asks for their items.
 */
import { DEFAULT_DICOM_LIMITS, type DicomLimits } from "../limits.ts";

/** How elements are laid out in memory: value representation written or implied; always little endian. */
export type DicomEncoding = "implicit-le" | "explicit-le";

/** One element with its raw value field. */
export interface DicomElement {
  /** group × 65536 + element */
  readonly tag: number;
  /** Two capital letters; in implicit VR, from the dictionary ("UN" when unknown). */
  readonly vr: string;
  /**
   * The value field as in the file (a view, not a copy). When `undefinedLength`, everything between the header and
   * the end of the sequence delimitation item.
   */
  readonly bytes: Uint8Array;
  /** Whether the header said FFFFFFFF. */
  readonly undefinedLength: boolean;
  /**
   * Byte offset of the element's header in its file (deflated files: in the inflated dataset); −1 for elements made
   * in memory.
   */
  readonly offset: number;
}

/** Elements in ascending tag order with what is needed to interpret them. */
export interface DicomDataset {
  readonly encoding: DicomEncoding;
  readonly elements: ReadonlyMap<number, DicomElement>;
  /** 0 at the top, one more per enclosing sequence. */
  readonly depth: number;
  readonly limits: DicomLimits;
  /** In items: Specific Character Set (0008,0005) of the nearest dataset around that has one (PS3.3 C.12.1.1.2). */
  readonly outerCharacterSet?: DicomElement;
  /** In items read from a file: byte offset of the item's header, as {@link DicomElement.offset} counts. */
  readonly itemOffset?: number;
}

/** A file: group 0002 and the dataset. */
export interface DicomFile {
  /** File meta information, always explicit little endian; empty for files without it. */
  readonly meta: DicomDataset;
  readonly dataset: DicomDataset;
  /**
   * What `dataset` is laid out in, and what writing it back takes: the stored syntax, but Explicit VR Little Endian
   * for files that were big endian or deflated.
   */
  readonly transferSyntaxUid: string;
  /**
   * What the file itself was in: (0002,0010), or guessed from the first element when there is no meta information.
   */
  readonly storedTransferSyntaxUid: string;
}

/**
 * A dataset at the top level, explicit VR little endian, of elements in any order; a later one replaces an earlier one
 * of the same tag.
 *
 * @param options.limits - default {@link DEFAULT_DICOM_LIMITS}
 */
export function createDataset(
  elements: Iterable<DicomElement>,
  options: { readonly limits?: DicomLimits } = {},
): DicomDataset {
  const byTag = new Map<number, DicomElement>();
  for (const element of elements) byTag.set(element.tag, element);
  return {
    encoding: "explicit-le",
    elements: new Map([...byTag].sort(([a], [b]) => a - b)),
    depth: 0,
    limits: options.limits ?? DEFAULT_DICOM_LIMITS,
  };
}

/**
 * A dataset with some elements replaced, added or (with `null`) removed. The others are shared, not copied.
 *
 * @param edits - by tag
 */
export function editDataset(
  dataset: DicomDataset,
  edits: ReadonlyMap<number, DicomElement | null>,
): DicomDataset {
  const kept: DicomElement[] = [];
  for (const element of dataset.elements.values()) {
    if (!edits.has(element.tag)) kept.push(element);
  }
  for (const element of edits.values()) {
    if (element !== null) kept.push(element);
  }
  kept.sort((a, b) => a.tag - b.tag);
  return { ...dataset, elements: new Map(kept.map((element) => [element.tag, element])) };
}
