/**
 * Writes a volume as one Enhanced CT object (PS3.3 A.38): phantoms, simulated scans and test data. The classic
 * series of ct-series.ts is the description; not for results derived from a patient's series.
 */
import type { Volume } from "@alara/core";
import { getSliceData } from "@alara/core";
import { readFrameBytes } from "../codecs/encapsulation.ts";
import { TRANSFER_SYNTAX_UID } from "../codecs/transfer-syntaxes.ts";
import type { DicomDataset } from "../dataset/dataset.ts";
import { convertDateTime } from "../dataset/date-time.ts";
import { readDicomFile } from "../dataset/read.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { type CtSeriesAttributes, createCtSeries } from "../derive/ct-series.ts";
import { readHuFormat } from "../images/pixels.ts";
import type { ConvertedObject } from "./convert-series.ts";
import { writeEnhancedObject } from "./enhanced-object.ts";
import { requireWritableSyntax } from "./pixel-data.ts";

/**
 * Writes a CT volume as one Enhanced CT object. Its frames are marked DERIVED: an ORIGINAL one would have to state
 * rotation, collimation and table, which a volume does not know.
 *
 * @param options.transferSyntaxUid - lossless; default Explicit VR Little Endian
 * @throws DicomError as {@link createCtSeries}; `LIMIT_EXCEEDED` from 4 GiB; `UNSUPPORTED_TRANSFER_SYNTAX`
 * @remarks Tested with dciodvfy and by reading back: HU and geometry are those of the classic series.
 */
export async function writeEnhancedCt(
  volume: Volume<"HU">,
  attributes: CtSeriesAttributes,
  options: { readonly transferSyntaxUid?: string } = {},
): Promise<ConvertedObject> {
  const syntax = requireWritableSyntax(options.transferSyntaxUid ?? TRANSFER_SYNTAX_UID.explicitLittleEndian);
  const classic = await createCtSeries(volume.geometry, attributes);
  const frames: DicomDataset[] = [];
  const frameBytes: Uint8Array[] = [];
  for (let i = 0; i < volume.geometry.size[0]; i++) {
    const file = readDicomFile(classic.writeInstance(i, getSliceData(volume, i)));
    frames.push(file.dataset);
    frameBytes.push(await readFrameBytes(file, readHuFormat(file.dataset)));
  }
  const seriesInstanceUid = await createHashedUid({ enhancedSeries: classic.seriesInstanceUid });
  const sopInstanceUid = await createHashedUid({ enhancedObject: classic.seriesInstanceUid });
  const frameType = ["DERIVED", "PRIMARY", "VOLUME", "NONE"] as const;
  const bytes = await writeEnhancedObject(
    {
      kind: "enhanced",
      frames,
      format: readHuFormat(frames[0]),
      frameBytes,
      imageType: frameType,
      describe: () => ({ frameType }),
      sopInstanceUid,
      seriesInstanceUid,
      moment: convertDateTime(attributes.dateTime),
    },
    syntax,
  );
  return { seriesInstanceUid, sopInstanceUid, bytes };
}
