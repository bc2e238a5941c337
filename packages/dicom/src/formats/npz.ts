/**
 * NPZ archives of NumPy: a zip of NPY arrays. Alara's own hold `data` `[slice][row][column]` with `spacing` (mm, same
 * order), `origin` (mm, LPS), `direction` (rows: unit vectors along which slice, row and column grow, LPS), `unit` and
 * perhaps `description`; without origin and direction the orientation is unknown.
 */
import { type GridGeometry, joinBytes, type Vector3, type Volume } from "@alara/core";
import { zipSync } from "fflate";
import { DicomError } from "../errors.ts";
import { COMPRESSION_LEVEL } from "./compression.ts";
import {
  DEFAULT_VOLUME_LIMITS,
  findUnit,
  formatDescription,
  isOrientationUnsaid,
  parseDescription,
  type ReadVolumeOptions,
  type StoredVolume,
  type VolumeFile,
  type WriteVolumeOptions,
} from "./format.ts";
import { assumeGrid, formatNpy, formatNpyHeader, type NpyArray, parseNpy, selectNpyVolume } from "./npy.ts";
import { createGridOfSteps } from "./orientation.ts";
import { chooseSampleType, decodeSamples } from "./samples.ts";
import { createStoredVolume } from "./stored-volume.ts";
import { encodeHeaderText } from "./text-header.ts";
import { isZip, listZipEntries, readZipEntry } from "./zip.ts";

/** Whether bytes begin like a zip, as NPZ does. */
export const isNpz: (bytes: Uint8Array) => boolean = isZip;

/** The earliest moment of the format, in the local zone as it demands. */
export const ZIP_MOMENT: Date = new Date(1980, 0, 1);

const PLACE_NAMES: ReadonlySet<string> = new Set(["spacing", "origin", "direction", "unit", "description"]);

/**
 * Reads NPZ. The array is `data`, or the only one beside those that give the place.
 *
 * @throws DicomError `UNSUPPORTED_FORMAT`, `TRUNCATED`, `INVALID_VALUE`, `INVALID_COMPRESSED_DATA`,
 *   `SEVERAL_VOLUMES`, `UNSUPPORTED_PIXEL_FORMAT`, `LIMIT_EXCEEDED`
 * @remarks Tested against NumPy.
 */
export async function readNpz(bytes: Uint8Array, options: ReadVolumeOptions = {}): Promise<StoredVolume> {
  const limits = options.limits ?? DEFAULT_VOLUME_LIMITS;
  const entries = new Map(
    listZipEntries(bytes, limits).map((entry) => [entry.name.replace(/\.npy$/, ""), entry] as const),
  );
  const names = [...entries.keys()].filter((name) => !PLACE_NAMES.has(name));
  const chosen = names.includes("data") ? "data" : names.length === 1 ? names[0] : undefined;
  if (chosen === undefined) {
    throw new DicomError(
      "SEVERAL_VOLUMES",
      `the archive holds ${names.length} arrays and none is called data; save the one to read alone or as data`,
    );
  }
  const open = async (name: string, maxBytes: number): Promise<NpyArray | undefined> => {
    const entry = entries.get(name);
    return entry === undefined
      ? undefined
      : parseNpy(await readZipEntry(bytes, entry, { ...limits, maxFileBytes: maxBytes }), limits);
  };
  const array = await open(chosen, limits.maxFileBytes);
  if (array === undefined) throw new DicomError("INVALID_VALUE", "the archive lost its array");
  const volume = selectNpyVolume(array, options, limits);
  const small = 65_536;
  const numbers = async (name: string, count: number): Promise<readonly number[] | undefined> => {
    const item = await open(name, small);
    if (item === undefined) return undefined;
    const flat = item.shape.reduce((product, n) => product * n, 1);
    if (item.sampleType === undefined || flat !== count || item.fortranOrder) {
      throw new DicomError("INVALID_VALUE", `the array "${name}" is not ${count} numbers in C order`);
    }
    if (item.sampleType === "float64") return readDoubles(item, count);
    return [...decodeSamples(item.bytes, item.sampleType, count, item).data];
  };
  const spacing = await numbers("spacing", 3);
  const origin = await numbers("origin", 3);
  const direction = await numbers("direction", 9);
  const unit = findUnit(readScalarText(await open("unit", small)));
  const description = parseDescription(readScalarText(await open("description", small)) ?? "");
  const place =
    spacing === undefined || direction === undefined
      ? assumeGrid(
          volume.size,
          spacing === undefined ? options : { ...options, spacingMm: [spacing[0], spacing[1], spacing[2]] },
        )
      : { geometry: createPlacedGrid(volume.size, spacing, origin ?? [0, 0, 0], direction) };
  return createStoredVolume(volume.bytes, { ...volume, ...place, ...description, unit }, options);
}

/** Positions keep double precision. */
export function readDoubles(array: NpyArray, count: number): number[] {
  if (array.bytes.length < 8 * count) throw new DicomError("TRUNCATED", "an array of the archive ends early");
  const view = new DataView(array.bytes.buffer, array.bytes.byteOffset, 8 * count);
  return Array.from({ length: count }, (_, i) => view.getFloat64(8 * i, array.littleEndian));
}

function createPlacedGrid(
  size: readonly [number, number, number],
  spacing: readonly number[],
  origin: readonly number[],
  direction: readonly number[],
): GridGeometry {
  if (!spacing.every((value) => value > 0)) {
    throw new DicomError("INVALID_VALUE", `a spacing of ${spacing.join(" × ")} mm is not positive`);
  }
  const [slice, row, column] = [0, 1, 2].map((axis): Vector3 => {
    const vector = direction.slice(3 * axis, 3 * axis + 3);
    const length = Math.hypot(...vector);
    return [
      (vector[0] / length) * spacing[axis],
      (vector[1] / length) * spacing[axis],
      (vector[2] / length) * spacing[axis],
    ];
  });
  return createGridOfSteps(size, { slice, row, column }, [origin[0], origin[1], origin[2]]);
}

/** A scalar of text: UTF-32 as NumPy stores it, or bytes. */
export function readScalarText(array: NpyArray | undefined): string | undefined {
  if (array === undefined) return undefined;
  const { bytes, characters = 0 } = array;
  if (characters < 1 || characters > 2048 || bytes.length < 4 * characters) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 4 * characters);
  let text = "";
  for (let i = 0; i < characters; i++) {
    const code = view.getUint32(4 * i, array.littleEndian);
    if (code > 0 && code < 128) text += String.fromCharCode(code);
  }
  return text;
}

/** A scalar array of text. */
export function formatScalarText(text: string): Uint8Array {
  const header = `{'descr': '<U${text.length}', 'fortran_order': False, 'shape': (), }`;
  const length = Math.ceil((10 + header.length + 1) / 64) * 64;
  const out = new Uint8Array(length + 4 * text.length);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, (length - 10) & 255, (length - 10) >> 8]);
  out.fill(32, 10, length - 1);
  out.set(encodeHeaderText(header), 10);
  out[length - 1] = 10;
  for (let i = 0; i < text.length; i++) out[length + 4 * i] = text.charCodeAt(i);
  return out;
}

/** A NPY array of double precision. */
export function formatDoubles(values: ArrayLike<number>, shape: readonly number[]): Uint8Array {
  return joinBytes([formatNpyHeader("float64", shape), new Uint8Array(Float64Array.from(values).buffer)]);
}

/** Writes one `.npz` file, deflated, with the grid beside the data. No moment is written into it. */
export function writeNpz(volume: Volume, options: WriteVolumeOptions = {}): readonly VolumeFile[] {
  const { geometry, data, unit } = volume;
  const { slice, row, column } = geometry.direction;
  const bytes = zipSync(
    {
      "data.npy": formatNpy(data, options.sampleType ?? chooseSampleType(data), geometry.size),
      "spacing.npy": formatDoubles(geometry.spacingMm, [3]),
      ...(isOrientationUnsaid(geometry, options)
        ? {}
        : {
            "origin.npy": formatDoubles(geometry.originMm, [3]),
            "direction.npy": formatDoubles([...slice, ...row, ...column], [3, 3]),
          }),
      "unit.npy": formatScalarText(unit),
      ...(options.description === undefined
        ? {}
        : { "description.npy": formatScalarText(formatDescription(options.description)) }),
    },
    { level: COMPRESSION_LEVEL, mtime: ZIP_MOMENT },
  );
  return [{ name: `${options.baseName ?? "volume"}.npz`, bytes }];
}
