/**
 * Enhancement by a trained network: a model bundle run slice by slice (or tile by tile) on a runtime.
 * The model takes and gives HU; scaling is inside its graph. Margins are replicated; padding outside the
 * reconstruction circle passes through untouched.
 */
import { createVolume, type Enhancer, getSliceData, type LongWorkOptions, type Volume } from "@alara/core";
import type { Runtime, Session } from "@alara/learn";
import type { ModelBundle } from "./bundle.ts";
import { EnhanceError } from "./errors.ts";
import { PADDING_AS_HU, PADDING_BELOW_HU } from "./padding.ts";
import { planTiles, type Tile } from "./tiles.ts";

/** Options of {@link createNetworkEnhancer}. */
export interface NetworkEnhancerOptions {
  /** Where the network runs; who passes it in disposes of it. */
  readonly runtime: Runtime;
  /** Side of a tile in pixels; default 1024: slices up to that size run whole. */
  readonly tileSize?: number;
  /** Threads for the session; default the runtime's own. */
  readonly threads?: number;
}

/** A slice with replicated margins, so that the network's own zero padding never meets the image. */
interface PaddedSlice {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
  /** Rows above and columns left of the image. */
  readonly margin: number;
}

function padSlice(
  data: Float32Array,
  rows: number,
  columns: number,
  inference: { readonly multipleOf: number; readonly receptiveRadius: number },
): PaddedSlice {
  const { multipleOf, receptiveRadius } = inference;
  const roundUp = (value: number): number => Math.ceil(value / multipleOf) * multipleOf;
  const margin = roundUp(receptiveRadius);
  const paddedRows = roundUp(rows) + 2 * margin;
  const paddedColumns = roundUp(columns) + 2 * margin;
  const padded = new Float32Array(paddedRows * paddedColumns);
  for (let r = 0; r < paddedRows; r++) {
    const source = Math.max(0, Math.min(r - margin, rows - 1)) * columns;
    for (let c = 0; c < paddedColumns; c++) {
      const value = data[source + Math.max(0, Math.min(c - margin, columns - 1))];
      padded[r * paddedColumns + c] = value < PADDING_BELOW_HU ? PADDING_AS_HU : value;
    }
  }
  return { data: padded, rows: paddedRows, columns: paddedColumns, margin };
}

function readTile(slice: PaddedSlice, tile: Tile): Float32Array {
  if (tile.readRows === slice.rows && tile.readColumns === slice.columns) return slice.data;
  const out = new Float32Array(tile.readRows * tile.readColumns);
  for (let r = 0; r < tile.readRows; r++) {
    const start = (tile.readRow + r) * slice.columns + tile.readColumn;
    out.set(slice.data.subarray(start, start + tile.readColumns), r * tile.readColumns);
  }
  return out;
}

/**
 * Opens the bundle's network as an {@link Enhancer}.
 *
 * @throws EnhanceError `BAD_NETWORK_OUTPUT` when the network returns another size or a non-finite value
 * @throws EnhanceError `BUNDLE_INVALID` when the graph lacks the inputs or outputs that the card names, or the
 *   network needs neighbouring slices, which this version does not feed
 * Tested: tiled ≡ whole to float rounding at every seam; determinism; abort; odd sizes.
 */
export async function createNetworkEnhancer(
  bundle: ModelBundle,
  options: NetworkEnhancerOptions,
): Promise<Enhancer> {
  const { card, digest } = bundle;
  const { input, output, multipleOf, receptiveRadius, contextSlices } = card.inference;
  const session: Session = await options.runtime.createSession(bundle.model, {
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  if (!session.inputNames.includes(input) || !session.outputNames.includes(output) || contextSlices !== 0) {
    const found = `inputs ${session.inputNames.join(", ")}; outputs ${session.outputNames.join(", ")}`;
    await session.dispose();
    throw new EnhanceError(
      "BUNDLE_INVALID",
      `model.json names "${input}" → "${output}" with ${contextSlices} context slices, but the graph has ${found} and is run slice by slice`,
    );
  }
  const tileSize = options.tileSize ?? 1024;

  async function enhanceSlice(
    source: Float32Array,
    rows: number,
    columns: number,
    out: Float32Array,
  ): Promise<void> {
    const slice = padSlice(source, rows, columns, card.inference);
    for (const tile of planTiles(slice.rows, slice.columns, { tileSize, receptiveRadius, multipleOf })) {
      const dims = [1, 1, tile.readRows, tile.readColumns];
      const results = await session.run({ [input]: { dtype: "float32", dims, data: readTile(slice, tile) } });
      const result = results[output];
      if (
        !(result?.data instanceof Float32Array) ||
        result.data.length !== tile.readRows * tile.readColumns
      ) {
        throw new EnhanceError(
          "BAD_NETWORK_OUTPUT",
          `network "${card.name}" gave ${result?.dims.join(" × ")} for an input of ${dims.join(" × ")}; the bundle is not a slice-to-slice model`,
        );
      }
      for (let r = 0; r < tile.keepRows; r++) {
        const row = tile.keepRow + r - slice.margin;
        if (row < 0 || row >= rows) continue;
        const from = (tile.keepRow - tile.readRow + r) * tile.readColumns - tile.readColumn + slice.margin;
        const start = Math.max(0, tile.keepColumn - slice.margin);
        const end = Math.min(columns, tile.keepColumn + tile.keepColumns - slice.margin);
        for (let c = start; c < end; c++) out[row * columns + c] = result.data[from + c];
      }
    }
    for (let i = 0; i < out.length; i++) {
      if (source[i] < PADDING_BELOW_HU) out[i] = source[i];
      if (!Number.isFinite(out[i])) {
        throw new EnhanceError(
          "BAD_NETWORK_OUTPUT",
          `network "${card.name}" gave ${out[i]} at pixel ${i}; do not use this model`,
        );
      }
    }
  }

  return {
    description: {
      name: card.name,
      summary: card.summary,
      contextSlices,
      parameters: {
        model: card.name,
        modelVersion: card.version,
        modelDigest: digest,
        tileSize,
        receptiveRadius,
        multipleOf,
        provider: options.runtime.provider,
      },
    },
    async enhance(volume: Volume<"HU">, work: LongWorkOptions = {}): Promise<Volume<"HU">> {
      const [slices, rows, columns] = volume.geometry.size;
      const result = createVolume("HU", volume.geometry);
      for (let s = 0; s < slices; s++) {
        work.signal?.throwIfAborted();
        await enhanceSlice(getSliceData(volume, s), rows, columns, getSliceData(result, s));
        work.onProgress?.({ phase: "enhance", done: s + 1, total: slices, unit: "slices" });
      }
      return result;
    },
    dispose: () => session.dispose(),
  };
}
