/**
 * Water-equivalent diameter and size-specific dose of a series, slice by slice: joins the images of `dicom` with the
 * dose physics of `evaluate`.
 */
import type { LongWorkOptions } from "@alara/core";
import { decodeSliceHu, type Series } from "@alara/dicom";
import {
  estimateSizeSpecificDose,
  findSsdeModel,
  measurePatientSize,
  type PatientSize,
  type SizedSlice,
  type SizeSpecificDose,
} from "@alara/evaluate";

/** Size of one slice's body, and what its dose follows from. */
export interface SliceSize {
  readonly slice: number;
  readonly alongNormalMm: number;
  readonly ctdiVolMgy: number | undefined;
  /** `undefined` when nothing but air was found. */
  readonly size: PatientSize | undefined;
}

/** Sizes and dose of a series. */
export interface SeriesSize {
  readonly slices: readonly SliceSize[];
  /** Mean over the slices that show a body, mm. */
  readonly meanWaterEquivalentDiameterMm: number | undefined;
  /** Largest share of a contour that a field of view cut off. */
  readonly largestTruncatedShare: number;
  readonly dose: SizeSpecificDose | undefined;
  /** Why there is no dose, or what it rests on. */
  readonly remarks: readonly string[];
}

/** Above this share of the contour Dw is visibly too small. */
const TRUNCATION_LIMIT = 0.02;

/** Scans that go on beyond the head count as body: Report 293 is for heads alone. */
function isHead(series: Series): boolean {
  const bodyPart = (series.facts.bodyPart ?? "").toUpperCase();
  return /HEAD|BRAIN|SKULL/.test(bodyPart) && !/NECK|CHEST|THORAX|BODY/.test(bodyPart);
}

/**
 * Measures every slice of a series; one slice is held at a time.
 *
 * @throws DicomError for slices that cannot be decoded; the signal's reason
 * @remarks See `measurePatientSize` and `estimateSizeSpecificDose` for methods and sources. The phantom of CTDIvol is
 * that of CTDI Phantom Type Code Sequence; where the header has none, 32 cm is taken for bodies and 16 cm for heads,
 * and said.
 */
export async function measureSeriesSize(series: Series, work: LongWorkOptions = {}): Promise<SeriesSize> {
  const slices: SliceSize[] = [];
  const [total, rows, columns] = series.geometry.size;
  const [, rowSpacingMm, columnSpacingMm] = series.geometry.spacingMm;
  for (const [index, entry] of series.slices.entries()) {
    work.signal?.throwIfAborted();
    const { hu, paddingMask } = await decodeSliceHu(series, index);
    slices.push({
      slice: index,
      alongNormalMm: entry.alongNormalMm,
      ctdiVolMgy: entry.summary.facts.ctdiVolMgy,
      size: measurePatientSize(hu, { rows, columns, rowSpacingMm, columnSpacingMm }, { paddingMask }),
    });
    work.onProgress?.({ phase: "measuring size", done: index + 1, total, unit: "slices" });
  }
  const sized: SizedSlice[] = slices.flatMap(({ size, ctdiVolMgy }) =>
    size === undefined ? [] : [{ size, ctdiVolMgy }],
  );
  const largestTruncatedShare = sized.reduce((most, { size }) => Math.max(most, size.truncatedShare), 0);
  const meanWaterEquivalentDiameterMm =
    sized.length === 0
      ? undefined
      : sized.reduce((sum, { size }) => sum + size.waterEquivalentDiameterMm, 0) / sized.length;
  const { dose, remarks } = estimateDose(series, sized);
  if (largestTruncatedShare > TRUNCATION_LIMIT) {
    const cut = sized.filter(({ size }) => size.truncatedShare > TRUNCATION_LIMIT).length;
    remarks.push(
      `the field of view cuts the body off on ${cut} of ${sized.length} slices (up to ${Math.round(100 * largestTruncatedShare)} % of its contour): Dw is too small and SSDE too high there`,
    );
  }
  if (series.findings.some((finding) => finding.code === "GANTRY_TILT")) {
    remarks.push("the slices are tilted: their cross-sections are larger than those across the patient");
  }
  return { slices, meanWaterEquivalentDiameterMm, largestTruncatedShare, dose, remarks };
}

function estimateDose(
  series: Series,
  sized: readonly SizedSlice[],
): { readonly dose: SizeSpecificDose | undefined; readonly remarks: string[] } {
  const remarks: string[] = [];
  if (series.facts.ctdiVolMgy === undefined) {
    return { dose: undefined, remarks: ["no slice states CTDIvol, so there is no SSDE"] };
  }
  const region = isHead(series) ? "head" : "body";
  const phantomCm = series.facts.ctdiPhantomDiameterCm ?? (region === "head" ? 16 : 32);
  if (series.facts.ctdiPhantomDiameterCm === undefined) {
    remarks.push(`the header names no CTDI phantom; ${phantomCm} cm is assumed for a ${region}`);
  }
  const model = findSsdeModel(phantomCm, region);
  if (model === undefined) {
    remarks.push(
      `no published factor for a ${region} with the CTDIvol of a ${phantomCm} cm phantom, so there is no SSDE`,
    );
    return { dose: undefined, remarks };
  }
  const dose = estimateSizeSpecificDose(sized, model);
  if (dose !== undefined && dose.slicesOutsideTable > 0) {
    remarks.push(
      `${dose.slicesOutsideTable} of ${dose.slices} slices lie outside the sizes that the report tabulates`,
    );
  }
  return { dose, remarks };
}
