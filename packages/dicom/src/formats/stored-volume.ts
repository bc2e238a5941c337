/**
 * The last step of every reader: bytes of samples and what the header said become a volume with its findings.
 */
import { createVolume, type GridGeometry, type Unit } from "@alara/core";
import { type FormatFinding, type ReadVolumeOptions, resolveUnit, type StoredVolume } from "./format.ts";
import { type DecodedSamples, decodeSamples, type SampleType } from "./samples.ts";

/** What a header said. */
export interface StoredHeader {
  readonly geometry: GridGeometry;
  readonly sampleType: SampleType;
  readonly littleEndian: boolean;
  /** Default 1 and 0. */
  readonly slope?: number;
  readonly intercept?: number;
  readonly unit: Unit | undefined;
  readonly findings?: readonly FormatFinding[];
  readonly description?: string;
}

/**
 * Decodes the samples of one volume.
 *
 * @param bytes - exactly or at least the samples, `[slice][row][column]`
 * @throws DicomError `TRUNCATED`
 */
export function createStoredVolume(
  bytes: Uint8Array,
  header: StoredHeader,
  options: ReadVolumeOptions,
): StoredVolume {
  const [slices, rows, columns] = header.geometry.size;
  const samples = decodeSamples(bytes, header.sampleType, slices * rows * columns, header);
  return wrapSamples(samples, header, options);
}

/** The same for samples that are decoded already. */
export function wrapSamples(
  { data, inexact, nonFinite }: DecodedSamples,
  header: Omit<StoredHeader, "littleEndian">,
  options: ReadVolumeOptions,
): StoredVolume {
  const { slope = 1, intercept = 0 } = header;
  const findings = [...(header.findings ?? [])];
  if (inexact > 0 && isWide(header.sampleType, slope, intercept)) {
    findings.push({
      code: "INEXACT_SAMPLES",
      message: `${inexact} samples of ${header.sampleType} are rounded to float32's 24 bits`,
    });
  }
  if (nonFinite > 0) {
    findings.push({ code: "NON_FINITE_SAMPLES", message: `${nonFinite} samples are NaN or infinite` });
  }
  const { unit, unitSource } = resolveUnit(header.unit, options);
  return {
    volume: createVolume(unit, header.geometry, data),
    unitSource,
    sampleType: header.sampleType,
    scaling: { slope, intercept },
    findings,
    ...(header.description === undefined ? {} : { description: header.description }),
  };
}

/** Scaled 8- and 16-bit samples are rounded too, but by less than any of them is sure of. */
function isWide(type: SampleType, slope: number, intercept: number): boolean {
  return (slope === 1 && intercept === 0) || /32|64/.test(type);
}
