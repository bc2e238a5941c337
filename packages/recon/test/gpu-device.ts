/**
 * A GPU device for tests: the machine's own, or SwiftShader as Debian's chromium brings it. Tests skip with a reason
 * where there is none.
 */
import fs from "node:fs";
import process from "node:process";
import type { SkippableContext } from "@alara/testing";
import type { GpuDevice } from "../src/index.ts";
import { requestNodeGpuDevice } from "../src/node.ts";

const swiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";
if (process.env.VK_ICD_FILENAMES === undefined && fs.existsSync(swiftShader)) {
  process.env.VK_ICD_FILENAMES = swiftShader;
}

let shared: Promise<GpuDevice | undefined> | undefined;

/** The device that tests of a file share; skips the calling test where there is none. */
export async function requireGpuDevice(context: SkippableContext): Promise<GpuDevice> {
  shared ??= requestNodeGpuDevice();
  const device = await shared;
  return (
    device ?? context.skip("no WebGPU adapter (npm package webgpu and a Vulkan driver, or Debian's chromium)")
  );
}
