/**
 * Roughness penalties R(x) = Σ w_jk κ_j κ_k ψ(x_j − x_k) over neighbours, quadratic or edge-preserving, with the
 * separable quadratic surrogates that keep iterations monotone (Huber 1981, §7.8; Erdoğan & Fessler 1999, doi
 * 10.1088/0031-9155/44/11/311). q-generalised Gaussian: Thibault et al. 2007, doi 10.1118/1.2789499. Not TV.
 */
import { createRegistry, type RealArray, type Registry } from "@alara/core";
import { ReconError } from "../errors.ts";
import { checkAtLeast } from "./problem.ts";

/** A potential in units of δ: ψ(t) = δ² value(t/δ), ψ̇(t)/t = ratio(t/δ); ratio(0) = 1 and falls with |u|. */
export interface Potential {
  value(u: number): number;
  ratio(u: number): number;
}

/** Exponent q of the q-generalised Gaussian; p is 2. */
const Q = 1.2;

/**
 * Potentials by name: `quadratic` u²/2; `huber` u²/2 up to 1, then |u| − ½; `fair` |u| − log(1 + |u|);
 * `q-generalised` (u²/2)/(1 + |u|^{2−q}) with q = 1.2, between quadratic and nearly linear.
 *
 * Tested: ratio is the derivative of value over u and does not rise.
 */
export const potentials: Registry<Potential> = createRegistry<Potential>("potential", [
  ["quadratic", { value: (u) => (u * u) / 2, ratio: () => 1 }],
  [
    "huber",
    {
      value: (u) => (Math.abs(u) <= 1 ? (u * u) / 2 : Math.abs(u) - 0.5),
      ratio: (u) => (Math.abs(u) <= 1 ? 1 : 1 / Math.abs(u)),
    },
  ],
  [
    "fair",
    {
      value: (u) => Math.abs(u) - Math.log1p(Math.abs(u)),
      ratio: (u) => 1 / (1 + Math.abs(u)),
    },
  ],
  [
    "q-generalised",
    {
      value: (u) => (u * u) / 2 / (1 + Math.abs(u) ** (2 - Q)),
      ratio: (u) => {
        const power = Math.abs(u) ** (2 - Q);
        return (1 - ((2 - Q) * power) / (2 * (1 + power))) / (1 + power);
      },
    },
  ],
]);

/** What to penalise. */
export interface RoughnessOptions {
  /** `[slices, rows, columns]` */
  readonly size: readonly [number, number, number];
  /** Name in {@link potentials}; default `"quadratic"`. */
  readonly potential?: string;
  /** δ > 0 in units of x: differences above it count as edges. Default 1; without meaning for `"quadratic"`. */
  readonly delta?: number;
  /** `"all"`: 8 in 2D, 26 in 3D, weighted by 1/distance; `"faces"`: 4 and 6. Default `"all"`. */
  readonly neighbourhood?: "faces" | "all";
  /** Voxel spacing `[slice, row, column]` for the distances; default equal. */
  readonly spacing?: readonly [number, number, number];
  /** κ of each voxel; default ones. With κ² = AᵀW1/Aᵀ1 resolution is about even (Fessler & Rogers 1996). */
  readonly kappa?: RealArray;
  /** δ of each voxel as a factor on `delta` (pairs take the mean); default ones. */
  readonly deltaMap?: RealArray;
}

/** A penalty ready to use. */
export interface RoughnessPenalty {
  /** R(x) */
  evaluate(x: RealArray): number;
  /**
   * Adds β∇R(x) to `gradient` and, when given, the curvature of a separable quadratic that touches βR at x and lies
   * above it to `curvature`.
   *
   * @param isFixed - takes the curvature that holds for every x (needed with momentum); default false
   */
  addGradient(
    x: RealArray,
    strength: number,
    gradient: RealArray,
    curvature?: RealArray,
    options?: { readonly isFixed?: boolean },
  ): void;
}

interface Neighbour {
  readonly ds: number;
  readonly dr: number;
  readonly dc: number;
  readonly weight: number;
}

function listNeighbours(options: RoughnessOptions): readonly Neighbour[] {
  const { size, neighbourhood = "all", spacing = [1, 1, 1] } = options;
  const unit = Math.min(...spacing.filter((_, axis) => size[axis] > 1));
  const result: Neighbour[] = [];
  for (const ds of size[0] > 1 ? [0, 1] : [0]) {
    for (const dr of size[1] > 1 ? [-1, 0, 1] : [0]) {
      for (const dc of size[2] > 1 ? [-1, 0, 1] : [0]) {
        if (ds * 9 + dr * 3 + dc <= 0) continue;
        if (neighbourhood === "faces" && Math.abs(ds) + Math.abs(dr) + Math.abs(dc) > 1) continue;
        const distance = Math.hypot(ds * spacing[0], dr * spacing[1], dc * spacing[2]);
        result.push({ ds, dr, dc, weight: unit / distance });
      }
    }
  }
  return result;
}

/**
 * Prepares a penalty. Costs no memory of the image's size.
 *
 * @throws ReconError `SHAPE_MISMATCH` for maps that do not fit, `OUT_OF_RANGE` for δ ≤ 0; CoreError `UNKNOWN_NAME`
 * Tested: gradient against differences of `evaluate`, the surrogate above the penalty.
 */
export function createRoughnessPenalty(options: RoughnessOptions): RoughnessPenalty {
  const { size, delta = 1, kappa, deltaMap } = options;
  checkAtLeast("delta", delta, 0, true);
  const [slices, rows, columns] = size;
  const voxels = slices * rows * columns;
  for (const [name, map] of [
    ["kappa", kappa],
    ["deltaMap", deltaMap],
  ] as const) {
    if (map !== undefined && map.length !== voxels) {
      throw new ReconError("SHAPE_MISMATCH", `${name} has ${map.length} samples, the image ${voxels}`);
    }
  }
  const potential = potentials.get(options.potential ?? "quadratic");
  const neighbours = listNeighbours(options);
  const visitLines = (
    onLine: (first: number, last: number, stride: number, weight: number) => void,
  ): void => {
    for (const { ds, dr, dc, weight } of neighbours) {
      const stride = (ds * rows + dr) * columns + dc;
      for (let s = 0; s + ds < slices; s++) {
        for (let r = Math.max(0, -dr); r < Math.min(rows, rows - dr); r++) {
          const line = (s * rows + r) * columns;
          onLine(line + Math.max(0, -dc), line + Math.min(columns, columns - dc), stride, weight);
        }
      }
    }
  };
  const getDelta = (j: number, k: number): number =>
    deltaMap === undefined ? delta : (delta * (deltaMap[j] + deltaMap[k])) / 2;
  return {
    evaluate(x) {
      let sum = 0;
      visitLines((first, last, stride, weight) => {
        for (let j = first; j < last; j++) {
          const k = j + stride;
          const d = getDelta(j, k);
          const scale = kappa === undefined ? weight : weight * kappa[j] * kappa[k];
          sum += scale * d * d * potential.value((x[j] - x[k]) / d);
        }
      });
      return sum;
    },
    addGradient(x, strength, gradient, curvature, { isFixed = false } = {}) {
      visitLines((first, last, stride, weight) => {
        for (let j = first; j < last; j++) {
          const k = j + stride;
          const difference = x[j] - x[k];
          const scale = strength * (kappa === undefined ? weight : weight * kappa[j] * kappa[k]);
          const slope = scale * potential.ratio(difference / getDelta(j, k));
          gradient[j] += slope * difference;
          gradient[k] -= slope * difference;
          if (curvature !== undefined) {
            const bend = 2 * (isFixed ? scale : slope);
            curvature[j] += bend;
            curvature[k] += bend;
          }
        }
      });
    },
  };
}
