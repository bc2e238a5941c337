/** The enhancer that changes nothing: the null hypothesis of every comparison, and a test of the pipeline. */
import type { Enhancer, LongWorkOptions, Volume } from "@alara/core";

/** Makes the `identity` enhancer: the output is a copy, bit for bit. */
export function createIdentityEnhancer(): Enhancer {
  return {
    description: {
      name: "identity",
      summary: "returns the input unchanged",
      contextSlices: 0,
      parameters: {},
    },
    enhance(volume: Volume<"HU">, work: LongWorkOptions = {}): Promise<Volume<"HU">> {
      if (work.signal?.aborted) return Promise.reject(work.signal.reason);
      const total = volume.geometry.size[0];
      work.onProgress?.({ phase: "enhance", done: total, total, unit: "slices" });
      return Promise.resolve({ ...volume, data: volume.data.slice() });
    },
    dispose: () => Promise.resolve(),
  };
}
