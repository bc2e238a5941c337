/**
 * Scan geometries from scanners and options: full turns and short scans, coarser sampling, shifted detectors,
 * other magnifications. Conventions of core's scan-geometry.ts. Trajectories that are not circles stand in
 * posed-geometry.ts.
 */
import type {
  ConeCurvedGeometry,
  ConeFlatGeometry,
  FanArcGeometry,
  FanFlatGeometry,
  ParallelGeometry,
} from "@alara/core";
import { PhysicsError } from "../errors.ts";
import type { FlatPanelScanner, Scanner } from "./scanner.ts";

/** Options of {@link createScanGeometry}. */
export interface ScanGeometryOptions {
  /** Number of views; default: the scanner's per rotation, and of shorter arcs the same angle between views. */
  readonly views?: number;
  /** Merges this many neighbouring channels into one; default 1. */
  readonly channelBinning?: number;
  /** Source angle of the first view, rad; default 0. */
  readonly startAngleRad?: number;
  /**
   * The angle that is scanned, rad; `"full"` is 2π and `"short"` π + twice the largest ray angle (Parker 1982).
   * Default `"full"`. Views start at `startAngleRad` and are arc/views apart; of arcs without stated `views`, the
   * scanner's own angle apart (2π over its views per rotation).
   */
  readonly arc?: "full" | "short" | number;
  /** Added to the arc, rad; default 0. */
  readonly overscanRad?: number;
  /** Moves the detector along its channels, mm at the detector; the central ray meets a lower channel. Default 0. */
  readonly channelShiftMm?: number;
}

/** Options of geometries with several rows. */
export interface ConeGeometryOptions extends ScanGeometryOptions {
  /** Uses only this many rows around the middle; default all. */
  readonly rows?: number;
  /** Merges this many neighbouring rows into one, after the choice of `rows`; default 1. */
  readonly rowBinning?: number;
  /** Moves the detector along z, mm; default 0. */
  readonly rowShiftMm?: number;
}

/** Options of flat panels. */
export interface FlatGeometryOptions extends ScanGeometryOptions {
  /** Source-to-detector over source-to-isocentre: moves the isocentre; default as the scanner. */
  readonly magnification?: number;
}

/** Options of cone beams on flat panels. */
export interface ConeFlatGeometryOptions extends ConeGeometryOptions, FlatGeometryOptions {}

/** Options of {@link createParallelGeometry}. */
export interface ParallelGeometryOptions {
  readonly channels: number;
  /** Distance between rays, mm. */
  readonly channelPitchMm: number;
  readonly views: number;
  /** The axis is met by channel (channels − 1)/2 + channelOffset; default 0. */
  readonly channelOffset?: number;
  /** Angle that is scanned, rad; default π. Views are arc/views apart. */
  readonly arcRad?: number;
  /** Normal angle θ of the first view, rad; default 0. */
  readonly startAngleRad?: number;
}

function checkPositive(name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new PhysicsError("OUT_OF_RANGE", `${name} ${value} is not a number > 0; pass e.g. 1`);
  }
}

function checkFinite(name: string, value: number): void {
  if (!Number.isFinite(value)) {
    throw new PhysicsError("OUT_OF_RANGE", `${name} ${value} is not finite; pass e.g. 0`);
  }
}

function checkCount(name: string, value: number, least: number, example: number): void {
  if (!(Number.isInteger(value) && value >= least)) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `${name} ${value} is not an integer ≥ ${least}; pass e.g. ${example}`,
    );
  }
}

/** Merged cells: cell c is centred on fine cell (c + ½)·binning − ½. */
function mergeCells(
  count: number,
  offset: number,
  binning: number,
): { readonly count: number; readonly offset: number } {
  const merged = Math.ceil(count / binning);
  const centre = ((count - 1) / 2 + offset + 0.5) / binning - 0.5;
  return { count: merged, offset: centre - (merged - 1) / 2 };
}

interface ViewSource {
  readonly viewsPerRotation: number;
}

function createAngles(
  scanner: ViewSource,
  options: ScanGeometryOptions,
  largestRayAngleRad: number,
): Float64Array {
  const overscan = options.overscanRad ?? 0;
  const start = options.startAngleRad ?? 0;
  checkFinite("overscanRad", overscan);
  checkFinite("startAngleRad", start);
  const wanted = options.arc ?? "full";
  const base =
    wanted === "full" ? 2 * Math.PI : wanted === "short" ? Math.PI + 2 * largestRayAngleRad : wanted;
  const arc = base + overscan;
  checkPositive("arc", arc);
  const step = (2 * Math.PI) / scanner.viewsPerRotation;
  const views = options.views ?? Math.max(2, Math.ceil(arc / step - 1e-9));
  checkCount("views", views, 2, 984);
  // Without a stated number of views the scanner's step is kept; the last view then completes the arc.
  const angle = options.views === undefined && wanted !== "full" ? step : arc / views;
  return Float64Array.from({ length: views }, (_, v) => start + angle * v);
}

function mergeChannels(
  scanner: Scanner | FlatPanelScanner,
  options: ScanGeometryOptions,
): { readonly count: number; readonly offset: number; readonly binning: number } {
  const binning = options.channelBinning ?? 1;
  checkCount("channelBinning", binning, 1, 4);
  const shift = options.channelShiftMm ?? 0;
  checkFinite("channelShiftMm", shift);
  const offset = scanner.channelOffset - shift / scanner.channelPitchMm;
  return { ...mergeCells(scanner.channels, offset, binning), binning };
}

/** Largest |position| of channel centres from the central ray, channels. */
function getReach(cells: { readonly count: number; readonly offset: number }): number {
  return (cells.count - 1) / 2 + Math.abs(cells.offset);
}

interface MergedRows {
  readonly rows: number;
  readonly rowPitchMm: number;
  readonly rowOffset: number;
}

function mergeRows(scanner: Scanner | FlatPanelScanner, options: ConeGeometryOptions): MergedRows {
  if (scanner.rows === undefined || scanner.rowPitchMm === undefined) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `scanner ${scanner.name} states no detector rows; pass a scanner with rows and rowPitchMm, e.g. { ...scanner, rows: 16, rowPitchMm: 1 }`,
    );
  }
  const rows = options.rows ?? scanner.rows;
  const binning = options.rowBinning ?? 1;
  checkCount("rows", rows, 1, 16);
  checkCount("rowBinning", binning, 1, 2);
  checkPositive("rowPitchMm", scanner.rowPitchMm);
  if (rows > scanner.rows) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `${rows} rows of a detector with ${scanner.rows}; pass at most that`,
    );
  }
  const shift = options.rowShiftMm ?? 0;
  checkFinite("rowShiftMm", shift);
  const merged = mergeCells(rows, (scanner.rowOffset ?? 0) - shift / scanner.rowPitchMm, binning);
  return { rows: merged.count, rowPitchMm: binning * scanner.rowPitchMm, rowOffset: merged.offset };
}

/**
 * Fan-beam scan of a scanner with an arc detector, optionally sampled more coarsely over the same fan.
 *
 * @returns the central ray's place on the detector is kept when channels are merged
 * @throws PhysicsError `OUT_OF_RANGE`
 * Tested: angles of full and short scans, the ray through a shifted or merged detector.
 */
export function createScanGeometry(scanner: Scanner, options: ScanGeometryOptions = {}): FanArcGeometry {
  checkPositive("sourceToIsoMm", scanner.sourceToIsoMm);
  checkPositive("sourceToDetectorMm", scanner.sourceToDetectorMm);
  const channels = mergeChannels(scanner, options);
  const channelPitchRad = (channels.binning * scanner.channelPitchMm) / scanner.sourceToDetectorMm;
  checkPositive("channelPitchMm", channelPitchRad);
  return {
    kind: "fan-arc",
    sourceToIsoMm: scanner.sourceToIsoMm,
    sourceToDetectorMm: scanner.sourceToDetectorMm,
    channels: channels.count,
    channelPitchRad,
    channelOffset: channels.offset,
    anglesRad: createAngles(scanner, options, getReach(channels) * channelPitchRad),
  };
}

/**
 * Cone-beam scan of a scanner with an arc detector of several rows.
 *
 * @throws PhysicsError `OUT_OF_RANGE`
 */
export function createConeCurvedGeometry(
  scanner: Scanner,
  options: ConeGeometryOptions = {},
): ConeCurvedGeometry {
  return { ...createScanGeometry(scanner, options), ...mergeRows(scanner, options), kind: "cone-curved" };
}

/**
 * Fan-beam scan with one row of a flat panel, in the plane of the source.
 *
 * @throws PhysicsError `OUT_OF_RANGE`
 */
export function createFanFlatGeometry(
  scanner: FlatPanelScanner,
  options: FlatGeometryOptions = {},
): FanFlatGeometry {
  checkPositive("sourceToDetectorMm", scanner.sourceToDetectorMm);
  checkPositive("channelPitchMm", scanner.channelPitchMm);
  const magnification = options.magnification ?? scanner.sourceToDetectorMm / scanner.sourceToIsoMm;
  if (!(magnification >= 1 && Number.isFinite(magnification))) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `magnification ${magnification} is not a number ≥ 1; the isocentre lies between source and detector, pass e.g. 1.5`,
    );
  }
  const channels = mergeChannels(scanner, options);
  const channelPitchMm = channels.binning * scanner.channelPitchMm;
  return {
    kind: "fan-flat",
    sourceToIsoMm:
      options.magnification === undefined
        ? scanner.sourceToIsoMm
        : scanner.sourceToDetectorMm / magnification,
    sourceToDetectorMm: scanner.sourceToDetectorMm,
    channels: channels.count,
    channelPitchMm,
    channelOffset: channels.offset,
    anglesRad: createAngles(
      scanner,
      options,
      Math.atan((getReach(channels) * channelPitchMm) / scanner.sourceToDetectorMm),
    ),
  };
}

/**
 * Cone-beam scan of a flat panel.
 *
 * @throws PhysicsError `OUT_OF_RANGE`
 */
export function createConeFlatGeometry(
  scanner: FlatPanelScanner,
  options: ConeFlatGeometryOptions = {},
): ConeFlatGeometry {
  return { ...createFanFlatGeometry(scanner, options), ...mergeRows(scanner, options), kind: "cone-flat" };
}

/**
 * Parallel rays at evenly spaced angles.
 *
 * @throws PhysicsError `OUT_OF_RANGE`
 */
export function createParallelGeometry(options: ParallelGeometryOptions): ParallelGeometry {
  const { channels, channelPitchMm, views, channelOffset = 0, arcRad = Math.PI, startAngleRad = 0 } = options;
  checkCount("channels", channels, 1, 512);
  checkCount("views", views, 1, 360);
  checkPositive("channelPitchMm", channelPitchMm);
  checkPositive("arcRad", arcRad);
  checkFinite("channelOffset", channelOffset);
  checkFinite("startAngleRad", startAngleRad);
  return {
    kind: "parallel",
    channels,
    channelPitchMm,
    channelOffset,
    anglesRad: Float64Array.from({ length: views }, (_, v) => startAngleRad + (arcRad * v) / views),
  };
}
