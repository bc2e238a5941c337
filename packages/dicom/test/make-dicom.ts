/**
 * Builds DICOM bytes by hand for tests, independently of the package's writer: elements, items, sequences and whole
 * CT files with every field at the caller's disposal.
 */
import { DicomError } from "@alara/dicom";

const SHORT = new Set("AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split(" "));

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

export function uint16(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint16Array.from(values).buffer);
}

export function uint32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function padded(value: Uint8Array, vr: string): Uint8Array {
  if (value.length % 2 === 0) return value;
  return concat(value, Uint8Array.of(vr === "UI" || vr === "OB" ? 0 : 32));
}

export function tagBytes(tag: number): Uint8Array {
  return uint16(Math.floor(tag / 65536), tag % 65536);
}

/** An element in explicit VR; text is padded, bytes are taken as they are. `length` lies when given. */
export function explicit(tag: number, vr: string, value: Uint8Array | string, length?: number): Uint8Array {
  const bytes = typeof value === "string" ? padded(ascii(value), vr) : value;
  const declared = length ?? bytes.length;
  return SHORT.has(vr)
    ? concat(tagBytes(tag), ascii(vr), uint16(declared), bytes)
    : concat(tagBytes(tag), ascii(vr), uint16(0), uint32(declared), bytes);
}

/** An element in implicit VR. */
export function implicit(tag: number, value: Uint8Array | string, length?: number): Uint8Array {
  const bytes = typeof value === "string" ? padded(ascii(value), "LO") : value;
  return concat(tagBytes(tag), uint32(length ?? bytes.length), bytes);
}

export const UNDEFINED = 0xffffffff;
export const ITEM_END: Uint8Array = concat(tagBytes(0xfffee00d), uint32(0));
export const SEQUENCE_END: Uint8Array = concat(tagBytes(0xfffee0dd), uint32(0));

export function item(content: Uint8Array): Uint8Array {
  return concat(tagBytes(0xfffee000), uint32(content.length), content);
}

export function openItem(content: Uint8Array): Uint8Array {
  return concat(tagBytes(0xfffee000), uint32(UNDEFINED), content, ITEM_END);
}

export const EXPLICIT_LE = "1.2.840.10008.1.2.1";
export const IMPLICIT_LE = "1.2.840.10008.1.2";

/** Preamble, group 0002 and the given dataset bytes. */
export function part10(dataset: Uint8Array, transferSyntax: string = EXPLICIT_LE): Uint8Array {
  const meta = concat(
    explicit(0x00020001, "OB", Uint8Array.of(0, 1)),
    explicit(0x00020002, "UI", "1.2.840.10008.5.1.4.1.1.2"),
    explicit(0x00020003, "UI", "1.2.3.4"),
    explicit(0x00020010, "UI", transferSyntax),
  );
  return concat(
    new Uint8Array(128),
    ascii("DICM"),
    explicit(0x00020000, "UL", uint32(meta.length)),
    meta,
    dataset,
  );
}

/** What a hand-made CT slice may vary. */
export interface CtSliceOptions {
  readonly seriesUid?: string;
  readonly studyUid?: string;
  readonly sopUid?: string;
  readonly sopClass?: string;
  readonly modality?: string;
  readonly imageType?: string;
  readonly rows?: number;
  readonly columns?: number;
  readonly position?: readonly [number, number, number];
  readonly orientation?: readonly number[];
  readonly pixelSpacing?: string;
  readonly instanceNumber?: number;
  readonly acquisitionNumber?: number;
  readonly seriesNumber?: string;
  readonly kernel?: string;
  readonly sliceThickness?: string;
  readonly slope?: string;
  readonly intercept?: string;
  readonly bitsAllocated?: number;
  readonly bitsStored?: number;
  readonly highBit?: number;
  readonly signed?: boolean;
  readonly photometric?: string;
  readonly samplesPerPixel?: number;
  readonly paddingValue?: number;
  readonly paddingLimit?: number;
  /** Words as stored; default a ramp. */
  readonly pixels?: Uint8Array;
  readonly transferSyntax?: string;
  /** Further elements, explicit VR, merged by tag (later wins). */
  readonly extra?: readonly (readonly [number, string, Uint8Array | string])[];
  readonly omit?: readonly number[];
}

/** Bytes of a CT slice, explicit VR little endian unless `transferSyntax` is implicit. */
export function makeCtSlice(options: CtSliceOptions = {}): Uint8Array {
  const rows = options.rows ?? 4;
  const columns = options.columns ?? 6;
  const bitsAllocated = options.bitsAllocated ?? 16;
  const bitsStored = options.bitsStored ?? bitsAllocated;
  const signed = options.signed ?? true;
  const position = options.position ?? [-10, -20, 30];
  const words = (value: number): Uint8Array => uint16(value & 0xffff);
  const pixels = options.pixels ?? uint16(...Array.from({ length: rows * columns }, (_, i) => 1000 + 7 * i));
  const entries: (readonly [number, string, Uint8Array | string])[] = [
    [0x00080005, "CS", "ISO_IR 100"],
    [0x00080008, "CS", options.imageType ?? "ORIGINAL\\PRIMARY\\AXIAL"],
    [0x00080016, "UI", options.sopClass ?? "1.2.840.10008.5.1.4.1.1.2"],
    [0x00080018, "UI", options.sopUid ?? "1.2.3.4"],
    [0x00080020, "DA", "20200102"],
    [0x00080030, "TM", "101112"],
    [0x00080050, "SH", ""],
    [0x00080060, "CS", options.modality ?? "CT"],
    [0x00080070, "LO", "ACME"],
    [0x00080090, "PN", ""],
    [0x0008103e, "LO", "THORAX"],
    [0x00100010, "PN", "TEST^NOBODY"],
    [0x00100020, "LO", "TEST-1"],
    [0x00100030, "DA", ""],
    [0x00100040, "CS", "O"],
    [0x00180050, "DS", options.sliceThickness ?? "3"],
    [0x00180060, "DS", "000120"],
    [0x00181151, "IS", "200"],
    [0x00181210, "SH", options.kernel ?? "B40f"],
    [0x0020000d, "UI", options.studyUid ?? "1.2.3"],
    [0x0020000e, "UI", options.seriesUid ?? "1.2.3.1"],
    [0x00200010, "SH", ""],
    [0x00200011, "IS", options.seriesNumber ?? "3"],
    [0x00200012, "IS", String(options.acquisitionNumber ?? 1)],
    [0x00200013, "IS", String(options.instanceNumber ?? 1)],
    [0x00200032, "DS", position.join("\\")],
    [0x00200037, "DS", (options.orientation ?? [1, 0, 0, 0, 1, 0]).join("\\")],
    [0x00200052, "UI", "1.2.3.9"],
    [0x00201040, "LO", ""],
    [0x00280002, "US", words(options.samplesPerPixel ?? 1)],
    [0x00280004, "CS", options.photometric ?? "MONOCHROME2"],
    [0x00280010, "US", words(rows)],
    [0x00280011, "US", words(columns)],
    [0x00280030, "DS", options.pixelSpacing ?? "0.7\\0.8"],
    [0x00280100, "US", words(bitsAllocated)],
    [0x00280101, "US", words(bitsStored)],
    [0x00280102, "US", words(options.highBit ?? bitsStored - 1)],
    [0x00280103, "US", words(signed ? 1 : 0)],
    [0x00281052, "DS", options.intercept ?? "-1024"],
    [0x00281053, "DS", options.slope ?? "1"],
    [0x7fe00010, bitsAllocated > 8 ? "OW" : "OB", pixels],
  ];
  if (options.paddingValue !== undefined) {
    entries.push([0x00280120, signed ? "SS" : "US", words(options.paddingValue)]);
  }
  if (options.paddingLimit !== undefined) {
    entries.push([0x00280121, signed ? "SS" : "US", words(options.paddingLimit)]);
  }
  const byTag = new Map(entries.map((entry) => [entry[0], entry]));
  for (const entry of options.extra ?? []) byTag.set(entry[0], entry);
  for (const tag of options.omit ?? []) byTag.delete(tag);
  const sorted = [...byTag.values()].sort((a, b) => a[0] - b[0]);
  const syntax = options.transferSyntax ?? EXPLICIT_LE;
  const body = sorted.map(([tag, vr, value]) =>
    syntax === IMPLICIT_LE
      ? implicit(tag, typeof value === "string" ? padded(ascii(value), vr) : value)
      : explicit(tag, vr, value),
  );
  return part10(concat(...body), syntax);
}

/** An in-memory source that counts how often it was read. */
export function createMemorySource(
  bytes: Uint8Array,
  name: string,
): { readonly name: string; read(): Promise<Uint8Array>; readCount(): number } {
  let reads = 0;
  return {
    name,
    read: async () => {
      reads++;
      return bytes;
    },
    readCount: () => reads,
  };
}

/** A series of slices along z, shuffled by a fixed permutation. */
export function makeStack(count: number, stepMm: number, options: CtSliceOptions = {}): Uint8Array[] {
  const slices = Array.from({ length: count }, (_, i) =>
    makeCtSlice({
      sopUid: `1.2.3.4.${i + 1}`,
      position: [-10, -20, 30 + i * stepMm],
      instanceNumber: i + 1,
      ...options,
    }),
  );
  return slices.map((_, i) => slices[(i * 7 + 3) % count]).every((slice, i, all) => all.indexOf(slice) === i)
    ? slices.map((_, i) => slices[(i * 7 + 3) % count])
    : slices.reverse();
}

/** The coded error that `run` throws; fails when it throws none or another. */
export function expectCode(run: () => unknown, code: string): DicomError {
  try {
    run();
  } catch (error) {
    if (error instanceof DicomError && error.code === code) return error;
    throw error;
  }
  throw new Error(`expected ${code}, but nothing was thrown`);
}
