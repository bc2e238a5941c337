/**
 * 2D phantoms of ellipses in HU or 1/mm (tomography.md §3.2), as training pairs and slice tests use them. They are
 * the same solids as in 3D: endless elliptic cylinders, so line integrals and voxels come from the one engine
 * (trace-solids.ts, solid-rows.ts). One value per shape, no spectra.
 */
import type { GridGeometry, PlanarGeometry, Sinogram, Unit, Volume } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { createAxes } from "./place-solids.ts";
import { projectValuePhantom } from "./project-solids.ts";
import type { ValuePhantom } from "./solid.ts";
import { createValueProjector } from "./trace-solids.ts";
import { voxelizeSolids } from "./voxelize-solids.ts";

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

/** Options of {@link extrudePhantom}. */
export interface ExtrudePhantomOptions {
  /** Default `"extruded"`. */
  readonly name?: string;
  /** Reach along z, mm; default `Infinity`. */
  readonly halfLengthMm?: number;
}

/**
 * A 2D phantom as solids: each ellipse becomes an elliptic cylinder along z, so that 3D scans can be made of it.
 *
 * @param phantom - its background must be 0
 * @throws PhysicsError `OUT_OF_RANGE`
 */
export function extrudePhantom(phantom: Phantom, options: ExtrudePhantomOptions = {}): ValuePhantom {
  if (phantom.background !== 0) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `line integrals need a background of 0, got ${phantom.background}; convert HU with convertPhantomToMu`,
    );
  }
  return extrudeContrast(phantom, options);
}

/** The phantom less its background. */
function extrudeContrast(phantom: Phantom, options: ExtrudePhantomOptions): ValuePhantom {
  const { name = "extruded", halfLengthMm = Infinity } = options;
  const base = phantom.composition === "replace" ? phantom.background : 0;
  return {
    name,
    composition: phantom.composition,
    solids: phantom.ellipses.map((e) => ({
      shape: {
        kind: "cylinder",
        centreMm: [e.xMm, e.yMm, 0],
        semiAxesMm: [e.semiAxisXMm, e.semiAxisYMm],
        halfLengthMm,
        axes: createAxes({ aboutZRad: e.rotationRad }),
      },
      content: e.value - base,
    })),
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
 * @throws PhysicsError `OUT_OF_RANGE`
 * @remarks Tested against the Shepp–Logan table of tomography.md §3.2 to 1e-9.
 */
export function createPhantomProjector(phantom: Phantom): PhantomProjector {
  const projector = createValueProjector(extrudePhantom(phantom));
  const ray = new Float64Array(6);
  return {
    integrate(xMm, yMm, directionX, directionY) {
      ray[0] = xMm;
      ray[1] = yMm;
      ray[3] = directionX;
      ray[4] = directionY;
      return projector.integrate(ray);
    },
  };
}

/** Options of {@link projectPhantom}. */
export interface ProjectPhantomOptions {
  /** Rays per channel, evenly over its width, averaged as line integrals; default 1 (pencil beam). */
  readonly raysPerChannel?: number;
}

/**
 * Exact sinogram of a phantom in 1/mm: parallel, fan-arc or fan-flat.
 *
 * @returns one slice of line integrals, `[view][channel]`
 * @throws PhysicsError `OUT_OF_RANGE`
 */
export function projectPhantom<G extends PlanarGeometry>(
  phantom: Phantom<"1/mm">,
  geometry: G,
  options: ProjectPhantomOptions = {},
): Sinogram<"line integral", G> {
  return projectValuePhantom(extrudePhantom(phantom), geometry, options);
}

/** Options of {@link voxelizePhantom}. */
export interface VoxelizeOptions {
  /** Lines per pixel edge, exact along x; default 8. */
  readonly subsamples?: number;
  /** Rotation axis from the image centre, `[row, column]` mm; default `[0, 0]`. */
  readonly axisOffsetMm?: readonly [number, number];
}

/**
 * Samples a phantom on a grid; boundary pixels get the mean over the pixel, exact along rows and of `subsamples`
 * lines across. Every slice is the same.
 *
 * @returns volume `[slice][row][column]` in the phantom's unit
 * @throws PhysicsError `OUT_OF_RANGE`
 */
export function voxelizePhantom<U extends Unit>(
  phantom: Phantom<U>,
  geometry: GridGeometry,
  options: VoxelizeOptions = {},
): Volume<U> {
  const { subsamples = 8, axisOffsetMm = [0, 0] } = options;
  const { data } = voxelizeSolids(extrudeContrast(phantom, {}), geometry, {
    subsamples,
    isocentreOffsetMm: [0, axisOffsetMm[0], axisOffsetMm[1]],
  });
  if (phantom.background !== 0) for (let i = 0; i < data.length; i++) data[i] += phantom.background;
  return { unit: phantom.unit, geometry, data };
}
