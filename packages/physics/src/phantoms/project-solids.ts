/**
 * Exact sinograms of phantoms of values, in every scan geometry: line integrals along pencil rays, averaged over a
 * channel where asked. Monoenergetic and noise-free; whole scans with spectra stand in ../scan.
 */
import { createSinogram, isPlanarGeometry, type ScanGeometry, type Sinogram } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { createRayCaster } from "../scanners/rays.ts";
import type { ValuePhantom } from "./solid.ts";
import { createValueProjector } from "./trace-solids.ts";

/** Options of {@link projectValuePhantom}. */
export interface ProjectSolidsOptions {
  /** Rays per channel, evenly over its width, averaged as line integrals; default 1 (pencil beam). */
  readonly raysPerChannel?: number;
  /** Rays per detector row, likewise; default 1. Ignored by planar geometries. */
  readonly raysPerRow?: number;
  /** Planar geometries: height z of each slice, mm; default `[0]`. Refused by all others. */
  readonly sliceHeightsMm?: readonly number[];
}

/**
 * Exact sinogram of a phantom.
 *
 * @param phantom - values in 1/mm
 * @returns planar: `[slice][view][channel]`, one slice per height; others `[view][row][channel]`
 * @throws PhysicsError `OUT_OF_RANGE` for options that are none; as `createValueProjector`
 * Tested against the Shepp–Logan table of tomography.md §3.2 in all geometries.
 */
export function projectValuePhantom<G extends ScanGeometry>(
  phantom: ValuePhantom,
  geometry: G,
  options: ProjectSolidsOptions = {},
): Sinogram<"line integral", G> {
  const isPlanar = isPlanarGeometry(geometry);
  const raysPerChannel = checkCount("raysPerChannel", options.raysPerChannel ?? 1);
  const raysPerRow = isPlanar ? 1 : checkCount("raysPerRow", options.raysPerRow ?? 1);
  if (!isPlanar && options.sliceHeightsMm !== undefined) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `sliceHeightsMm belongs to planar geometries; a ${geometry.kind} scan is one volume, leave it out`,
    );
  }
  const heights = options.sliceHeightsMm ?? [0];
  if (heights.length === 0 || !heights.every(Number.isFinite)) {
    throw new PhysicsError("OUT_OF_RANGE", `sliceHeightsMm [${heights}] must be one or more finite heights`);
  }
  const projector = createValueProjector(phantom);
  const caster = createRayCaster(geometry);
  const sinogram = createSinogram("line integral", geometry, heights.length);
  const ray = new Float64Array(6);
  const rays = raysPerChannel * raysPerRow;
  let at = 0;
  for (const height of heights) {
    for (let view = 0; view < caster.views; view++) {
      for (let row = 0; row < caster.rows; row++) {
        for (let channel = 0; channel < caster.channels; channel++) {
          let sum = 0;
          for (let a = 0; a < raysPerRow; a++) {
            const atRow = row + (a + 0.5) / raysPerRow - 0.5;
            for (let b = 0; b < raysPerChannel; b++) {
              caster.cast(view, atRow, channel + (b + 0.5) / raysPerChannel - 0.5, ray);
              if (isPlanar) ray[2] = height;
              sum += projector.integrate(ray);
            }
          }
          sinogram.data[at++] = sum / rays;
        }
      }
    }
  }
  return sinogram;
}

function checkCount(name: string, count: number): number {
  if (!(Number.isInteger(count) && count >= 1)) {
    throw new PhysicsError("OUT_OF_RANGE", `${name} ${count} is not an integer ≥ 1`);
  }
  return count;
}
