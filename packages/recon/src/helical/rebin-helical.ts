/**
 * Single-slice rebinning of a helical multi-row scan to one full fan-beam turn per slice (Noo, Defrise, Clackdoyle,
 * Kudo 1999, Phys. Med. Biol. 44:561): a slanted measured ray stands for the ray in the slice's plane that it meets
 * where it passes the axis. Rays of all turns that hit the detector are blended by their distance in z, so slices are
 * about as thick as the blend. Flying focal spots: the rays of each focal position are traced from where it was.
 * Approximate: the cone angle is neglected but for the length of the path, so artifacts grow with rows and pitch
 * (ordinary up to about 16 rows); not Katsevich, not WFBP.
 */
import {
  createSinogram,
  type FanArcGeometry,
  type LongWorkOptions,
  type Sinogram,
  yieldThread,
} from "@alara/core";
import { unwrapAngles } from "../analytic/view-sampling.ts";
import { ReconError } from "../errors.ts";
import { checkHelicalScan, type HelicalScan } from "./helical-scan.ts";

/** Options of {@link rebinHelicalScan}. */
export interface RebinHelicalOptions extends LongWorkOptions {
  /** Heights of the slices, mm. */
  readonly sliceHeightsMm: ArrayLike<number>;
  /** Views of each fan-beam turn; default: those of one rotation of the scan. */
  readonly viewsPerTurn?: number;
}

/** Views that share a focal position, in order. */
interface FocalGroup {
  readonly views: Int32Array;
  readonly shift: readonly [number, number, number];
  /** Unwrapped angle of each view. */
  readonly anglesRad: Float64Array;
  readonly stepRad: number;
}

/** Where one target ray lies in the views of one focal group; the same for all views. */
interface TracedChannel {
  /** View angle minus the target's source angle, rad. */
  readonly angleRad: number;
  readonly channel: number;
  /** In the plane: focal spot to the ray's point nearest the axis, and to the detector, mm. */
  readonly toAxisMm: number;
  readonly toDetectorMm: number;
}

/** Feed, direction and range of a helix. */
export interface HelixFacts {
  /** Movement per turn, mm; the sign is that of dz/dβ. */
  readonly feedPerTurnMm: number;
  readonly viewsPerTurn: number;
  /** Heights between which slices get a whole turn of measured rays, mm. */
  readonly lowestSliceMm: number;
  readonly highestSliceMm: number;
}

/**
 * Measures a helix.
 *
 * @throws ReconError `UNSUPPORTED_GEOMETRY` for uneven angles or uneven feed
 */
export function measureHelix(scan: HelicalScan): HelixFacts {
  checkHelicalScan(scan);
  const angles = unwrapAngles(scan.anglesRad);
  const last = scan.views - 1;
  const sweep = angles[last] - angles[0];
  const step = sweep / last;
  const rise = (scan.heightsMm[last] - scan.heightsMm[0]) / sweep;
  for (let v = 0; v < scan.views; v++) {
    if (Math.abs(angles[v] - angles[0] - v * step) > 0.25 * Math.abs(step)) {
      throw new ReconError(
        "UNSUPPORTED_GEOMETRY",
        `view ${v} is at ${(angles[v] - angles[0]).toFixed(5)} rad after the first; even steps would put it at ${(v * step).toFixed(5)}: rebinning needs a steady rotation`,
      );
    }
    const height = scan.heightsMm[0] + rise * (angles[v] - angles[0]);
    if (Math.abs(scan.heightsMm[v] - height) > 0.25 * scan.facts.rowSpacingMm) {
      throw new ReconError(
        "UNSUPPORTED_GEOMETRY",
        `view ${v} is at ${scan.heightsMm[v].toFixed(3)} mm, a steady feed would put it at ${height.toFixed(3)}: rebinning needs a steady table`,
      );
    }
  }
  const feedPerTurnMm = 2 * Math.PI * rise;
  // A slice needs source positions of half a turn on both sides.
  const margin = Math.abs(feedPerTurnMm) / 2;
  const ends = [scan.heightsMm[0], scan.heightsMm[last]];
  return {
    feedPerTurnMm,
    viewsPerTurn: Math.round((2 * Math.PI) / Math.abs(step)),
    lowestSliceMm: Math.min(...ends) + margin,
    highestSliceMm: Math.max(...ends) - margin,
  };
}

function groupByFocalSpot(scan: HelicalScan): FocalGroup[] {
  const angles = unwrapAngles(scan.anglesRad);
  const groups = new Map<string, number[]>();
  const keys: number[][] = [];
  for (let v = 0; v < scan.views; v++) {
    const shift = [...scan.focalSpotShifts.subarray(3 * v, 3 * v + 3)];
    let key = keys.findIndex(
      (known) =>
        Math.abs(known[0] - shift[0]) < 1e-6 &&
        Math.abs(known[1] - shift[1]) < 1e-3 &&
        Math.abs(known[2] - shift[2]) < 1e-3,
    );
    if (key < 0) {
      key = keys.length;
      keys.push(shift);
      if (keys.length > 8) {
        throw new ReconError(
          "UNSUPPORTED_GEOMETRY",
          "the focal spot takes more than 8 positions; rebinning traces the few of a flying focal spot",
        );
      }
    }
    const list = groups.get(String(key)) ?? [];
    list.push(v);
    groups.set(String(key), list);
  }
  return keys.map((shift, key) => {
    const views = Int32Array.from(groups.get(String(key)) ?? []);
    const groupAngles = Float64Array.from(views, (view) => angles[view]);
    return {
      views,
      shift: [shift[0], shift[1], shift[2]],
      anglesRad: groupAngles,
      stepRad:
        views.length < 2 ? Number.NaN : (groupAngles[views.length - 1] - groupAngles[0]) / (views.length - 1),
    };
  });
}

/** Traces the target ray of fan angle γ at source angle 0 in the views of a focal position. */
function traceChannel(
  scan: HelicalScan,
  shift: FocalGroup["shift"],
  gamma: number,
): TracedChannel | undefined {
  const { sourceToIsoMm, sourceToDetectorMm, channelSpacingMm, centralChannel, detectorShape } = scan.facts;
  const [shiftRad, , shiftMm] = shift;
  const radius = sourceToIsoMm + shiftMm;
  const s = sourceToIsoMm * Math.sin(gamma);
  // The same line s = R sinγ', β' + Δφ + π/2 − γ' = π/2 − γ, from the focal spot at angle β' + Δφ.
  const own = Math.asin(s / radius);
  const angleRad = own - gamma - shiftRad;
  // In the frame of the focal spot: depth along its central ray, lateral towards growing γ.
  const centreDepth = radius - sourceToIsoMm * Math.cos(shiftRad);
  const centreLateral = sourceToIsoMm * Math.sin(shiftRad);
  // The arc's centre seen from the focal spot, in that frame: a = depth, b = lateral.
  const a = centreDepth;
  const b = -centreLateral;
  const cosine = Math.cos(own);
  const sine = Math.sin(own);
  let t: number;
  let channel: number;
  if (detectorShape === "CYLINDRICAL") {
    const along = a * cosine + b * sine;
    const across = -a * sine + b * cosine;
    t = along + Math.sqrt(sourceToDetectorMm ** 2 - across ** 2);
    // Both frames see one direction: β_spot − γ_spot = β − γ, so γ = γ_spot − Δφ.
    const depth = t * cosine - a;
    const lateral = t * sine - b;
    const arc = Math.atan2(lateral, depth) - shiftRad;
    channel = centralChannel + (arc * sourceToDetectorMm) / channelSpacingMm;
  } else {
    // The detector's plane: depth d0 along its own central ray, which the focal spot sees at γ_spot = Δφ.
    const axisDepth = Math.cos(shiftRad);
    const axisLateral = Math.sin(shiftRad);
    const reach = cosine * axisDepth + sine * axisLateral;
    t = (sourceToDetectorMm + a * axisDepth + b * axisLateral) / reach;
    const depth = t * cosine - a;
    const lateral = t * sine - b;
    channel = centralChannel + (lateral * axisDepth - depth * axisLateral) / channelSpacingMm;
  }
  if (!(channel >= 0 && channel <= scan.facts.channels - 1)) return undefined;
  return { angleRad, channel, toAxisMm: radius * cosine, toDetectorMm: t };
}

/**
 * Rebins a helical scan.
 *
 * @returns one full turn of an equiangular fan per height, `[slice][view][channel]`, on the scan's own channels (flat
 *   detectors: on as many equiangular ones)
 * @throws ReconError `UNSUPPORTED_GEOMETRY`, `OUT_OF_RANGE` (heights beyond the helix, or a feed that leaves gaps),
 *   `SHAPE_MISMATCH`, `NON_FINITE`
 * @remarks Channels whose rays no view holds (at the edge, with a flying focal spot) are 0 as beyond the detector.
 * Tested on analytic helices of both detector shapes, with and without flying focal spots.
 */
export async function rebinHelicalScan(
  scan: HelicalScan,
  options: RebinHelicalOptions,
): Promise<Sinogram<"line integral", FanArcGeometry>> {
  const helix = measureHelix(scan);
  const { facts, heightsMm, data } = scan;
  const { rows, channels } = facts;
  const slices = options.sliceHeightsMm.length;
  const viewsPerTurn = options.viewsPerTurn ?? helix.viewsPerTurn;
  for (let slice = 0; slice < slices; slice++) {
    const height = options.sliceHeightsMm[slice];
    if (!(height >= helix.lowestSliceMm - 1e-6 && height <= helix.highestSliceMm + 1e-6)) {
      throw new ReconError(
        "OUT_OF_RANGE",
        `slice ${slice} at ${height} mm is outside ${helix.lowestSliceMm.toFixed(2)}..${helix.highestSliceMm.toFixed(2)} mm, where this helix has a whole turn`,
      );
    }
  }
  const centreGamma = (facts.channels - 1) / 2 - facts.centralChannel;
  const pitchRad =
    facts.detectorShape === "CYLINDRICAL"
      ? facts.channelSpacingMm / facts.sourceToDetectorMm
      : Math.atan(
          ((channels - 1) / 2 - Math.abs(centreGamma)) * (facts.channelSpacingMm / facts.sourceToDetectorMm),
        ) /
        ((channels - 1) / 2 - Math.abs(centreGamma));
  const geometry: FanArcGeometry = {
    kind: "fan-arc",
    sourceToIsoMm: facts.sourceToIsoMm,
    sourceToDetectorMm: facts.sourceToDetectorMm,
    channels,
    channelPitchRad: pitchRad,
    channelOffset: -centreGamma,
    anglesRad: Float64Array.from({ length: viewsPerTurn }, (_, k) => (2 * Math.PI * k) / viewsPerTurn),
  };
  const groups = groupByFocalSpot(scan);
  const traced = groups.map((group) =>
    Array.from({ length: channels }, (_, c) =>
      traceChannel(scan, group.shift, (c - facts.centralChannel) * pitchRad),
    ),
  );
  const out = createSinogram("line integral", geometry, slices);
  const feed = Math.max(Math.abs(helix.feedPerTurnMm), 1e-9);
  for (let slice = 0; slice < slices; slice++) {
    // An abort from elsewhere is heard between slices.
    await yieldThread();
    options.signal?.throwIfAborted();
    const z = options.sliceHeightsMm[slice];
    for (let k = 0; k < viewsPerTurn; k++) {
      const row = out.data.subarray(
        (slice * viewsPerTurn + k) * channels,
        (slice * viewsPerTurn + k + 1) * channels,
      );
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let weights = 0;
        let held = false;
        for (let g = 0; g < groups.length; g++) {
          const ray = traced[g][c];
          if (ray === undefined) continue;
          held = true;
          const group = groups[g];
          // The first of all turns of this angle within the group's sweep, as a place among its views.
          const turn = (2 * Math.PI) / Math.abs(group.stepRad);
          const place = (geometry.anglesRad[k] + ray.angleRad - group.anglesRad[0]) / group.stepRad;
          for (let p = place - turn * Math.floor(place / turn); p <= group.views.length - 1; p += turn) {
            const low = Math.min(Math.floor(p), group.views.length - 2);
            const fraction = p - low;
            const viewA = group.views[low];
            const viewB = group.views[low + 1];
            const centre = heightsMm[viewA] + fraction * (heightsMm[viewB] - heightsMm[viewA]);
            const spot = centre + group.shift[1];
            const weight = 1 - Math.abs(z - spot) / feed;
            if (weight <= 0) continue;
            const rise = ((z - spot) * ray.toDetectorMm) / ray.toAxisMm;
            const r = facts.centralRow + (spot + rise - centre) / facts.rowSpacingMm;
            if (r < -0.5 || r > rows - 0.5) continue;
            const value =
              (1 - fraction) * sampleView(data, viewA, rows, channels, r, ray.channel) +
              fraction * sampleView(data, viewB, rows, channels, r, ray.channel);
            sum += (weight * value * ray.toDetectorMm) / Math.hypot(ray.toDetectorMm, rise);
            weights += weight;
          }
        }
        if (weights > 0) row[c] = sum / weights;
        else if (held) {
          throw new ReconError(
            "OUT_OF_RANGE",
            `at ${z} mm no view holds the ray of view ${k}, channel ${c}: the table moves ${feed.toFixed(1)} mm per turn, more than ${rows} rows cover`,
          );
        }
      }
    }
    options.onProgress?.({ phase: "rebinning", done: slice + 1, total: slices, unit: "slices" });
  }
  return out;
}

/** Bilinear sample of one view; rows are held at the detector's edge. */
function sampleView(
  data: Float32Array,
  view: number,
  rows: number,
  channels: number,
  row: number,
  channel: number,
): number {
  const r = Math.min(rows - 1, Math.max(0, row));
  const r0 = Math.min(Math.floor(r), Math.max(0, rows - 2));
  const r1 = Math.min(r0 + 1, rows - 1);
  const c0 = Math.min(Math.floor(channel), channels - 2);
  const fr = r - r0;
  const fc = channel - c0;
  const base = view * rows * channels;
  const a = base + r0 * channels + c0;
  const b = base + r1 * channels + c0;
  return (1 - fr) * ((1 - fc) * data[a] + fc * data[a + 1]) + fr * ((1 - fc) * data[b] + fc * data[b + 1]);
}
