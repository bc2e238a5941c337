/**
 * Truncated projections: finding data that do not fall to nothing at the detector's edge, and continuing them by
 * the water cylinder that fits their value and slope there (Hsieh, Chao, Thibault et al. 2004, Med. Phys. 31:2385,
 * doi 10.1118/1.1776673). Restores the values inside the field of view; what lies outside it is only a guess.
 */
import { countDetectorRows, isConeGeometry } from "@alara/core";
import { ReconError } from "../errors.ts";
import { createDetectorLine, type FbpGeometry } from "./detector-line.ts";

/**
 * What is done about data that are cut off by the detector's edge: `"refuse"` throws, `"extrapolate"` continues them by
 * water cylinders, `"ignore"` takes everything outside as 0 (for data that are not projections, such as noise alone).
 */
export type TruncationMode = "refuse" | "extrapolate" | "ignore";

/** Views that are averaged before an edge is judged. */
const EDGE_VIEWS = 16;
/** Share of the largest value nearby above which an edge is cut off. */
const EDGE_SHARE = 0.02;
/** The same where fewer than eight views are at hand. */
const FEW_VIEWS_SHARE = 0.1;
/** Standard errors above which it is not noise. */
const EDGE_SIGMAS = 5;
/** Channels that the cylinder is fitted to. */
const FIT_CHANNELS = 8;
/** Added channels at an extended end, as a share of the detector's. */
const EXTENSION_SHARE = 0.5;
/** Extended arcs stay below this angle from the central ray, rad. */
const WIDEST_FAN_RAD = 1.3;

/** An edge where data are cut off. */
export interface TruncatedEdge {
  readonly side: "first" | "last";
  /** Slice (planar) or row (cone), and the first of the views that were averaged. */
  readonly line: number;
  readonly view: number;
  /** Mean at the edge and largest value nearby. */
  readonly edgeValue: number;
  readonly largestValue: number;
}

/**
 * Finds the worst edge where projections do not fall to nothing: the mean of the last channel over 16 views or more
 * is above 2 % (10 % when there are fewer than eight views) of the largest value of those lines and above five of its
 * standard errors.
 *
 * @param data - planar `[slice][view][channel]`, cone `[view][row][channel]`
 * @param views - views in `data` per slice (planar), all of `data` (cone)
 * @param sides - which ends to look at; the shorter side of a displaced detector is meant to be cut off
 * @returns none when the data are complete
 */
export function findTruncation(
  data: Float32Array,
  geometry: FbpGeometry,
  views: number,
  sides: readonly ("first" | "last")[] = ["first", "last"],
): TruncatedEdge | undefined {
  const { channels } = geometry;
  const rows = countDetectorRows(geometry);
  const isCone = isConeGeometry(geometry);
  const stacks = isCone ? rows : data.length / (views * channels);
  const blocks = Math.max(1, Math.floor(views / EDGE_VIEWS));
  // Too few views to tell an edge from noise: only what is far above it.
  const share = views < EDGE_VIEWS / 2 ? FEW_VIEWS_SHARE : EDGE_SHARE;
  let worst: TruncatedEdge | undefined;
  for (let stack = 0; stack < stacks; stack++) {
    for (let block = 0; block < blocks; block++) {
      const start = Math.floor((block * views) / blocks);
      const end = Math.floor(((block + 1) * views) / blocks);
      const found = { first: [0, 0], last: [0, 0] };
      let largest = 0;
      for (let view = start; view < end; view++) {
        const at = (isCone ? view * rows + stack : stack * views + view) * channels;
        for (let c = 0; c < channels; c++) largest = Math.max(largest, Math.abs(data[at + c]));
        for (const side of sides) {
          const value = data[at + (side === "first" ? 0 : channels - 1)];
          found[side][0] += value;
          found[side][1] += value * value;
        }
      }
      const count = end - start;
      for (const side of sides) {
        const mean = found[side][0] / count;
        const error = Math.sqrt(Math.max(0, found[side][1] / count - mean * mean) / count);
        if (mean <= share * largest || mean <= EDGE_SIGMAS * error) continue;
        if (worst === undefined || mean > worst.edgeValue) {
          worst = { side, line: stack, view: start, edgeValue: mean, largestValue: largest };
        }
      }
    }
  }
  return worst;
}

/** @throws ReconError `TRUNCATED` */
export function throwTruncated(edge: TruncatedEdge, geometry: FbpGeometry): never {
  const isCone = isConeGeometry(geometry);
  throw new ReconError(
    "TRUNCATED",
    `the projections do not fall to 0 at the ${edge.side} channel: mean ${edge.edgeValue.toFixed(4)} of at most ${edge.largestValue.toFixed(4)} in ${isCone ? "row" : "slice"} ${edge.line} from view ${edge.view} on, so the object reaches out of the field of view; pass truncation "extrapolate" (or "ignore" for data that are no projections)`,
  );
}

/** Channels added at both ends of every line. */
export interface TruncationExtension {
  readonly lead: number;
  readonly tail: number;
  /** The geometry with them. */
  readonly geometry: FbpGeometry;
}

/**
 * Decides how far to extend a detector.
 *
 * @param sides - ends to extend
 */
export function createExtension(
  geometry: FbpGeometry,
  sides: readonly ("first" | "last")[],
): TruncationExtension {
  const line = createDetectorLine(geometry);
  const extend = (side: "first" | "last", reach: number): number => {
    if (!sides.includes(side)) return 0;
    const wanted = Math.ceil(EXTENSION_SHARE * geometry.channels);
    if (!line.isAngular) return wanted;
    return Math.max(0, Math.min(wanted, Math.floor(WIDEST_FAN_RAD / line.pitch - reach)));
  };
  const lead = extend("first", line.centre);
  const tail = extend("last", geometry.channels - 1 - line.centre);
  return {
    lead,
    tail,
    geometry: {
      ...geometry,
      channels: geometry.channels + lead + tail,
      channelOffset: geometry.channelOffset + (lead - tail) / 2,
    },
  };
}

/**
 * Continues every line of channels beyond the detector.
 *
 * With p² = 4µ²(R² − (x − x₀)²) for a cylinder, a straight line through p² of the outermost eight channels gives its
 * value and slope, and these the cylinder; a cos² taper over
 * the outer half of the extension brings all to 0.
 *
 * @param data - lines of `geometry.channels` samples
 * @param muPerMm - attenuation of the cylinder
 * @returns lines of `extension.geometry.channels` samples
 */
export function extendProjections(
  data: Float32Array,
  geometry: FbpGeometry,
  extension: TruncationExtension,
  muPerMm: number,
): Float32Array {
  if (!(muPerMm > 0 && Number.isFinite(muPerMm))) {
    throw new ReconError("OUT_OF_RANGE", `truncationMuPerMm ${muPerMm} is not above 0; water is about 0.02`);
  }
  const { channels } = geometry;
  const { lead, tail } = extension;
  const width = lead + channels + tail;
  const lines = data.length / channels;
  const spacing = createDetectorLine(geometry).pitchAtAxisMm;
  const out = new Float32Array(lines * width);
  const fitted = Math.min(FIT_CHANNELS, channels);
  const continueLine = (at: number, step: 1 | -1, target: number, count: number): void => {
    // Squares of the outermost channels against the distance inwards: mean, slope, value at the edge.
    let sum = 0;
    let moment = 0;
    for (let k = 0; k < fitted; k++) {
      const value = Math.max(0, data[at - step * k]);
      sum += value * value;
      moment += value * value * (k - (fitted - 1) / 2);
    }
    const variance = (fitted * (fitted * fitted - 1)) / 12;
    const inwards = fitted > 1 ? moment / variance : 0;
    const edge = Math.max(0, sum / fitted - (inwards * (fitted - 1)) / 2);
    if (edge === 0) return;
    const scale = 4 * (muPerMm * spacing) ** 2;
    // In channels: p²/scale = R² − (x − x₀)², with x − x₀ = half the fall of p²/scale per channel.
    const fromCentre = inwards / (2 * scale);
    const radius2 = edge / scale + fromCentre * fromCentre;
    for (let k = 1; k <= count; k++) {
      const square = radius2 - (fromCentre + k) ** 2;
      if (square <= 0) continue;
      // The outer half of the extension falls to 0.
      const outer = Math.max(0, (2 * k) / (count + 1) - 1);
      const taper = Math.cos((Math.PI / 2) * outer) ** 2;
      out[target + step * (k - 1)] = Math.sqrt(scale * square) * taper;
    }
  };
  for (let line = 0; line < lines; line++) {
    const source = line * channels;
    const target = line * width;
    out.set(data.subarray(source, source + channels), target + lead);
    continueLine(source, -1, target + lead - 1, lead);
    continueLine(source + channels - 1, 1, target + lead + channels, tail);
  }
  return out;
}
