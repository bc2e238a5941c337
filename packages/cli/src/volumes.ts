/** Scans as slices that can be read and compared, whether they come from DICOM or from a volume file. */
import {
  type GridGeometry,
  getSliceData,
  type LongWorkOptions,
  type Unit,
  type Vector3,
  type Volume,
} from "@alara/core";
import { decodeSliceHu, type Series } from "@alara/dicom";
import { isVolumePath, type OpenedVolume, openVolumeFile } from "@alara/dicom/node";
import { PADDING_AS_HU } from "@alara/enhance";
import { printNote } from "./context.ts";
import { describeFindings, questionHu, requireHu } from "./convert-volume.ts";
import { CliError, type OpenSeriesOptions, openSeries } from "./input.ts";

const POSITION_TOLERANCE_MM = 0.01;

/** Slices in HU with their places. */
export interface Scan {
  readonly geometry: GridGeometry;
  /** Centre of the first pixel of every slice. */
  readonly positionsMm: readonly Vector3[];
  /** HU, `[row][column]`; padding as air. */
  readSlice(slice: number): Promise<Float32Array>;
}

/** A DICOM series as a scan; its files are read slice by slice. */
export function createSeriesScan(series: Series): Scan {
  return {
    geometry: series.geometry,
    positionsMm: series.slices.map((slice) => slice.summary.positionMm),
    readSlice: async (slice) => (await decodeSliceHu(series, slice, { paddingHu: PADDING_AS_HU })).hu,
  };
}

/** A volume as a scan. */
export function createVolumeScan(volume: Volume<"HU">): Scan {
  const { size, spacingMm, originMm, direction } = volume.geometry;
  const place = (slice: number): Vector3 => {
    const shift = slice * spacingMm[0];
    const [x, y, z] = direction.slice;
    return [originMm[0] + shift * x, originMm[1] + shift * y, originMm[2] + shift * z];
  };
  return {
    geometry: volume.geometry,
    positionsMm: Array.from({ length: size[0] }, (_, slice) => place(slice)),
    readSlice: async (slice) => getSliceData(volume, slice).slice(),
  };
}

/** Options of {@link openScan}. */
export interface OpenScanOptions extends OpenSeriesOptions {
  /** What the values of a volume file are, when it does not say. */
  readonly unit?: Unit;
}

/** A volume file whose values are Hounsfield units. */
export interface OpenedHuVolume extends OpenedVolume {
  readonly volume: Volume<"HU">;
}

/**
 * Opens a volume file in Hounsfield units and says what had to be assumed.
 *
 * @returns `undefined` when the path is no volume file, so DICOM presumably
 * @throws CliError `UNIT_NOT_HU` unless the file or the caller says so; DicomError as reading
 */
export async function openHuVolume(
  path: string,
  unit: Unit | undefined,
): Promise<OpenedHuVolume | undefined> {
  if (!(await isVolumePath(path))) return undefined;
  const opened = await openVolumeFile(path, unit === undefined ? {} : { unit });
  const { volume } = opened;
  requireHu(volume);
  for (const note of describeFindings(opened)) printNote(`! ${note}`);
  const question = questionHu(volume);
  if (question !== undefined) printNote(`! ${question}`);
  return { ...opened, volume };
}

/**
 * Opens the one series of a DICOM folder, or a volume file in Hounsfield units.
 *
 * @throws CliError as {@link openSeries} and {@link openHuVolume}
 */
export async function openScan(path: string, options: OpenScanOptions = {}): Promise<Scan> {
  const opened = await openHuVolume(path, options.unit);
  return opened === undefined
    ? createSeriesScan(await openSeries(path, options))
    : createVolumeScan(opened.volume);
}

/**
 * Checks that two scans lie on one grid, slice by slice.
 *
 * @throws CliError `GRID_MISMATCH`
 */
export function assertSameGrid(a: Scan, b: Scan, names: readonly [string, string]): void {
  const sizeA = a.geometry.size;
  const sizeB = b.geometry.size;
  const shapes = `${names[0]} is ${sizeA.join(" × ")}, ${names[1]} is ${sizeB.join(" × ")}`;
  if (sizeA.some((n, axis) => n !== sizeB[axis])) {
    throw new CliError("GRID_MISMATCH", `the series differ in size: ${shapes}; compare series of one scan`);
  }
  const axes = ({ geometry }: Scan): number[] => [
    ...geometry.spacingMm.slice(1),
    ...geometry.direction.row,
    ...geometry.direction.column,
  ];
  const other = axes(b);
  if (axes(a).some((value, i) => Math.abs(value - other[i]) > 1e-3)) {
    throw new CliError(
      "GRID_MISMATCH",
      `${names[0]} and ${names[1]} differ in pixel spacing or orientation; compare series of one scan`,
    );
  }
  for (const [i, p] of a.positionsMm.entries()) {
    const q = b.positionsMm[i];
    const distance = Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
    if (distance > POSITION_TOLERANCE_MM) {
      throw new CliError(
        "GRID_MISMATCH",
        `slice ${i + 1} of ${names[0]} lies ${distance.toFixed(2)} mm from that of ${names[1]}; compare series of one scan`,
      );
    }
  }
}

/** The chosen slices of a scan as one volume; the grid is that of the whole scan with fewer slices. */
export async function readSlices(
  scan: Scan,
  chosen: readonly number[],
  work: LongWorkOptions = {},
): Promise<Volume<"HU">> {
  const { size } = scan.geometry;
  const plane = size[1] * size[2];
  const data = new Float32Array(chosen.length * plane);
  for (const [index, slice] of chosen.entries()) {
    work.signal?.throwIfAborted();
    data.set(await scan.readSlice(slice), index * plane);
    work.onProgress?.({ phase: "reading", done: index + 1, total: chosen.length, unit: "slices" });
  }
  return { unit: "HU", geometry: { ...scan.geometry, size: [chosen.length, size[1], size[2]] }, data };
}
