/**
 * The registry of iterative methods: what is in it is what the conformance suite runs over (a consistent system's
 * solution, objectives that do not rise where theory says so, x ≥ 0, determinism, abort, both precisions).
 */
import { createRegistry, type RealArray, type Registry } from "@alara/core";
import { type AsdPocsOptions, solveAsdPocs } from "./asd-pocs.ts";
import { type CglsOptions, solveCgls } from "./conjugate-gradients.ts";
import { solveOsem } from "./expectation-maximisation.ts";
import { type FistaTvOptions, solveFistaTv } from "./fista-tv.ts";
import { type PwlsOptions, solvePwls } from "./penalised-least-squares.ts";
import { type PdhgOptions, solvePdhg } from "./primal-dual.ts";
import type { IterationOptions, IterativeProblem, IterativeResult } from "./problem.ts";
import { type LandweberOptions, type SartOptions, solveLandweber, solveSart } from "./simultaneous.ts";

/** Options of every method together; each takes what its own type names and leaves the rest. */
export interface MethodOptions<A extends RealArray = RealArray>
  extends IterationOptions<A>,
    Omit<SartOptions<A>, keyof IterationOptions>,
    Omit<LandweberOptions<A>, keyof IterationOptions>,
    Omit<CglsOptions<A>, keyof IterationOptions>,
    Omit<PwlsOptions<A>, keyof IterationOptions>,
    Omit<FistaTvOptions<A>, keyof IterationOptions>,
    Omit<PdhgOptions<A>, keyof IterationOptions>,
    Omit<AsdPocsOptions<A>, keyof IterationOptions> {}

/** One method. */
export interface IterativeMethod {
  /** One line for lists. */
  readonly description: string;
  /** Whether theory says that the objective never rises, with one subset and the default options. */
  readonly isMonotone: boolean;
  /** Whether it can keep x ≥ 0. */
  readonly keepsNonNegative: boolean;
  /** Subsets when the caller names none; 1: the method takes none or is better without; "views": one per view. */
  readonly defaultSubsets: number | "views";
  /** Whether it takes more than one subset. */
  readonly takesSubsets: boolean;
  /** Whether it uses the statistical weights of the problem. */
  readonly usesWeights: boolean;
  /** Arrays of the image's and of the data's size it holds at once, for estimates; subsets' sensitivities apart. */
  readonly memory: { readonly images: number; readonly sinograms: number; readonly imagesPerSubset: number };
  /** Solves. */
  run<A extends RealArray>(
    problem: IterativeProblem<A>,
    options?: MethodOptions<A>,
  ): Promise<IterativeResult<A>>;
}

/**
 * Methods by name: `sirt`, `sart` (a subset per view), `os-sart`, `landweber`, `mlem`, `osem`, `cgls`, `pwls`,
 * `fista-tv`, `asd-pocs`, `pdhg`.
 */
export const iterativeMethods: Registry<IterativeMethod> = createRegistry<IterativeMethod>(
  "iterative method",
  [
    [
      "sirt",
      {
        description: "simultaneous iterative reconstruction, row and column normalised",
        isMonotone: true,
        keepsNonNegative: true,
        defaultSubsets: 1,
        takesSubsets: false,
        usesWeights: false,
        memory: { images: 2, sinograms: 2, imagesPerSubset: 1 },
        run: (problem, options) => solveSart(dropSubsets(problem), options),
      },
    ],
    [
      "sart",
      {
        description: "simultaneous algebraic reconstruction, an update per view",
        isMonotone: false,
        keepsNonNegative: true,
        defaultSubsets: "views",
        takesSubsets: true,
        usesWeights: false,
        memory: { images: 2, sinograms: 3, imagesPerSubset: 1 },
        run: (problem, options) => solveSart(problem, options),
      },
    ],
    [
      "os-sart",
      {
        description: "SART over ordered subsets of views",
        isMonotone: false,
        keepsNonNegative: true,
        defaultSubsets: 10,
        takesSubsets: true,
        usesWeights: false,
        memory: { images: 2, sinograms: 3, imagesPerSubset: 1 },
        run: (problem, options) => solveSart(problem, options),
      },
    ],
    [
      "landweber",
      {
        description: "projected gradient descent of least squares",
        isMonotone: true,
        keepsNonNegative: true,
        defaultSubsets: 1,
        takesSubsets: false,
        usesWeights: false,
        memory: { images: 2, sinograms: 1, imagesPerSubset: 0 },
        run: (problem, options) => solveLandweber(problem, options),
      },
    ],
    [
      "mlem",
      {
        description: "maximum likelihood by expectation maximisation",
        isMonotone: true,
        keepsNonNegative: true,
        defaultSubsets: 1,
        takesSubsets: false,
        usesWeights: false,
        memory: { images: 2, sinograms: 2, imagesPerSubset: 1 },
        run: (problem, options) => solveOsem(dropSubsets(problem), options),
      },
    ],
    [
      "osem",
      {
        description: "expectation maximisation over ordered subsets",
        isMonotone: false,
        keepsNonNegative: true,
        defaultSubsets: 10,
        takesSubsets: true,
        usesWeights: false,
        memory: { images: 2, sinograms: 2, imagesPerSubset: 1 },
        run: (problem, options) => solveOsem(problem, options),
      },
    ],
    [
      "cgls",
      {
        description: "conjugate gradients of (weighted) least squares with a ridge",
        isMonotone: true,
        keepsNonNegative: false,
        defaultSubsets: 1,
        takesSubsets: false,
        usesWeights: true,
        memory: { images: 3, sinograms: 5, imagesPerSubset: 0 },
        run: (problem, options) => solveCgls(problem, options),
      },
    ],
    [
      "pwls",
      {
        description: "penalised weighted least squares, quadratic or edge-preserving",
        isMonotone: true,
        keepsNonNegative: true,
        defaultSubsets: 1,
        takesSubsets: true,
        usesWeights: true,
        memory: { images: 6, sinograms: 2, imagesPerSubset: 0 },
        run: (problem, options) => solvePwls(problem, options),
      },
    ],
    [
      "fista-tv",
      {
        description: "total variation by FISTA with FGP as proximal map",
        isMonotone: false,
        keepsNonNegative: true,
        defaultSubsets: 1,
        takesSubsets: false,
        usesWeights: true,
        memory: { images: 9, sinograms: 5, imagesPerSubset: 0 },
        run: (problem, options) => solveFistaTv(problem, options),
      },
    ],
    [
      "asd-pocs",
      {
        description: "least total variation within a data tolerance, SART and adaptive descent in turns",
        isMonotone: false,
        keepsNonNegative: true,
        defaultSubsets: 20,
        takesSubsets: true,
        usesWeights: true,
        memory: { images: 5, sinograms: 3, imagesPerSubset: 1 },
        run: (problem, options) => solveAsdPocs(problem, options),
      },
    ],
    [
      "pdhg",
      {
        description: "total variation by the primal–dual method of Chambolle and Pock",
        isMonotone: false,
        keepsNonNegative: true,
        defaultSubsets: 1,
        takesSubsets: false,
        usesWeights: true,
        memory: { images: 8, sinograms: 8, imagesPerSubset: 0 },
        run: (problem, options) => solvePdhg(problem, options),
      },
    ],
  ],
);

function dropSubsets<A extends RealArray>(problem: IterativeProblem<A>): IterativeProblem<A> {
  if (problem.subsets === undefined) return problem;
  const { subsets: _, ...whole } = problem;
  return whole;
}
