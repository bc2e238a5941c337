/** From `--engine` and `--threads` to what computes filtered back-projection. */
import { createGpuFbpEngine, createSimdEngine, type FbpEngine, fbpEngines, ReconError } from "@alara/recon";
import { requestNodeGpuDevice } from "@alara/recon/node";
import { parseWholeNumber } from "../arguments.ts";
import { UsageError } from "../context.ts";

/** Names of `--engine`; the first is the default. */
export const ENGINES: readonly string[] = [...fbpEngines.names, "webgpu"];

/** Texts of the options. */
export interface EngineOptions {
  readonly engine?: string;
  readonly threads?: string;
}

/**
 * Checks the options without starting anything.
 *
 * @throws UsageError
 */
export function checkEngineOptions({ engine = "simd", threads }: EngineOptions): void {
  if (threads === undefined) return;
  parseWholeNumber("--threads", threads, { maximum: 1024 });
  if (engine !== "simd") throw new UsageError(`--threads is for --engine simd, not ${engine}`);
}

/**
 * Runs work with the chosen engine; a GPU is given back afterwards, or the process would not end.
 *
 * @throws UsageError; ReconError `NO_GPU` where there is no adapter; and as `work`
 */
export async function runWithEngine<T>(
  options: EngineOptions,
  work: (engine: string | FbpEngine) => Promise<T>,
): Promise<T> {
  checkEngineOptions(options);
  const { engine = "simd", threads } = options;
  if (engine !== "webgpu") {
    return work(
      threads === undefined
        ? engine
        : createSimdEngine({ threads: parseWholeNumber("--threads", threads, { maximum: 1024 }) }),
    );
  }
  const device = await requestNodeGpuDevice();
  if (device === undefined) {
    throw new ReconError(
      "NO_GPU",
      "found no GPU: the package `webgpu` or a driver of Vulkan, Metal or Direct3D 12 is missing; leave out --engine webgpu",
    );
  }
  const gpu = createGpuFbpEngine(device);
  try {
    return await work(gpu);
  } finally {
    gpu.dispose();
    device.destroy();
  }
}
