/**
 * Cross-validation over patients: trials of the folds, and the table of what they found, patient by patient. Not here:
 * placing patients in folds (enhance), running trials (the queue).
 */
import { type Fold, planFolds, type Recipe } from "@alara/enhance";
import { type SignedRankResult, testSignedRanks } from "@alara/evaluate";
import { StudiesError } from "./errors.ts";
import type { TestFigures, Trial, TrialResult } from "./trial.ts";

/** How folds are made. */
export interface CrossValidationOptions {
  readonly folds: number | "leave-one-out";
  readonly seed: number;
  /** Patients of each fold's training side that choose the best weights; default 1, 0 keeps the last weights. */
  readonly validationPatients?: number;
  readonly dataDigest: string;
}

/** The trials of a cross-validation. */
export interface CrossValidationPlan {
  readonly folds: readonly Fold[];
  readonly trials: readonly Trial[];
}

/**
 * One trial per fold; no patient is on two sides of one.
 *
 * @throws EnhanceError `OUT_OF_RANGE` as `planFolds`
 */
export function planCrossValidation(
  recipe: Recipe,
  patients: readonly string[],
  options: CrossValidationOptions,
): CrossValidationPlan {
  const { folds: count, seed, validationPatients = 1, dataDigest } = options;
  const folds = planFolds(patients, { folds: count, seed, validationPatients });
  const trials = folds.map(({ train, validation, test }) => ({
    recipe,
    patients: { train, validation, test },
    dataDigest,
  }));
  return { folds, trials };
}

/** Mean and standard deviation (n − 1) of one value per patient. */
export interface Spread {
  readonly mean: number;
  readonly sd: number;
  readonly values: readonly number[];
}

/** One figure over all patients, input against output. */
export interface ComparedFigure {
  readonly name: "rmseHu" | "ssim";
  readonly output: Spread;
  readonly input: Spread;
  /** Of output against input; the patient is the unit. */
  readonly test: SignedRankResult;
}

/** What a cross-validation found. */
export interface CrossValidationSummary {
  readonly patients: readonly string[];
  readonly folds: readonly {
    readonly index: number;
    readonly score: number;
    readonly figures: readonly ComparedFold[];
  }[];
  readonly figures: readonly ComparedFigure[];
}

/** A figure's means in one fold. */
export interface ComparedFold {
  readonly name: "rmseHu" | "ssim";
  readonly output: number;
  readonly input: number;
}

function summarise(values: readonly number[]): Spread {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return { mean, sd: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0, values };
}

const FIGURES = [
  { name: "rmseHu", output: "rmseHu", input: "inputRmseHu" },
  { name: "ssim", output: "ssim", input: "inputSsim" },
] as const;

/** Mean of a figure over the images of each patient; patients without it are left out. */
function averageByPatient(
  images: readonly TestFigures[],
  key: "rmseHu" | "inputRmseHu" | "ssim" | "inputSsim",
): Map<string, number> {
  const sums = new Map<string, { sum: number; count: number }>();
  for (const image of images) {
    const value = image[key];
    if (value === undefined) continue;
    const { sum, count } = sums.get(image.patient) ?? { sum: 0, count: 0 };
    sums.set(image.patient, { sum: sum + value, count: count + 1 });
  }
  return new Map([...sums].map(([patient, { sum, count }]) => [patient, sum / count]));
}

/**
 * The table of a finished cross-validation.
 *
 * @throws StudiesError `NO_TRIAL` when no fold has a test image
 * The unit of every statistic is the patient. Tested on made-up results.
 */
export function summariseCrossValidation(results: readonly TrialResult[]): CrossValidationSummary {
  const images = results.flatMap(({ test }) => [...test]);
  if (images.length === 0) {
    throw new StudiesError(
      "NO_TRIAL",
      `${results.length} fold(s) without a test image; see the dead letters of the queue and the data that were left out`,
    );
  }
  const figures: ComparedFigure[] = [];
  for (const { name, output, input } of FIGURES) {
    const [outputs, inputs] = [averageByPatient(images, output), averageByPatient(images, input)];
    const patients = [...outputs.keys()].filter((patient) => inputs.has(patient));
    if (patients.length === 0) continue;
    const [a, b] = [outputs, inputs].map((map) => patients.map((patient) => map.get(patient) as number));
    figures.push({ name, output: summarise(a), input: summarise(b), test: testSignedRanks(a, b) });
  }
  return {
    patients: [...new Set(images.map(({ patient }) => patient))],
    folds: results.map(({ score, test }, index) => ({
      index,
      score,
      figures: FIGURES.flatMap(({ name, output, input }) => {
        const lists = [output, input].map((key) => [...averageByPatient(test, key).values()]);
        if (lists.some((list) => list.length === 0)) return [];
        const [a, b] = lists.map((list) => summarise(list).mean);
        return [{ name, output: a, input: b }];
      }),
    })),
    figures,
  };
}

const LABELS = { rmseHu: "RMSE, HU", ssim: "SSIM (40/400 HU)" } as const;

function formatP(p: number): string {
  return p < 1e-4 ? "< 0.0001" : p.toFixed(4);
}

/** The table as text. */
export function formatCrossValidation({ folds, figures, patients }: CrossValidationSummary): string {
  const lines = [
    `${folds.length} folds, ${patients.length} patients; mean ± standard deviation over patients`,
  ];
  for (const { name, output, input, test } of figures) {
    const digits = name === "ssim" ? 4 : 2;
    const show = ({ mean, sd }: Spread): string => `${mean.toFixed(digits)} ± ${sd.toFixed(digits)}`;
    lines.push(
      "",
      `${LABELS[name]}: ${show(input)} → ${show(output)}; shift ${test.shift.toFixed(digits)}, signed-rank p ${formatP(test.pValue)}${test.isExact ? " (exact)" : ""}, rank-biserial ${test.rankBiserial.toFixed(2)}`,
    );
    for (const fold of folds) {
      const own = fold.figures.find((figure) => figure.name === name);
      if (own)
        lines.push(`  fold ${fold.index + 1}: ${own.input.toFixed(digits)} → ${own.output.toFixed(digits)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
