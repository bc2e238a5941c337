/**
 * What the shipped model does, on data that it never saw:
 *  1. every test subject of the data folder at 25 % dose, against the original (which keeps its own noise), and
 *  2. simulated scans of body phantoms at 25 % dose, against the noise-free reconstruction, independent noise.
 * The comparator is the best Gaussian: its sigma is tuned on each case and for each metric on the answer itself,
 * which no real Gaussian could be. Every value is printed; no intervals are given. The target is stated per case.
 *
 * Needs the data folder: `ALARA_DATA=<folder with SPLIT.json> npm run evidence shipped-model`. About 15 minutes on 2 cores.
 */
import { fileURLToPath } from "node:url";
import { createRandom, type Enhancer, type Volume } from "@alara/core";
import {
  clampToAir,
  createGaussianEnhancer,
  createNetworkEnhancer,
  type SkippedSeries,
} from "@alara/enhance";
import { readBundle } from "@alara/enhance/node";
import {
  classifyTissues,
  findNoiseTiles,
  measureHuBias,
  measureNoise,
  measureRmse,
  measureSsim,
  SOFT_TISSUE_WINDOW,
} from "@alara/evaluate";
import { createNodeRuntime } from "@alara/learn/node";
import type { KernelWindow } from "@alara/physics";
import { createLowDoseSimulator } from "@alara/recon";
import { findDataFolder, scanRandomPhantom } from "@alara/testing";
import { openSplit, readSplitSeries } from "../../packages/cli/src/training-input.ts";
import type { BenchResult } from "../result.ts";

const BUNDLE =
  process.env.ALARA_BENCH_MODEL ?? fileURLToPath(new URL("../../models/residual-cnn", import.meta.url));
const DOSE_FRACTION = 0.25;
const SEED = 404;
/** Sigmas of the comparator, pixels. */
const SIGMAS: readonly number[] = Array.from({ length: 16 }, (_, k) => 0.4 + 0.15 * k);
const PHANTOMS = 12;
/** Quanta per channel and view at full dose, times 1 to 4. */
const FULL_DOSE_QUANTA = 2e5;
/** Kernel windows from smooth to sharp; the middle one is a standard body kernel's. */
const KERNELS: readonly (readonly [string, KernelWindow])[] = [
  ["smooth", { boostMm2: 2, cutoffPerMm: 0.25, order: 1.5 }],
  ["standard", { boostMm2: 5, cutoffPerMm: 0.34, order: 1.7 }],
  ["sharp", { boostMm2: 0, cutoffPerMm: 0.6, order: 3.5 }],
];
const TISSUES = ["lung", "fat", "soft tissue", "bone"];

interface Quality {
  readonly rmseHu: number;
  readonly ssim: number;
}

/** Quality of the input, of the best Gaussian for each metric, and of the network, on one case. */
interface CaseResult {
  readonly id: string;
  readonly slices: number;
  readonly noiseHu: number | null;
  readonly input: Quality;
  readonly gaussian: Quality & { readonly rmseSigma: number; readonly ssimSigma: number };
  readonly network: Quality;
  readonly biasHu: Readonly<Record<string, number | null>>;
  readonly wins: boolean;
}

function judge(
  candidate: Volume<"HU">,
  reference: Volume<"HU">,
  body: { name: string; mask: Uint8Array },
): Quality {
  return {
    rmseHu: measureRmse(candidate, reference, { region: body }).value,
    ssim: measureSsim(candidate, reference, { region: body, window: SOFT_TISSUE_WINDOW }).value,
  };
}

async function judgeCase(
  id: string,
  input: Volume<"HU">,
  reference: Volume<"HU">,
  network: Enhancer,
  options: { readonly smoothingPx?: number } = {},
): Promise<CaseResult> {
  const tissues = classifyTissues(reference, options);
  const body = tissues.body;
  const enhanced = await network.enhance(input);
  let rmse = { value: Number.POSITIVE_INFINITY, sigma: 0 };
  let ssim = { value: -1, sigma: 0 };
  for (const sigmaPixels of SIGMAS) {
    const quality = judge(await createGaussianEnhancer({ sigmaPixels }).enhance(input), reference, body);
    if (quality.rmseHu < rmse.value) rmse = { value: quality.rmseHu, sigma: sigmaPixels };
    if (quality.ssim > ssim.value) ssim = { value: quality.ssim, sigma: sigmaPixels };
  }
  const before = judge(input, reference, body);
  const after = judge(enhanced, reference, body);
  const bias = measureHuBias(enhanced, reference, tissues);
  return {
    id,
    slices: input.geometry.size[0],
    noiseHu: measureNoise(input, findNoiseTiles(reference, body)).sigmaHu,
    input: before,
    gaussian: { rmseHu: rmse.value, ssim: ssim.value, rmseSigma: rmse.sigma, ssimSigma: ssim.sigma },
    network: after,
    biasHu: Object.fromEntries(
      TISSUES.map((t) => [t, bias.find((b) => b.tissue === t)?.meanDifferenceHu ?? null]),
    ),
    wins:
      after.rmseHu < Math.min(before.rmseHu, rmse.value) && after.ssim > Math.max(before.ssim, ssim.value),
  };
}

function formatRow(result: CaseResult): string {
  const quality = (q: Quality): string => `${q.rmseHu.toFixed(2).padStart(7)} ${q.ssim.toFixed(4)}`;
  const bias = TISSUES.map((t) => (result.biasHu[t]?.toFixed(2) ?? "–").padStart(6)).join(" ");
  return `${result.id.padEnd(28)} ${String(result.slices).padStart(2)} ${(result.noiseHu?.toFixed(1) ?? "–").padStart(6)} | ${quality(result.input)} | ${quality(result.gaussian)} | ${quality(result.network)} | ${bias} | ${result.wins ? "beats both" : "DOES NOT"}`;
}

const HEADING = `${"case".padEnd(28)}  n  noise |   input RMSE SSIM | best Gaussian | network | bias ${TISSUES.join(", ")}`;

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function averageBias(results: readonly CaseResult[], tissue: string): number {
  const values = results.map((result) => result.biasHu[tissue]).filter((value) => typeof value === "number");
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Runs the study. */
export default async function studyShippedModel(): Promise<BenchResult> {
  const dataFolder = findDataFolder();
  if (!dataFolder)
    throw new Error("set ALARA_DATA to the data folder (the one with SPLIT.json and MANIFEST.json)");
  const bundle = await readBundle(BUNDLE);
  const network = await createNetworkEnhancer(bundle, { runtime: await createNodeRuntime() });

  say(`model ${bundle.card.name} ${bundle.card.version}, sha256 ${bundle.digest}`);
  say(`\nTest subjects at ${100 * DOSE_FRACTION} % dose, against the original with its own noise`);
  say(HEADING);
  const subjects: CaseResult[] = [];
  const skipped: string[] = [];
  const onSkipped = ({ id, code }: SkippedSeries): void => void skipped.push(`${id}: ${code}`);
  const split = await openSplit(
    dataFolder,
    "SPLIT.json",
    { needed: ["test"], held: ["train", "val"] },
    { onSkipped },
  );
  const series = await readSplitSeries(split, "test", { onSkipped });
  for (const { id, volume } of series) {
    const simulator = await createLowDoseSimulator(volume, { seed: SEED });
    const result = await judgeCase(
      id,
      clampToAir(await simulator.insert(DOSE_FRACTION)),
      clampToAir(volume),
      network,
    );
    subjects.push(result);
    say(formatRow(result));
  }

  say(`\nBody phantoms at ${100 * DOSE_FRACTION} % dose, against noise-free truth`);
  say(HEADING);
  const phantoms: CaseResult[] = [];
  for (const [name, kernel] of KERNELS) {
    for (let index = 0; index < PHANTOMS / KERNELS.length; index++) {
      const number = phantoms.length;
      const random = createRandom(SEED).derive(`phantom/${number}`);
      const { truth, noisy } = await scanRandomPhantom(random, {
        kernel,
        incidentQuanta: DOSE_FRACTION * FULL_DOSE_QUANTA * 4 ** random.nextUniform(),
        pixelMm: 0.65 + 0.3 * random.nextUniform(),
      });
      const result = await judgeCase(`phantom ${number} (${name})`, noisy, truth, network, {
        smoothingPx: 0,
      });
      phantoms.push(result);
      say(formatRow(result));
    }
  }
  await network.dispose();

  const bias = Object.fromEntries(TISSUES.map((tissue) => [tissue, averageBias(phantoms, tissue)]));
  const isUnbiased = TISSUES.every((tissue) => Math.abs(bias[tissue]) <= (tissue === "lung" ? 2 : 1));
  const all = [...subjects, ...phantoms];
  const mean = (pick: (result: CaseResult) => number): number =>
    all.reduce((sum, result) => sum + pick(result), 0) / all.length;
  say(`\nmean HU bias on phantoms: ${TISSUES.map((t) => `${t} ${bias[t].toFixed(2)}`).join(", ")}`);
  return {
    name: "shipped-model",
    ours: mean((result) => result.network.rmseHu),
    peer: mean((result) => result.gaussian.rmseHu),
    peerName: "Gaussian with sigma tuned on each case's answer",
    unit: "HU RMSE, mean of cases",
    target:
      "every case: lower RMSE and higher SSIM than input and best Gaussian; phantoms: |mean bias| ≤ 1 HU in soft tissue, fat, bone, ≤ 2 HU in lung",
    ok: isUnbiased && all.every((result) => result.wins),
    details: { model: bundle.digest, seed: SEED, bias, subjects, phantoms, skipped },
  };
}
