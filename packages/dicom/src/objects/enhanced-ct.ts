/**
 * Writes a volume as one Enhanced CT object (PS3.3 A.38): phantoms, simulated scans and test data. The classic
 * series of ct-series.ts is the description; not for results derived from a patient's series.
 */
import type { GridGeometry, Volume } from "@alara/core";
import { getSliceData } from "@alara/core";
import { readFrameBytes } from "../codecs/encapsulation.ts";
import { TRANSFER_SYNTAX_UID } from "../codecs/transfer-syntaxes.ts";
import { type DicomDataset, type DicomElement, editDataset } from "../dataset/dataset.ts";
import { convertDateTime } from "../dataset/date-time.ts";
import {
  createCodeItem,
  createDecimalElement,
  createDoubleElement,
  createSequenceElement,
  createTextElement,
} from "../dataset/elements.ts";
import { readDicomFile } from "../dataset/read.ts";
import { TAG } from "../dataset/tags.ts";
import { createHashedUid } from "../dataset/uids.ts";
import { readHuFormat } from "../images/pixels.ts";
import type { ConvertedObject } from "./convert-series.ts";
import { type CtSeriesAttributes, createCtSeries } from "./ct-series.ts";
import { writeEnhancedObject } from "./enhanced-object.ts";
import { requireWritableSyntax } from "./pixel-data.ts";

/** What Enhanced CT says of an acquisition beyond a classic header. Each group is written when it is whole. */
export interface EnhancedCtScan {
  readonly reconstructionAlgorithm?: "FILTER_BACK_PROJ" | "ITERATIVE";
  readonly kernelGroup?: "BRAIN" | "SOFT_TISSUE" | "LUNG" | "BONE" | "CONSTANT_ANGLE";
  /** Angle of data used for one slice. */
  readonly reconstructionAngleDegrees?: number;
  /** Label of the filter applied to the image, `"NONE"`. */
  readonly imageFilter?: string;
  /** Default the field of view of the grid's columns. */
  readonly reconstructionDiameterMm?: number;
  /** `"NONE"`, `"ANGULAR"`, … */
  readonly exposureModulation?: string;
  /** Phantom that CTDIvol refers to. */
  readonly ctdiPhantomDiameterCm?: 16 | 32;
  readonly focalSpotMm?: number;
  /** `"NONE"`, `"WEDGE"`, `"BUTTERFLY"`, … */
  readonly filterType?: string;
  /** `"ALUMINUM"`, `"COPPER"`, `"MIXED"`, … */
  readonly filterMaterial?: string;
}

/** Options of {@link writeEnhancedCt}. */
export interface WriteEnhancedCtOptions {
  /** Lossless; default Explicit VR Little Endian. */
  readonly transferSyntaxUid?: string;
  readonly scan?: EnhancedCtScan;
}

/**
 * Writes a CT volume as one Enhanced CT object. Its frames are marked DERIVED: an ORIGINAL one would have to state
 * rotation, collimation and table, which a volume does not know.
 *
 * @throws DicomError as {@link createCtSeries}; `LIMIT_EXCEEDED` from 4 GiB; `UNSUPPORTED_TRANSFER_SYNTAX`
 * @remarks Tested with dciodvfy and by reading back: HU and geometry are those of the classic series. The
 * irradiation event is a hash of the study's.
 */
export async function writeEnhancedCt(
  volume: Volume<"HU">,
  attributes: CtSeriesAttributes,
  options: WriteEnhancedCtOptions = {},
): Promise<ConvertedObject> {
  const syntax = requireWritableSyntax(options.transferSyntaxUid ?? TRANSFER_SYNTAX_UID.explicitLittleEndian);
  const classic = await createCtSeries(volume.geometry, attributes);
  const event = await createHashedUid({ irradiationEvent: classic.seriesInstanceUid });
  const scan = [
    ...createScanElements(volume.geometry, options.scan ?? {}),
    createTextElement(TAG.IrradiationEventUID, event),
  ];
  const edits = new Map(scan.map((element) => [element.tag, element]));
  const frames: DicomDataset[] = [];
  const frameBytes: Uint8Array[] = [];
  for (let i = 0; i < volume.geometry.size[0]; i++) {
    const file = readDicomFile(classic.writeInstance(i, getSliceData(volume, i)));
    frames.push(editDataset(file.dataset, edits));
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

function createScanElements(geometry: GridGeometry, scan: EnhancedCtScan): DicomElement[] {
  const [, rowMm, columnMm] = geometry.spacingMm;
  const elements = [
    createDecimalElement(TAG.ReconstructionDiameter, [
      scan.reconstructionDiameterMm ?? columnMm * geometry.size[2],
    ]),
    createDoubleElement(TAG.ReconstructionPixelSpacing, [rowMm, columnMm]),
  ];
  const texts: readonly (readonly [number, string | undefined])[] = [
    [TAG.ReconstructionAlgorithm, scan.reconstructionAlgorithm],
    [TAG.ConvolutionKernelGroup, scan.kernelGroup],
    [TAG.ImageFilter, scan.imageFilter],
    [TAG.ExposureModulationType, scan.exposureModulation],
    [TAG.FilterType, scan.filterType],
    [TAG.FilterMaterial, scan.filterMaterial],
  ];
  for (const [tag, value] of texts) if (value !== undefined) elements.push(createTextElement(tag, value));
  if (scan.reconstructionAngleDegrees !== undefined) {
    elements.push(createDoubleElement(TAG.ReconstructionAngle, [scan.reconstructionAngleDegrees]));
  }
  if (scan.focalSpotMm !== undefined) elements.push(createDecimalElement(TAG.FocalSpots, [scan.focalSpotMm]));
  if (scan.ctdiPhantomDiameterCm !== undefined) {
    // PS3.16 CID 4052.
    const isBody = scan.ctdiPhantomDiameterCm === 32;
    const code = {
      value: isBody ? "113691" : "113690",
      scheme: "DCM",
      meaning: `IEC ${isBody ? "Body" : "Head"} Dosimetry Phantom`,
    };
    elements.push(
      createSequenceElement(TAG.CTDIPhantomTypeCodeSequence, [createCodeItem(code)], "explicit-le"),
    );
  }
  return elements;
}
