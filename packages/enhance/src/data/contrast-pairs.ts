/**
 * Pairs for contrast enhancement (B4), with a truth that physics gives: the same object at another X-ray energy
 * (virtual monoenergetic), with more iodine, or through a stated map of HU. The input may carry noise; the target has
 * none but that of its source. What such a network shows is what the stated truth would show, no new information.
 */
import {
  createRandom,
  createVolume,
  type GridGeometry,
  type LongWorkOptions,
  type Volume,
} from "@alara/core";
import type { ExplicitPair } from "@alara/learn";
import {
  computeHu,
  computeVoxelHu,
  createVoxelPhantom,
  type MaterialPhantom,
  materials,
  voxelizeHu,
} from "@alara/physics";
import { EnhanceError } from "../errors.ts";
import { type AddedNoise, makeNoiseFields } from "./noise-fields.ts";
import { roundToInt16 } from "./training-series.ts";

/** What the target shows of the object in the input. */
export type ContrastTruth =
  | {
      /** The same object seen by X-rays of one other energy. */
      readonly kind: "monoenergetic";
      /** Energy of the input, keV; for images of 120 kV about 70. */
      readonly fromKev: number;
      /** Energy of the target, keV; lower energies raise iodine and bone. */
      readonly toKev: number;
    }
  | {
      /** The same object with more iodine. */
      readonly kind: "iodine";
      /** Factor on the concentration, > 0. */
      readonly factor: number;
      /** keV; default 70. */
      readonly energyKev?: number;
    }
  | {
      /** HU through a table: linear between points, the end slopes beyond. */
      readonly kind: "map";
      /** `[input HU, target HU]`, ascending in the first. */
      readonly points: readonly (readonly [number, number])[];
    };

/** An object to be shown twice. */
export type ContrastSource =
  | {
      readonly id: string;
      readonly volume: Volume<"HU">;
      /** Not 0 where a voxel holds blood with iodine; needed by `"iodine"`, used by `"monoenergetic"`. */
      readonly contrastMask?: Uint8Array;
    }
  | {
      readonly id: string;
      /** The phantom at an iodine concentration. */
      readonly createPhantom: (iodineMgPerMl: number) => MaterialPhantom;
      readonly iodineMgPerMl: number;
      readonly grid: GridGeometry;
    };

/** Options of {@link buildContrastPairs}. */
export interface ContrastPairOptions extends LongWorkOptions {
  readonly truth: ContrastTruth;
  /** Seed of the noise. */
  readonly seed: number;
  /** Noise on the input; default none. */
  readonly noise?: AddedNoise;
}

function checkTruth(truth: ContrastTruth): void {
  if (truth.kind === "iodine" && !(truth.factor > 0 && truth.factor <= 100)) {
    throw new EnhanceError("OUT_OF_RANGE", `an iodine factor of ${truth.factor}; pass a number in (0, 100]`);
  }
  if (truth.kind === "map") {
    const { points } = truth;
    const ascends = points.every(([from], i) => i === 0 || from > points[i - 1][0]);
    if (points.length < 2 || !ascends || !points.flat().every(Number.isFinite)) {
      throw new EnhanceError(
        "OUT_OF_RANGE",
        `a map of ${points.length} points; pass two or more [input HU, target HU] that ascend in the first`,
      );
    }
  }
}

/** Value of a piecewise linear map, ends continued. */
export function evaluateHuMap(points: readonly (readonly [number, number])[], hu: number): number {
  let k = 1;
  while (k < points.length - 1 && hu > points[k][0]) k++;
  const [[x0, y0], [x1, y1]] = [points[k - 1], points[k]];
  return y0 + ((hu - x0) * (y1 - y0)) / (x1 - x0);
}

/** A volume with iodine times a factor, where the mask says blood with iodine. */
function scaleIodine(
  volume: Volume<"HU">,
  mask: Uint8Array | undefined,
  factor: number,
  energyKev: number,
): Volume<"HU"> {
  if (mask === undefined || mask.length !== volume.data.length) {
    throw new EnhanceError(
      "OUT_OF_RANGE",
      `more iodine in a volume of ${volume.data.length} voxels needs a contrastMask of that length, got ${mask?.length ?? "none"}: HU alone do not tell iodine from bone`,
    );
  }
  const bloodHu = computeHu(materials.get("blood"), energyKev);
  return createVolume(
    "HU",
    volume.geometry,
    volume.data.map((hu, i) => (mask[i] === 0 ? hu : hu + (factor - 1) * Math.max(0, hu - bloodHu))),
  );
}

/**
 * Input and target of one object, without added noise.
 *
 * @throws EnhanceError `OUT_OF_RANGE`; PhysicsError as the phantoms and `createVoxelPhantom`
 * @remarks Volumes are segmented by HU into tissues (`createVoxelPhantom`), so their noise is scaled with the tissue it
 *   lies in. Tested against the materials' own HU at both energies and concentrations.
 */
export function renderContrast(
  source: ContrastSource,
  truth: ContrastTruth,
): { readonly input: Volume<"HU">; readonly target: Volume<"HU"> } {
  checkTruth(truth);
  const energyKev =
    truth.kind === "monoenergetic" ? truth.fromKev : truth.kind === "iodine" ? (truth.energyKev ?? 70) : 70;
  const input =
    "volume" in source
      ? source.volume
      : voxelizeHu(source.createPhantom(source.iodineMgPerMl), energyKev, source.grid);
  if (truth.kind === "map") {
    const { points } = truth;
    const target = input.data.map((hu) => evaluateHuMap(points, hu));
    return { input, target: createVolume("HU", input.geometry, target) };
  }
  if (!("volume" in source)) {
    const concentration = source.iodineMgPerMl * (truth.kind === "iodine" ? truth.factor : 1);
    const seenAt = truth.kind === "monoenergetic" ? truth.toKev : energyKev;
    return { input, target: voxelizeHu(source.createPhantom(concentration), seenAt, source.grid) };
  }
  if (truth.kind === "iodine") {
    return { input, target: scaleIodine(input, source.contrastMask, truth.factor, energyKev) };
  }
  const phantom = createVoxelPhantom(input, {
    referenceEnergyKev: truth.fromKev,
    ...(source.contrastMask && { contrastMask: source.contrastMask }),
  });
  const [from, to] = [truth.fromKev, truth.toKev].map((energy) => computeVoxelHu(phantom, energy).data);
  // What lies below −1000 HU (noise in air) is nothing to the phantom and stays as it is.
  const target = input.data.map((hu, i) => hu + to[i] - from[i]);
  return { input, target: createVolume("HU", input.geometry, target) };
}

/**
 * Builds pairs for contrast enhancement.
 *
 * @returns one pair per source, HU rounded to whole numbers, with noise fields for the input if asked
 * @throws EnhanceError `OUT_OF_RANGE`; what {@link renderContrast} and `createLowDoseSimulator` throw
 */
export async function buildContrastPairs(
  sources: readonly ContrastSource[],
  options: ContrastPairOptions,
): Promise<ExplicitPair[]> {
  const { truth, noise, signal } = options;
  const seeds = createRandom(options.seed).derive("contrast");
  const pairs: ExplicitPair[] = [];
  for (const source of sources) {
    signal?.throwIfAborted();
    const { input, target } = renderContrast(source, truth);
    const seed = seeds.derive(source.id).nextUint32();
    const fields = noise ? await makeNoiseFields(input, noise, { seed, ...(signal && { signal }) }) : {};
    const [slices, rows, columns] = input.geometry.size;
    pairs.push({
      id: `${source.id}/${truth.kind}`,
      slices,
      rows,
      columns,
      input: roundToInt16(input.data),
      target: roundToInt16(target.data),
      ...fields,
    });
    options.onProgress?.({ phase: "contrast", done: pairs.length, total: sources.length, unit: "pairs" });
  }
  return pairs;
}
