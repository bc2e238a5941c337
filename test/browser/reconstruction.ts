/** What the reconstruction test runs on both sides, in Node and in the page. */
import { createCentredGrid, createSinogram, createWasmPool, type FanArcGeometry } from "@alara/core";
import { createFastProjector, createVolumeGrid } from "@alara/physics";
import { reconstructFbp } from "@alara/recon";

/** A small fan-beam scan of two slices. */
export interface ReconstructionInputs {
  readonly views: number;
  readonly channels: number;
  readonly size: number;
  /** Line integrals, `[slice][view][channel]`. */
  readonly data: readonly number[];
}

/** Images and how they came about. */
export interface ReconstructionResults {
  readonly fbp: readonly number[];
  readonly projected: readonly number[];
  readonly backprojected: readonly number[];
}

/** Reconstructs, projects and back-projects with two threads where the platform has shared memory. */
export async function checkReconstruction(inputs: ReconstructionInputs): Promise<ReconstructionResults> {
  const { views, channels, size } = inputs;
  const geometry: FanArcGeometry = {
    ...{ kind: "fan-arc", sourceToIsoMm: 541, sourceToDetectorMm: 949, channels },
    ...{ channelPitchRad: 0.9 / channels, channelOffset: 0.25 },
    anglesRad: Float64Array.from({ length: views }, (_, v) => (2 * Math.PI * v) / views),
  };
  const grid = createCentredGrid([2, size, size], [1, 400 / size, 400 / size]);
  const sinogram = createSinogram("line integral", geometry, 2, Float32Array.from(inputs.data));
  const { data } = await reconstructFbp(sinogram, { grid });
  const pool = createWasmPool({ threads: 2 });
  const projector = createFastProjector(geometry, createVolumeGrid(grid), { pool });
  const projected = await projector.apply(data);
  const backprojected = await projector.applyAdjoint(sinogram.data);
  pool.dispose();
  return { fbp: [...data], projected: [...projected], backprojected: [...backprojected] };
}
