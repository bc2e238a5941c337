/**
 * DICOM-CT-PD: one CT projection per DICOM image, geometry in private groups 7029 to 7041 (Chen et al. 2015, Med. Phys.
 * 42:6964, doi 10.1118/1.4935406; Moen et al. 2021, Med. Phys. 48:902, PMC7985836, table IV). Reads views and puts
 * them in order, in the conventions of core's scan-geometry.ts; all header fields of the geometry are kept. What to do
 * with a helix is `recon`'s business.
 */

import type { DicomDataset, DicomFile } from "../dataset/dataset.ts";
import { formatTag } from "../dataset/tags.ts";
import { getKnownVr, readNumbers, readText } from "../dataset/values.ts";
import { DicomError } from "../errors.ts";
import { decodeGrayscale } from "../images/pixels.ts";

/** Private elements of the format; its files use the block 10 throughout. */
const CT_PD = {
  channelSpacing: 0x70291002,
  rowSpacing: 0x70291006,
  detectorShape: 0x7029100b,
  rows: 0x70291010,
  columns: 0x70291011,
  angle: 0x70311001,
  height: 0x70311002,
  radius: 0x70311003,
  sourceToDetector: 0x70311031,
  centralElement: 0x70311033,
  angleShift: 0x7033100b,
  heightShift: 0x7033100c,
  radiusShift: 0x7033100d,
  flyingFocalSpot: 0x7033100e,
  viewsPerRotation: 0x70331013,
  photonStatistics: 0x70331065,
  projectionType: 0x70371009,
  geometryType: 0x7037100a,
  logFlag: 0x70391009,
  waterAttenuation: 0x70411001,
} as const;

/** What all views of a scan share. */
export interface CtProjectionFacts {
  /** As in the file: `"HELICAL"`, `"AXIAL"`, … or `undefined`. */
  readonly projectionType: string | undefined;
  /** As in the file: `"FANBEAM"`, … or `undefined`. */
  readonly geometryType: string | undefined;
  readonly detectorShape: "CYLINDRICAL" | "FLAT";
  readonly rows: number;
  readonly channels: number;
  /** At the detector, mm. */
  readonly channelSpacingMm: number;
  readonly rowSpacingMm: number;
  /** Detector focal centre to the axis ρ0, mm. */
  readonly sourceToIsoMm: number;
  /** d0, mm. */
  readonly sourceToDetectorMm: number;
  /** Place of the central ray among the channels, from 0, in the order of {@link CtProjections.data}. */
  readonly centralChannel: number;
  /** Place of the plane of the source among the rows, from 0. */
  readonly centralRow: number;
  /** `"FFSNONE"`, `"FFSZ"`, `"FFSXY"`, `"FFSXYZ"`, or as in the file. */
  readonly flyingFocalSpot: string;
  readonly viewsPerRotation: number | undefined;
  /** µ of water for HU, 1/mm. */
  readonly muWaterPerMm: number | undefined;
}

/** A scan's projections in the order of their instance numbers. */
export interface CtProjections {
  readonly facts: CtProjectionFacts;
  readonly views: number;
  /** Source angle β = φ0 + π/2 of each view as stored, rad: the format's source is (−ρ sinφ, ρ cosφ). */
  readonly anglesRad: Float64Array;
  /** Height z0 of the detector's focal centre, mm. */
  readonly heightsMm: Float64Array;
  /** Focal spot from the detector's focal centre: Δφ rad, Δz mm, Δρ mm, `[view][3]`. */
  readonly focalSpotShifts: Float64Array;
  /** Photon statistics of each view (relative quanta), or `undefined` where a view has none. */
  readonly photonStatistics: Float64Array | undefined;
  /** Line integrals `[view][row][channel]`; channels in the order of growing γ, which is the reverse of the files'. */
  readonly data: Float32Array;
}

/** Whether a dataset is a view of such a scan. */
export function isCtProjection(dataset: DicomDataset): boolean {
  return dataset.elements.has(CT_PD.angle) && dataset.elements.has(CT_PD.sourceToDetector);
}

/** Numbers of a private element: of its VR, or float32 where writers left the VR unknown. */
function readPrivateNumbers(
  dataset: DicomDataset,
  tag: number,
  unknownAs: "FL" | "US" | "DS",
): number[] | undefined {
  const element = dataset.elements.get(tag);
  if (element === undefined || element.bytes.length === 0) return undefined;
  if (getKnownVr(element) !== "UN") return readNumbers(dataset, tag);
  const { bytes } = element;
  if (unknownAs === "DS") {
    const value = Number(readText(dataset, tag));
    return Number.isFinite(value) ? [value] : undefined;
  }
  const size = unknownAs === "FL" ? 4 : 2;
  if (bytes.length % size !== 0 || bytes.length > 64) {
    throw new DicomError(
      "INVALID_LENGTH",
      `${formatTag(tag)} has ${bytes.length} bytes, not a few numbers of ${size}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / size }, (_, i) =>
    size === 4 ? view.getFloat32(4 * i, true) : view.getUint16(2 * i, true),
  );
}

function requireNumbers(
  dataset: DicomDataset,
  tag: number,
  count: number,
  unknownAs: "FL" | "US" = "FL",
): number[] {
  const values = readPrivateNumbers(dataset, tag, unknownAs);
  if (values === undefined || values.length < count) {
    throw new DicomError("MISSING_ATTRIBUTE", `a projection without ${formatTag(tag)} has no geometry`);
  }
  const bad = values.find((value) => !Number.isFinite(value));
  if (bad !== undefined) throw new DicomError("INVALID_VALUE", `${formatTag(tag)} holds ${bad}`);
  return values;
}

function requirePositive(dataset: DicomDataset, tag: number, unknownAs: "FL" | "US" = "FL"): number {
  const [value] = requireNumbers(dataset, tag, 1, unknownAs);
  if (!(value > 0)) throw new DicomError("INVALID_VALUE", `${formatTag(tag)} is ${value}, not > 0`);
  return value;
}

/** One view as read. */
export interface CtProjectionView {
  readonly facts: CtProjectionFacts;
  readonly instanceNumber: number;
  readonly angleRad: number;
  readonly heightMm: number;
  readonly focalSpotShift: readonly [number, number, number];
  readonly photonStatistics: number | undefined;
  /** `[row][channel]`. */
  readonly data: Float32Array;
}

function readFacts(dataset: DicomDataset): CtProjectionFacts {
  const shape = readText(dataset, CT_PD.detectorShape) ?? "CYLINDRICAL";
  if (shape !== "CYLINDRICAL" && shape !== "FLAT") {
    throw new DicomError(
      "UNSUPPORTED_OBJECT",
      `a detector of shape "${shape}"; cylindrical and flat ones are read`,
    );
  }
  if (readText(dataset, CT_PD.logFlag) === "NO") {
    throw new DicomError(
      "UNSUPPORTED_OBJECT",
      "these projections are intensities before the logarithm; take it first",
    );
  }
  const channels = requirePositive(dataset, CT_PD.columns, "US");
  const rows = requirePositive(dataset, CT_PD.rows, "US");
  const [column, row] = requireNumbers(dataset, CT_PD.centralElement, 2);
  return {
    projectionType: readText(dataset, CT_PD.projectionType),
    geometryType: readText(dataset, CT_PD.geometryType),
    detectorShape: shape,
    rows,
    channels,
    channelSpacingMm: requirePositive(dataset, CT_PD.channelSpacing),
    rowSpacingMm: requirePositive(dataset, CT_PD.rowSpacing),
    sourceToIsoMm: requirePositive(dataset, CT_PD.radius),
    sourceToDetectorMm: requirePositive(dataset, CT_PD.sourceToDetector),
    // Elements are counted from 1; channels are turned round.
    centralChannel: channels - column,
    centralRow: row - 1,
    flyingFocalSpot: readText(dataset, CT_PD.flyingFocalSpot) ?? "FFSNONE",
    viewsPerRotation: readPrivateNumbers(dataset, CT_PD.viewsPerRotation, "US")?.[0],
    muWaterPerMm: readPrivateNumbers(dataset, CT_PD.waterAttenuation, "DS")?.[0],
  };
}

/**
 * Reads one view.
 *
 * @throws DicomError `MISSING_ATTRIBUTE`, `INVALID_VALUE`, `INVALID_LENGTH`, `UNSUPPORTED_OBJECT`,
 *   `PIXEL_DATA_MISMATCH`, and as `decodeGrayscale`
 * @remarks Images are stored `[row][column]` or, by some writers, `[column][row]`; the sizes tell. Rows grow with z.
 *   The direction of the columns (towards (cos φ, sin φ)) is what public readers of the format use; it is not in the
 *   papers.
 */
export async function readCtProjection(file: DicomFile): Promise<CtProjectionView> {
  const { dataset } = file;
  const facts = readFacts(dataset);
  const { rows, channels } = facts;
  const [imageRows] = readNumbers(dataset, 0x00280010) ?? [];
  const [imageColumns] = readNumbers(dataset, 0x00280011) ?? [];
  const isDirect = imageRows === rows && imageColumns === channels;
  if (!isDirect && !(imageRows === channels && imageColumns === rows)) {
    throw new DicomError(
      "PIXEL_DATA_MISMATCH",
      `the image is ${imageRows} × ${imageColumns}, but the detector has ${rows} rows of ${channels} channels`,
    );
  }
  const { values } = await decodeGrayscale(file);
  const data = new Float32Array(rows * channels);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < channels; c++) {
      const column = channels - 1 - c;
      data[r * channels + c] = values[isDirect ? r * channels + column : column * rows + r];
    }
  }
  const shift = (tag: number): number => readPrivateNumbers(dataset, tag, "FL")?.[0] ?? 0;
  const instance = readNumbers(dataset, 0x00200013)?.[0];
  if (instance === undefined) {
    throw new DicomError(
      "MISSING_ATTRIBUTE",
      "a projection without Instance Number has no place in the scan",
    );
  }
  return {
    facts,
    instanceNumber: instance,
    angleRad: requireNumbers(dataset, CT_PD.angle, 1)[0] + Math.PI / 2,
    heightMm: requireNumbers(dataset, CT_PD.height, 1)[0],
    focalSpotShift: [shift(CT_PD.angleShift), shift(CT_PD.heightShift), shift(CT_PD.radiusShift)],
    photonStatistics: readPrivateNumbers(dataset, CT_PD.photonStatistics, "FL")?.[0],
    data,
  };
}

/**
 * Puts the views of one scan in order.
 *
 * @throws DicomError `INVALID_VALUE` when views differ in what a scan shares, or an instance number stands twice or is
 *   missing
 */
export function assembleCtProjections(views: readonly CtProjectionView[]): CtProjections {
  if (views.length === 0) throw new DicomError("INPUT_NOT_FOUND", "there are no projections");
  const ordered = [...views].sort((a, b) => a.instanceNumber - b.instanceNumber);
  const [first] = ordered;
  const { facts } = first;
  const size = facts.rows * facts.channels;
  const data = new Float32Array(ordered.length * size);
  const shifts = new Float64Array(3 * ordered.length);
  ordered.forEach((view, i) => {
    for (const [name, value] of Object.entries(facts)) {
      const own = view.facts[name as keyof CtProjectionFacts];
      if (own !== value) {
        throw new DicomError(
          "INVALID_VALUE",
          `projection ${view.instanceNumber} says ${name} ${own}, projection ${first.instanceNumber} ${value}; pass one scan`,
        );
      }
    }
    const expected = first.instanceNumber + i;
    if (view.instanceNumber !== expected) {
      throw new DicomError(
        "INVALID_VALUE",
        `projection ${expected} is ${view.instanceNumber < expected ? "there twice" : "missing"}; pass a whole scan once`,
      );
    }
    data.set(view.data, i * size);
    shifts.set(view.focalSpotShift, 3 * i);
  });
  const statistics = ordered.map((view) => view.photonStatistics);
  return {
    facts,
    views: ordered.length,
    anglesRad: Float64Array.from(ordered, (view) => view.angleRad),
    heightsMm: Float64Array.from(ordered, (view) => view.heightMm),
    focalSpotShifts: shifts,
    photonStatistics: statistics.every((value) => value !== undefined)
      ? Float64Array.from(statistics as number[])
      : undefined,
    data,
  };
}
