/**
 * The concepts of a quality report: DICOM, SNOMED CT and UCUM codes where they exist, else local codes of the scheme
 * 99ALARA, whose meaning stands here (PS3.16 §7.1). Measures of image error have no standard code.
 */
import type { CodedConcept } from "../dataset/elements.ts";

/** Designator of Alara's local codes. */
export const LOCAL_SCHEME = "99ALARA";

function code(scheme: string, value: string, meaning: string): CodedConcept {
  return { scheme, value, meaning };
}

const dcm = (value: string, meaning: string): CodedConcept => code("DCM", value, meaning);
const sct = (value: string, meaning: string): CodedConcept => code("SCT", value, meaning);
const local = (value: string, meaning: string): CodedConcept => code(LOCAL_SCHEME, value, meaning);

/** A concept that structures the report. */
export type ReportConceptName =
  | "report"
  | "language"
  | "english"
  | "observerType"
  | "device"
  | "deviceUid"
  | "deviceName"
  | "deviceManufacturer"
  | "deviceModel"
  | "procedureReported"
  | "ctOfAnyRegion"
  | "imageLibrary"
  | "imageLibraryGroup"
  | "seriesUid"
  | "sourceSeries"
  | "measurements"
  | "measurementGroup"
  | "trackingIdentifier"
  | "trackingUid"
  | "algorithmName"
  | "algorithmVersion"
  | "algorithmParameters"
  | "findingSite"
  | "comment"
  | "derivedSeries"
  | "modelDigest"
  | "strength"
  | "measuredImages"
  | "comparedWith"
  | "region"
  | "referenceNoise"
  | "voxels"
  | "standardError";

/** Concepts that structure the report (PS3.16 TID 1204, 1002, 1004, 1500, 1501, 1600, 4019). */
export const REPORT_CONCEPT: Readonly<Record<ReportConceptName, CodedConcept>> = {
  report: dcm("126000", "Imaging Measurement Report"),
  language: dcm("121049", "Language of Content Item and Descendants"),
  english: code("RFC5646", "en", "English"),
  observerType: dcm("121005", "Observer Type"),
  device: dcm("121007", "Device"),
  deviceUid: dcm("121012", "Device Observer UID"),
  deviceName: dcm("121013", "Device Observer Name"),
  deviceManufacturer: dcm("121014", "Device Observer Manufacturer"),
  deviceModel: dcm("121015", "Device Observer Model Name"),
  procedureReported: dcm("121058", "Procedure reported"),
  ctOfAnyRegion: code("LN", "25045-6", "CT unspecified body region"),
  imageLibrary: dcm("111028", "Image Library"),
  imageLibraryGroup: dcm("126200", "Image Library Group"),
  seriesUid: dcm("112002", "Series Instance UID"),
  sourceSeries: dcm("121323", "Source series for image processing operation"),
  measurements: dcm("126010", "Imaging Measurements"),
  measurementGroup: dcm("125007", "Measurement Group"),
  trackingIdentifier: dcm("112039", "Tracking Identifier"),
  trackingUid: dcm("112040", "Tracking Unique Identifier"),
  algorithmName: dcm("111001", "Algorithm Name"),
  algorithmVersion: dcm("111003", "Algorithm Version"),
  algorithmParameters: dcm("111002", "Algorithm Parameters"),
  findingSite: sct("363698007", "Finding Site"),
  comment: dcm("121106", "Comment"),
  derivedSeries: local("DERIVED_SERIES", "Derived series"),
  modelDigest: local("MODEL_SHA256", "SHA-256 of the model"),
  strength: local("STRENGTH", "Strength of the enhancement"),
  measuredImages: local("MEASURED_IMAGES", "Images that were measured"),
  comparedWith: local("COMPARED_WITH", "Compared with"),
  region: local("REGION", "Region of measurement"),
  referenceNoise: local("REFERENCE_NOISE", "Noise of the reference"),
  voxels: local("VOXELS", "Voxels measured"),
  standardError: local("STANDARD_ERROR", "Standard error of the mean"),
};

/** What can be measured, by the name that `alara` reports use. */
export const MEASURE_CONCEPT: Readonly<Record<QualityMeasureName, CodedConcept>> = {
  noise: local("NOISE_SD", "Noise standard deviation in homogeneous tissue"),
  noiseReduction: local("NOISE_REDUCTION", "Noise reduction against the input"),
  rmse: local("RMSE", "Root mean square error"),
  mae: local("MAE", "Mean absolute error"),
  psnr: local("PSNR", "Peak signal-to-noise ratio"),
  ssim: local("SSIM", "Structural similarity index"),
  huBias: local("HU_BIAS", "Mean difference of HU"),
};

/** A measure of a report. */
export type QualityMeasureName = "noise" | "noiseReduction" | "rmse" | "mae" | "psnr" | "ssim" | "huBias";

/** Units in UCUM; Hounsfield units are arbitrary units there. */
export const UNIT_CONCEPT: Readonly<Record<QualityUnit, CodedConcept>> = {
  HU: code("UCUM", "[hnsf'U]", "Hounsfield unit"),
  dB: code("UCUM", "dB", "decibel"),
  "1": code("UCUM", "1", "no units"),
  "%": code("UCUM", "%", "percent"),
};

/** A unit of a report. */
export type QualityUnit = "HU" | "dB" | "1" | "%";

/** Why a number is absent (PS3.16 CID 42). */
export const QUALIFIER_CONCEPT: Readonly<Record<"not measurable" | "infinite", CodedConcept>> = {
  "not measurable": dcm("114006", "Measurement failure"),
  infinite: dcm("114002", "Positive Infinity"),
};

/** Tissues with a SNOMED CT code; others are told by their name alone. */
export const TISSUE_CONCEPT: ReadonlyMap<string, CodedConcept> = new Map([
  ["lung", sct("39607008", "Lung")],
  ["fat", sct("55603005", "Adipose tissue")],
  ["soft tissue", sct("87784001", "Soft tissue")],
  ["bone", sct("272673000", "Bone")],
]);

/** The one unit of each measure. */
export const MEASURE_UNIT: Readonly<Record<QualityMeasureName, QualityUnit>> = {
  noise: "HU",
  noiseReduction: "%",
  rmse: "HU",
  mae: "HU",
  psnr: "dB",
  ssim: "1",
  huBias: "HU",
};
