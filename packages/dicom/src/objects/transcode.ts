/**
 * The same object in another transfer syntax (PS3.5 §10): every value keeps its bytes, pixels keep their values, so
 * the SOP Instance UID stays. Lossless targets only.
 */
import { readFrameBytes } from "../codecs/encapsulation.ts";
import { readFrameFormat } from "../codecs/frame-format.ts";
import { requireTransferSyntax } from "../codecs/transfer-syntaxes.ts";
import { convertToExplicit, convertToImplicit } from "../dataset/convert.ts";
import { type DicomDataset, type DicomElement, type DicomFile, editDataset } from "../dataset/dataset.ts";
import { readItems } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { readText } from "../dataset/values.ts";
import { writeDicomFile } from "../dataset/write.ts";
import { DicomError } from "../errors.ts";
import { createPixelData, requireWritableSyntax } from "./pixel-data.ts";

/**
 * Writes a file in another transfer syntax.
 *
 * Elements other than Pixel Data keep their value bytes; sequences are rewritten only where the way of writing VRs
 * changes. A compressed icon is left out where pixels are re-encoded: it would be in another syntax than the object
 * says. The preamble and group 0002 are new.
 *
 * @param transferSyntaxUid - native, deflated, or compressed without loss
 * @throws DicomError `UNSUPPORTED_TRANSFER_SYNTAX`; `UNSUPPORTED_PHOTOMETRIC` where colour would have to be
 *   re-encoded; `MISSING_ATTRIBUTE` for pixels once compressed with loss whose header does not say so; as decoding
 * @remarks Tested by comparing every element and every decoded pixel, and with dcmtk.
 */
export async function transcodeFile(file: DicomFile, transferSyntaxUid: string): Promise<Uint8Array> {
  const target = requireWritableSyntax(transferSyntaxUid);
  const source = requireTransferSyntax(file.transferSyntaxUid);
  const edits = new Map<number, DicomElement | null>();
  const hasPixels = file.dataset.elements.has(TAG.PixelData);
  if (hasPixels && (source.encapsulated || target.encapsulated) && source.uid !== target.uid) {
    const format = readFrameFormat(file.dataset);
    if (format.samplesPerPixel !== 1) {
      throw new DicomError(
        "UNSUPPORTED_PHOTOMETRIC",
        `the image has ${format.samplesPerPixel} samples per pixel; only images of one are re-encoded`,
      );
    }
    if (source.lossy && readText(file.dataset, TAG.LossyImageCompression) !== "01") {
      throw new DicomError(
        "MISSING_ATTRIBUTE",
        `the pixels are compressed with loss (${source.name}) but Lossy Image Compression does not say so; re-encoding would hide it`,
      );
    }
    const frames: Uint8Array[] = [];
    for (let frame = 0; frame < format.frames; frame++) {
      frames.push(await readFrameBytes(file, format, frame));
    }
    edits.set(TAG.PixelData, await createPixelData(target, format, frames));
    if (hasCompressedIcon(file.dataset)) edits.set(TAG.IconImageSequence, null);
    edits.set(TAG.ExtendedOffsetTable, null);
    edits.set(TAG.ExtendedOffsetTableLengths, null);
  }
  const convert = target.encoding === "implicit-le" ? convertToImplicit : convertToExplicit;
  return writeDicomFile(editDataset(convert(file.dataset), edits), target.uid);
}

function hasCompressedIcon(dataset: DicomDataset): boolean {
  const items = readItems(dataset, TAG.IconImageSequence) ?? [];
  return items.some((item) => item.elements.get(TAG.PixelData)?.undefinedLength === true);
}
