/**
 * The main job: one series in, a derived series and a report out. Slices stream through, so memory does not grow
 * with the series; what the report measures is bounded too, and says so.
 */
import {
  createVolume,
  type Enhancer,
  type EnhancerDescription,
  getSlab,
  type LongWorkOptions,
  type Vector3,
  type Volume,
} from "@alara/core";
import type { Series } from "@alara/dicom";
import { createOutputFolder } from "@alara/dicom/node";
import {
  checkIntendedRange,
  EnhanceError,
  enhanceAtStrength,
  enlargeVolume,
  type IntendedRange,
  type RangeFinding,
  refineInPlane,
} from "@alara/enhance";
import {
  classifyTissues,
  compareVolumes,
  findNoiseTiles,
  measureNoise,
  type QualityReport,
  type ReferenceNoise,
  renderReport,
  spreadSlices,
} from "@alara/evaluate";
import { CliError } from "./input.ts";
import { createSeriesSubject, type EnhancementSubject, type SubjectFinding } from "./subjects.ts";
import { CODE_VERSION } from "./version.ts";
import { assertSameGrid, readSlices, type Scan } from "./volumes.ts";

/** What to enhance with. */
export interface EnhancementMethod {
  readonly enhancer: Enhancer;
  /** For Derivation Description. */
  readonly description: string;
  /** Of a model; absent for methods without one. */
  readonly intendedRange?: IntendedRange;
  readonly modelDigest?: string;
  readonly provider?: string;
}

/** The scan that the result is held against. */
export interface ReferenceScan {
  readonly scan: Scan;
  readonly noise: ReferenceNoise;
}

/** Options of {@link enhanceSeries}. */
export interface EnhanceSeriesOptions extends LongWorkOptions {
  /** 0..1; default 1. */
  readonly strength?: number;
  readonly reference?: ReferenceScan;
  /** The job's moment, ISO 8601: the same moment gives the same bytes. */
  readonly dateTime: string;
  /** Runs although the input lies outside the intended range, or is a result of Alara itself. */
  readonly force?: boolean;
  /** Writes report.html and report.json; default true. */
  readonly report?: boolean;
  /** Also writes the report's numbers as a DICOM structured report, report.dcm; default false. */
  readonly structuredReport?: boolean;
  readonly seriesDescriptionSuffix?: string;
  readonly transferSyntaxUid?: string;
  readonly privateElements?: "remove" | "keep";
  /** Title, attribution and command for the report. */
  readonly reportTitle?: string;
  readonly notes?: readonly string[];
  readonly command?: string;
  /** Slices that the report measures and shows, evenly spread; default 32. */
  readonly maximumReportSlices?: number;
}

/** What {@link enhanceSeries} did. */
export interface EnhanceSeriesResult {
  readonly folder: string;
  readonly slices: number;
  /** Of the new series; absent for volume files. */
  readonly seriesInstanceUid?: string;
  readonly rangeFindings: readonly RangeFinding[];
  readonly seriesFindings: readonly SubjectFinding[];
  readonly report: QualityReport | null;
  readonly seconds: number;
}

const SLAB_SLICES = 4;
const NOISE_SLICES = 8;

/** Noise in homogeneous soft tissue of a few slices, or `undefined` where none is found. */
async function measureInputNoise(scan: Scan, work: LongWorkOptions): Promise<number | undefined> {
  const chosen = spreadSlices(scan.geometry.size[0], NOISE_SLICES);
  const volume = await readSlices(scan, chosen, work);
  const tissues = classifyTissues(volume);
  return measureNoise(volume, findNoiseTiles(volume, tissues.body)).sigmaHu ?? undefined;
}

/** Of a range of header values, the end that lies farther outside the intended range. */
function findWorst(
  values: { readonly minimum: number; readonly maximum: number },
  [low, high]: readonly [number, number],
): number {
  return low - values.minimum > values.maximum - high ? values.minimum : values.maximum;
}

/** What stands behind the Series Description, so that results can be told apart in a list. */
function describeResult(name: string, strength: number): string {
  return `ALARA ${name.replace(/^alara-/, "")} ${Number((100 * strength).toFixed(1))}%`;
}

async function checkInput(
  subject: EnhancementSubject,
  method: EnhancementMethod,
  options: EnhanceSeriesOptions,
): Promise<readonly RangeFinding[]> {
  const { contextSlices, blockSlices } = method.enhancer.description;
  const slices = subject.scan.geometry.size[0];
  // Blocks repeat the outermost slice as far as they need, so any series without gaps will do.
  const fewest = blockSlices === undefined ? 2 * contextSlices + 1 : 2;
  if (contextSlices > 0 && !(subject.isRegular && slices >= fewest)) {
    const reasons = subject.findings.filter((item) => item.breaksNeighbours).map((item) => item.code);
    throw new EnhanceError(
      "NEEDS_NEIGHBOURS",
      `the method reads ${contextSlices} neighbouring slices on each side, but the series has ${slices} slices${reasons.length > 0 ? ` with ${reasons.join(", ")}` : ""}; use a 2D method`,
    );
  }
  if (!options.force && subject.findings.some((item) => item.code === "DERIVED_BY_ALARA")) {
    throw new CliError(
      "ALREADY_DERIVED",
      "this series is already a result of Alara; enhance the original, or pass --force to enhance it again",
    );
  }
  if (!method.intendedRange) return [];
  const { sliceThicknessMm, tubeVoltageKv } = subject;
  const spacing = subject.scan.geometry.spacingMm.slice(1);
  const noiseHu = await measureInputNoise(subject.scan, options.signal ? { signal: options.signal } : {});
  const findings = checkIntendedRange(method.intendedRange, {
    modality: "CT",
    pixelSpacingMm: findWorst(
      { minimum: Math.min(...spacing), maximum: Math.max(...spacing) },
      method.intendedRange.pixelSpacingMm,
    ),
    ...(sliceThicknessMm === undefined ? {} : { sliceThicknessMm }),
    ...(tubeVoltageKv === undefined ? {} : { kvp: findWorst(tubeVoltageKv, method.intendedRange.kvp) }),
    ...(noiseHu === undefined ? {} : { noiseHu }),
  });
  const refused = findings.filter((item) => item.action === "refuse");
  if (refused.length > 0 && !options.force) {
    throw new EnhanceError(
      "OUTSIDE_INTENDED_RANGE",
      `${refused.map((item) => item.message).join("; ")}. Choose another model or method, or pass --force; the result is then marked`,
    );
  }
  return findings;
}

/** Slices of the series that are kept in memory for the report. */
interface ReportImages {
  readonly chosen: readonly number[];
  readonly input: Volume<"HU">;
  readonly enhanced: Volume<"HU">;
}

/** A scan on the grid of a method's result; its values stay its own. */
function describeResultGrid(scan: Scan, { outputScale = 1 }: EnhancerDescription): Scan {
  if (outputScale === 1) return scan;
  const geometry = refineInPlane(scan.geometry, outputScale);
  const move = (place: Vector3, axis: 0 | 1 | 2): number =>
    place[axis] + geometry.originMm[axis] - scan.geometry.originMm[axis];
  const positionsMm = scan.positionsMm.map((p): Vector3 => [move(p, 0), move(p, 1), move(p, 2)]);
  return { ...scan, geometry, positionsMm };
}

/** Slices that are handed to an enhancer at once: at least {@link SLAB_SLICES}, whole blocks. */
function chooseSlab({ blockSlices = 1 }: EnhancerDescription): number {
  return Math.ceil(SLAB_SLICES / blockSlices) * blockSlices;
}

/** Reads runs of slices; what the last run shares with the next is not read again. */
function createSlabReader(scan: Scan): (start: number, end: number) => Promise<Volume<"HU">> {
  const [, rows, columns] = scan.geometry.size;
  const plane = rows * columns;
  let last: { readonly start: number; readonly end: number; readonly data: Float32Array } | undefined;
  return async (start, end) => {
    const slab = createVolume("HU", { ...scan.geometry, size: [end - start, rows, columns] });
    for (let s = start; s < end; s++) {
      const known = last !== undefined && s >= last.start && s < last.end ? last : undefined;
      const values = known?.data.subarray((s - known.start) * plane, (s - known.start + 1) * plane);
      slab.data.set(values ?? (await scan.readSlice(s)), (s - start) * plane);
    }
    last = { start, end, data: slab.data };
    return slab;
  };
}

function createReportImages({ geometry: whole }: Scan, maximum: number): ReportImages {
  const [slices, rows, columns] = whole.size;
  const chosen = spreadSlices(slices, maximum);
  const geometry = { ...whole, size: [chosen.length, rows, columns] as const };
  return { chosen, input: createVolume("HU", geometry), enhanced: createVolume("HU", geometry) };
}

/**
 * Enhances a series into a folder: `series/slice-0001.dcm …`, `report.html`, `report.json`. The folder appears
 * whole or not at all.
 *
 * @throws as {@link enhanceSubject}
 */
export function enhanceSeries(
  series: Series,
  method: EnhancementMethod,
  outputPath: string,
  options: EnhanceSeriesOptions,
): Promise<EnhanceSeriesResult> {
  return enhanceSubject(createSeriesSubject(series), method, outputPath, options);
}

/**
 * Enhances a series or a volume file into a folder: what the subject writes, `report.html`, `report.json`.
 *
 * @throws EnhanceError `NEEDS_NEIGHBOURS`, `OUTSIDE_INTENDED_RANGE`, `OUT_OF_RANGE`; CliError `ALREADY_DERIVED`,
 *   `GRID_MISMATCH`; DicomError for broken slices and for the output folder; the signal's reason
 */
export async function enhanceSubject(
  subject: EnhancementSubject,
  method: EnhancementMethod,
  outputPath: string,
  options: EnhanceSeriesOptions,
): Promise<EnhanceSeriesResult> {
  const startMs = performance.now();
  const strength = options.strength ?? 1;
  if (!(strength >= 0 && strength <= 1)) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `strength ${strength} is outside 0..1; 0 keeps the original, 1 is full effect`,
    );
  }
  const { signal, onProgress } = options;
  const { scan } = subject;
  const { description } = method.enhancer;
  const { contextSlices, outputScale = 1, strengthKind = "blend" } = description;
  const target = describeResultGrid(scan, description);
  if (options.reference) {
    const name = outputScale === 1 ? "the input" : "the result";
    assertSameGrid(target, options.reference.scan, [name, "the reference"]);
  }
  const folder = await createOutputFolder(outputPath);
  try {
    const rangeFindings = await checkInput(subject, method, options);
    const marks = rangeFindings.map(({ code }) => code).join(",");
    const writer = await subject.createWriter(folder, {
      methodDescription: marks === "" ? method.description : `${method.description}; MARKED: ${marks}`,
      parameters: {
        method: description.name,
        ...description.parameters,
        strengthKind,
        ...(marks === "" ? {} : { marks }),
        ...(options.force ? { forced: "yes" } : {}),
      },
      strength,
      ...(target === scan ? {} : { geometry: target.geometry }),
      ...(method.modelDigest === undefined ? {} : { modelDigest: method.modelDigest }),
      ...(method.provider === undefined ? {} : { provider: method.provider }),
      dateTime: options.dateTime,
      seriesDescriptionSuffix: options.seriesDescriptionSuffix ?? describeResult(description.name, strength),
      ...(options.transferSyntaxUid === undefined ? {} : { transferSyntaxUid: options.transferSyntaxUid }),
      ...(options.privateElements === undefined ? {} : { privateElements: options.privateElements }),
    });
    const wantsReport = options.report ?? true;
    const images = wantsReport ? createReportImages(target, options.maximumReportSlices ?? 32) : null;

    const slices = scan.geometry.size[0];
    const plane = target.geometry.size[1] * target.geometry.size[2];
    const slab = chooseSlab(description);
    const readSlab = createSlabReader(scan);
    for (let start = 0; start < slices; start += slab) {
      signal?.throwIfAborted();
      const end = Math.min(slices, start + slab);
      const readStart = Math.max(0, start - contextSlices);
      const input = await readSlab(readStart, Math.min(slices, end + contextSlices));
      const result = await enhanceAtStrength(method.enhancer, input, strength, {
        wantedSlices: [start - readStart, end - readStart],
        ...(signal ? { signal } : {}),
        onProgress: ({ done }) =>
          onProgress?.({
            phase: "enhancing",
            done: Math.min(end, start + done),
            total: slices,
            unit: "slices",
          }),
      });
      for (let s = start; s < end; s++) {
        const hu = getSlab(result, s - readStart, s - readStart + 1).data;
        const sources = Array.from({ length: 2 * contextSlices + 1 }, (_, k) => s - contextSlices + k).filter(
          (k) => k >= 0 && k < slices,
        );
        await writer.writeSlice(s, hu, sources);
        const kept = images ? images.chosen.indexOf(s) : -1;
        if (images && kept >= 0) {
          const before = getSlab(input, s - readStart, s - readStart + 1);
          images.input.data.set(enlargeVolume(before, outputScale).data, kept * plane);
          images.enhanced.data.set(hu, kept * plane);
        }
      }
      onProgress?.({ phase: "enhancing", done: end, total: slices, unit: "slices" });
    }
    await writer.finish();

    let report: QualityReport | null = null;
    const seconds = (performance.now() - startMs) / 1000;
    if (images) {
      report = await writeReport(
        subject,
        method,
        images,
        rangeFindings,
        { ...options, strength, seconds },
        (name, text) => folder.writeFile(name, text),
      );
      if (options.structuredReport) {
        await writer.writeStructuredReport?.(report, {
          method: description.name,
          parameters: { ...description.parameters, strengthKind },
          measuredSlices: images.chosen.length,
        });
      }
    }
    signal?.throwIfAborted();
    await folder.commit();
    return {
      folder: folder.path,
      slices,
      ...(writer.seriesInstanceUid === undefined ? {} : { seriesInstanceUid: writer.seriesInstanceUid }),
      rangeFindings,
      seriesFindings: subject.findings,
      report,
      seconds: (performance.now() - startMs) / 1000,
    };
  } catch (error) {
    await folder.dispose();
    throw error;
  }
}

/** What a reader must know of the result's strength and matrix. */
function describeKind(
  strength: number,
  { strengthKind, outputScale }: { readonly strengthKind: "blend" | "trained"; readonly outputScale: number },
): string[] {
  return [
    ...(strengthKind === "trained"
      ? [
          strength === 0
            ? "The model has learned strengths; at 0 it is not run."
            : `Strength ${strength} was given to the model, which has learned strengths; it is no blend.`,
        ]
      : []),
    ...(outputScale === 1
      ? []
      : [
          "Rows and columns are doubled. The input is shown and measured enlarged linearly, which smooths its noise.",
        ]),
  ];
}

async function writeReport(
  subject: EnhancementSubject,
  method: EnhancementMethod,
  images: ReportImages,
  rangeFindings: readonly RangeFinding[],
  options: EnhanceSeriesOptions & { readonly strength: number; readonly seconds: number },
  writeFile: (name: string, content: string) => Promise<void>,
): Promise<QualityReport> {
  const work: LongWorkOptions = {
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
  };
  const { reference } = options;
  const compared = {
    input: { name: reference?.noise === "shared" ? "low dose" : "input", volume: images.input },
    candidates: [{ name: "enhanced", volume: images.enhanced }],
    ...(reference
      ? {
          reference: {
            name: "original",
            volume: await readSlices(reference.scan, images.chosen, work),
            noise: reference.noise,
          },
        }
      : {}),
  };
  const report = await compareVolumes(compared, work);
  const { name, parameters, outputScale = 1, strengthKind = "blend" } = method.enhancer.description;
  const [slices, rows, columns] = subject.scan.geometry.size;
  const size = `${columns} × ${rows}`;
  const fine = `${columns * outputScale} × ${rows * outputScale}`;
  const document = {
    tool: { name: "Alara", version: CODE_VERSION, statement: "For research use; not a medical device." },
    run: {
      method: name,
      parameters,
      strength: options.strength,
      strengthKind,
      ...(outputScale === 1 ? {} : { outputScale }),
      dateTime: options.dateTime,
      seconds: options.seconds,
    },
    measuredSlices: images.chosen,
    seriesFacts: subject.facts,
    seriesFindings: subject.findings,
    rangeFindings,
    quality: report,
  };
  await writeFile("report.json", `${JSON.stringify(document, null, 2)}\n`);
  const marks = rangeFindings.map((item) => `Outside the model's intended range: ${item.message}.`);
  const warnings = subject.findings
    .filter((item) => item.severity === "warning")
    .map((item) => `${item.code}: ${item.message}.`);
  const html = await renderReport(
    report,
    compared,
    {
      title: options.reportTitle ?? "CT enhancement",
      subtitle: `${slices} slices of ${size}${outputScale === 1 ? "" : `, made ${fine}`}; ${images.chosen.length} measured and shown`,
      run: {
        method: name,
        version: CODE_VERSION,
        strength: options.strength,
        seconds: options.seconds,
        ...(method.modelDigest === undefined ? {} : { modelDigest: method.modelDigest }),
        ...(method.provider === undefined ? {} : { provider: method.provider }),
        ...(options.command === undefined ? {} : { command: options.command }),
      },
      input: {
        heading: subject.factHeading,
        facts: subject.factRows.map(({ label, value }) => ({ label, value })),
      },
      marks,
      createdAt: options.dateTime,
      notes: [
        ...describeKind(options.strength, { strengthKind, outputScale }),
        ...warnings,
        ...(options.notes ?? []),
      ],
    },
    work,
  );
  await writeFile("report.html", html);
  return report;
}
