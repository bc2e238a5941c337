/**
 * `@alara/dicom`: reads, assembles and writes CT in DICOM; runs anywhere. Files and folders are in `@alara/dicom/node`.
 */

export { convertToExplicit, removePrivateElements } from "./convert.ts";
export { type CtSeries, type CtSeriesAttributes, createCtSeries } from "./ct-series.ts";
export {
  type DicomDataset,
  type DicomElement,
  type DicomEncoding,
  type DicomFile,
  editDataset,
} from "./dataset.ts";
export { createDerivedSeries, type DerivedSeries, type DerivedSeriesOptions } from "./derived-series.ts";
export {
  type CodedConcept,
  createCodeItem,
  createDecimalElement,
  createDoubleElement,
  createElement,
  createIntegerElement,
  createSequenceElement,
  createShortElement,
  createTextElement,
} from "./elements.ts";
export { joinFragments, readFrameBytes, splitFragments } from "./encapsulation.ts";
export {
  EQUIPMENT_MANUFACTURER,
  IMPLEMENTATION_CLASS_UID,
  IMPLEMENTATION_VERSION_NAME,
  isDerivedByAlara,
  PRODUCT_NAMES,
  type ProductKind,
} from "./equipment.ts";
export { DicomError, type DicomErrorCode } from "./errors.ts";
export { countFrameBytes, type FrameFormat, readFrameFormat } from "./frame-format.ts";
export {
  type InstanceFacts,
  type InstanceSource,
  type InstanceSummary,
  type ScannedInstance,
  type SkipCode,
  type SkippedInstance,
  scanInstance,
  summariseInstance,
} from "./instance.ts";
export { DEFAULT_DICOM_LIMITS, type DicomLimits } from "./limits.ts";
export {
  type DecodeHuOptions,
  decodeHu,
  type EncodedFrame,
  encodeHu,
  extractStoredValues,
  type HuFormat,
  type HuSlice,
  type PaddingRange,
  type Rescale,
  readHuFormat,
} from "./pixels.ts";
export { type ReadDicomOptions, readDataset, readDicomFile, readItems } from "./read.ts";
export {
  assembleSeries,
  type DecodeVolumeOptions,
  decodeSliceHu,
  decodeVolume,
  readSeriesFile,
  type ScannedSlice,
  type ScanSeriesOptions,
  type Series,
  type SeriesCollection,
  type SeriesSlice,
  scanSeries,
} from "./series.ts";
export type { FactRange, SeriesFacts } from "./series-facts.ts";
export type { SeriesFinding, SeriesFindingCode } from "./series-findings.ts";
export { findVr, formatTag, isPrivateTag, TAG, type TagKeyword } from "./tags.ts";
export {
  findTransferSyntax,
  requireTransferSyntax,
  TRANSFER_SYNTAX_UID,
  type TransferSyntax,
  transferSyntaxes,
} from "./transfer-syntaxes.ts";
export { createHashedUid } from "./uids.ts";
export { isValidUid, readInteger, readNumber, readNumbers, readText, readTexts, readUid } from "./values.ts";
export { writeDataset, writeDicomFile } from "./write.ts";
