/** What the GPU test runs on both sides, in Node and in the page. */
import { createCentredGrid, createSinogram, type FanArcGeometry } from "@alara/core";
import { createVolumeGrid } from "@alara/physics";
import { createGpuFbpEngine, createGpuProjector, type GpuDevice, reconstructFbp } from "@alara/recon";

/** A small fan-beam scan of two slices. */
export interface GpuInputs {
  readonly views: number;
  readonly channels: number;
  readonly size: number;
  /** Line integrals, `[slice][view][channel]`. */
  readonly data: readonly number[];
}

/** Images and sinograms. */
export interface GpuResults {
  readonly fbp: readonly number[];
  readonly projected: readonly number[];
  readonly backprojected: readonly number[];
}

/** The scan and the grid of the inputs. */
export function prepareGpuScan({ views, channels, size, data }: GpuInputs): {
  readonly sinogram: ReturnType<typeof createSinogram<"line integral", FanArcGeometry>>;
  readonly grid: ReturnType<typeof createCentredGrid>;
} {
  const geometry: FanArcGeometry = {
    ...{ kind: "fan-arc", sourceToIsoMm: 541, sourceToDetectorMm: 949, channels },
    ...{ channelPitchRad: 0.9 / channels, channelOffset: 0.25 },
    anglesRad: Float64Array.from({ length: views }, (_, v) => (2 * Math.PI * v) / views),
  };
  return {
    sinogram: createSinogram("line integral", geometry, 2, Float32Array.from(data)),
    grid: createCentredGrid([2, size, size], [1, 400 / size, 400 / size]),
  };
}

/** Reconstructs, projects and back-projects on a device. */
export async function checkGpu(device: GpuDevice, inputs: GpuInputs): Promise<GpuResults> {
  const { sinogram, grid } = prepareGpuScan(inputs);
  const engine = createGpuFbpEngine(device);
  const { data } = await reconstructFbp(sinogram, { grid, engine });
  engine.dispose();
  const projector = createGpuProjector(device, sinogram.geometry, createVolumeGrid(grid));
  const projected = await projector.apply(data);
  const backprojected = await projector.applyAdjoint(sinogram.data);
  projector.dispose();
  return { fbp: [...data], projected: [...projected], backprojected: [...backprojected] };
}
