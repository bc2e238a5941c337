/**
 * What `@alara/recon` has for Node alone: a GPU device through the optional npm package `webgpu` (Dawn).
 */
import { type GpuDevice, requestGpuDevice } from "./gpu/gpu-device.ts";

/** Dawn's instance must outlive its devices. */
const instances = new WeakMap<GpuDevice, unknown>();

/**
 * Asks for a GPU device in Node. Call `device.destroy()` when done with it.
 *
 * @returns `undefined` where the package `webgpu` is not installed, has no binary for the platform, or finds no adapter
 *   or device: an expected absence, never an error
 * @remarks Software adapters count: with the environment variable `VK_ICD_FILENAMES` naming SwiftShader's or lavapipe's
 * file, tests run without a GPU.
 */
export async function requestNodeGpuDevice(): Promise<GpuDevice | undefined> {
  try {
    const { create } = await import("webgpu");
    const gpu = create([]);
    const device = await requestGpuDevice({ gpu });
    if (device !== undefined) instances.set(device, gpu);
    return device;
  } catch {
    return undefined;
  }
}
