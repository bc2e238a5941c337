/**
 * A look-alike of model-based iterative reconstruction, for comparison: PWLS with the scan's system model, statistical
 * weights, an edge-preserving q-generalised Gaussian prior and x ≥ 0 (Thibault et al. 2007, doi 10.1118/1.2789499).
 * Vendors' products model focal spot, detector and more, and are not public; this is none of them.
 */
import { countViews, createVolume, type LongWorkOptions, type Sinogram, type Volume } from "@alara/core";
import type { CountModel } from "@alara/physics";
import { reconstructFbp } from "../analytic/fbp.ts";
import { ReconError } from "../errors.ts";
import { estimateLogVariances } from "./hybrid-iterative.ts";
import { iterativeMethods } from "./methods.ts";
import { solvePwls } from "./penalised-least-squares.ts";
import type { IterationState, IterativeProblem } from "./problem.ts";
import {
  chooseSubsetCount,
  createScanProblem,
  resolveProjector,
  type ScanProblemOptions,
} from "./scan-problem.ts";
import { resolveStrengthLevel, type StrengthLevel } from "./strength-levels.ts";
import { allocateLike, sumSquares } from "./vectors.ts";

/** β of the levels 1 to 5 in units of a pixel's own data curvature ‖A e‖². */
const LEVELS = [0.4, 0.55, 0.75, 1, 1.3] as const;

/** Options of {@link reconstructModelBased}. */
export interface ModelBasedOptions
  extends LongWorkOptions,
    Omit<ScanProblemOptions, "weights" | "noise" | "subsetOrder"> {
  /** The dose: what the statistical weights are computed from. */
  readonly noise: CountModel;
  /** Default 3, `"standard"`. */
  readonly strength?: StrengthLevel;
  /** δ of the prior: differences above it count as edges; default 4e-4 per mm, about 20 HU. */
  readonly edgePerMm?: number;
  /** Passes over the data; default 20. */
  readonly iterations?: number;
  /** Start on the same grid; default FBP (zeros for posed geometries and for too few or too limited views). */
  readonly initial?: Volume<"1/mm">;
  /** Called after every pass; without an objective, which would cost a projection. */
  readonly onIteration?: (state: IterationState) => void;
}

/**
 * Model-based look-alike.
 *
 * @param sinogram - line integrals, any geometry
 * @returns attenuation in 1/mm, not negative
 * @throws ReconError and PhysicsError as `reconstructIterative`
 * @remarks κ² = AᵀW1/Aᵀ1 makes resolution about even over the image and independent of dose; ordered subsets with
 * momentum. The object must lie within the grid.
 * Tested: noise falls with every level, the mean of flat regions stays within 1 HU, edges as stated there; scans that
 * FBP refuses.
 */
export async function reconstructModelBased(
  sinogram: Sinogram<"line integral">,
  options: ModelBasedOptions,
): Promise<Volume<"1/mm">> {
  const { grid, edgePerMm = 4e-4, iterations = 20 } = options;
  const strength = LEVELS[resolveStrengthLevel(options.strength ?? "standard") - 1];
  const { geometry } = sinogram;
  const weights = estimateLogVariances(sinogram.data, geometry.channels, options.noise);
  for (let i = 0; i < weights.length; i++) weights[i] = 1 / weights[i];
  const { noise: _, initial: given, onProgress, onIteration, signal, ...scan } = options;
  const subsetCount = chooseSubsetCount(
    iterativeMethods.get("pwls"),
    countViews(geometry),
    options.subsets ?? Math.max(1, Math.min(12, Math.floor(countViews(geometry) / 12))),
  );
  const projector = resolveProjector(scan, geometry, signal);
  try {
    const problem = createScanProblem(sinogram, { ...scan, weights }, subsetCount, projector);
    return await solve(problem);
  } finally {
    projector.dispose();
  }

  async function solve(problem: IterativeProblem): Promise<Volume<"1/mm">> {
    const kappa = await computeKappa(problem);
    const centre = (grid.size[0] >> 1) * grid.size[1] * grid.size[2] + (grid.size[1] >> 1) * grid.size[2];
    const curvature = await measurePixelCurvature(problem, centre + (grid.size[2] >> 1));
    const start = allocateLike(problem.data, kappa.length);
    if (given !== undefined) {
      if (given.data.length !== start.length) {
        throw new ReconError(
          "SHAPE_MISMATCH",
          `initial volume is ${given.geometry.size.join(" × ")}, the grid ${grid.size.join(" × ")}; make them agree`,
        );
      }
      start.set(given.data);
    } else {
      const fbp = await reconstructStart(sinogram, options);
      if (fbp !== undefined) start.set(fbp.data);
    }
    const { image } = await solvePwls(problem, {
      strength: strength * curvature,
      prior: { potential: "q-generalised", delta: edgePerMm, kappa, spacing: grid.spacingMm },
      momentum: "nesterov",
      iterations,
      recordObjective: false,
      initial: start,
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(onIteration === undefined ? {} : { onIteration }),
      ...(signal === undefined ? {} : { signal }),
    });
    return createVolume("1/mm", grid, image instanceof Float32Array ? image : Float32Array.from(image));
  }
}

/** Codes of scans that FBP cannot take, but iterations can. */
const BEYOND_FBP: readonly string[] = ["INCOMPLETE_TURN", "UNEVEN_ANGLES", "TOO_FEW_VIEWS"];

/** FBP to start from, continued beyond a detector that cuts the object off; none where FBP does not know the scan. */
async function reconstructStart(
  { geometry, ...scan }: Sinogram<"line integral">,
  { grid, axisOffsetMm, signal }: ModelBasedOptions,
): Promise<Volume<"1/mm"> | undefined> {
  if (geometry.kind === "posed") return undefined;
  const options = {
    grid,
    window: "hann",
    ...(axisOffsetMm === undefined ? {} : { axisOffsetMm }),
    ...(signal === undefined ? {} : { signal }),
  };
  const sinogram = { ...scan, geometry };
  try {
    return await reconstructFbp(sinogram, options);
  } catch (error) {
    if (!(error instanceof ReconError)) throw error;
    if (BEYOND_FBP.includes(error.code)) return undefined;
    if (error.code !== "TRUNCATED") throw error;
  }
  return await reconstructFbp(sinogram, { ...options, truncation: "extrapolate" });
}

/** κ = √(AᵀW1 / Aᵀ1), 0 where no ray passes. */
async function computeKappa(problem: IterativeProblem): Promise<Float32Array | Float64Array> {
  const { operator, data, weights = data } = problem;
  const weighted = await operator.applyAdjoint(weights, allocateLike(data, operator.domainLength));
  const ones = allocateLike(data).fill(1);
  const plain = await operator.applyAdjoint(ones, allocateLike(data, operator.domainLength));
  for (let j = 0; j < plain.length; j++) plain[j] = plain[j] > 0 ? Math.sqrt(weighted[j] / plain[j]) : 0;
  return plain;
}

/** ‖A e_j‖² */
async function measurePixelCurvature(problem: IterativeProblem, pixel: number): Promise<number> {
  const unit = allocateLike(problem.data, problem.operator.domainLength);
  unit[pixel] = 1;
  return sumSquares(await problem.operator.apply(unit, allocateLike(problem.data)));
}
