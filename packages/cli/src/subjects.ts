/**
 * What can be enhanced, and what the result is written as: a DICOM series becomes a derived series, a volume file a
 * volume file of the same format.
 */
import { createVolume, type GridGeometry } from "@alara/core";
import {
  type CodedConcept,
  createDerivedObject,
  createDerivedSeries,
  type DerivedSeriesOptions,
  isIntegerType,
  isSingleObject,
  type SampleType,
  type Series,
  type SeriesFinding,
  volumeFormats,
} from "@alara/dicom";
import { formatSliceFileName, type OutputFolder } from "@alara/dicom/node";
import type { QualityReport } from "@alara/evaluate";
import { findValueRange, getOrientation } from "./convert-volume.ts";
import { listFacts } from "./facts.ts";
import { createQualitySr, type QualitySrOptions } from "./quality-sr.ts";
import { describeCode } from "./version.ts";
import { createSeriesScan, createVolumeScan, type OpenedHuVolume, type Scan } from "./volumes.ts";

/** Derived series are written as CT images. */
const CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2";

/** Derivation code of images on another matrix (CID 7203). */
const SPATIAL_RESAMPLING: CodedConcept = { value: "113085", scheme: "DCM", meaning: "Spatial resampling" };

/** What a result is made with, for its description and its identity. */
export interface ResultRecipe {
  readonly methodDescription: string;
  readonly parameters: Readonly<Record<string, string | number>>;
  readonly strength: number;
  /** Grid of the result where it is not the subject's: another matrix of the same field of view. */
  readonly geometry?: GridGeometry;
  readonly modelDigest?: string;
  readonly provider?: string;
  /** ISO 8601. */
  readonly dateTime: string;
  readonly seriesDescriptionSuffix: string;
  readonly transferSyntaxUid?: string;
  readonly privateElements?: "remove" | "keep";
}

/** Takes a result slice by slice, in order. */
export interface ResultWriter {
  /** Of the new series; `undefined` for volume files. */
  readonly seriesInstanceUid: string | undefined;
  writeSlice(slice: number, hu: Float32Array, sourceSlices: readonly number[]): Promise<void>;
  /** After the last slice. */
  finish(): Promise<void>;
  /** Writes the numbers as `report.dcm`; absent for volume files, which have no study. */
  writeStructuredReport?(report: QualityReport, measured: MeasuredResult): Promise<void>;
}

/** What a structured report says besides its numbers. */
export type MeasuredResult = Pick<QualitySrOptions, "method" | "parameters" | "measuredSlices">;

/** Noteworthy things about an input. */
export type SubjectFinding = Pick<SeriesFinding, "severity" | "message" | "breaksNeighbours"> & {
  readonly code: string;
};

/** One input of `alara enhance`. */
export interface EnhancementSubject {
  readonly scan: Scan;
  readonly isRegular: boolean;
  readonly findings: readonly SubjectFinding[];
  readonly sliceThicknessMm: number | undefined;
  readonly tubeVoltageKv: { readonly minimum: number; readonly maximum: number } | undefined;
  /** What the facts are about, as a heading. */
  readonly factHeading: string;
  /** Label and value, for people. */
  readonly factRows: readonly { readonly label: string; readonly value: string }[];
  /** The same, for machines. */
  readonly facts: unknown;
  /** @throws DicomError for the recipe */
  createWriter(folder: OutputFolder, recipe: ResultRecipe): Promise<ResultWriter>;
}

/** A CT series. */
export function createSeriesSubject(series: Series): EnhancementSubject {
  return {
    scan: createSeriesScan(series),
    isRegular: series.isRegular,
    findings: series.findings,
    sliceThicknessMm: series.facts.sliceThicknessMm,
    tubeVoltageKv: series.facts.tubeVoltageKv,
    factHeading: "Dose",
    factRows: listFacts(series),
    facts: series.facts,
    createWriter: async (folder, recipe) => {
      const { modelDigest, provider, transferSyntaxUid, privateElements, geometry, ...rest } = recipe;
      return createSeriesWriter(
        series,
        folder,
        {
          ...rest,
          ...(modelDigest === undefined ? {} : { modelDigest }),
          codeVersion: describeCode(),
          ...(provider === undefined ? {} : { providerClass: provider }),
          ...(transferSyntaxUid === undefined ? {} : { transferSyntaxUid }),
          ...(privateElements === undefined ? {} : { privateElements }),
          ...(geometry === undefined ? {} : { geometry, derivationCode: SPATIAL_RESAMPLING }),
        },
        "series/",
      );
    },
  };
}

/** Derived images on their way into a folder. */
interface DerivedFiles {
  readonly seriesInstanceUid: string;
  readonly instances: readonly { readonly sopClassUid: string; readonly sopInstanceUid: string }[];
  writeSlice(slice: number, hu: Float32Array, sources: readonly number[]): Promise<void>;
  finish(): Promise<void>;
}

async function openDerivedImages(
  series: Series,
  folder: OutputFolder,
  options: DerivedSeriesOptions,
  prefix: string,
): Promise<DerivedFiles> {
  const derived = await createDerivedSeries(series, options);
  return {
    seriesInstanceUid: derived.seriesInstanceUid,
    instances: derived.sopInstanceUids.map((sopInstanceUid) => ({
      sopClassUid: CT_IMAGE_STORAGE,
      sopInstanceUid,
    })),
    writeSlice: async (slice, hu, sources) => {
      const bytes = await derived.writeInstance(slice, hu, sources);
      await folder.writeFile(`${prefix}${formatSliceFileName(slice)}`, bytes);
    },
    finish: async () => undefined,
  };
}

/** An enhanced object in gives one enhanced object out. */
async function openDerivedObject(
  series: Series,
  folder: OutputFolder,
  options: DerivedSeriesOptions,
  prefix: string,
): Promise<DerivedFiles> {
  const derived = await createDerivedObject(series, options);
  const { sopClassUid } = series.slices[0].summary;
  return {
    seriesInstanceUid: derived.seriesInstanceUid,
    instances: [{ sopClassUid, sopInstanceUid: derived.sopInstanceUid }],
    writeSlice: derived.setFrame,
    finish: async () => folder.writeFile(`${prefix}multi-frame.dcm`, await derived.finish()),
  };
}

/**
 * Writes slices as a derived series into a folder: one enhanced object for one enhanced object on its own grid, else
 * single images.
 *
 * @param prefix - of the files' names; default none
 * @throws DicomError as `createDerivedSeries`
 */
export async function createSeriesWriter(
  series: Series,
  folder: OutputFolder,
  options: DerivedSeriesOptions,
  prefix = "",
): Promise<ResultWriter> {
  const derived =
    isSingleObject(series) && options.geometry === undefined
      ? await openDerivedObject(series, folder, options, prefix)
      : await openDerivedImages(series, folder, options, prefix);
  return {
    seriesInstanceUid: derived.seriesInstanceUid,
    writeSlice: derived.writeSlice,
    finish: derived.finish,
    writeStructuredReport: async (report, measured) => {
      const bytes = await createQualitySr(series, report, {
        ...measured,
        derivedSeriesInstanceUid: derived.seriesInstanceUid,
        derivedInstances: derived.instances,
        strength: options.strength ?? 1,
        ...(options.modelDigest === undefined ? {} : { modelDigest: options.modelDigest }),
        dateTime: options.dateTime,
      });
      await folder.writeFile("report.dcm", bytes);
    },
  };
}

/**
 * A volume file in HU. The result has its format, grid (unless the recipe names another) and unit; integers are written as int16, rounded, all else as
 * float32.
 *
 * @param resultName - of the result's file, without extension
 */
export function createVolumeSubject(opened: OpenedHuVolume, resultName: string): EnhancementSubject {
  const { volume, format, sampleType } = opened;
  const { size, spacingMm } = volume.geometry;
  return {
    scan: createVolumeScan(volume),
    isRegular: size[0] > 1,
    findings: [...opened.findings, ...findOwnResult(opened)].map(({ code, message }) => ({
      code,
      message,
      severity: "warning",
      breaksNeighbours: false,
    })),
    sliceThicknessMm: undefined,
    tubeVoltageKv: undefined,
    factHeading: "Volume file",
    factRows: [
      { label: "File", value: `${format}, ${sampleType}` },
      { label: "Slice spacing", value: `${Number(spacingMm[0].toFixed(3))} mm` },
      {
        label: "Pixel spacing",
        value: `${Number(spacingMm[1].toFixed(4))} × ${Number(spacingMm[2].toFixed(4))} mm`,
      },
      { label: "Matrix", value: `${size[2]} × ${size[1]}, ${size[0]} slices` },
      { label: "Scan", value: "volume files carry no scanner, kernel or dose" },
    ],
    facts: { format, sampleType, unitSource: opened.unitSource, size, spacingMm },
    createWriter: async (folder, recipe) => {
      const { parameters, strength, modelDigest, methodDescription, geometry } = recipe;
      const parts = [
        "enhanced",
        ...(parameters.marks === undefined ? [] : [`MARKED: ${parameters.marks}`]),
        `strength ${Number(strength.toFixed(4))}${parameters.strengthKind === "trained" ? " (trained)" : ""}`,
        String(parameters.method),
        ...(modelDigest === undefined ? [] : [`model ${modelDigest.slice(0, 16)}`]),
        `version ${describeCode()}`,
        methodDescription,
      ];
      return createVolumeWriter(opened, folder, resultName, parts.join("; "), geometry);
    },
  };
}

/** Whether a volume file says that it is a result of `alara enhance`: the loop guard, as for series. */
export function isOwnResult({ description = "" }: { readonly description?: string }): boolean {
  return /^enhanced\b/.test(description);
}

function findOwnResult(opened: OpenedHuVolume): readonly { code: string; message: string }[] {
  return isOwnResult(opened)
    ? [{ code: "DERIVED_BY_ALARA", message: "the file says that it is a result of Alara" }]
    : [];
}

/**
 * Collects slices and writes them as the volume file that they came from was written.
 *
 * @param description - what made the values, the most important first: see `WriteVolumeOptions`
 * @param geometry - of the result; default the file's own
 */
export function createVolumeWriter(
  opened: OpenedHuVolume,
  folder: OutputFolder,
  resultName: string,
  description: string,
  geometry: GridGeometry = opened.volume.geometry,
): ResultWriter {
  const { format, sampleType, scaling } = opened;
  const result = createVolume("HU", geometry);
  const plane = geometry.size[1] * geometry.size[2];
  return {
    seriesInstanceUid: undefined,
    writeSlice: async (slice, hu) => result.data.set(hu, slice * plane),
    finish: async () => {
      const files = volumeFormats.get(format).write(result, {
        baseName: resultName,
        description,
        orientation: getOrientation(opened),
        sampleType: chooseResultType(result.data, sampleType, scaling),
      });
      for (const file of files) await folder.writeFile(file.name, file.bytes);
    },
  };
}

/** Integers stay integers, with room for values that left the source's range; everything else is float32. */
function chooseResultType(
  data: Float32Array,
  sampleType: SampleType,
  { slope, intercept }: OpenedHuVolume["scaling"],
): SampleType {
  if (!isIntegerType(sampleType) || slope !== 1 || intercept !== 0) return "float32";
  const range = findValueRange(data);
  const isHeld = range?.areFinite === true && range.minimum >= -32768 && range.maximum <= 32767;
  return isHeld ? "int16" : "float32";
}
