/**
 * Enhancement by a trained network: a model bundle run on a runtime, slice by slice, with neighbouring slices as channels
 * (2.5D), or on blocks of slices (3D); in tiles where slices are large. The model takes and gives HU; scaling is inside
 * its graph. Borders are repeated in every direction; padding outside the reconstruction circle passes through untouched.
 */
import {
  createVolume,
  type EnhanceOptions,
  type Enhancer,
  type EnhancerDescription,
  getSliceData,
  type Volume,
} from "@alara/core";
import { createFloatData, type Runtime, type Session } from "@alara/learn";
import type { ModelBundle, ModelCard } from "./bundle.ts";
import { doubleSlice, enlargeVolume } from "./enlargement.ts";
import { EnhanceError } from "./errors.ts";
import { keepOutsideWindow } from "./hu-window.ts";
import { PADDING_AS_HU, PADDING_BELOW_HU } from "./padding.ts";
import { checkStrength } from "./strength.ts";
import {
  computeMargin,
  planSlices,
  planTiles,
  type SlicePortion,
  type Tile,
  type TileOptions,
} from "./tiles.ts";

/** Options of {@link createNetworkEnhancer}. */
export interface NetworkEnhancerOptions {
  /** Where the network runs; who passes it in disposes of it. */
  readonly runtime: Runtime;
  /** Side of a tile in pixels; default 1024, so that slices up to that size run whole, and 128 for 3D networks. */
  readonly tileSize?: number;
  /** 3D networks: slices of a block, which bounds memory; default 32. Refused for others. */
  readonly blockSlices?: number;
  /** Threads for the session; default the runtime's own. */
  readonly threads?: number;
}

/** Default of `tileSize` by dimensions of the network; 3D networks hold tile² × block values per feature. */
const TILE_SIZES = { 2: 1024, 3: 128 } as const;
/** Default of `blockSlices`. */
const BLOCK_SLICES = 32;

/** The card's `inference` with defaults, and how parts are cut. */
interface Plan {
  readonly name: string;
  readonly inference: ModelCard["inference"];
  readonly dimensions: 2 | 3;
  readonly scale: number;
  readonly hasStrength: boolean;
  readonly hasGlobalReach: boolean;
  readonly tiles: TileOptions;
  readonly blocks: TileOptions;
}

function createPlan(card: ModelCard, options: NetworkEnhancerOptions): Plan {
  const { inference } = card;
  const { multipleOf, dimensions = 2, outputScale = 1 } = inference;
  const { hasStrength = false, hasGlobalReach = false } = inference;
  const { tileSize = hasGlobalReach ? TILE_SIZES[2] : TILE_SIZES[dimensions], blockSlices } = options;
  if (blockSlices !== undefined && dimensions === 2) {
    throw new EnhanceError("OUT_OF_RANGE", `blockSlices is for 3D models; "${card.name}" takes slices`);
  }
  for (const [key, value] of Object.entries({ tileSize, blockSlices: blockSlices ?? BLOCK_SLICES })) {
    if (!(value >= 1)) throw new EnhanceError("OUT_OF_RANGE", `${key} is ${value}; it must be at least 1`);
  }
  // Margins would enter the statistics of the whole image, which in training had none.
  const cut = { multipleOf, receptiveRadius: hasGlobalReach ? 0 : inference.receptiveRadius };
  return {
    name: card.name,
    inference,
    dimensions,
    scale: outputScale,
    hasStrength,
    hasGlobalReach,
    tiles: { ...cut, tileSize },
    blocks: {
      ...cut,
      tileSize: Math.ceil((blockSlices ?? BLOCK_SLICES) / multipleOf) * multipleOf,
    },
  };
}

function checkWhole(plan: Plan, [slices, rows, columns]: readonly [number, number, number]): void {
  const { tiles, blocks, dimensions } = plan;
  if (!plan.hasGlobalReach) return;
  if (Math.max(rows, columns) > tiles.tileSize || (dimensions === 3 && slices > blocks.tileSize)) {
    const limit =
      dimensions === 3
        ? `blocks of ${blocks.tileSize} slices of ${tiles.tileSize}² pixels; raise blockSlices and tileSize`
        : `tiles of ${tiles.tileSize}² pixels; raise tileSize`;
    throw new EnhanceError(
      "CANNOT_TILE",
      `network "${plan.name}" uses statistics of the whole image, so ${slices} slices of ${rows} × ${columns} cannot be cut into ${limit} if memory allows, or use a network without normalisation over the image`,
    );
  }
}

function checkFinite(volume: Volume<"HU">): void {
  const { data } = volume;
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      throw new EnhanceError(
        "NON_FINITE_INPUT",
        `the input is ${data[i]} at voxel ${i}; networks spread such values, so replace them first`,
      );
    }
  }
}

/** Copies a tile of a slice, borders repeated, padding as air. */
function readTile(
  source: Float32Array,
  size: readonly [number, number],
  tile: Tile,
  out: Float32Array,
): void {
  const [rows, columns] = size;
  let at = 0;
  for (let r = 0; r < tile.readRows; r++) {
    const start = Math.max(0, Math.min(tile.readRow + r, rows - 1)) * columns;
    for (let c = 0; c < tile.readColumns; c++) {
      const value = source[start + Math.max(0, Math.min(tile.readColumn + c, columns - 1))];
      out[at++] = value < PADDING_BELOW_HU ? PADDING_AS_HU : value;
    }
  }
}

async function runTile(
  plan: Plan,
  session: Session,
  volume: Volume<"HU">,
  part: { readonly portion: SlicePortion; readonly tile: Tile; readonly strength: number },
): Promise<Float32Array> {
  const { portion, tile, strength } = part;
  const { dimensions, hasStrength, scale } = plan;
  const [, rows, columns] = volume.geometry.size;
  const planes = portion.planes.length;
  const plane = tile.readRows * tile.readColumns;
  // A strength channel is one plane of 2D networks, and one for each slice of 3D ones.
  const more = hasStrength ? (dimensions === 3 ? planes : 1) : 0;
  const data = new Float32Array((planes + more) * plane).fill(strength, planes * plane);
  for (const [k, slice] of portion.planes.entries()) {
    const out = data.subarray(k * plane, (k + 1) * plane);
    readTile(getSliceData(volume, slice), [rows, columns], tile, out);
  }
  const sides = [tile.readRows, tile.readColumns];
  const dims = dimensions === 3 ? [1, hasStrength ? 2 : 1, planes, ...sides] : [1, planes + more, ...sides];
  const { input, output } = plan.inference;
  const results = await session.run({ [input]: createFloatData(data, dims) });
  const result = results[output];
  const expected = (dimensions === 3 ? planes : 1) * plane * scale * scale;
  if (!(result?.data instanceof Float32Array) || result.data.length !== expected) {
    throw new EnhanceError(
      "BAD_NETWORK_OUTPUT",
      `network "${plan.name}" gave ${result?.dims.join(" × ")} for an input of ${dims.join(" × ")}; the bundle's card does not describe this network`,
    );
  }
  return result.data;
}

/** Copies what a tile keeps of one output plane into the result's slice. */
function keepTile(made: Float32Array, tile: Tile, scale: number, columns: number, out: Float32Array): void {
  const width = tile.readColumns * scale;
  const top = (tile.keepRow - tile.readRow) * scale;
  const left = (tile.keepColumn - tile.readColumn) * scale;
  for (let r = 0; r < tile.keepRows * scale; r++) {
    const from = (top + r) * width + left;
    const to = (tile.keepRow * scale + r) * columns * scale + tile.keepColumn * scale;
    out.set(made.subarray(from, from + tile.keepColumns * scale), to);
  }
}

/** Puts back what the network must not touch, and refuses what is no number. */
function finishSlice(
  plan: Plan,
  source: Float32Array,
  size: readonly [number, number],
  out: Float32Array,
): void {
  const base = plan.scale === 1 ? source : doubleSlice(source, ...size);
  const { windowHu } = plan.inference;
  for (let i = 0; i < out.length; i++) {
    if (!Number.isFinite(out[i])) {
      throw new EnhanceError(
        "BAD_NETWORK_OUTPUT",
        `network "${plan.name}" gave ${out[i]} at pixel ${i}; do not use this model`,
      );
    }
    if (base[i] < PADDING_BELOW_HU) out[i] = base[i];
  }
  if (windowHu) keepOutsideWindow(base, out, windowHu);
}

function describeNetwork(bundle: ModelBundle, plan: Plan, provider: string): EnhancerDescription {
  const { card, digest } = bundle;
  const { inference, dimensions, scale, hasStrength, hasGlobalReach, tiles, blocks } = plan;
  const { contextSlices, multipleOf, receptiveRadius, windowHu } = inference;
  const isVolume = dimensions === 3;
  const around = hasGlobalReach ? blocks.tileSize : computeMargin(blocks);
  return {
    name: card.name,
    summary: card.summary,
    contextSlices: isVolume ? around : contextSlices,
    ...(isVolume && { blockSlices: blocks.tileSize }),
    ...(scale !== 1 && { outputScale: scale }),
    ...(hasStrength && { strengthKind: "trained" as const }),
    parameters: {
      model: card.name,
      modelVersion: card.version,
      modelDigest: digest,
      tileSize: tiles.tileSize,
      receptiveRadius,
      multipleOf,
      provider,
      ...(contextSlices > 0 && { contextSlices }),
      ...(isVolume && { dimensions, blockSlices: blocks.tileSize }),
      ...(scale !== 1 && { outputScale: scale }),
      ...(hasGlobalReach && { wholeImages: "yes" }),
      ...(windowHu && { windowHu: `${windowHu[0]}..${windowHu[1]}` }),
    },
  };
}

async function openSession(bundle: ModelBundle, options: NetworkEnhancerOptions): Promise<Session> {
  const { input, output } = bundle.card.inference;
  const session = await options.runtime.createSession(bundle.model, {
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  if (session.inputNames.includes(input) && session.outputNames.includes(output)) return session;
  const found = `inputs ${session.inputNames.join(", ")}; outputs ${session.outputNames.join(", ")}`;
  await session.dispose();
  throw new EnhanceError(
    "BUNDLE_INVALID",
    `model.json names "${input}" → "${output}", but the graph has ${found}`,
  );
}

/**
 * Opens the bundle's network as an {@link Enhancer}. What kind of network it is, its card says (`inference`):
 *
 * - neighbouring slices: the outermost slice again beyond the ends;
 * - blocks of slices (3D): they overlap by the receptive radius, so their seams do not show;
 * - a strength channel: `enhance` feeds its option `strength`; 0 gives the input back, bit for bit, without a run;
 * - a doubled matrix: the result's grid is `refineInPlane(…, 2)`;
 * - statistics of the whole image: whole slices or volumes without margins, never tiles;
 * - a window of HU: what lies outside passes through (`keepOutsideWindow`).
 *
 * @throws EnhanceError `BUNDLE_INVALID` when the graph lacks the inputs or outputs that the card names;
 *   `MODEL_NEEDS_MASK`; `OUT_OF_RANGE` for options. `enhance` throws `BAD_NETWORK_OUTPUT` when the network returns another
 *   size or a non-finite value, `NON_FINITE_INPUT`, `CANNOT_TILE`, `OUT_OF_RANGE`
 * Tested, each kind: tiled ≡ whole to float rounding at every seam; determinism; abort; odd sizes; padding.
 */
export async function createNetworkEnhancer(
  bundle: ModelBundle,
  options: NetworkEnhancerOptions,
): Promise<Enhancer> {
  const { card } = bundle;
  if (card.inference.needsMask === true) {
    throw new EnhanceError(
      "MODEL_NEEDS_MASK",
      `model "${card.name}" fills holes and needs a mask of them beside the image; it cannot enhance a series by itself`,
    );
  }
  const plan = createPlan(card, options);
  const session = await openSession(bundle, options);

  async function enhance(volume: Volume<"HU">, work: EnhanceOptions = {}): Promise<Volume<"HU">> {
    const { size } = volume.geometry;
    const [slices, rows, columns] = size;
    const { strength = 1, wantedSlices: wanted = [0, slices] as const, signal, onProgress } = work;
    checkStrength(strength);
    if (!plan.hasStrength && strength !== 1) {
      throw new EnhanceError(
        "OUT_OF_RANGE",
        `model "${card.name}" has learned no strengths; blend its result (blendStrength, enhanceAtStrength)`,
      );
    }
    signal?.throwIfAborted();
    const start = enlargeVolume(volume, plan.scale);
    const result = createVolume("HU", start.geometry, plan.scale === 1 ? start.data.slice() : start.data);
    if (strength === 0) return result;
    checkWhole(plan, size);
    checkFinite(volume);
    const { contextSlices } = card.inference;
    const portions = planSlices(slices, { ...plan, wanted, contextSlices });
    const tiles = planTiles(rows, columns, plan.tiles);
    const total = wanted[1] - wanted[0];
    let done = 0;
    for (const portion of portions) {
      for (const [t, tile] of tiles.entries()) {
        signal?.throwIfAborted();
        const made = await runTile(plan, session, volume, { portion, tile, strength });
        const plane = tile.readRows * tile.readColumns * plan.scale * plan.scale;
        for (const { plane: k, slice } of portion.kept) {
          const kept = made.subarray(k * plane, (k + 1) * plane);
          keepTile(kept, tile, plan.scale, columns, getSliceData(result, slice));
        }
        // Large blocks take minutes: their tiles count for slices.
        const share = Math.floor((portion.kept.length * (t + 1)) / tiles.length);
        onProgress?.({ phase: "enhance", done: done + share, total, unit: "slices" });
      }
      for (const { slice } of portion.kept) {
        finishSlice(plan, getSliceData(volume, slice), [rows, columns], getSliceData(result, slice));
      }
      done += portion.kept.length;
    }
    return result;
  }

  return {
    description: describeNetwork(bundle, plan, options.runtime.provider),
    enhance,
    dispose: () => session.dispose(),
  };
}
