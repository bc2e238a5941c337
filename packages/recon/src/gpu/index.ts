/** Exports of reconstruction on a GPU. */
export type { GpuOptions } from "./gpu-compute.ts";
export {
  type Gpu,
  type GpuAdapter,
  type GpuDevice,
  type GpuDeviceOptions,
  type GpuLimits,
  requestGpuDevice,
} from "./gpu-device.ts";
export { createGpuFbpEngine, type GpuFbpEngine } from "./gpu-fbp.ts";
export { createGpuProjector, type GpuProjector } from "./gpu-projector.ts";
