/**
 * `@alara/dicom`: reads, assembles and writes CT in DICOM; runs anywhere. Files and folders are in `@alara/dicom/node`.
 */

export {
  describeDecodedFrame,
  joinFragments,
  readFrameBytes,
  splitFragments,
} from "./codecs/encapsulation.ts";
export { countFrameBytes, type FrameFormat, readFrameFormat } from "./codecs/frame-format.ts";
export {
  findTransferSyntax,
  requireTransferSyntax,
  TRANSFER_SYNTAX_UID,
  type TransferSyntax,
  transferSyntaxes,
} from "./codecs/transfer-syntaxes.ts";
export {
  decodeCharacters,
  decodeText,
  decodeTexts,
  getCharacterSets,
  type PersonName,
  type PersonNameGroup,
  splitPersonName,
} from "./dataset/character-sets.ts";
export { convertToExplicit, removePrivateElements } from "./dataset/convert.ts";
export {
  createDataset,
  type DicomDataset,
  type DicomElement,
  type DicomEncoding,
  type DicomFile,
  editDataset,
} from "./dataset/dataset.ts";
export {
  type DicomDate,
  type DicomMoment,
  type DicomTime,
  parseDicomDate,
  parseDicomDateTime,
  parseDicomTime,
} from "./dataset/date-time.ts";
export { type DicomDictionary, type DictionaryEntry, loadDictionary } from "./dataset/dictionary.ts";
export {
  type BinaryVr,
  type CodedConcept,
  createCodeItem,
  createDecimalElement,
  createDoubleElement,
  createElement,
  createIntegerElement,
  createNumberElement,
  createSequenceElement,
  createShortElement,
  createTextElement,
} from "./dataset/elements.ts";
export type { PreamblePolicy } from "./dataset/file-start.ts";
export {
  type ReadDatasetOptions,
  type ReadDicomOptions,
  readDataset,
  readDicomFile,
  readItems,
} from "./dataset/read.ts";
export { findVr, formatTag, isPrivateTag, TAG, type TagKeyword } from "./dataset/tags.ts";
export { createHashedUid } from "./dataset/uids.ts";
export {
  findPrivateCreator,
  findPrivateTag,
  getKnownVr,
  isValidUid,
  readBigIntegers,
  readInteger,
  readNumber,
  readNumbers,
  readTags,
  readText,
  readTexts,
  readUid,
} from "./dataset/values.ts";
export { writeDataset, writeDicomFile } from "./dataset/write.ts";
export { type DeidentifiedFile, deidentifyFile, readPatientIdentity } from "./deidentify/deidentify.ts";
export {
  type DeidentifyFinding,
  type DeidentifyFindingCode,
  type DeidentifyOptions,
  RETAIN_OPTIONS,
  type RetainOption,
} from "./deidentify/deidentify-options.ts";
export { TABLE_EDITION } from "./deidentify/profile-table.ts";
export {
  createPseudonyms,
  MINIMUM_KEY_BYTES,
  type PatientIdentity,
  type PseudonymOptions,
  type Pseudonyms,
} from "./deidentify/pseudonyms.ts";
export type { DerivedSeriesOptions } from "./derive/derivation.ts";
export { createDerivedObject, type DerivedObject, isSingleObject } from "./derive/derived-object.ts";
export { createDerivedSeries, type DerivedSeries } from "./derive/derived-series.ts";
export {
  EQUIPMENT_MANUFACTURER,
  IMPLEMENTATION_CLASS_UID,
  IMPLEMENTATION_VERSION_NAME,
  isDerivedByAlara,
  PRODUCT_NAMES,
  type ProductKind,
} from "./derive/equipment.ts";
export { refineGrid } from "./derive/resampling.ts";
export { DicomError, type DicomErrorCode } from "./errors.ts";
export {
  DEFAULT_VOLUME_LIMITS,
  type FormatFinding,
  type FormatFindingCode,
  type ReadVolumeOptions,
  type StoredVolume,
  type VolumeFile,
  type VolumeFormat,
  type VolumeLimits,
  type WriteVolumeOptions,
} from "./formats/format.ts";
export { detectFormat, findFormatByName, readVolumeFile, volumeFormats } from "./formats/formats.ts";
export { isOrthogonal } from "./formats/orientation.ts";
export { isIntegerType, type SampleType } from "./formats/samples.ts";
export {
  isSinogram,
  readSinogram,
  SINOGRAM_SUFFIX,
  type SinogramFacts,
  type StoredSinogram,
  writeSinogram,
} from "./formats/sinogram.ts";
export { compareNumbered, readTiffStack } from "./formats/tiff.ts";
export { hasFunctionalGroups, readFrameDataset } from "./images/functional-groups.ts";
export {
  type InstanceSource,
  type InstanceSummary,
  type ModalityChoice,
  type ScanInstanceOptions,
  type ScannedInstance,
  type ScannedSlice,
  type SkipCode,
  type SkippedInstance,
  scanInstance,
  summariseInstance,
} from "./images/instance.ts";
export type { InstanceFacts } from "./images/instance-facts.ts";
export type { ModalityLut } from "./images/modality-lut.ts";
export { findObjectKind, type ObjectKind, type ObjectSummary } from "./images/object-kinds.ts";
export {
  type DecodeHuOptions,
  decodeGrayscale,
  decodeHu,
  type EncodedFrame,
  encodeHu,
  extractStoredValues,
  type GrayscaleFormat,
  type GrayscaleFrame,
  type HuFormat,
  type HuSlice,
  type PaddingRange,
  type Rescale,
  readGrayscaleFormat,
  readHuFormat,
} from "./images/pixels.ts";
export {
  type DicomJsonDataset,
  type DicomJsonElement,
  type DicomJsonName,
  type DicomJsonValue,
  type ReadDicomJsonOptions,
  readDicomJson,
  type WriteDicomJsonOptions,
  writeDicomJson,
} from "./json/dicom-json.ts";
export { DEFAULT_DICOM_LIMITS, type DicomLimits } from "./limits.ts";
export {
  DICOMDIR_SOP_CLASS_UID,
  type DirectoryRecord,
  isDicomDir,
  listRecords,
  type ReferencedFile,
  readDicomDir,
} from "./media/dicomdir.ts";
export {
  type ConvertedObject,
  type ConvertedSeries,
  type ConvertSeriesOptions,
  type ConvertToEnhancedOptions,
  convertToClassic,
  convertToEnhanced,
} from "./objects/convert-series.ts";
export { type CtSeries, type CtSeriesAttributes, createCtSeries } from "./objects/ct-series.ts";
export {
  type EnhancedCtScan,
  type WriteEnhancedCtOptions,
  writeEnhancedCt,
} from "./objects/enhanced-ct.ts";
export type { EnhancedKind } from "./objects/enhanced-groups.ts";
export { createMrSeries, type MrSeries, type MrSeriesAttributes } from "./objects/mr-series.ts";
export { isWritableSyntax } from "./objects/pixel-data.ts";
export type { PlainSeries, PlainSeriesAttributes } from "./objects/plain-series.ts";
export { transcodeFile } from "./objects/transcode.ts";
export {
  type ColourPalette,
  type UltrasoundAttributes,
  type UltrasoundFrames,
  writeUltrasound,
} from "./objects/ultrasound.ts";
export {
  assembleCtProjections,
  type CtProjectionFacts,
  type CtProjections,
  type CtProjectionView,
  isCtProjection,
  readCtProjection,
} from "./projections/ct-pd.ts";
export {
  type ContentItem,
  type ContentRelationship,
  type ContentValue,
  findContentItems,
  isSameConcept,
  readCode,
  readContentTree,
} from "./reports/content-tree.ts";
export {
  type DisplayedArea,
  type KeyObjectSelection,
  type NamedInstance,
  type PresentationState,
  readKeyObjectSelection,
  readPresentationState,
  type SoftcopyWindow,
} from "./reports/key-objects.ts";
export {
  type DanglingReference,
  findDanglingReferences,
  listObjectReferences,
  type ObjectReference,
  type ReferenceTarget,
  type RewrittenObject,
  rewriteReferences,
} from "./reports/object-references.ts";
export type { QualityMeasureName } from "./reports/quality-codes.ts";
export type {
  ImageQuality,
  QualityMeasure,
  QualityReportContent,
  ReportedInstance,
  ReportedSeries,
  TissueQuality,
} from "./reports/quality-content.ts";
export {
  createQualityReport,
  ENHANCED_SR_CLASS,
  type QualityReportFile,
  type QualityReportOptions,
} from "./reports/quality-report.ts";
export { readQualityReport } from "./reports/quality-tree.ts";
export { type DoseEvent, type DoseReport, readDoseReport } from "./series/dose-report.ts";
export {
  type OrthogonalVolume,
  type ShearOptions,
  shearToOrthogonal,
} from "./series/orthogonal-grid.ts";
export {
  assembleSeries,
  type DecodeVolumeOptions,
  decodeSliceHu,
  decodeVolume,
  type ReadImageVolumeOptions,
  readImageVolume,
  readSeriesFile,
  type ScanSeriesOptions,
  type Series,
  type SeriesCollection,
  type SeriesSlice,
  scanSeries,
} from "./series/series.ts";
export type { FactRange, SeriesFacts, SourcedFact } from "./series/series-facts.ts";
export type { SeriesFinding, SeriesFindingCode } from "./series/series-findings.ts";
