/**
 * The Modality LUT Sequence (PS3.3 C.11.1.1): stored values to modality values by a table, where a straight line does
 * not do. Read and applied; never written.
 */
import type { FrameFormat } from "../codecs/frame-format.ts";
import type { DicomDataset } from "../dataset/dataset.ts";
import { readItems } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readText } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";

/** A table from stored values to modality values. */
export interface ModalityLut {
  /** Modality LUT Type: `"HU"`, `"US"` (unspecified), `"OD"`, … */
  readonly type: string | undefined;
  /** Stored value of the first entry; smaller ones map to the first entry, larger than the last to the last. */
  readonly firstStored: number;
  readonly values: Float32Array;
}

/**
 * Reads the Modality LUT of an image; `undefined` when it has none.
 *
 * @throws DicomError `INVALID_VALUE` when descriptor and data contradict each other
 */
export function readModalityLut(dataset: DicomDataset, format: FrameFormat): ModalityLut | undefined {
  if (!dataset.elements.has(TAG.ModalityLUTSequence)) return undefined;
  const item = readItems(dataset, TAG.ModalityLUTSequence)?.[0];
  if (item === undefined) return undefined;
  const descriptor = item.elements.get(TAG.LUTDescriptor)?.bytes;
  const data = item.elements.get(TAG.LUTData)?.bytes;
  if (descriptor === undefined || descriptor.length < 6 || data === undefined) {
    throw new DicomError(
      "INVALID_VALUE",
      "the Modality LUT has no LUT Descriptor of three values or no LUT Data",
    );
  }
  const readWord = (bytes: Uint8Array, at: number): number => bytes[at] | (bytes[at + 1] << 8);
  const count = readWord(descriptor, 0) || 65536;
  const first = readWord(descriptor, 2);
  const bits = readWord(descriptor, 4);
  const isByte = bits === 8 && data.length < 2 * count;
  if ((bits !== 8 && (bits < 10 || bits > 16)) || data.length < (isByte ? count : 2 * count)) {
    throw new DicomError(
      "INVALID_VALUE",
      `the Modality LUT declares ${count} entries of ${bits} bits but its data has ${data.length} bytes`,
    );
  }
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = isByte ? data[i] : readWord(data, 2 * i);
  return {
    type: readText(item, TAG.ModalityLUTType),
    firstStored: format.signed ? (first << 16) >> 16 : first,
    values,
  };
}

/** Maps stored values through the table, in place. */
export function applyModalityLut(stored: Float32Array, lut: ModalityLut): void {
  const last = lut.values.length - 1;
  for (let i = 0; i < stored.length; i++) {
    const index = stored[i] - lut.firstStored;
    stored[i] = lut.values[index < 0 ? 0 : index > last ? last : index];
  }
}
