/**
 * The registry of volume formats: what is listed here is read, written, and put through the conformance tests (round
 * trip of data and grid, truncation, mutation).
 */
import { createRegistry, type Registry } from "@alara/core";
import { DicomError } from "../errors.ts";
import { isGzip } from "./compression.ts";
import {
  DEFAULT_VOLUME_LIMITS,
  type ReadVolumeOptions,
  type StoredVolume,
  type VolumeFormat,
} from "./format.ts";
import { isMetaImage, readMetaImage, writeDetachedMetaImage, writeMetaImage } from "./metaimage.ts";
import { readNifti, writeGzippedNifti, writeNifti, writeNiftiPair } from "./nifti.ts";
import { isNifti } from "./nifti-header.ts";
import { isNpy, readNpy, writeNpy } from "./npy.ts";
import { isNpz, readNpz, writeNpz } from "./npz.ts";
import { readNrrd, writeDetachedNrrd, writeNrrd } from "./nrrd.ts";
import { isNrrd } from "./nrrd-header.ts";
import { COMMON_SAMPLE_TYPES } from "./samples.ts";
import { readTiff, writeTiff } from "./tiff.ts";
import { isTiff } from "./tiff-pages.ts";

const FULL = {
  keeps: "orientation",
  keepsShear: true,
  keepsUnit: true,
  sampleTypes: COMMON_SAMPLE_TYPES,
} as const;

const formats: readonly (readonly [string, VolumeFormat])[] = [
  [
    "nii.gz",
    {
      ...FULL,
      summary: "NIfTI-1 or NIfTI-2, compressed",
      extensions: [".nii.gz"],
      isFormat: isGzip,
      read: readNifti,
      write: writeGzippedNifti,
    },
  ],
  [
    "nii",
    {
      ...FULL,
      summary: "NIfTI-1 or NIfTI-2",
      extensions: [".nii"],
      isFormat: isNifti,
      read: readNifti,
      write: writeNifti,
    },
  ],
  [
    "hdr",
    {
      ...FULL,
      summary: "NIfTI header with its samples in .img",
      extensions: [".hdr", ".hdr.gz"],
      isFormat: isNifti,
      read: readNifti,
      write: writeNiftiPair,
    },
  ],
  [
    "nrrd",
    {
      ...FULL,
      summary: "NRRD",
      extensions: [".nrrd"],
      isFormat: isNrrd,
      read: readNrrd,
      write: writeNrrd,
    },
  ],
  [
    "nhdr",
    {
      ...FULL,
      summary: "NRRD header with its samples in .raw.gz",
      extensions: [".nhdr"],
      isFormat: isNrrd,
      read: readNrrd,
      write: writeDetachedNrrd,
    },
  ],
  [
    "mha",
    {
      ...FULL,
      summary: "MetaImage",
      extensions: [".mha"],
      isFormat: isMetaImage,
      read: readMetaImage,
      write: writeMetaImage,
    },
  ],
  [
    "mhd",
    {
      ...FULL,
      summary: "MetaImage header with its samples in .zraw",
      extensions: [".mhd"],
      isFormat: isMetaImage,
      read: readMetaImage,
      write: writeDetachedMetaImage,
    },
  ],
  [
    "npz",
    {
      ...FULL,
      summary: "NumPy archive with spacing, origin, direction and unit beside the data",
      extensions: [".npz"],
      isFormat: isNpz,
      read: readNpz,
      write: writeNpz,
    },
  ],
  [
    "npy",
    {
      summary: "NumPy array, without any place or spacing",
      extensions: [".npy"],
      keeps: "nothing",
      keepsShear: false,
      keepsUnit: false,
      sampleTypes: COMMON_SAMPLE_TYPES,
      isFormat: isNpy,
      read: readNpy,
      write: writeNpy,
    },
  ],
  [
    "tiff",
    {
      summary: "TIFF stack with ImageJ's spacing, without orientation",
      extensions: [".tif", ".tiff"],
      keeps: "spacing",
      keepsShear: false,
      keepsUnit: true,
      sampleTypes: COMMON_SAMPLE_TYPES,
      isFormat: isTiff,
      read: readTiff,
      write: writeTiff,
    },
  ],
];

/** Every format of volumes beside DICOM, by its usual extension. */
export const volumeFormats: Registry<VolumeFormat> = createRegistry("volume format", formats);

/**
 * The format that a file name's extension stands for.
 *
 * @returns its name in {@link volumeFormats}, or `undefined`
 */
export function findFormatByName(fileName: string): string | undefined {
  const lower = fileName.toLowerCase();
  for (const [name, format] of volumeFormats.entries()) {
    if (format.extensions.some((extension) => lower.endsWith(extension))) return name;
  }
  return undefined;
}

/** The format that bytes begin like; extensions are not trusted. */
export function detectFormat(bytes: Uint8Array): string | undefined {
  for (const [name, format] of volumeFormats.entries()) if (format.isFormat(bytes)) return name;
  return undefined;
}

/**
 * Reads a volume of any registered format, which its first bytes tell.
 *
 * @throws DicomError `UNSUPPORTED_FORMAT` for other bytes, `FILE_TOO_LARGE`, and as the format's reader
 */
export async function readVolumeFile(
  bytes: Uint8Array,
  options: ReadVolumeOptions = {},
): Promise<StoredVolume & { readonly format: string }> {
  const { maxFileBytes } = options.limits ?? DEFAULT_VOLUME_LIMITS;
  if (bytes.length > maxFileBytes) {
    throw new DicomError(
      "FILE_TOO_LARGE",
      `the file has ${bytes.length} bytes, more than limits.maxFileBytes = ${maxFileBytes}`,
    );
  }
  const format = detectFormat(bytes);
  if (format === undefined) {
    throw new DicomError(
      "UNSUPPORTED_FORMAT",
      `the file is none of ${volumeFormats.names.join(", ")}; DICOM is read by its own functions`,
    );
  }
  return { ...(await volumeFormats.get(format).read(bytes, options)), format };
}
