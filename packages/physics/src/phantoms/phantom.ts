/**
 * 2D phantoms of ellipses with exact line integrals and sub-pixel voxelisation (tomography.md §3.2). Analytic:
 * no voxel grid stands between a phantom and its sinogram. Only ellipses; no spectra (one value per shape).
 */
import {
  createVolume,
  type FanArcGeometry,
  type GridGeometry,
  type Sinogram,
  type Unit,
  type Volume,
} from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { createPlaneGrid } from "../projectors/grids.ts";
import { getRayAngleRad } from "../scanners/scanners.ts";

/** A filled ellipse. */
export interface Ellipse {
  readonly xMm: number;
  readonly yMm: number;
  /** Semi-axis along the ellipse's own x, mm. */
  readonly semiAxisXMm: number;
  readonly semiAxisYMm: number;
  /** Rotation of the own x axis from +x towards +y, rad. */
  readonly rotationRad: number;
  readonly value: number;
}

/**
 * A phantom in the plane; x along columns, y along rows, origin on the rotation axis.
 * `"additive"`: the value at a point is `background` plus the values of all ellipses there.
 * `"replace"`: it is the value of the last ellipse there, or `background`.
 */
export interface Phantom<U extends Unit = Unit> {
  readonly unit: U;
  readonly composition: "additive" | "replace";
  readonly background: number;
  readonly ellipses: readonly Ellipse[];
}

/** The same phantom as attenuation, µ = µ_water (1 + HU/1000); the background must be −1000 HU. */
export function convertPhantomToMu(phantom: Phantom<"HU">, muWaterPerMm: number): Phantom<"1/mm"> {
  if (phantom.composition !== "replace" || phantom.background !== -1000) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `only a "replace" phantom on −1000 HU has attenuation of finite extent, got "${phantom.composition}" on ${phantom.background}`,
    );
  }
  const toMu = (hu: number): number => muWaterPerMm * (1 + hu / 1000);
  return {
    unit: "1/mm",
    composition: "replace",
    background: 0,
    ellipses: phantom.ellipses.map((ellipse) => ({ ...ellipse, value: toMu(ellipse.value) })),
  };
}

/** Ellipse with its trigonometry done: maps (x, y) to the unit disc. */
interface PreparedEllipse {
  readonly x: number;
  readonly y: number;
  readonly ux: number;
  readonly uy: number;
  readonly vx: number;
  readonly vy: number;
  readonly value: number;
}

function prepareEllipse(e: Ellipse): PreparedEllipse {
  const cosine = Math.cos(e.rotationRad);
  const sine = Math.sin(e.rotationRad);
  return {
    x: e.xMm,
    y: e.yMm,
    ux: cosine / e.semiAxisXMm,
    uy: sine / e.semiAxisXMm,
    vx: -sine / e.semiAxisYMm,
    vy: cosine / e.semiAxisYMm,
    value: e.value,
  };
}

/** Prepared line integrals of one phantom. */
export interface PhantomProjector {
  /**
   * Integral along the whole line through (x, y) with unit direction (dx, dy), in value·mm.
   */
  integrate(xMm: number, yMm: number, directionX: number, directionY: number): number;
}

/**
 * Prepares exact line integrals. The background must be 0.
 *
 * @remarks Additive: 2 v √disc/|d̂|, summed. Replace: each piece between crossings counts for the last ellipse
 * that holds it. Tested against the Shepp–Logan table of tomography.md §3.2 to 1e-9.
 */
export function createPhantomProjector(phantom: Phantom): PhantomProjector {
  if (phantom.background !== 0) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `line integrals need a background of 0, got ${phantom.background}; convert HU with convertPhantomToMu`,
    );
  }
  const prepared = phantom.ellipses.map(prepareEllipse);
  const starts = new Float64Array(prepared.length);
  const ends = new Float64Array(prepared.length);
  const hits = new Int32Array(prepared.length);
  const isAdditive = phantom.composition === "additive";
  return {
    integrate(x, y, directionX, directionY) {
      let count = 0;
      let total = 0;
      for (let i = 0; i < prepared.length; i++) {
        const e = prepared[i];
        const px = x - e.x;
        const py = y - e.y;
        const u = e.ux * px + e.uy * py;
        const v = e.vx * px + e.vy * py;
        const du = e.ux * directionX + e.uy * directionY;
        const dv = e.vx * directionX + e.vy * directionY;
        const a = du * du + dv * dv;
        // Distance² of the line from the centre in disc coordinates, by the cross product.
        const cross = u * dv - v * du;
        const discriminant = a - cross * cross;
        if (discriminant <= 0) continue;
        const half = Math.sqrt(discriminant) / a;
        if (isAdditive) {
          total += 2 * half * e.value;
          continue;
        }
        const middle = -(u * du + v * dv) / a;
        starts[count] = middle - half;
        ends[count] = middle + half;
        hits[count++] = i;
      }
      if (isAdditive || count === 0) return total;
      const cuts = new Float64Array(2 * count);
      for (let i = 0; i < count; i++) {
        cuts[2 * i] = starts[i];
        cuts[2 * i + 1] = ends[i];
      }
      cuts.sort();
      for (let k = 0; k + 1 < cuts.length; k++) {
        const length = cuts[k + 1] - cuts[k];
        if (length <= 0) continue;
        const t = (cuts[k] + cuts[k + 1]) / 2;
        for (let i = count - 1; i >= 0; i--) {
          if (t > starts[i] && t < ends[i]) {
            total += length * prepared[hits[i]].value;
            break;
          }
        }
      }
      return total;
    },
  };
}

/** Options of {@link projectPhantom}. */
export interface ProjectPhantomOptions {
  /** Rays per channel, evenly over its width, averaged as line integrals; default 1 (pencil beam). */
  readonly raysPerChannel?: number;
}

/**
 * Exact fan-beam sinogram of a phantom in 1/mm.
 *
 * @returns one slice of line integrals, `[view][channel]`
 */
export function projectPhantom(
  phantom: Phantom<"1/mm">,
  geometry: FanArcGeometry,
  options: ProjectPhantomOptions = {},
): Sinogram<"line integral", FanArcGeometry> {
  const rays = options.raysPerChannel ?? 1;
  const projector = createPhantomProjector(phantom);
  const views = geometry.anglesRad.length;
  const data = new Float32Array(views * geometry.channels);
  for (let v = 0; v < views; v++) {
    const beta = geometry.anglesRad[v];
    const x = geometry.sourceToIsoMm * Math.cos(beta);
    const y = geometry.sourceToIsoMm * Math.sin(beta);
    for (let c = 0; c < geometry.channels; c++) {
      let sum = 0;
      for (let k = 0; k < rays; k++) {
        const angle = beta - getRayAngleRad(geometry, c + (k + 0.5) / rays - 0.5);
        sum += projector.integrate(x, y, -Math.cos(angle), -Math.sin(angle));
      }
      data[v * geometry.channels + c] = sum / rays;
    }
  }
  return { unit: "line integral", geometry, slices: 1, data };
}

/** Options of {@link voxelizePhantom}. */
export interface VoxelizeOptions {
  /** Samples per pixel edge where a boundary crosses it; default 8. */
  readonly subsamples?: number;
  /** Rotation axis from the image centre, `[row, column]` mm; default `[0, 0]`. */
  readonly axisOffsetMm?: readonly [number, number];
}

/**
 * Samples a phantom on a grid; boundary pixels get the mean of `subsamples²` points. Every slice is the same.
 *
 * @returns volume `[slice][row][column]` in the phantom's unit
 */
export function voxelizePhantom<U extends Unit>(
  phantom: Phantom<U>,
  geometry: GridGeometry,
  options: VoxelizeOptions = {},
): Volume<U> {
  const subsamples = options.subsamples ?? 8;
  if (!(subsamples >= 1) || !Number.isInteger(subsamples)) {
    throw new PhysicsError("OUT_OF_RANGE", `subsamples ${subsamples} is not an integer ≥ 1`);
  }
  const grid = createPlaneGrid(geometry, options.axisOffsetMm);
  const { rows, columns } = grid;
  const prepared = phantom.ellipses.map(prepareEllipse);
  const plane = new Float64Array(rows * columns).fill(phantom.background);
  const isBoundary = new Uint8Array(rows * columns);
  const isAdditive = phantom.composition === "additive";
  const halfDiagonal = Math.hypot(grid.rowSpacingMm, grid.columnSpacingMm) / 2;
  phantom.ellipses.forEach((ellipse, index) => {
    const e = prepared[index];
    const reach = Math.max(ellipse.semiAxisXMm, ellipse.semiAxisYMm) + halfDiagonal;
    const rowStart = Math.max(0, Math.floor((e.y - reach - grid.firstRowMm) / grid.rowSpacingMm));
    const rowEnd = Math.min(rows, Math.ceil((e.y + reach - grid.firstRowMm) / grid.rowSpacingMm) + 1);
    const columnStart = Math.max(0, Math.floor((e.x - reach - grid.firstColumnMm) / grid.columnSpacingMm));
    const columnEnd = Math.min(
      columns,
      Math.ceil((e.x + reach - grid.firstColumnMm) / grid.columnSpacingMm) + 1,
    );
    // The disc coordinate changes by at most this over half a pixel diagonal.
    const slack = halfDiagonal / Math.min(ellipse.semiAxisXMm, ellipse.semiAxisYMm);
    for (let r = rowStart; r < rowEnd; r++) {
      const y = grid.firstRowMm + r * grid.rowSpacingMm - e.y;
      for (let c = columnStart; c < columnEnd; c++) {
        const x = grid.firstColumnMm + c * grid.columnSpacingMm - e.x;
        const radius = Math.hypot(e.ux * x + e.uy * y, e.vx * x + e.vy * y);
        const i = r * columns + c;
        if (radius <= 1) plane[i] = isAdditive ? plane[i] + e.value : e.value;
        if (radius <= 1 - slack) {
          if (!isAdditive) isBoundary[i] = 0;
        } else if (radius < 1 + slack) {
          isBoundary[i] = 1;
        }
      }
    }
  });
  const reaches = phantom.ellipses.map((e) => Math.max(e.semiAxisXMm, e.semiAxisYMm) + halfDiagonal);
  const valueAt = (near: readonly PreparedEllipse[], x: number, y: number): number => {
    let value = phantom.background;
    for (let k = near.length - 1; k >= 0; k--) {
      const e = near[k];
      const px = x - e.x;
      const py = y - e.y;
      const u = e.ux * px + e.uy * py;
      const v = e.vx * px + e.vy * py;
      if (u * u + v * v > 1) continue;
      if (!isAdditive) return e.value;
      value += e.value;
    }
    return value;
  };
  for (let r = 0; r < rows; r++) {
    const rowMm = grid.firstRowMm + r * grid.rowSpacingMm;
    const inRow = prepared.map((_, k) => k).filter((k) => Math.abs(prepared[k].y - rowMm) <= reaches[k]);
    for (let c = 0; c < columns; c++) {
      const i = r * columns + c;
      if (isBoundary[i] === 0) continue;
      const columnMm = grid.firstColumnMm + c * grid.columnSpacingMm;
      const near = inRow
        .filter((k) => Math.hypot(prepared[k].x - columnMm, prepared[k].y - rowMm) <= reaches[k])
        .map((k) => prepared[k]);
      let sum = 0;
      for (let a = 0; a < subsamples; a++) {
        const y = grid.firstRowMm + (r + (a + 0.5) / subsamples - 0.5) * grid.rowSpacingMm;
        for (let b = 0; b < subsamples; b++) {
          sum += valueAt(
            near,
            grid.firstColumnMm + (c + (b + 0.5) / subsamples - 0.5) * grid.columnSpacingMm,
            y,
          );
        }
      }
      plane[i] = sum / (subsamples * subsamples);
    }
  }
  const volume = createVolume(phantom.unit, geometry);
  for (let slice = 0; slice < geometry.size[0]; slice++) volume.data.set(plane, slice * rows * columns);
  return volume;
}
