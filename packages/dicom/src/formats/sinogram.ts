/**
 * Alara's sinogram format, `.sino.npz`: a zip of NumPy arrays that `numpy.load` opens. `data` float32, planar scans
 * `[slice][view][channel]`, all others `[view][row][channel]`; `angles` float64 `[view]` rad, or `poses` float64
 * `[view][12]`; `header`, a text of JSON with `format`, `unit` and the numbers of the geometry under the names of
 * core's scan-geometry.ts. Specified in docs/guide/sinograms.md. Entries are stored, not deflated: projections are
 * noise to a compressor. Not a vendor's raw data.
 */
import {
  createSinogram,
  isPlanarGeometry,
  POSE_LENGTH,
  type ScanGeometry,
  type Sinogram,
  type Unit,
} from "@alara/core";
import { zipSync } from "fflate";
import { DicomError } from "../errors.ts";
import { DEFAULT_VOLUME_LIMITS, type VolumeLimits } from "./format.ts";
import { formatNpy, type NpyArray, parseNpy } from "./npy.ts";
import { formatDoubles, formatScalarText, readDoubles, readScalarText, ZIP_MOMENT } from "./npz.ts";
import { decodeSamples } from "./samples.ts";
import { isZip, listZipEntries, readZipEntry, type ZipEntry } from "./zip.ts";

/** How the names of sinogram files end. */
export const SINOGRAM_SUFFIX = ".sino.npz";

/** What `header.format` says. */
const FORMAT_NAME = "alara sinogram 1";

const UNITS: readonly Unit[] = ["line integral", "counts"];

/** The numbers of each geometry beside its views: `count` integers ≥ 1, `length` numbers > 0, `offset` any. */
const FIELDS: Readonly<
  Record<ScanGeometry["kind"], Readonly<Record<string, "count" | "length" | "offset">>>
> = {
  parallel: { channels: "count", channelPitchMm: "length", channelOffset: "offset" },
  "fan-arc": {
    sourceToIsoMm: "length",
    sourceToDetectorMm: "length",
    channels: "count",
    channelPitchRad: "length",
    channelOffset: "offset",
  },
  "fan-flat": {
    sourceToIsoMm: "length",
    sourceToDetectorMm: "length",
    channels: "count",
    channelPitchMm: "length",
    channelOffset: "offset",
  },
  "cone-flat": {
    sourceToIsoMm: "length",
    sourceToDetectorMm: "length",
    channels: "count",
    channelPitchMm: "length",
    channelOffset: "offset",
    rows: "count",
    rowPitchMm: "length",
    rowOffset: "offset",
  },
  "cone-curved": {
    sourceToIsoMm: "length",
    sourceToDetectorMm: "length",
    channels: "count",
    channelPitchRad: "length",
    channelOffset: "offset",
    rows: "count",
    rowPitchMm: "length",
    rowOffset: "offset",
  },
  posed: { channels: "count", rows: "count" },
};

function isKind(value: unknown): value is ScanGeometry["kind"] {
  return typeof value === "string" && Object.hasOwn(FIELDS, value);
}

/** What a sinogram file may say besides the geometry. */
export interface SinogramFacts {
  /** µ of water that these line integrals reconstruct to, 1/mm: what HU need. */
  readonly muWaterPerMm?: number;
  /** Quanta per sample without an object, I0, and readout noise σe in quanta: what statistical weights need. */
  readonly incidentQuanta?: number;
  readonly electronicNoiseQuanta?: number;
  /** Of the tube, kV. */
  readonly tubeVoltageKv?: number;
  /** Distance of the slices of a planar scan, mm. */
  readonly sliceSpacingMm?: number;
}

/** A sinogram as a file held it. */
export interface StoredSinogram {
  readonly sinogram: Sinogram<"line integral"> | Sinogram<"counts">;
  readonly facts: SinogramFacts;
}

const FACTS: readonly (keyof SinogramFacts)[] = [
  "muWaterPerMm",
  "incidentQuanta",
  "electronicNoiseQuanta",
  "tubeVoltageKv",
  "sliceSpacingMm",
];

/** @throws DicomError `INVALID_VALUE` */
function checkFact(name: keyof SinogramFacts, value: unknown): number {
  const isGood = typeof value === "number" && Number.isFinite(value);
  if (!isGood || !(name === "electronicNoiseQuanta" ? value >= 0 : value > 0)) {
    throw new DicomError(
      "INVALID_VALUE",
      `${name} of a sinogram is ${String(value).slice(0, 40)}, not a number > 0`,
    );
  }
  return value;
}

/**
 * Writes a sinogram.
 *
 * @param sinogram - `"line integral"` or `"counts"`
 * @returns the bytes of the file; the same sinogram gives the same bytes
 * @throws DicomError `UNSUPPORTED_FORMAT` for another unit, `NON_FINITE_VALUE`, `INVALID_VALUE` for impossible facts,
 *   `LIMIT_EXCEEDED` from 4 GB on
 * @remarks Round trip tested for every geometry; read with NumPy in the tests' golden file.
 */
export function writeSinogram(sinogram: Sinogram, facts: SinogramFacts = {}): Uint8Array {
  const { geometry, unit, data, slices } = sinogram;
  if (!UNITS.includes(unit)) {
    throw new DicomError(
      "UNSUPPORTED_FORMAT",
      `a sinogram of "${unit}"; the format holds ${UNITS.join(" or ")}`,
    );
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new DicomError("NON_FINITE_VALUE", `sample ${bad} of the sinogram is ${data[bad]}`);
  if (data.length * 4 > 4e9) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `${data.length} samples are more than a zip of 4 GB holds; write fewer views`,
    );
  }
  const fields: Record<string, number> = {};
  for (const name of Object.keys(FIELDS[geometry.kind])) {
    fields[name] = (geometry as unknown as Readonly<Record<string, number>>)[name];
  }
  for (const name of FACTS) {
    const value = facts[name];
    if (value !== undefined) fields[name] = checkFact(name, value);
  }
  const header = JSON.stringify({ format: FORMAT_NAME, unit, kind: geometry.kind, ...fields });
  const views = geometry.kind === "posed" ? geometry.poses.length / POSE_LENGTH : geometry.anglesRad.length;
  const shape = isPlanarGeometry(geometry)
    ? [slices, views, geometry.channels]
    : [views, geometry.rows, geometry.channels];
  return zipSync(
    {
      "header.npy": formatScalarText(header),
      ...(geometry.kind === "posed"
        ? { "poses.npy": formatDoubles(geometry.poses, [views, POSE_LENGTH]) }
        : { "angles.npy": formatDoubles(geometry.anglesRad, [views]) }),
      "data.npy": formatNpy(data, "float32", shape),
    },
    { level: 0, mtime: ZIP_MOMENT },
  );
}

/** Whether bytes are a zip that holds a sinogram. */
export function isSinogram(bytes: Uint8Array, limits: VolumeLimits = DEFAULT_VOLUME_LIMITS): boolean {
  if (!isZip(bytes)) return false;
  try {
    const names = listZipEntries(bytes, limits).map((entry) => entry.name);
    return names.includes("header.npy") && names.includes("data.npy");
  } catch {
    return false;
  }
}

/**
 * Reads a sinogram.
 *
 * @throws DicomError `UNSUPPORTED_FORMAT`, `TRUNCATED`, `INVALID_VALUE`, `INVALID_COMPRESSED_DATA`,
 *   `NON_FINITE_VALUE`, `LIMIT_EXCEEDED`
 */
export async function readSinogram(
  bytes: Uint8Array,
  limits: VolumeLimits = DEFAULT_VOLUME_LIMITS,
): Promise<StoredSinogram> {
  const entries = new Map(listZipEntries(bytes, limits).map((entry) => [entry.name, entry] as const));
  const open = async (name: string, maxFileBytes: number): Promise<NpyArray> => {
    const entry: ZipEntry | undefined = entries.get(`${name}.npy`);
    if (entry === undefined) {
      throw new DicomError(
        "UNSUPPORTED_FORMAT",
        `this archive has no "${name}"; a sinogram has header, angles (or poses) and data`,
      );
    }
    return parseNpy(await readZipEntry(bytes, entry, { ...limits, maxFileBytes }), limits);
  };
  const header = parseHeader(readScalarText(await open("header", 65_536)));
  const unit = header.unit === "counts" ? "counts" : "line integral";
  const name = header.kind === "posed" ? "poses" : "angles";
  const perView = header.kind === "posed" ? POSE_LENGTH : 1;
  const viewArray = await open(name, 256 * 1024 * 1024);
  const views = viewArray.shape[0] ?? 0;
  const isShaped = perView === 1 ? viewArray.shape.length === 1 : viewArray.shape[1] === POSE_LENGTH;
  if (views < 1 || !isShaped || viewArray.sampleType !== "float64" || viewArray.fortranOrder) {
    throw new DicomError(
      "INVALID_VALUE",
      `"${name}" is not float64 in C order, one row of ${perView} per view`,
    );
  }
  const viewNumbers = Float64Array.from(readDoubles(viewArray, views * perView));
  const bad = viewNumbers.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new DicomError("NON_FINITE_VALUE", `number ${bad} of "${name}" is ${viewNumbers[bad]}`);
  }
  const geometry = (
    header.kind === "posed"
      ? { ...header.fields, kind: header.kind, poses: viewNumbers }
      : { ...header.fields, kind: header.kind, anglesRad: viewNumbers }
  ) as ScanGeometry;
  const array = await open("data", limits.maxFileBytes);
  if (array.sampleType !== "float32" || array.fortranOrder || array.shape.length !== 3) {
    throw new DicomError("INVALID_VALUE", `"data" is not float32 in C order of three axes`);
  }
  const isPlanar = isPlanarGeometry(geometry);
  const slices = isPlanar ? array.shape[0] : 1;
  const expected = isPlanar ? [slices, views, geometry.channels] : [views, geometry.rows, geometry.channels];
  if (slices < 1 || expected.some((length, axis) => length !== array.shape[axis])) {
    throw new DicomError(
      "INVALID_VALUE",
      `"data" is ${array.shape.join(" × ")}, but the ${header.kind} geometry says ${expected.join(" × ")}`,
    );
  }
  const count = expected.reduce((product, length) => product * length, 1);
  if (count > limits.maxVoxels) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `${count} samples, more than limits.maxVoxels = ${limits.maxVoxels}`,
    );
  }
  const { data, nonFinite } = decodeSamples(array.bytes, "float32", count, array);
  if (nonFinite > 0)
    throw new DicomError("NON_FINITE_VALUE", `${nonFinite} samples of the sinogram are not finite`);
  const sinogram = createSinogram(unit, geometry, slices, data) as StoredSinogram["sinogram"];
  return { sinogram, facts: header.facts };
}

/** The header's facts, every number checked. */
function parseHeader(text: string | undefined): {
  readonly unit: Unit;
  readonly kind: ScanGeometry["kind"];
  readonly fields: Readonly<Record<string, number>>;
  readonly facts: SinogramFacts;
} {
  let header: unknown;
  try {
    header = JSON.parse(text ?? "");
  } catch (cause) {
    throw new DicomError("INVALID_VALUE", "the sinogram's header is not JSON", { cause });
  }
  const given = (typeof header === "object" && header !== null ? header : {}) as Readonly<
    Record<string, unknown>
  >;
  if (given.format !== FORMAT_NAME) {
    throw new DicomError("UNSUPPORTED_FORMAT", `the header's format is not "${FORMAT_NAME}"`);
  }
  const { unit, kind } = given;
  if (!UNITS.includes(unit as Unit)) {
    throw new DicomError("INVALID_VALUE", `the header's unit is not one of ${UNITS.join(", ")}`);
  }
  if (!isKind(kind)) {
    throw new DicomError(
      "INVALID_VALUE",
      `the header's kind is not one of ${Object.keys(FIELDS).join(", ")}`,
    );
  }
  const fields: Record<string, number> = {};
  for (const [name, rule] of Object.entries(FIELDS[kind])) {
    const value = given[name];
    const isGood =
      typeof value === "number" &&
      Number.isFinite(value) &&
      (rule === "offset" || (rule === "length" ? value > 0 : Number.isInteger(value) && value >= 1));
    if (!isGood) {
      const wanted = { count: "a whole number ≥ 1", length: "a number > 0", offset: "a number" }[rule];
      throw new DicomError("INVALID_VALUE", `the header's ${name} of a ${kind} scan is not ${wanted}`);
    }
    fields[name] = value;
  }
  const facts: Partial<Record<keyof SinogramFacts, number>> = {};
  for (const name of FACTS) if (given[name] !== undefined) facts[name] = checkFact(name, given[name]);
  return { unit: unit as Unit, kind, fields, facts };
}
