/**
 * What degradations with known truth share: a source, a pair that differs by one fault alone, and the scan chain
 * (fan-arc projection, filtered back-projection) that faults are simulated in. Because back-projection is linear, a
 * fault's image is the reconstruction of the *difference* of two sinograms; it is added to the clean image, so anatomy,
 * texture and noise of the source stay as they are. Not a scan simulator: see `physics` for whole scans.
 */
import {
  createCentredGrid,
  createSinogram,
  createVolume,
  type FanArcGeometry,
  type GridGeometry,
  getSliceData,
  type LongWorkOptions,
  type Volume,
} from "@alara/core";
import {
  computeMuPerMm,
  convertPhantomToMu,
  createFastJosephProjector,
  createPlaneGrid,
  createScanGeometry,
  evaluatePhantom,
  type MaterialPhantom,
  materials,
  type Phantom,
  type PlaneGrid,
  projectPhantom,
  projectValuePhantom,
  type Scanner,
  scanners,
  voxelizeHu,
  voxelizePhantom,
} from "@alara/physics";
import { reconstructFbp } from "../analytic/fbp.ts";
import type { RampWindow } from "../analytic/windows.ts";
import { ReconError } from "../errors.ts";
import {
  createCoarseGrid,
  createCoarseImage,
  type FieldOfView,
  findFieldOfView,
} from "../low-dose/field-of-view.ts";
import { MU_WATER_70KEV_PER_MM } from "../low-dose/low-dose.ts";

/** Two images of one object that differ by a fault alone. */
export interface DegradedPair {
  /** The truth. */
  readonly clean: Volume<"HU">;
  /** The same with the fault; same grid and unit. */
  readonly degraded: Volume<"HU">;
  /** What made the fault: name and numbers, fit for JSON. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** A phantom to start from: a 2D one in HU, or one of materials seen at one energy. */
export interface PhantomSource {
  readonly phantom: Phantom<"HU"> | MaterialPhantom;
  /** Where it is imaged; its centre is the isocentre. */
  readonly grid: GridGeometry;
  /** Energy of phantoms of materials, keV; default 70. */
  readonly energyKev?: number;
}

/** What degradations start from. */
export type DegradationSource = Volume<"HU"> | PhantomSource;

/** Options of the scan chain, shared by all faults that are simulated in a sinogram. */
export interface ChainOptions extends LongWorkOptions {
  /** Name in `scanners` or a scanner; default `"ge-lightspeed"`. */
  readonly scanner?: string | Scanner;
  /** Views over the turn; default: the scanner's. */
  readonly views?: number;
  /** Merges this many neighbouring channels into one; default 1. */
  readonly channelBinning?: number;
  /** Name in `rampWindows` or a gain function; default `"ge-standard"`. */
  readonly window?: string | RampWindow;
  /** Attenuation of water, 1/mm; default 0.0193 (70 keV). */
  readonly muWaterPerMm?: number;
  /** Rotation axis from the image centre, `[row, column]` mm; default `[0, 0]`. */
  readonly axisOffsetMm?: readonly [number, number];
  /**
   * What is clean: the source's `"image"` itself (default for volumes), or its `"reconstruction"` by the same chain
   * without the fault (default for phantoms, whose sinograms are exact).
   */
  readonly base?: "image" | "reconstruction";
}

/** A prepared chain for one source. */
export interface DegradationChain {
  readonly image: Volume<"HU">;
  readonly geometry: FanArcGeometry;
  /** The grid that is projected: the image and a margin in which a cut-off body goes on. */
  readonly grid: PlaneGrid;
  readonly muWaterPerMm: number;
  /** Attenuation of one slice on {@link grid}, 1/mm. */
  getAttenuation(slice: number): Float32Array;
  /** Projects up to four images on {@link grid}. */
  project(images: readonly Float32Array[]): Float32Array[];
  /** Line integrals of a run of at most four slices. */
  getLineIntegrals(start: number, end: number): Float32Array[];
  /** Reconstructs sinograms `[view][channel]`, one per slice. @returns HU differences, `1000 µ/µ_water` */
  reconstruct(sinograms: readonly Float32Array[], geometry?: FanArcGeometry): Promise<Float32Array[]>;
}

function isPhantomSource(source: DegradationSource): source is PhantomSource {
  return "phantom" in source;
}

function isMaterialPhantom(phantom: Phantom<"HU"> | MaterialPhantom): phantom is MaterialPhantom {
  return "solids" in phantom;
}

/** @throws ReconError `OUT_OF_RANGE` unless low ≤ value ≤ high */
export function checkOption(name: string, value: number, low: number, high: number, hint: string): void {
  if (!(value >= low && value <= high)) {
    throw new ReconError("OUT_OF_RANGE", `${name} ${value} is outside ${low}..${high}; ${hint}`);
  }
}

/**
 * Copy of a volume after checking its numbers.
 *
 * @throws ReconError `NON_FINITE`
 */
export function copyFinite(volume: Volume<"HU">): Volume<"HU"> {
  for (let i = 0; i < volume.data.length; i++) {
    if (!Number.isFinite(volume.data[i])) {
      throw new ReconError("NON_FINITE", `sample ${i} is ${volume.data[i]}; replace it, e.g. by −1000 HU`);
    }
  }
  return { ...volume, data: volume.data.slice() };
}

/** The image of a source: itself, or its phantom in voxels. */
export function renderSource(
  source: DegradationSource,
  axisOffsetMm?: readonly [number, number],
): Volume<"HU"> {
  if (!isPhantomSource(source)) return copyFinite(source);
  const { phantom, grid } = source;
  if (!isMaterialPhantom(phantom)) {
    return voxelizePhantom(phantom, grid, { subsamples: 6, ...(axisOffsetMm && { axisOffsetMm }) });
  }
  return voxelizeHu(phantom, source.energyKev ?? 70, grid, {
    ...(axisOffsetMm && { isocentreOffsetMm: [0, axisOffsetMm[0], axisOffsetMm[1]] as const }),
  });
}

/** Exact line integrals of a phantom source, slice by slice. */
function projectSource(
  source: PhantomSource,
  geometry: FanArcGeometry,
  muWaterPerMm: number,
  start: number,
  end: number,
): Float32Array[] {
  const { phantom, grid } = source;
  if (!isMaterialPhantom(phantom)) {
    const { data } = projectPhantom(convertPhantomToMu(phantom, muWaterPerMm), geometry);
    return Array.from({ length: end - start }, () => data.slice());
  }
  const energyKev = source.energyKev ?? 70;
  const factor = muWaterPerMm / computeMuPerMm(materials.get("water"), energyKev);
  const evaluated = evaluatePhantom(phantom, energyKev);
  const scaled = {
    ...evaluated,
    solids: evaluated.solids.map((solid) => ({ ...solid, content: solid.content * factor })),
  };
  const sliceHeightsMm = Array.from(
    { length: end - start },
    (_, i) => (start + i - (grid.size[0] - 1) / 2) * grid.spacingMm[0],
  );
  const { data } = projectValuePhantom(scaled, geometry, { sliceHeightsMm });
  const perSlice = geometry.anglesRad.length * geometry.channels;
  return sliceHeightsMm.map((_, i) => data.slice(i * perSlice, (i + 1) * perSlice));
}

/** What one batch of a fault is given. */
export interface FaultBatch {
  readonly chain: DegradationChain;
  /** First slice and one past the last. */
  readonly start: number;
  readonly end: number;
  /** Fault-free line integrals of these slices, `[view][channel]`. */
  readonly lineIntegrals: readonly Float32Array[];
}

/**
 * Runs a fault over all slices of a source.
 *
 * @param makeFault - HU to add per slice of a batch, or null where the fault changes nothing (then bit for bit clean)
 * @throws ReconError `OUT_OF_RANGE`, `NON_FINITE`
 */
export async function degradeThroughChain(
  source: DegradationSource,
  options: ChainOptions,
  parameters: Readonly<Record<string, unknown>>,
  makeFault: (batch: FaultBatch) => Promise<readonly (Float32Array | null)[]>,
): Promise<DegradedPair> {
  const muWaterPerMm = options.muWaterPerMm ?? MU_WATER_70KEV_PER_MM;
  checkOption("muWaterPerMm", muWaterPerMm, 1e-4, 1, "water has about 0.02 per mm");
  const scanner =
    typeof options.scanner === "object" ? options.scanner : scanners.get(options.scanner ?? "ge-lightspeed");
  const geometry = createScanGeometry(scanner, {
    ...(options.views !== undefined && { views: options.views }),
    ...(options.channelBinning !== undefined && { channelBinning: options.channelBinning }),
  });
  const image = renderSource(source, options.axisOffsetMm);
  const [slices, rows, columns] = image.geometry.size;
  const plane = createPlaneGrid(image.geometry, options.axisOffsetMm);
  const grid = createCoarseGrid(plane, 1);
  const projector = createFastJosephProjector(geometry, grid);
  const fields: FieldOfView[] = Array.from({ length: slices }, (_, slice) =>
    findFieldOfView(getSliceData(image, slice), rows, columns),
  );
  const { spacingMm } = image.geometry;
  const chain: DegradationChain = {
    image,
    geometry,
    grid,
    muWaterPerMm,
    getAttenuation: (slice) =>
      createCoarseImage(getSliceData(image, slice), plane, fields[slice], 1, muWaterPerMm).data,
    project: (images) => projector.project(images),
    getLineIntegrals(start, end) {
      if (isPhantomSource(source)) return projectSource(source, geometry, muWaterPerMm, start, end);
      const attenuation: Float32Array[] = [];
      for (let slice = start; slice < end; slice++) attenuation.push(chain.getAttenuation(slice));
      return projector.project(attenuation);
    },
    async reconstruct(sinograms, geometryUsed = geometry) {
      const count = sinograms.length;
      const perSlice = sinograms[0].length;
      const sinogram = createSinogram("line integral", geometryUsed, count);
      sinograms.forEach((data, i) => {
        sinogram.data.set(data, i * perSlice);
      });
      const { data } = await reconstructFbp(sinogram, {
        grid: createCentredGrid([count, rows, columns], spacingMm),
        window: options.window ?? "ge-standard",
        // Differences need not fall to zero at the ends of the detector.
        truncation: "ignore",
        ...(options.axisOffsetMm && { axisOffsetMm: options.axisOffsetMm }),
        ...(options.signal && { signal: options.signal }),
      });
      const scale = 1000 / muWaterPerMm;
      return sinograms.map((_, i) =>
        data.slice(i * rows * columns, (i + 1) * rows * columns).map((mu) => mu * scale),
      );
    },
  };
  const base = options.base ?? (isPhantomSource(source) ? "reconstruction" : "image");
  const clean = createVolume("HU", image.geometry, image.data.slice());
  const degraded = createVolume("HU", image.geometry);
  for (let start = 0; start < slices; start += 4) {
    options.signal?.throwIfAborted();
    const end = Math.min(slices, start + 4);
    const lineIntegrals = chain.getLineIntegrals(start, end);
    if (base === "reconstruction") {
      (await chain.reconstruct(lineIntegrals)).forEach((hu, i) => {
        getSliceData(clean, start + i).set(hu.map((value) => value - 1000));
      });
    }
    const faults = await makeFault({ chain, start, end, lineIntegrals });
    faults.forEach((fault, i) => {
      const slice = start + i;
      const truth = getSliceData(clean, slice);
      const out = getSliceData(degraded, slice);
      out.set(truth);
      if (fault === null) return;
      if (base === "reconstruction") {
        for (let k = 0; k < out.length; k++) out[k] += fault[k];
        return;
      }
      const { spans, paddingHu } = fields[slice];
      for (let r = 0; r < rows; r++) {
        for (let c = spans[2 * r]; c < spans[2 * r + 1]; c++) {
          const k = r * columns + c;
          if (truth[k] !== paddingHu) out[k] += fault[k];
        }
      }
    });
    options.onProgress?.({ phase: "degrading", done: end, total: slices, unit: "slices" });
  }
  return { clean, degraded, parameters };
}

/** Reconstructs differences of line integrals; null where a difference is zero everywhere. */
export async function reconstructDifferences(
  chain: DegradationChain,
  differences: readonly Float32Array[],
): Promise<(Float32Array | null)[]> {
  const isZero = differences.map((difference) => difference.every((value) => value === 0));
  if (isZero.every(Boolean)) return differences.map(() => null);
  const images = await chain.reconstruct(differences);
  return images.map((image, i) => (isZero[i] ? null : image));
}
