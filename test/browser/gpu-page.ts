/** The page of the GPU test: fetches inputs, runs on the browser's WebGPU device, posts what came out. */
import { requestGpuDevice } from "@alara/recon";
import { checkGpu, type GpuInputs } from "./gpu.ts";

async function run(): Promise<unknown> {
  try {
    const inputs = (await (await fetch("/inputs.json")).json()) as GpuInputs;
    const device = await requestGpuDevice();
    if (device === undefined) return { hasDevice: false };
    const results = await checkGpu(device, inputs);
    device.destroy();
    return { hasDevice: true, results };
  } catch (error) {
    return { error: String(error) };
  }
}

await fetch("/result", { method: "POST", body: JSON.stringify(await run()) });
