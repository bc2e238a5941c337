/**
 * Isotropic total variation in 2D and 3D and its proximal map by the fast gradient projection of Beck & Teboulle 2009
 * (doi 10.1109/TIP.2009.2028250), algorithm FGP: forward differences, none across the far edge, one dual vector per
 * voxel inside the unit ball. Axes of one sample take no part. Not Chambolle's slower semi-implicit scheme.
 */
import type { RealArray } from "@alara/core";
import { ReconError } from "../errors.ts";
import { checkAtLeast } from "./problem.ts";
import { allocateLike, isFiniteArray } from "./vectors.ts";

/** Shape and measure of the differences. */
export interface TvGrid {
  /** `[slices, rows, columns]` */
  readonly size: readonly [number, number, number];
  /** Factors of the differences `[slice, row, column]`; default ones. `pixel/spacing` makes TV a length in space. */
  readonly axisWeights?: readonly [number, number, number];
}

/** A grid with or without weights. */
export function createTvGrid(size: TvGrid["size"], axisWeights?: TvGrid["axisWeights"]): TvGrid {
  return axisWeights === undefined ? { size } : { size, axisWeights };
}

/** ‖∇‖² ≤ 4 Σ w² over the axes of more than one sample: 8 in 2D, 12 in 3D. */
export function boundGradientNormSquared(grid: TvGrid): number {
  let sum = 0;
  grid.size.forEach((samples, axis) => {
    if (samples > 1) sum += 4 * (grid.axisWeights?.[axis] ?? 1) ** 2;
  });
  return sum;
}

/**
 * Σ |∇x| over all voxels.
 *
 * Tested against the dual bound of {@link denoiseTv} and by hand on small arrays.
 */
export function computeTotalVariation(x: RealArray, grid: TvGrid): number {
  const [slices, rows, columns] = grid.size;
  const [ws, wr, wc] = grid.axisWeights ?? [1, 1, 1];
  const plane = rows * columns;
  let sum = 0;
  for (let s = 0, i = 0; s < slices; s++) {
    const hasSlice = s + 1 < slices;
    for (let r = 0; r < rows; r++) {
      const hasRow = r + 1 < rows;
      for (let c = 0; c < columns; c++, i++) {
        const value = x[i];
        const dc = c + 1 < columns ? wc * (x[i + 1] - value) : 0;
        const dr = hasRow ? wr * (x[i + columns] - value) : 0;
        const ds = hasSlice ? ws * (x[i + plane] - value) : 0;
        sum += Math.sqrt(dc * dc + dr * dr + ds * ds);
      }
    }
  }
  return sum;
}

/** A vector per voxel: components along column, row and slice; the last is empty for one slice. */
export interface TvField<A extends RealArray = RealArray> {
  readonly column: A;
  readonly row: A;
  readonly slice: A;
}

/** A zero field. */
export function createTvField<A extends RealArray>(like: A, grid: TvGrid): TvField<A> {
  const [slices, rows, columns] = grid.size;
  const voxels = slices * rows * columns;
  return {
    column: allocateLike(like, voxels),
    row: allocateLike(like, voxels),
    slice: allocateLike(like, slices > 1 ? voxels : 0),
  };
}

/**
 * y = Π_{|·| ≤ radius}(y + step · ∇x), voxel by voxel: the dual ascent of primal–dual methods.
 */
export function ascendTvDual(y: TvField, x: RealArray, step: number, radius: number, grid: TvGrid): void {
  const [slices, rows, columns] = grid.size;
  const [ws, wr, wc] = grid.axisWeights ?? [1, 1, 1];
  const { column, row, slice } = y;
  const plane = rows * columns;
  const is3d = slices > 1;
  const limit = radius * radius;
  for (let s = 0, i = 0; s < slices; s++) {
    const hasSlice = s + 1 < slices;
    for (let r = 0; r < rows; r++) {
      const hasRow = r + 1 < rows;
      for (let c = 0; c < columns; c++, i++) {
        const value = x[i];
        const a = c + 1 < columns ? column[i] + step * wc * (x[i + 1] - value) : 0;
        const b = hasRow ? row[i] + step * wr * (x[i + columns] - value) : 0;
        const d = hasSlice ? slice[i] + step * ws * (x[i + plane] - value) : 0;
        const norm = a * a + b * b + d * d;
        const factor = norm > limit ? radius / Math.sqrt(norm) : 1;
        column[i] = a * factor;
        row[i] = b * factor;
        if (is3d) slice[i] = d * factor;
      }
    }
  }
}

/** out += factor · div y, the negative adjoint of ∇. */
export function addDivergence(out: RealArray, y: TvField, factor: number, grid: TvGrid): void {
  const [slices, rows, columns] = grid.size;
  const [ws, wr, wc] = grid.axisWeights ?? [1, 1, 1];
  const { column, row, slice } = y;
  const plane = rows * columns;
  for (let s = 0, i = 0; s < slices; s++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++, i++) {
        let sum =
          wc * (column[i] - (c > 0 ? column[i - 1] : 0)) + wr * (row[i] - (r > 0 ? row[i - columns] : 0));
        if (slices > 1) sum += ws * (slice[i] - (s > 0 ? slice[i - plane] : 0));
        out[i] += factor * sum;
      }
    }
  }
}

/**
 * out += factor · gradient of Σ √(|∇x|² + smoothing²): the steepest descent of total variation.
 */
export function addTvGradient(
  out: RealArray,
  x: RealArray,
  factor: number,
  smoothing: number,
  grid: TvGrid,
): void {
  const [slices, rows, columns] = grid.size;
  const [ws, wr, wc] = grid.axisWeights ?? [1, 1, 1];
  const plane = rows * columns;
  const floor = smoothing * smoothing;
  for (let s = 0, i = 0; s < slices; s++) {
    const hasSlice = s + 1 < slices;
    for (let r = 0; r < rows; r++) {
      const hasRow = r + 1 < rows;
      for (let c = 0; c < columns; c++, i++) {
        const value = x[i];
        const dc = c + 1 < columns ? wc * (x[i + 1] - value) : 0;
        const dr = hasRow ? wr * (x[i + columns] - value) : 0;
        const ds = hasSlice ? ws * (x[i + plane] - value) : 0;
        const norm = Math.sqrt(dc * dc + dr * dr + ds * ds + floor);
        if (norm === 0) continue;
        const scale = factor / norm;
        out[i] -= scale * (wc * dc + wr * dr + ws * ds);
        if (dc !== 0) out[i + 1] += scale * wc * dc;
        if (dr !== 0) out[i + columns] += scale * wr * dr;
        if (ds !== 0) out[i + plane] += scale * ws * ds;
      }
    }
  }
}

/** Primal and dual values of min ½‖x − f‖² + λ TV(x) at one dual field. */
export interface TvCertificate {
  readonly primal: number;
  /** Never above the minimum. */
  readonly dual: number;
}

/** The proximal map of λ TV with memory of its last dual field. */
export interface TvProx<A extends RealArray = RealArray> {
  /** Forgets the momentum but keeps the dual field: a warm start for another image. */
  restart(): void;
  /**
   * Runs FGP on from where it stands.
   *
   * @param f - the image; not changed
   * @param weight - λ > 0
   * @param out - working space, then the image of the last extrapolated field; not `f`
   */
  advance(f: A, weight: number, iterations: number, out: A): void;
  /** Writes the image of the present dual field into `out`. */
  writeImage(f: A, weight: number, out: A): void;
  /** Writes the image of the present dual field into `out` and measures how far it is from the minimum. */
  certify(f: A, weight: number, out: A): TvCertificate;
}

/**
 * Prepares the proximal map; memory: 4 images in 2D, 6 in 3D.
 *
 * @param nonNegative - restricts x to x ≥ 0; default false
 */
export function createTvProx<A extends RealArray>(like: A, grid: TvGrid, nonNegative = false): TvProx<A> {
  const [slices, rows, columns] = grid.size;
  const [ws, wr, wc] = grid.axisWeights ?? [1, 1, 1];
  const plane = rows * columns;
  const p = createTvField(like, grid);
  const q = createTvField(like, grid);
  const inverseBound = 1 / boundGradientNormSquared(grid);
  const lineCount = slices * rows;
  // A line's duals are updated when all image values they need exist, while the image values still to come need
  // no duals updated: the update follows `lag` lines behind, and one pass does both.
  const lag = slices > 1 ? rows : 1;
  let t = 1;

  return {
    restart() {
      t = 1;
      q.column.set(p.column);
      q.row.set(p.row);
      q.slice.set(p.slice);
    },
    advance(f, weight, iterations, out) {
      const step = inverseBound / weight;
      for (let k = 0; k < iterations; k++) {
        const next = (1 + Math.sqrt(1 + 4 * t * t)) / 2;
        const momentum = (t - 1) / next;
        t = next;
        for (let line = 0; line < lineCount + lag; line++) {
          if (line < lineCount) computeLine(f, weight, q, line, out);
          if (line >= lag) updateLine(out, step, momentum, line - lag);
        }
      }
    },
    writeImage(f, weight, out) {
      for (let line = 0; line < lineCount; line++) computeLine(f, weight, p, line, out);
    },
    certify(f, weight, out) {
      let fidelity = 0;
      let dual = 0;
      for (let line = 0; line < lineCount; line++) {
        // z = f + λ div p; D = ½‖f‖² − ½‖z‖² + ½‖z − Πz‖² (Beck & Teboulle 2009, prop. 4.1).
        fillLine(f, weight, p, line, out);
        for (let i = line * columns; i < (line + 1) * columns; i++) {
          const z = out[i];
          const clipped = nonNegative && z < 0 ? 0 : z;
          dual += f[i] * f[i] - z * z + (z - clipped) * (z - clipped);
          fidelity += (clipped - f[i]) * (clipped - f[i]);
          out[i] = clipped;
        }
      }
      return { primal: fidelity / 2 + weight * computeTotalVariation(out, grid), dual: dual / 2 };
    },
  };

  /** x = f + λ div y on one line. */
  function fillLine(f: A, weight: number, y: TvField<A>, line: number, out: A): void {
    const { column, row, slice } = y;
    const first = line * columns;
    const hasAbove = line % rows > 0;
    const a = weight * wc;
    const b = weight * wr;
    let left = 0;
    if (hasAbove) {
      for (let i = first; i < first + columns; i++) {
        const here = column[i];
        out[i] = f[i] + a * (here - left) + b * (row[i] - row[i - columns]);
        left = here;
      }
    } else {
      for (let i = first; i < first + columns; i++) {
        const here = column[i];
        out[i] = f[i] + a * (here - left) + b * row[i];
        left = here;
      }
    }
    if (slices > 1) {
      const d = weight * ws;
      const hasBelow = line >= rows;
      for (let i = first; i < first + columns; i++) {
        out[i] += d * (slice[i] - (hasBelow ? slice[i - plane] : 0));
      }
    }
  }

  function computeLine(f: A, weight: number, y: TvField<A>, line: number, out: A): void {
    fillLine(f, weight, y, line, out);
    if (!nonNegative) return;
    for (let i = line * columns; i < (line + 1) * columns; i++) if (out[i] < 0) out[i] = 0;
  }

  /** p⁺ = Π(q + ∇x/(Lλ)), q = p⁺ + momentum · (p⁺ − p) on one line. */
  function updateLine(x: A, step: number, momentum: number, line: number): void {
    const first = line * columns;
    const last = first + columns - 1;
    const hasRow = (line % rows) + 1 < rows;
    const hasSlice = line + rows < lineCount;
    const a = step * wc;
    const b = hasRow ? step * wr : 0;
    const d = hasSlice ? step * ws : 0;
    const rowStride = hasRow ? columns : 0;
    const sliceStride = hasSlice ? plane : 0;
    const { column: pc, row: pr, slice: ps } = p;
    const { column: qc, row: qr, slice: qs } = q;
    if (slices === 1) {
      for (let i = first; i <= last; i++) {
        const value = x[i];
        let u = i < last ? qc[i] + a * (x[i + 1] - value) : 0;
        let v = qr[i] + b * (x[i + rowStride] - value);
        const norm = u * u + v * v;
        if (norm > 1) {
          const factor = 1 / Math.sqrt(norm);
          u *= factor;
          v *= factor;
        }
        qc[i] = u + momentum * (u - pc[i]);
        qr[i] = v + momentum * (v - pr[i]);
        pc[i] = u;
        pr[i] = v;
      }
      return;
    }
    for (let i = first; i <= last; i++) {
      const value = x[i];
      let u = i < last ? qc[i] + a * (x[i + 1] - value) : 0;
      let v = qr[i] + b * (x[i + rowStride] - value);
      let w = qs[i] + d * (x[i + sliceStride] - value);
      const norm = u * u + v * v + w * w;
      if (norm > 1) {
        const factor = 1 / Math.sqrt(norm);
        u *= factor;
        v *= factor;
        w *= factor;
      }
      qc[i] = u + momentum * (u - pc[i]);
      qr[i] = v + momentum * (v - pr[i]);
      qs[i] = w + momentum * (w - ps[i]);
      pc[i] = u;
      pr[i] = v;
      ps[i] = w;
    }
  }
}

/** Options of {@link denoiseTv}. */
export interface DenoiseTvOptions extends TvGrid {
  /** λ > 0, in units of the samples. */
  readonly weight: number;
  /** Most iterations; default 200. */
  readonly iterations?: number;
  /** Stops when (primal − dual) ≤ this · primal, looked at every ten iterations; default 1e-4; 0: never. */
  readonly gapTolerance?: number;
  /** Restricts x to x ≥ 0; default false. */
  readonly nonNegative?: boolean;
  /** Aborts between groups of ten iterations. */
  readonly signal?: AbortSignal;
}

/** What {@link denoiseTv} returns. */
export interface DenoisedTv<A extends RealArray = RealArray> extends TvCertificate {
  readonly image: A;
  readonly iterations: number;
}

/**
 * argmin_x ½‖x − f‖² + λ TV(x): total-variation denoising of an image or a volume (Rudin, Osher & Fatemi 1992).
 *
 * @param f - `[slice][row][column]`, any unit; not changed
 * @returns the image with its primal value and a dual value that no image can go below, so that
 *   primal − dual bounds the error: ½‖x − x*‖² ≤ primal − dual
 * @throws ReconError `SHAPE_MISMATCH`, `NON_FINITE`, `OUT_OF_RANGE`
 * Tested: gap → 0, the dual bounds every primal value seen, scikit-image's `denoise_tv_chambolle` on one image.
 */
export function denoiseTv<A extends RealArray>(f: A, options: DenoiseTvOptions): DenoisedTv<A> {
  const { size, weight, iterations = 200, gapTolerance = 1e-4 } = options;
  if (f.length !== size[0] * size[1] * size[2]) {
    throw new ReconError(
      "SHAPE_MISMATCH",
      `image has ${f.length} samples but size ${size.join(" × ")} = ${size[0] * size[1] * size[2]}`,
    );
  }
  if (!isFiniteArray(f))
    throw new ReconError("NON_FINITE", "the image has NaN or infinite samples; mend them first");
  checkAtLeast("weight", weight, 0, true);
  checkAtLeast("gapTolerance", gapTolerance, 0);
  checkAtLeast("iterations", iterations, 1);
  const image = allocateLike(f);
  const prox = createTvProx(f, options, options.nonNegative);
  let done = 0;
  let certificate = prox.certify(f, weight, image);
  while (done < iterations) {
    options.signal?.throwIfAborted();
    const count = Math.min(10, iterations - done);
    prox.advance(f, weight, count, image);
    done += count;
    certificate = prox.certify(f, weight, image);
    if (certificate.primal - certificate.dual <= gapTolerance * certificate.primal) break;
  }
  return { image, iterations: done, ...certificate };
}
