/**
 * Noise2Inverse (Hendriksen, Pelt & Batenburg 2020, strategy X:1): a scan's views are dealt into K interleaved subsets,
 * each reconstructed on its own; input is the mean of K − 1, target the one left out. The scan is simulated: slices and
 * phantoms are projected, rays get the noise of a number of quanta. A simulated scan of a noisy slice keeps that slice's
 * noise in all subsets, so it is kept; phantoms have none.
 */
import {
  createCentredGrid,
  createRandom,
  createSinogram,
  getSlab,
  selectViews,
  type Volume,
} from "@alara/core";
import type { ExplicitPair } from "@alara/learn";
import {
  computeLogVariance,
  createFastJosephProjector,
  createPlaneGrid,
  createScanGeometry,
  scanners,
} from "@alara/physics";
import { MU_WATER_70KEV_PER_MM, reconstructFbp } from "@alara/recon";
import { roundToInt16 } from "../data/training-series.ts";
import { EnhanceError } from "../errors.ts";
import { CHAIN_OPTIONS } from "./artifacts.ts";
import { createMadeTask, type MakeInputs, renderPhantom } from "./made-pairs.ts";
import type { TrainingTask } from "./task.ts";

const SCANNER = "ge-lightspeed";
const HU_PER_MU = 1000 / MU_WATER_70KEV_PER_MM;
/** The projector takes so many images at once. */
const BATCH_SLICES = 4;

/** How a scan is simulated and split. */
interface SplitScan {
  readonly subsets: number;
  /** Quanta per channel and view. */
  readonly quanta: number;
  readonly views: number;
  readonly channelBinning: number;
  readonly seed: number;
  /** The reconstruction without noise too; else zeros. */
  readonly needsClean: boolean;
  readonly signal?: AbortSignal;
}

/** Reconstructions of all views without noise, and of each subset with it, HU. */
async function scanInSubsets(
  volume: Volume<"HU">,
  { subsets, quanta, views, channelBinning, seed, needsClean, signal }: SplitScan,
): Promise<{ readonly clean: Float32Array; readonly parts: readonly Float32Array[] }> {
  const scanner = scanners.get(SCANNER);
  const geometry = createScanGeometry(scanner, { ...(views > 0 && { views }), channelBinning });
  const count = geometry.anglesRad.length;
  if (!Number.isInteger(count / subsets) || count / subsets < 8) {
    throw new EnhanceError(
      "RECIPE_INVALID",
      `${count} views cannot be dealt into ${subsets} subsets of 8 or more; choose views that are a multiple of the subsets`,
    );
  }
  const [slices, rows, columns] = volume.geometry.size;
  const projector = createFastJosephProjector(geometry, createPlaneGrid(volume.geometry));
  const grid = createCentredGrid([1, rows, columns], volume.geometry.spacingMm);
  const model = { incidentQuanta: quanta, electronicNoiseQuanta: scanner.electronicNoiseQuanta };
  const plane = rows * columns;
  const clean = new Float32Array(volume.data.length);
  const parts = Array.from({ length: subsets }, () => new Float32Array(volume.data.length));

  const reconstruct = async (data: Float32Array, used: typeof geometry, out: Float32Array): Promise<void> => {
    const sinogram = createSinogram("line integral", used, 1);
    sinogram.data.set(data);
    const image = await reconstructFbp(sinogram, {
      grid,
      window: "ge-standard",
      truncation: "ignore",
      ...(signal && { signal }),
    });
    for (let k = 0; k < out.length; k++) out[k] = image.data[k] * HU_PER_MU - 1000;
  };

  for (let start = 0; start < slices; start += BATCH_SLICES) {
    const slab = getSlab(volume, start, Math.min(slices, start + BATCH_SLICES));
    const images = Array.from({ length: slab.geometry.size[0] }, (_, s) =>
      slab.data.slice(s * plane, (s + 1) * plane).map((hu) => Math.max(0, (hu + 1000) / HU_PER_MU)),
    );
    for (const [s, lines] of projector.project(images).entries()) {
      signal?.throwIfAborted();
      const at = (start + s) * plane;
      if (needsClean) await reconstruct(lines, geometry, clean.subarray(at, at + plane));
      const random = createRandom(seed).derive(start + s);
      const noisy = lines.map(
        (p) => p + Math.sqrt(computeLogVariance(Math.max(0, p), model)) * random.nextNormal(),
      );
      const { channels } = geometry;
      for (const [k, part] of parts.entries()) {
        const kept = Array.from({ length: count / subsets }, (_, i) => k + i * subsets);
        const few = new Float32Array(kept.length * channels);
        kept.forEach((view, i) => {
          few.set(noisy.subarray(view * channels, (view + 1) * channels), i * channels);
        });
        await reconstruct(few, selectViews(geometry, kept), part.subarray(at, at + plane));
      }
    }
  }
  return { clean, parts };
}

/** The mean of all parts but one, or of all. */
function average(parts: readonly Float32Array[], leftOut = -1): Float32Array {
  const used = parts.filter((_, k) => k !== leftOut);
  return parts[0].map((_, i) => used.reduce((sum, part) => sum + part[i], 0) / used.length);
}

async function makeSplits(
  { recipe, values, purpose, seed, options }: MakeInputs,
  series: MakeInputs["series"],
): Promise<ExplicitPair[]> {
  const { subsets, quanta, views, channelBinning } = values as Record<string, number>;
  if (!(Number.isInteger(subsets) && subsets >= 2 && subsets <= 16 && quanta > 0)) {
    throw new EnhanceError(
      "RECIPE_INVALID",
      `task "split-projections": ${subsets} subsets, ${quanta} quanta; take 2 to 16 subsets and quanta > 0`,
    );
  }
  const seeds = createRandom(seed);
  const { insertion, noiseScale } = recipe.data;
  const pairs: ExplicitPair[] = [];
  for (const [index, { id, volume }] of series.entries()) {
    const random = seeds.derive(id);
    const [least, most] = purpose === "training" ? noiseScale : [1, 1];
    const level = least * (most / least) ** random.nextUniform();
    const { clean, parts } = await scanInSubsets(volume, {
      subsets,
      quanta: (quanta * insertion.doseFraction) / level ** 2,
      views,
      channelBinning,
      seed: random.nextUint32(),
      needsClean: purpose === "validation",
      ...(options.signal && { signal: options.signal }),
    });
    const [slices, rows, columns] = volume.geometry.size;
    const size = { slices, rows, columns };
    if (purpose === "validation") {
      pairs.push({ id, ...size, input: average(parts), target: clean });
    } else {
      for (const [k, part] of parts.entries()) {
        pairs.push({
          id: `${id}/${k}`,
          ...size,
          input: roundToInt16(average(parts, k)),
          target: roundToInt16(part),
        });
      }
    }
    options.onProgress?.({ phase: "split scans", done: index + 1, total: series.length, unit: "series" });
  }
  return pairs;
}

/** Noise2Inverse. */
export const splitProjections: TrainingTask = createMadeTask({
  name: "split-projections",
  summary:
    "simulates scans and reconstructs interleaved subsets of their views: K − 1 of them in, the one left out as target",
  truth:
    "another noisy reconstruction with independent noise; validation has the reconstruction without added noise",
  notes:
    "Inputs and targets are reconstructions of disjoint views of simulated scans; the noise that a series already had is in both and is kept.",
  options: {
    subsets: { description: "into how many subsets the views are dealt", defaultValue: 4 },
    quanta: {
      description: "quanta per channel and view at full dose; insertion.doseFraction and noiseScale apply",
      defaultValue: 2e5,
    },
    slices: { description: "slices used per series at most", defaultValue: 4 },
    ...CHAIN_OPTIONS,
  },
  slicesOption: "slices",
  async make(inputs) {
    return {
      real: await makeSplits(inputs, inputs.series),
      phantoms: await makeSplits(inputs, inputs.phantoms.map(renderPhantom)),
    };
  },
});
