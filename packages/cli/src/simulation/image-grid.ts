/** Grids from the options of the command line: field of view, size, slices, middle. */
import { createCentredGrid, type GridGeometry } from "@alara/core";
import { parseNumber, parseWholeNumber } from "../arguments.ts";
import { UsageError } from "../context.ts";

/** `x,y` or `x,y,z` in mm. */
export function parseCentre(text: string | undefined): readonly [number, number, number] {
  const parts = (text ?? "0,0,0").split(",");
  if (parts.length < 2 || parts.length > 3) {
    throw new UsageError(`--centre is "${text}", expected x,y or x,y,z in mm`);
  }
  const [x, y, z = 0] = parts.map((part) => parseNumber("--centre", part, { minimum: -1e4, maximum: 1e4 }));
  return [x, y, z];
}

/** `first..last` as two numbers. */
export function parseRange(name: string, text: string | undefined): readonly [number, number] | undefined {
  if (text === undefined) return undefined;
  const match = /^(-?[\d.]+(?:e-?\d+)?)\.\.(-?[\d.]+(?:e-?\d+)?)$/i.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (!(first <= last)) throw new UsageError(`${name} is "${text}", expected first..last, e.g. 10..50`);
  return [first, last];
}

/** What options say of a grid. */
export interface GridOptions {
  readonly size: string;
  readonly fov?: string;
  readonly centre?: string;
}

/** A grid and where the isocentre lies from its middle. */
export interface PlacedGrid {
  readonly grid: GridGeometry;
  /** `[slice, row, column]` mm. */
  readonly isocentreOffsetMm: readonly [number, number, number];
}

/** The slices of a grid, and what is taken without options. */
export interface GridDefaults {
  readonly slices: number;
  readonly sliceSpacingMm: number;
  /** Height of the middle slice before `--centre`, mm. */
  readonly middleMm: number;
  /** Field of view without `--fov`, mm. */
  readonly fovMm: number;
}

/** `--slice-spacing` in mm. */
export function parseSliceSpacing(text: string): number {
  return parseNumber("--slice-spacing", text, { minimum: 1e-4, maximum: 1e3 });
}

/**
 * An axial grid around the isocentre, moved by `--centre`.
 *
 * @throws UsageError
 */
export function createImageGrid(options: GridOptions, defaults: GridDefaults): PlacedGrid {
  const size = parseWholeNumber("--size", options.size, { minimum: 8, maximum: 8192 });
  const fov =
    options.fov === undefined
      ? defaults.fovMm
      : parseNumber("--fov", options.fov, { minimum: 0.01, maximum: 1e4 });
  const { slices, sliceSpacingMm: spacing } = defaults;
  const [x, y, dz] = parseCentre(options.centre);
  const z = defaults.middleMm + dz;
  const pixel = fov / size;
  const centred = createCentredGrid([slices, size, size], [spacing, pixel, pixel]);
  const [ox, oy, oz] = centred.originMm;
  return {
    grid: { ...centred, originMm: [ox + x, oy + y, oz + z] },
    isocentreOffsetMm: [-z, -y, -x],
  };
}
