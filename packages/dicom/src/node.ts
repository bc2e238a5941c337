/**
 * `@alara/dicom/node`: folders in, folders out.
 */
export {
  createFileSource,
  type FindInputFilesOptions,
  findInputFiles,
  type InputFiles,
  type ScanSeriesFilesOptions,
  scanSeriesFiles,
} from "./node/input-files.ts";
export { findMediaFiles, type MediaFiles } from "./node/media.ts";
export { createOutputFolder, formatSliceFileName, type OutputFolder } from "./node/output-folder.ts";
export {
  isCtProjectionPath,
  isSinogramPath,
  type OpenCtProjectionsOptions,
  openCtProjections,
  openSinogram,
  saveSinogram,
} from "./node/projection-files.ts";
export {
  isVolumePath,
  type OpenedVolume,
  openVolumeFile,
  requireNoFile,
  type WriteVolumeFilesOptions,
  writeVolumeFiles,
} from "./node/volume-files.ts";
