/**
 * Measures a whole case into one `QualityReport`: noise, error against the reference, HU bias per tissue, and
 * what a user's series without a reference still allows (HU shift, residual against structure).
 * One patient at a time; statistics over patients are not here.
 */
import { countVoxels, type LongWorkOptions, type Volume } from "@alara/core";
import { measureHuBias } from "./hu-bias.ts";
import {
  type MetricOptions,
  type MetricResult,
  measureMae,
  measurePsnr,
  measureRmse,
  measureSsimInRegions,
  metrics,
} from "./metrics.ts";
import { findNoiseTiles, measureNoise, type NoiseResult } from "./noise.ts";
import {
  type ImageRole,
  INTERVAL_MINIMUM_PATIENTS,
  QUALITY_REPORT_SCHEMA,
  type QualityReport,
  type ReferenceNoise,
  type ReportedBias,
  type ReportedComparison,
  type ReportedMetric,
  type ReportedNoise,
} from "./quality-report.ts";
import {
  assertSameSize,
  countInside,
  LUNG_WINDOW,
  type Region,
  SOFT_TISSUE_WINDOW,
  WIDE_WINDOW,
} from "./region.ts";
import { measureStructureLoss } from "./structure.ts";
import { classifyTissues, type TissueOptions } from "./tissues.ts";

/** A volume and how reports call it. */
export interface NamedVolume {
  readonly name: string;
  readonly volume: Volume<"HU">;
}

/** The volumes of one case; all of one size. */
export interface ComparisonInput {
  readonly input: NamedVolume;
  /** One or more enhanced volumes. */
  readonly candidates: readonly NamedVolume[];
  /** Left out for a user's series. */
  readonly reference?: NamedVolume & { readonly noise: ReferenceNoise };
}

/** Options of `compareVolumes`. */
export interface ComparisonOptions extends LongWorkOptions {
  /** Default: 1.5 px smoothing, none on noise-free truth; see `TissueOptions`. */
  readonly tissue?: TissueOptions;
}

/**
 * Measures a case.
 *
 * @param subject - input, candidates, and the reference if there is one
 * @returns plain data, ready for JSON; tissue is found on the reference, else on the input
 * @throws EvaluateError `SHAPE_MISMATCH` when sizes differ, `NOT_FINITE` for NaN voxels; the signal's reason
 * @remarks 27 slices of 512² with one candidate and a reference: about 4 s on one core.
 */
export async function compareVolumes(
  subject: ComparisonInput,
  options: ComparisonOptions = {},
): Promise<QualityReport> {
  const { input, candidates, reference } = subject;
  const others = [...candidates, ...(reference ? [reference] : [])];
  for (const { volume } of others) assertSameSize(volume, input.volume);
  const total = 2 + 2 * candidates.length + (reference ? candidates.length + 1 : 0);
  let done = 0;
  const step = async (): Promise<void> => {
    options.onProgress?.({ phase: "measure", done: ++done, total, unit: "steps" });
    await Promise.resolve();
    options.signal?.throwIfAborted();
  };
  options.signal?.throwIfAborted();

  const guide = reference ?? input;
  const smoothing = reference?.noise === "none" ? { smoothingPx: 0 } : {};
  const tissues = classifyTissues(guide.volume, { ...smoothing, ...options.tissue });
  const bodyVoxels = countInside(tissues.body.mask);
  const region = bodyVoxels > 0 ? tissues.body : undefined;
  await step();

  const noise = measureNoises(subject, guide, tissues.body);
  await step();

  const comparisons: ReportedComparison[] = [];
  if (reference) {
    const judged: readonly [NamedVolume, ImageRole][] = [
      [input, "input"],
      ...candidates.map((c) => [c, "candidate"] as [NamedVolume, ImageRole]),
    ];
    for (const [image, role] of judged) {
      const results = measureErrors(image.volume, reference.volume, region);
      const rmse = results.find(
        (r) => r.metric === "rmse" && r.region.name === (region?.name ?? "whole image"),
      );
      const sigma = noise.find((n) => n.role === "reference")?.noise.sigmaHu ?? null;
      const square = rmse?.value != null && sigma !== null ? rmse.value ** 2 - sigma ** 2 : -1;
      comparisons.push({
        image: image.name,
        role,
        against: reference.name,
        metrics: results,
        noiseCorrectedRmseHu: reference.noise === "independent" && square > 0 ? Math.sqrt(square) : null,
      });
      await step();
    }
  }

  const huBias: ReportedBias[] = [];
  for (const candidate of candidates) {
    if (reference) {
      const rows = measureHuBias(candidate.volume, reference.volume, tissues);
      huBias.push({ image: candidate.name, against: reference.name, kind: "reference", tissues: rows });
    }
    const rows = measureHuBias(candidate.volume, input.volume, tissues);
    huBias.push({ image: candidate.name, against: input.name, kind: "input", tissues: rows });
    await step();
  }

  const structure: QualityReport["structure"][number][] = [];
  for (const candidate of candidates) {
    if (region) {
      const result = measureStructureLoss(candidate.volume, input.volume, region);
      structure.push({ image: candidate.name, against: input.name, ...result });
    }
    await step();
  }

  const [slices, rows, columns] = input.volume.geometry.size;
  return {
    schema: QUALITY_REPORT_SCHEMA,
    slices,
    rows,
    columns,
    spacingMm: input.volume.geometry.spacingMm,
    images: [
      { name: input.name, role: "input" },
      ...candidates.map(({ name }) => ({ name, role: "candidate" as const })),
      ...(reference ? [{ name: reference.name, role: "reference" as const }] : []),
    ],
    referenceNoise: reference?.noise ?? null,
    windows: [SOFT_TISSUE_WINDOW, LUNG_WINDOW, WIDE_WINDOW],
    tissue: {
      foundOn: guide.name,
      smoothingPx: tissues.smoothingPx,
      erosionPx: tissues.erosionPx,
      paddingBelowHu: tissues.paddingBelowHu,
      classes: tissues.classes,
      bodyVoxels,
      bodyBox: findBox(tissues.body, input.volume),
    },
    noise,
    comparisons,
    huBias,
    structure,
    patients: 1,
    confidenceIntervals: null,
    caveats: writeCaveats(reference?.noise ?? null, noise),
  };
}

function measureNoises(subject: ComparisonInput, guide: NamedVolume, body: Region): ReportedNoise[] {
  const tiles = findNoiseTiles(guide.volume, body);
  const before = measureNoise(subject.input.volume, tiles);
  const reduce = (noise: NoiseResult): number | null =>
    before.sigmaHu !== null && before.sigmaHu > 0 && noise.sigmaHu !== null
      ? 100 * (1 - noise.sigmaHu / before.sigmaHu)
      : null;
  const rows: ReportedNoise[] = [
    { image: subject.input.name, role: "input", noise: before, reductionPercent: null },
  ];
  for (const { name, volume } of subject.candidates) {
    const noise = measureNoise(volume, tiles);
    rows.push({ image: name, role: "candidate", noise, reductionPercent: reduce(noise) });
  }
  if (subject.reference) {
    const noise = measureNoise(subject.reference.volume, tiles);
    rows.push({ image: subject.reference.name, role: "reference", noise, reductionPercent: reduce(noise) });
  }
  return rows;
}

/** The metrics of a report: in the body, then the two that other tools give for whole images. */
function measureErrors(
  candidate: Volume<"HU">,
  reference: Volume<"HU">,
  body: Region | undefined,
): ReportedMetric[] {
  const inBody: MetricOptions = body ? { region: body } : {};
  const regions = body ? [body, undefined] : [undefined];
  const soft = measureSsimInRegions(candidate, reference, regions, { window: SOFT_TISSUE_WINDOW });
  const wide = measureSsimInRegions(candidate, reference, regions.slice(0, 1), { window: WIDE_WINDOW });
  const results: MetricResult[] = [
    measureRmse(candidate, reference, inBody),
    measureMae(candidate, reference, inBody),
    measurePsnr(candidate, reference, { ...inBody, window: SOFT_TISSUE_WINDOW }),
    measurePsnr(candidate, reference, { ...inBody, window: WIDE_WINDOW }),
    soft[0],
    wide[0],
  ];
  if (body) results.push(measureRmse(candidate, reference), soft[1]);
  return results.map((result) => {
    const { label, better } = metrics.get(result.metric);
    const finite = Number.isFinite(result.value);
    return {
      ...result,
      label,
      better,
      value: finite ? result.value : null,
      perSlice: result.perSlice.map((v) => (v !== null && Number.isFinite(v) ? v : null)),
      note: finite ? null : "identical images",
    };
  });
}

function findBox(body: Region, volume: Volume): QualityReport["tissue"]["bodyBox"] {
  const [, rows, columns] = volume.geometry.size;
  let top = rows;
  let bottom = -1;
  let left = columns;
  let right = -1;
  for (let line = 0, lines = countVoxels(volume.geometry) / columns; line < lines; line++) {
    const start = line * columns;
    let first = 0;
    while (first < columns && body.mask[start + first] === 0) first++;
    if (first === columns) continue;
    let last = columns - 1;
    while (body.mask[start + last] === 0) last--;
    const row = line % rows;
    top = Math.min(top, row);
    bottom = Math.max(bottom, row);
    left = Math.min(left, first);
    right = Math.max(right, last);
  }
  return bottom < 0 ? null : { rows: [top, bottom + 1], columns: [left, right + 1] };
}

function writeCaveats(kind: ReferenceNoise | null, noise: readonly ReportedNoise[]): string[] {
  const sigma = noise.find((n) => n.role === "reference")?.noise.sigmaHu ?? null;
  const amount = sigma === null ? "" : ` (σ ${sigma.toFixed(1)} HU in soft tissue)`;
  const caveats: string[] = [];
  if (kind === "shared") {
    caveats.push(
      `The low-dose series was made from the original by adding noise, so both hold the original's own noise${amount}. ` +
        "RMSE, PSNR and SSIM against it reward keeping that noise and count its removal as error. They rank methods " +
        "on this series; they are not errors against the true anatomy. For those see the model's results on " +
        "noise-free truth with independent noise.",
    );
  } else if (kind === "independent") {
    caveats.push(
      `The original is an acquisition of its own with independent noise${amount}, which every error against it ` +
        "contains. The noise-corrected RMSE takes it out: √(RMSE² − σ²).",
    );
  } else if (kind === "unknown") {
    caveats.push(
      `The original holds noise${amount}. Whether it is shared with the input is not stated, so errors against it ` +
        "may count removed noise as error.",
    );
  } else if (kind === null) {
    caveats.push(
      "There is no reference, so error cannot be measured. Less noise and unmoved HU do not prove that anatomy was " +
        "kept; look at the difference image for structure.",
    );
  }
  caveats.push(
    `One patient: the values describe this series alone. Confidence intervals are given from ${INTERVAL_MINIMUM_PATIENTS} patients up; slices of one patient are not independent.`,
  );
  return caveats;
}
