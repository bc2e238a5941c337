/** From the options of `alara reconstruct` to a reconstruction: which option belongs to which method. */
import type { GridGeometry, LongWorkOptions, Sinogram, Volume } from "@alara/core";
import type { SinogramFacts } from "@alara/dicom";
import type { CountModel } from "@alara/physics";
import {
  iterativeMethods,
  ReconError,
  reconstructFbp,
  reconstructHybridIterative,
  reconstructIterative,
  reconstructModelBased,
  type StrengthLevel,
} from "@alara/recon";
import { parseNumber, parseWholeNumber } from "../arguments.ts";
import { printNote, UsageError } from "../context.ts";
import { checkEngineOptions, type EngineOptions, runWithEngine } from "./fbp-engine-choice.ts";

/** Names of all methods. */
export const reconstructionMethods: readonly string[] = [
  "fbp",
  "hybrid-iterative",
  "model-based",
  ...iterativeMethods.names,
];

/** Levels of the conventional comparators. */
export const LEVELS: readonly string[] = ["1", "2", "3", "4", "5", "mild", "standard", "strong"];

/** Options of the methods, as the command line has them. */
export interface MethodOptionTexts extends EngineOptions {
  readonly method: string;
  readonly window?: string;
  readonly cutoff?: string;
  readonly truncation?: "refuse" | "extrapolate";
  readonly level?: string;
  readonly iterations?: string;
  readonly subsets?: string;
  readonly relaxation?: string;
  readonly tvWeight?: string;
  readonly penalty?: string;
  readonly quanta?: string;
}

/** Where and with how much to reconstruct. */
export interface ReconstructionPlace extends LongWorkOptions {
  readonly grid: GridGeometry;
  readonly axisOffsetMm: readonly [number, number, number];
  readonly memoryLimitBytes: number;
}

/** The ramp window of FBP when none is given. */
export const DEFAULT_WINDOW = "hann";

const FILTERED = new Set(["fbp", "hybrid-iterative"]);
const COMPARATORS = new Set(["hybrid-iterative", "model-based"]);
const TV = new Set(["fista-tv", "pdhg"]);

/** Whether a method is filtered back-projection, alone or before something else. */
export function isFilteredMethod(method: string): boolean {
  return FILTERED.has(method);
}

/** Which methods take an option; the others refuse it. */
function belongs(option: keyof MethodOptionTexts, method: string): boolean {
  switch (option) {
    case "window":
    case "cutoff":
    case "truncation":
    case "engine":
    case "threads":
      return FILTERED.has(method);
    case "level":
      return COMPARATORS.has(method);
    case "iterations":
      return !FILTERED.has(method);
    case "subsets":
      return (
        method === "model-based" ||
        (iterativeMethods.has(method) && iterativeMethods.get(method).takesSubsets)
      );
    case "relaxation":
      return ["sirt", "sart", "os-sart", "asd-pocs"].includes(method);
    case "tvWeight":
      return TV.has(method);
    case "penalty":
      return method === "pwls";
    case "quanta":
      return (
        COMPARATORS.has(method) || (iterativeMethods.has(method) && iterativeMethods.get(method).usesWeights)
      );
    default:
      return true;
  }
}

const FLAGS: readonly (readonly [keyof MethodOptionTexts, string])[] = [
  ["window", "--window"],
  ["cutoff", "--cutoff"],
  ["truncation", "--truncation"],
  ["engine", "--engine"],
  ["threads", "--threads"],
  ["level", "--level"],
  ["iterations", "--iterations"],
  ["subsets", "--subsets"],
  ["relaxation", "--relaxation"],
  ["tvWeight", "--tv-weight"],
  ["penalty", "--penalty"],
  ["quanta", "--quanta"],
];

/**
 * Checks that every option given means something to the method.
 *
 * @throws UsageError
 */
export function checkMethodOptions(options: MethodOptionTexts): void {
  for (const [name, flag] of FLAGS) {
    if (options[name] !== undefined && !belongs(name, options.method)) {
      const takers = reconstructionMethods.filter((method) => belongs(name, method));
      throw new UsageError(
        `${flag} means nothing to --method ${options.method}; it is for ${takers.join(", ")}`,
      );
    }
  }
  checkEngineOptions(options);
}

/** The dose of the scan, for statistical weights. */
function chooseNoise(options: MethodOptionTexts, facts: SinogramFacts): CountModel | undefined {
  const incidentQuanta =
    options.quanta === undefined
      ? facts.incidentQuanta
      : parseNumber("--quanta", options.quanta, { minimum: 1, maximum: 1e12 });
  return incidentQuanta === undefined
    ? undefined
    : { incidentQuanta, electronicNoiseQuanta: facts.electronicNoiseQuanta ?? 0 };
}

function parseLevel(text: string | undefined): { readonly strength?: StrengthLevel } {
  if (text === undefined) return {};
  const level = /^\d$/.test(text) ? Number(text) : text;
  return { strength: level as StrengthLevel };
}

/**
 * Reconstructs by the chosen method.
 *
 * @throws UsageError, ReconError, PhysicsError
 */
export async function reconstructByMethod(
  sinogram: Sinogram<"line integral">,
  facts: SinogramFacts,
  options: MethodOptionTexts,
  place: ReconstructionPlace,
): Promise<Volume<"1/mm">> {
  const number = (
    flag: string,
    text: string | undefined,
    minimum: number,
    maximum: number,
  ): number | undefined => (text === undefined ? undefined : parseNumber(flag, text, { minimum, maximum }));
  const whole = (flag: string, text: string | undefined): number | undefined =>
    text === undefined ? undefined : parseWholeNumber(flag, text, { maximum: 100_000 });
  const noise = chooseNoise(options, facts);
  if (COMPARATORS.has(options.method) && noise === undefined) {
    throw new UsageError(
      `--method ${options.method} needs the dose, which the input does not say: pass --quanta, the quanta per sample without an object`,
    );
  }
  if (FILTERED.has(options.method)) {
    const { geometry } = sinogram;
    if (geometry.kind === "posed") {
      throw new ReconError(
        "UNSUPPORTED_GEOMETRY",
        "there is no filtered back-projection of free poses; pass an iterative --method, e.g. os-sart",
      );
    }
    const cutoff = number("--cutoff", options.cutoff, 0.01, 10);
    return runWithEngine(options, (engine) => {
      const filtered = {
        ...place,
        engine,
        window: options.window ?? DEFAULT_WINDOW,
        truncation: options.truncation ?? "refuse",
        ...(cutoff === undefined ? {} : { cutoff }),
      };
      if (options.method === "fbp") return reconstructFbp({ ...sinogram, geometry }, filtered);
      return reconstructHybridIterative(
        { ...sinogram, geometry },
        { ...filtered, ...parseLevel(options.level), noise: noise as CountModel },
      );
    });
  }
  const iterations = whole("--iterations", options.iterations);
  const subsets = whole("--subsets", options.subsets);
  const common = {
    ...place,
    ...(iterations === undefined ? {} : { iterations }),
    ...(subsets === undefined ? {} : { subsets }),
  };
  if (options.method === "model-based") {
    return reconstructModelBased(sinogram, {
      ...common,
      ...parseLevel(options.level),
      noise: noise as CountModel,
    });
  }
  const method = iterativeMethods.get(options.method);
  const relaxation = number("--relaxation", options.relaxation, 0.001, 1.999);
  const tvWeight = number("--tv-weight", options.tvWeight, 0, 1e9);
  const strength = number("--penalty", options.penalty, 0, 1e12);
  if (method.usesWeights && noise === undefined) {
    printNote(
      "! the input does not say its dose: all samples count alike (--quanta gives them statistical weights)",
    );
  }
  return reconstructIterative(sinogram, {
    ...common,
    ...(await createStart(sinogram, place)),
    method: options.method,
    recordObjective: false,
    ...(method.usesWeights && noise !== undefined ? { noise } : {}),
    ...(relaxation === undefined ? {} : { relaxation }),
    ...(tvWeight === undefined ? {} : { tvWeight }),
    ...(strength === undefined ? {} : { strength }),
  });
}

/** Why there is no FBP of a scan that iterative methods take. */
const NO_FBP: ReadonlySet<string> = new Set([
  "INCOMPLETE_TURN",
  "TOO_FEW_VIEWS",
  "UNEVEN_ANGLES",
  "UNSUPPORTED_GEOMETRY",
  "TRUNCATED",
]);

/** FBP as a start, which saves most of the iterations; nothing where there is no FBP. */
async function createStart(
  sinogram: Sinogram<"line integral">,
  place: ReconstructionPlace,
): Promise<{ readonly initial?: Volume<"1/mm"> }> {
  const { geometry } = sinogram;
  if (geometry.kind === "posed") return {};
  const { onProgress: _, ...quiet } = place;
  const start = await reconstructFbp(
    { ...sinogram, geometry },
    { ...quiet, window: DEFAULT_WINDOW, truncation: "extrapolate" },
  ).catch((error: unknown) => {
    if (error instanceof ReconError && NO_FBP.has(error.code)) return undefined;
    throw error;
  });
  if (start === undefined) return {};
  // Multiplicative methods never leave 0.
  for (let i = 0; i < start.data.length; i++) start.data[i] = Math.max(1e-6, start.data[i]);
  return { initial: start };
}
