/**
 * A body phantom scanned with and without noise by the whole simulation chain: exact line integrals, Poisson and
 * readout noise, logarithm, filtered back-projection. The noise-free reconstruction is the truth of the other.
 * Not a full scanner: one energy, no scatter, no bowtie.
 */
import { createCentredGrid, type Random, type Volume } from "@alara/core";
import {
  type BodyPhantomOptions,
  computeLineIntegrals,
  convertPhantomToMu,
  createRandomBodyPhantom,
  createScanGeometry,
  evaluateKernelWindow,
  type KernelWindow,
  projectPhantom,
  scanners,
  simulateCounts,
} from "@alara/physics";
import { convertMuToHu, MU_WATER_70KEV_PER_MM, reconstructFbp } from "@alara/recon";

/** How to scan. */
export interface PhantomScanOptions {
  readonly kernel: KernelWindow;
  /** Quanta per channel and view of the noisy scan. */
  readonly incidentQuanta: number;
  readonly pixelMm: number;
  /** Rows and columns; default 512. */
  readonly size?: number;
  readonly phantom?: BodyPhantomOptions;
}

/** One scan and its truth, HU, one slice. */
export interface PhantomScan {
  readonly truth: Volume<"HU">;
  readonly noisy: Volume<"HU">;
}

/** Draws a phantom and scans it; everything random comes from `random`. */
export async function scanRandomPhantom(random: Random, options: PhantomScanOptions): Promise<PhantomScan> {
  const { kernel, incidentQuanta, pixelMm, size = 512 } = options;
  const scanner = scanners.get("ge-lightspeed");
  const geometry = createScanGeometry(scanner);
  const body = createRandomBodyPhantom(random.derive("body"), options.phantom ?? {});
  const sinogram = projectPhantom(convertPhantomToMu(body, MU_WATER_70KEV_PER_MM), geometry, {
    raysPerChannel: 2,
  });
  const model = { incidentQuanta, electronicNoiseQuanta: scanner.electronicNoiseQuanta };
  const counts = simulateCounts(sinogram.data, model, random.derive("counts"));
  const grid = createCentredGrid([1, size, size], [1, pixelMm, pixelMm]);
  const reconstruct = async (data: Float32Array): Promise<Volume<"HU">> => {
    const window = (frequency: number): number => evaluateKernelWindow(kernel, frequency);
    // The patient table may reach out of the fan by a little; truth and noisy image then share what that does.
    const options = { grid, window, oversampling: 2, truncation: "ignore" } as const;
    return convertMuToHu(await reconstructFbp({ ...sinogram, data }, options), MU_WATER_70KEV_PER_MM);
  };
  return {
    truth: await reconstruct(sinogram.data),
    noisy: await reconstruct(computeLineIntegrals(counts, model)),
  };
}
