/** Scans of the tests of filtered back-projection: exact line integrals of balls and cylinders in any geometry. */
import {
  type ConeGeometry,
  countScanSamples,
  createSinogram,
  type PlanarGeometry,
  type Sinogram,
} from "@alara/core";
import { createRayCaster } from "@alara/physics";

export type Geometry = PlanarGeometry | ConeGeometry;

/** A ball, or a cylinder along z (a disc of planar scans). */
export interface Round {
  readonly shape: "ball" | "cylinder";
  readonly centreMm: readonly [number, number, number];
  readonly radiusMm: number;
  readonly mu: number;
}

/** Evenly spaced angles. */
export function spreadAngles(views: number, rangeRad: number, startRad = 0): Float64Array {
  return Float64Array.from({ length: views }, (_, k) => startRad + (rangeRad * k) / views);
}

/** Chord lengths × µ along every ray; `raysPerChannel` averages over the cell's width. */
export function projectRounds<G extends Geometry>(
  rounds: readonly Round[],
  geometry: G,
  raysPerChannel = 1,
): Sinogram<"line integral", G> {
  const caster = createRayCaster(geometry);
  const data = new Float32Array(countScanSamples(geometry));
  const ray = new Float64Array(6);
  let i = 0;
  for (let view = 0; view < caster.views; view++) {
    for (let row = 0; row < caster.rows; row++) {
      for (let channel = 0; channel < caster.channels; channel++) {
        let sum = 0;
        for (let k = 0; k < raysPerChannel; k++) {
          caster.cast(view, row, channel + (k + 0.5) / raysPerChannel - 0.5, ray);
          for (const round of rounds) sum += integrateRound(round, ray);
        }
        data[i++] = sum / raysPerChannel;
      }
    }
  }
  return createSinogram("line integral", geometry, 1, data);
}

function integrateRound({ shape, centreMm, radiusMm, mu }: Round, ray: Float64Array): number {
  const x = ray[0] - centreMm[0];
  const y = ray[1] - centreMm[1];
  const z = shape === "ball" ? ray[2] - centreMm[2] : 0;
  const dz = shape === "ball" ? ray[5] : 0;
  const a = ray[3] ** 2 + ray[4] ** 2 + dz ** 2;
  const b = x * ray[3] + y * ray[4] + z * dz;
  const c = x * x + y * y + z * z - radiusMm ** 2;
  const discriminant = b * b - a * c;
  return discriminant > 0 ? (2 * mu * Math.sqrt(discriminant)) / a : 0;
}
