/**
 * The text header of NRRD0001 to NRRD0005 (teem.sourceforge.net/nrrd/format.html): fields, key/value pairs, what they
 * say of axes, space and data files. Bytes of samples are in nrrd.ts.
 */
import type { GridGeometry, Vector3 } from "@alara/core";
import { DicomError } from "../errors.ts";
import { expandPattern } from "./companions.ts";
import { type FormatFinding, parseDescription, type VolumeLimits } from "./format.ts";
import { completeAxes, createGridOfSteps } from "./orientation.ts";
import type { SampleType } from "./samples.ts";
import { encodeHeaderText, parseNumbers, parseWhole, readLine } from "./text-header.ts";
import { layOutAxes, type VolumeLayout } from "./volume-layout.ts";

const TYPES: Readonly<Record<string, SampleType>> = {
  "signed char": "int8",
  int8: "int8",
  int8_t: "int8",
  uchar: "uint8",
  "unsigned char": "uint8",
  uint8: "uint8",
  uint8_t: "uint8",
  short: "int16",
  "short int": "int16",
  "signed short": "int16",
  "signed short int": "int16",
  int16: "int16",
  int16_t: "int16",
  ushort: "uint16",
  "unsigned short": "uint16",
  "unsigned short int": "uint16",
  uint16: "uint16",
  uint16_t: "uint16",
  int: "int32",
  "signed int": "int32",
  int32: "int32",
  int32_t: "int32",
  uint: "uint32",
  "unsigned int": "uint32",
  uint32: "uint32",
  uint32_t: "uint32",
  longlong: "int64",
  "long long": "int64",
  "long long int": "int64",
  "signed long long": "int64",
  "signed long long int": "int64",
  int64: "int64",
  int64_t: "int64",
  ulonglong: "uint64",
  "unsigned long long": "uint64",
  "unsigned long long int": "uint64",
  uint64: "uint64",
  uint64_t: "uint64",
  float: "float32",
  double: "float64",
};

/** How samples are packed. */
export type NrrdEncoding = "raw" | "gzip" | "ascii" | "hex";

const ENCODINGS: Readonly<Record<string, NrrdEncoding>> = {
  raw: "raw",
  gz: "gzip",
  gzip: "gzip",
  txt: "ascii",
  text: "ascii",
  ascii: "ascii",
  hex: "hex",
};

/** An entry by a name that a file says, which may be that of a property every object has. */
function findEntry<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Names that the format writes in two ways, and the one used here. */
const ALIASES: Readonly<Record<string, string>> = {
  datafile: "data file",
  lineskip: "line skip",
  byteskip: "byte skip",
  sampleunits: "sample units",
};

/** Which way the axes of a named space point against LPS; `undefined` where the space says nothing of a patient. */
function findSpaceSigns(space: string | undefined): Vector3 | undefined {
  const name = space?.toLowerCase().replace(/-time$|t$/, "");
  if (name === "right-anterior-superior" || name === "ras") return [-1, -1, 1];
  if (name === "left-anterior-superior" || name === "las") return [1, -1, 1];
  if (name === "left-posterior-superior" || name === "lps") return [1, 1, 1];
  return undefined;
}

/** Kinds of axes that span space. */
const SPATIAL_KINDS: ReadonlySet<string> = new Set(["domain", "space", "???", "none"]);

const MM_OF_UNIT: Readonly<Record<string, number>> = {
  mm: 1,
  millimeter: 1,
  cm: 10,
  m: 1000,
  um: 1e-3,
  nm: 1e-6,
};

/** What a header says. */
export interface NrrdHeader {
  readonly sampleType: SampleType;
  readonly encoding: NrrdEncoding;
  readonly littleEndian: boolean;
  readonly layout: VolumeLayout;
  readonly sizes: readonly number[];
  readonly geometry: GridGeometry;
  /** Ours, from the key `description`. */
  readonly description?: string;
  /** The samples' unit as the file names it. */
  readonly sampleUnits: string | undefined;
  readonly lineSkip: number;
  /** −1: the samples are the file's last bytes. */
  readonly byteSkip: number;
  /** Names of data files; `undefined` when samples follow the header. */
  readonly dataFiles: readonly string[] | undefined;
  /** Where the header ends in its file. */
  readonly end: number;
  readonly findings: readonly FormatFinding[];
}

const MAGIC = encodeHeaderText("NRRD000");

/** Whether bytes begin with an NRRD header. */
export function isNrrd(bytes: Uint8Array): boolean {
  return bytes.length > 8 && MAGIC.every((byte, i) => bytes[i] === byte) && bytes[7] >= 49 && bytes[7] <= 53;
}

interface HeaderText {
  readonly fields: ReadonlyMap<string, string>;
  /** The value of the key `description`, else empty. */
  readonly description: string;
  /** Lines after `data file: LIST`. */
  readonly list: readonly string[];
  readonly end: number;
}

function readFields(bytes: Uint8Array, limits: VolumeLimits): HeaderText {
  const fields = new Map<string, string>();
  const list: string[] = [];
  let description = "";
  let at = readLine(bytes, 0, limits)?.next ?? 0;
  let isList = false;
  for (;;) {
    const line = readLine(bytes, at, limits);
    if (line === undefined) return { fields, description, list, end: bytes.length };
    at = line.next;
    if (isList) {
      if (line.text.trim() !== "") list.push(line.text);
      if (list.length > limits.maxParts) {
        throw new DicomError("LIMIT_EXCEEDED", `more than limits.maxParts = ${limits.maxParts} data files`);
      }
      continue;
    }
    if (line.text === "") return { fields, description, list, end: at };
    if (line.text.startsWith("#")) continue;
    const match = /^([^:]{1,64}):([= ])(.*)$/.exec(line.text) ?? /^([^:]{1,64}):()(.*)$/.exec(line.text);
    if (match === null)
      throw new DicomError("INVALID_VALUE", "a line of the header is no field", { offset: at });
    if (match[2] === "=") {
      if (match[1] === "description") description = match[3];
      continue;
    }
    const name = match[1].trim().toLowerCase();
    const key = findEntry(ALIASES, name) ?? name;
    if (fields.has(key)) {
      throw new DicomError("INVALID_VALUE", "a field of the header occurs twice", { offset: at });
    }
    fields.set(key, match[3].trim());
    isList = key === "data file" && /^LIST\b/.test(match[3].trim());
  }
}

/**
 * Reads a header.
 *
 * Coordinates become LPS from RAS, LAS and LPS; without a named space, or with spacings alone, axes are taken for LPS
 * and a finding says so. Axes whose kind or missing direction keeps them out of space count as volumes.
 *
 * @throws DicomError `UNSUPPORTED_FORMAT`, `MISSING_ATTRIBUTE`, `INVALID_VALUE`, `UNSUPPORTED_PIXEL_FORMAT`,
 *   `INVALID_COMPRESSED_DATA` (bzip2), `LIMIT_EXCEEDED`
 */
export function readNrrdHeader(bytes: Uint8Array, limits: VolumeLimits): NrrdHeader {
  if (!isNrrd(bytes)) throw new DicomError("UNSUPPORTED_FORMAT", "this is not NRRD");
  const { fields, description, list, end } = readFields(bytes, limits);
  const need = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw new DicomError("MISSING_ATTRIBUTE", `the header has no field "${name}"`);
    return value;
  };
  const sampleType = findEntry(TYPES, need("type").toLowerCase().replace(/\s+/g, " "));
  if (sampleType === undefined) {
    throw new DicomError(
      "UNSUPPORTED_PIXEL_FORMAT",
      "the sample type is not an integer or float of up to 64 bits",
    );
  }
  const encodingName = need("encoding").toLowerCase();
  const encoding = Object.hasOwn(ENCODINGS, encodingName) ? ENCODINGS[encodingName] : undefined;
  if (encoding === undefined) {
    throw new DicomError(
      "UNSUPPORTED_FORMAT",
      `the samples are packed in a way that is not read${/^bz/.test(encodingName) ? " (bzip2)" : ""}; save the file with gzip or raw encoding`,
    );
  }
  const dimension = parseWhole(need("dimension"), "dimension");
  if (!(dimension >= 1 && dimension <= 16)) {
    throw new DicomError("INVALID_VALUE", `the header declares ${dimension} dimensions; 1 to 16 exist`);
  }
  const sizes = parseNumbers(need("sizes"), "sizes");
  if (sizes.length !== dimension) {
    throw new DicomError("INVALID_VALUE", `${sizes.length} sizes for ${dimension} dimensions`);
  }
  const endian = fields.get("endian")?.toLowerCase();
  if (endian !== undefined && endian !== "little" && endian !== "big") {
    throw new DicomError("INVALID_VALUE", "endian is neither little nor big");
  }
  if (endian === undefined && (encoding === "raw" || encoding === "gzip") && !/^u?int8$/.test(sampleType)) {
    throw new DicomError("MISSING_ATTRIBUTE", "the header does not state its byte order (endian)");
  }
  const skip = (name: string, minimum: number): number => {
    const value = fields.has(name) ? parseWhole(need(name), name) : 0;
    if (value < minimum) throw new DicomError("INVALID_VALUE", `${name} is ${value}, below ${minimum}`);
    return value;
  };
  const lineSkip = skip("line skip", 0);
  const byteSkip = skip("byte skip", -1);
  if (byteSkip === -1 && encoding !== "raw") {
    throw new DicomError("INVALID_VALUE", "byte skip −1 is for raw samples only");
  }
  const { layout, geometry, findings } = readSpace(fields, sizes, limits);
  return {
    sampleType,
    encoding,
    littleEndian: endian !== "big",
    layout,
    sizes,
    geometry,
    sampleUnits: fields.get("sample units")?.replace(/^"(.*)"$/, "$1"),
    lineSkip,
    byteSkip,
    dataFiles: listDataFiles(fields.get("data file"), list, limits),
    end,
    findings,
    ...parseDescription(description),
  };
}

/** One name; a list of names; or a pattern with one number, first, last and step. */
function listDataFiles(
  field: string | undefined,
  list: readonly string[],
  limits: VolumeLimits,
): readonly string[] | undefined {
  if (field === undefined) return undefined;
  if (/^LIST\b/.test(field)) return list;
  // Bounded, so that no field costs more than one pass.
  const pattern = /^(\S{1,1024})\s+(-?\d{1,9})\s+(-?\d{1,9})\s+(-?\d{1,9})(?:\s+\d{1,9})?$/.exec(field);
  return pattern === null || !/%\d{0,3}d/.test(pattern[1])
    ? [field]
    : expandPattern(pattern[1], pattern.slice(2).map(Number), limits);
}

/** `none` or `(x,y,z)` per axis. */
function parseVectors(text: string, name: string): (number[] | undefined)[] {
  const parts = text.match(/none|\([^()]*\)/gi) ?? [];
  return parts.map((part) =>
    /^none$/i.test(part) ? undefined : parseNumbers(part.slice(1, -1).replaceAll(",", " "), name),
  );
}

function readSpace(
  fields: ReadonlyMap<string, string>,
  sizes: readonly number[],
  limits: VolumeLimits,
): Pick<NrrdHeader, "layout" | "geometry" | "findings"> {
  const findings: FormatFinding[] = [];
  const kinds = fields.get("kinds")?.toLowerCase().split(/\s+/);
  const directionText = fields.get("space directions");
  const vectors = directionText === undefined ? undefined : parseVectors(directionText, "space directions");
  for (const [name, values] of [
    ["kinds", kinds],
    ["space directions", vectors],
  ] as const) {
    if (values !== undefined && values.length !== sizes.length) {
      throw new DicomError("INVALID_VALUE", `${values.length} ${name} for ${sizes.length} dimensions`);
    }
  }
  const byKind = sizes.map((_, axis) => kinds === undefined || SPATIAL_KINDS.has(kinds[axis]));
  const byDirection = vectors?.map((vector) => vector !== undefined);
  let isSpatial = byDirection ?? byKind;
  // Nothing says which of more than three axes span space: the first three do.
  if (byDirection === undefined && isSpatial.filter(Boolean).length > 3) {
    let left = 3;
    isSpatial = isSpatial.map((spatial) => spatial && left-- > 0);
  }
  const layout = layOutAxes(sizes, isSpatial, limits);
  const readUnits = (name: string): readonly string[] => fields.get(name)?.match(/"[^"]*"|\S+/g) ?? [];
  const findMm = (unit: string | undefined): number =>
    findEntry(MM_OF_UNIT, unit?.replaceAll('"', "").toLowerCase() ?? "mm") ?? 1;
  const mm = findMm(readUnits("space units")[0]);
  // Without directions every axis has a unit of its own.
  const axisUnits = readUnits("units");
  const perAxisMm = layout.spatialAxes.map((axis) => findMm(axisUnits[axis]));
  const signs = findSpaceSigns(fields.get("space"));
  if (signs === undefined) {
    findings.push({
      code: "ORIENTATION_UNKNOWN",
      message: "the file names no patient space: its axes are taken for LPS, left and right may be swapped",
    });
  }
  const toLps = (vector: readonly number[]): Vector3 => {
    const [x = 0, y = 0, z = 0] = vector;
    const [sx, sy, sz] = signs ?? [1, 1, 1];
    return [x * sx * mm || 0, y * sy * mm || 0, z * sz * mm || 0];
  };
  const units: readonly Vector3[] = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  let axes: Vector3[];
  if (vectors !== undefined) {
    axes = layout.spatialAxes.map((axis) => toLps(vectors[axis] ?? []));
  } else {
    const spacings = parseNumbers(fields.get("spacings") ?? "", "spacings");
    const perAxis = layout.spatialAxes.map((axis) => spacings[axis]);
    if (perAxis.some((spacing) => spacing === undefined || Number.isNaN(spacing))) {
      findings.push({ code: "SPACING_UNKNOWN", message: "the file states no spacing; 1 mm is taken" });
    }
    axes = perAxis.map((spacing, i) => {
      const length = spacing === undefined || Number.isNaN(spacing) ? 1 : Math.abs(spacing * perAxisMm[i]);
      return [units[i][0] * length, units[i][1] * length, units[i][2] * length];
    });
  }
  const originText = fields.get("space origin");
  const origin = originText === undefined ? [] : (parseVectors(originText, "space origin")[0] ?? []);
  const [column, row, slice] = completeAxes(axes);
  return {
    layout,
    geometry: createGridOfSteps(layout.size, { column, row, slice }, toLps(origin)),
    findings,
  };
}
