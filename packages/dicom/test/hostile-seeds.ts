/**
 * Small well-formed inputs for the hostile suites: one for every kind of object and every registered transfer syntax.
 * The registries decide what is covered: a syntax without a seed is an error here, not a gap.
 */
import { readFileSync } from "node:fs";
import { createCentredGrid, createVolume } from "@alara/core";
import {
  convertToEnhanced,
  type FrameFormat,
  findTransferSyntax,
  joinFragments,
  readDicomFile,
  scanSeries,
  type TransferSyntax,
  transferSyntaxes,
  volumeFormats,
  writeDicomJson,
} from "@alara/dicom";
import {
  type HostileSeed,
  type Piece,
  parseDicomTree,
  type SeedLayout,
  writeDicomTree,
} from "@alara/testing/hostile";
import {
  ascii,
  concat,
  createMemorySource,
  EXPLICIT_LE,
  explicit,
  IMPLICIT_LE,
  implicit,
  item,
  makeCtSlice,
  makeStack,
  openItem,
  part10,
  SEQUENCE_END,
  UNDEFINED,
  uint16,
  uint32,
} from "./make-dicom.ts";
import { createReportCase } from "./quality-case.ts";

function nameObject(name: string, bytes: Uint8Array, weight = 1): HostileSeed {
  return { name, layout: "dicom", bytes, weight };
}

function stripMeta(bytes: Uint8Array): Uint8Array {
  return writeDicomTree({ ...parseDicomTree(bytes), preamble: new Uint8Array(0), meta: [] });
}

/** Uncompressed objects of every shape. */
function createNativeSeeds(): HostileSeed[] {
  const reference = explicit(0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.2");
  const code = concat(
    explicit(0x00080100, "SH", "113087"),
    explicit(0x00080102, "SH", "DCM"),
    explicit(0x00080104, "LO", "x"),
  );
  const nested = explicit(
    0x00082218,
    "SQ",
    concat(openItem(explicit(0x00082220, "SQ", item(code))), SEQUENCE_END),
    UNDEFINED,
  );
  const unknown = explicit(
    0x00091002,
    "UN",
    concat(item(implicit(0x00080100, "X ")), SEQUENCE_END),
    UNDEFINED,
  );
  const palette = makeCtSlice({
    bitsAllocated: 8,
    signed: false,
    photometric: "PALETTE COLOR",
    pixels: new Uint8Array(24),
    extra: [
      [0x00281101, "US", uint16(4, 0, 16)],
      [0x00281201, "OW", uint16(1, 2, 3, 4)],
    ],
  });
  const everyVr: readonly (readonly [number, string, Uint8Array | string])[] = [
    [0x00080005, "CS", "ISO 2022 IR 6\\ISO 2022 IR 87"],
    [0x00100010, "PN", "A^B=\u001b$B;3\u001b(B^\u001b$BB@\u001b(B=x"],
    [0x00080052, "CS", "IMAGE"],
    [0x00080054, "AE", "AET"],
    [0x00101010, "AS", "040Y"],
    [0x0008002a, "DT", "20200102030405.000000+0100"],
    [0x00189073, "FD", new Uint8Array(8)],
    [0x00189219, "SS", uint16(7)],
    [0x00280009, "AT", uint16(0x18, 0x1063)],
    [0x00400310, "ST", "text"],
    [0x00204000, "LT", "text"],
    [0x00080119, "UC", "x"],
    [0x00081190, "UR", "http://x"],
    [0x0040a160, "UT", "text"],
    [0x00091001, "UN", Uint8Array.of(1, 2, 3, 4)],
    [0x00090010, "LO", "OWNER"],
    [0x00091003, "OB", Uint8Array.of(1, 2)],
    [0x00091004, "UV", uint32(1, 0)],
    [0x00091005, "SV", uint32(1, 0)],
    [0x00091006, "OV", uint32(1, 0)],
    [0x00091007, "OL", uint32(1)],
    [0x00091008, "FL", uint32(0)],
    [0x00081140, "SQ", concat(item(reference), item(new Uint8Array(0)))],
  ];
  return [
    nameObject("ct explicit", makeCtSlice({ extra: everyVr, paddingValue: -1000, paddingLimit: -900 }), 3),
    nameObject("ct implicit", makeCtSlice({ transferSyntax: IMPLICIT_LE }), 2),
    nameObject("ct without preamble", makeCtSlice().slice(132)),
    nameObject("ct without meta", stripMeta(makeCtSlice())),
    nameObject(
      "ct nested",
      part10(concat(nested, unknown, explicit(0x0020000d, "UI", "1.2.3")), EXPLICIT_LE),
    ),
    nameObject(
      "ct 32 bit",
      makeCtSlice({ rows: 2, columns: 2, bitsAllocated: 32, pixels: new Uint8Array(16) }),
    ),
    nameObject("mr", makeCtSlice({ modality: "MR", sopClass: "1.2.840.10008.5.1.4.1.1.4" })),
    nameObject(
      "rgb",
      makeCtSlice({ samplesPerPixel: 3, photometric: "RGB", bitsAllocated: 8, pixels: new Uint8Array(72) }),
    ),
    nameObject("palette", palette),
  ];
}

const FORMAT: FrameFormat = {
  rows: 12,
  columns: 16,
  samplesPerPixel: 1,
  bitsAllocated: 16,
  bitsStored: 12,
  highBit: 11,
  signed: false,
  photometricInterpretation: "MONOCHROME2",
  frames: 1,
};

/** Two frames of a wedge with texture, 16 bits of which 12 are used. */
function createNativeFrame(shift: number): Uint8Array {
  const samples = Array.from(
    { length: FORMAT.rows * FORMAT.columns },
    (_, i) => (shift + 40 * (i % 16) + ((i * 37) % 11)) & 0xfff,
  );
  return uint16(...samples);
}

/** Attributes that no codec looks at: without them more of the mutations hit the frame. */
const LEFT_OUT = [
  0x00080005, 0x00080020, 0x00080030, 0x00080050, 0x00080070, 0x00080090, 0x0008103e, 0x00100010, 0x00100020,
  0x00100030, 0x00100040, 0x00180050, 0x00180060, 0x00181151, 0x00181210, 0x00200010, 0x00200011, 0x00200012,
  0x00200013, 0x00201040, 0x7fe00010,
];

/** A compressed CT slice of one frame, or of several with an offset table. */
function makeCompressed(uid: string, frames: readonly Uint8Array[], format: FrameFormat): Uint8Array {
  const head = makeCtSlice({
    rows: format.rows,
    columns: format.columns,
    bitsAllocated: format.bitsAllocated,
    bitsStored: format.bitsStored,
    signed: format.signed,
    samplesPerPixel: format.samplesPerPixel,
    photometric: format.photometricInterpretation,
    transferSyntax: uid,
    omit: LEFT_OUT,
    extra: frames.length === 1 ? [] : [[0x00280008, "IS", String(frames.length)]],
  });
  return concat(head, explicit(0x7fe00010, "OB", joinFragments(frames), UNDEFINED));
}

/** Frozen frames of foreign encoders: name, transfer syntax, format and bytes. */
export interface GoldenFrame {
  readonly name: string;
  readonly uid: string;
  readonly format: FrameFormat;
  readonly encoded: Uint8Array;
}

/** The frozen frames. */
export function readGoldenFrames(): GoldenFrame[] {
  const text = readFileSync(new URL("golden/hostile-frames.json", import.meta.url), "utf8");
  const { frames } = JSON.parse(text) as { frames: (Omit<GoldenFrame, "encoded"> & { encoded: string })[] };
  return frames.map((frame) => ({ ...frame, encoded: new Uint8Array(Buffer.from(frame.encoded, "base64")) }));
}

/** Codecs that cost more per input than reading does; they get less of the draw. */
const CODEC_WEIGHT = 0.25;

/** Syntaxes whose decoders take what another syntax's encoder makes. */
const SAME_STREAM: Readonly<Record<string, string | undefined>> = {
  "1.2.840.10008.1.2.4.81": "1.2.840.10008.1.2.4.80",
  "1.2.840.10008.1.2.4.202": "1.2.840.10008.1.2.4.201",
  "1.2.840.10008.1.2.4.203": "1.2.840.10008.1.2.4.201",
};

function findEncoder(uid: string): TransferSyntax["encodeFrame"] {
  const other = SAME_STREAM[uid];
  return other === undefined ? undefined : findTransferSyntax(other)?.encodeFrame;
}

/** A seed for every registered transfer syntax. */
async function createSyntaxSeeds(golden: readonly GoldenFrame[]): Promise<HostileSeed[]> {
  const seeds: HostileSeed[] = [];
  for (const [uid, syntax] of transferSyntaxes.entries()) {
    const frames = golden.filter((frame) => frame.uid === uid);
    for (const { name, format, encoded } of frames) {
      seeds.push(
        nameObject(`${uid} ${name}`, makeCompressed(uid, [encoded], format), CODEC_WEIGHT / frames.length),
      );
    }
    const encode = syntax.encodeFrame ?? findEncoder(uid);
    if (encode !== undefined) {
      const encoded = [
        await encode(createNativeFrame(0), FORMAT),
        await encode(createNativeFrame(9), FORMAT),
      ];
      seeds.push(
        nameObject(`${uid} one frame`, makeCompressed(uid, encoded.slice(0, 1), FORMAT), CODEC_WEIGHT),
      );
      seeds.push(nameObject(`${uid} two frames`, makeCompressed(uid, encoded, FORMAT), CODEC_WEIGHT));
    } else if (!syntax.encapsulated) {
      seeds.push(nameObject(`${uid} native`, makeNative(uid)));
    } else if (frames.length === 0) {
      throw new Error(
        `${syntax.name} (${uid}) has neither an encoder nor a golden frame to make a seed from`,
      );
    }
  }
  return seeds;
}

/** An uncompressed CT slice in any of the four layouts. */
function makeNative(uid: string): Uint8Array {
  const isBig = uid === "1.2.840.10008.1.2.2";
  const isDeflated = uid === "1.2.840.10008.1.2.1.99";
  if (!isBig && !isDeflated) return makeCtSlice({ transferSyntax: uid });
  const explicitLittle = makeCtSlice({
    extra: [[0x00081140, "SQ", item(explicit(0x00081150, "UI", "1.2"))]],
  });
  const tree = parseDicomTree(explicitLittle);
  const meta = tree.meta.map((piece) =>
    piece.tag === 0x00020010
      ? { ...piece, content: ascii(uid.padEnd(uid.length + (uid.length % 2), "\0")) }
      : piece,
  );
  const metaLength = writeDicomTree({
    preamble: new Uint8Array(0),
    meta: meta.slice(1),
    body: [],
    deflated: false,
  }).length;
  meta[0] = { ...meta[0], content: uint32(metaLength) };
  const body = isBig ? tree.body.map(swapPiece) : tree.body;
  return writeDicomTree({ ...tree, meta, body, deflated: isDeflated });
}

const WORD_BYTES: Readonly<Record<string, number | undefined>> = {
  US: 2,
  SS: 2,
  OW: 2,
  AT: 2,
  UL: 4,
  SL: 4,
  FL: 4,
  OF: 4,
  OL: 4,
  FD: 8,
  OD: 8,
  UV: 8,
  SV: 8,
  OV: 8,
};

/** The piece in big endian (PS3.5 §7.3). */
function swapPiece(piece: Piece): Piece {
  const layout = { explicit: true, littleEndian: false };
  const { content, vr } = piece;
  if (!(content instanceof Uint8Array)) return { ...piece, layout, content: content.map(swapPiece) };
  const size = WORD_BYTES[vr] ?? 1;
  const swapped = content.map((_, i) => content[i - (i % size) + (size - 1 - (i % size))]);
  return { ...piece, layout, content: swapped };
}

/** A classic series of three slices as one enhanced object, both kinds. */
async function createEnhancedSeeds(): Promise<HostileSeed[]> {
  const slices = makeStack(3, 3).map((bytes, i) => createMemorySource(bytes, `slice-${i}`));
  const { series } = await scanSeries(slices);
  const seeds: HostileSeed[] = [];
  for (const kind of ["enhanced", "legacy-converted"] as const) {
    const { bytes } = await convertToEnhanced(series[0], { dateTime: "2026-01-31T12:30:00+00:00", kind });
    seeds.push(nameObject(kind, bytes, 0.5));
  }
  return seeds;
}

/** Objects that are no images: a report, a key object selection, a presentation state, a DICOMDIR. */
async function createOtherSeeds(): Promise<HostileSeed[]> {
  const instance = concat(
    explicit(0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.2"),
    explicit(0x00081155, "UI", "1.2.3.4"),
  );
  const series = item(
    concat(explicit(0x00081199, "SQ", item(instance)), explicit(0x0020000e, "UI", "1.2.3.1")),
  );
  const evidence = item(concat(explicit(0x00081115, "SQ", series), explicit(0x0020000d, "UI", "1.2.3")));
  const code = (value: string): Uint8Array =>
    item(
      concat(
        explicit(0x00080100, "SH", value),
        explicit(0x00080102, "SH", "DCM"),
        explicit(0x00080104, "LO", "x"),
      ),
    );
  const contained = item(
    concat(
      explicit(0x00081199, "SQ", item(instance)),
      explicit(0x0040a010, "CS", "CONTAINS"),
      explicit(0x0040a040, "CS", "IMAGE"),
    ),
  );
  const head = (sopClass: string, modality: string): Uint8Array =>
    concat(
      explicit(0x00080016, "UI", sopClass),
      explicit(0x00080018, "UI", "1.2.3.9"),
      explicit(0x00080060, "CS", modality),
    );
  const keyObjects = concat(
    head("1.2.840.10008.5.1.4.1.1.88.59", "KO"),
    explicit(0x0040a040, "CS", "CONTAINER"),
    explicit(0x0040a043, "SQ", code("113000")),
    explicit(0x0040a375, "SQ", evidence),
    explicit(0x0040a730, "SQ", contained),
  );
  const area = concat(
    explicit(0x00700052, "SL", uint32(1, 1)),
    explicit(0x00700053, "SL", uint32(6, 4)),
    explicit(0x00700100, "CS", "SCALE TO FIT"),
  );
  const presentation = concat(
    head("1.2.840.10008.5.1.4.1.1.11.1", "PR"),
    explicit(0x00081115, "SQ", series),
    explicit(
      0x00283110,
      "SQ",
      item(concat(explicit(0x00281050, "DS", "40"), explicit(0x00281051, "DS", "400"))),
    ),
    explicit(0x0070005a, "SQ", item(area)),
    explicit(0x00700080, "CS", "STATE"),
  );
  const golden = readFileSync(new URL("golden/dicomdir.json", import.meta.url), "utf8");
  const { content } = JSON.parse(golden) as { content: string };
  return [
    nameObject("report", (await createReportCase()).bytes, 0.15),
    nameObject("key objects", part10(keyObjects), 0.5),
    nameObject("presentation state", part10(presentation), 0.5),
    nameObject("dicomdir", new Uint8Array(Buffer.from(content, "base64")), 0.5),
  ];
}

/** Damage that fits each volume format; a format without an entry is damaged as plain bytes. */
const FORMAT_LAYOUTS: Readonly<Record<string, SeedLayout | undefined>> = {
  "nii.gz": "gzip",
  nrrd: "text-header",
  nhdr: "text-header",
  mha: "text-header",
  mhd: "text-header",
  npy: "text-header",
  npz: "zip",
};

/** What a detached header's data file holds: asked for by the reader, served from here. */
export const COMPANIONS: Map<string, Uint8Array> = new Map();

/** A seed for every registered volume format, stored as two types. */
function createFormatSeeds(): HostileSeed[] {
  const size = [2, 3, 4] as const;
  const data = Float32Array.from({ length: 24 }, (_, i) => 10 * i - 50);
  const volume = createVolume("HU", createCentredGrid(size, [2, 0.7, 0.8]), data);
  return [...volumeFormats.entries()].flatMap(([name, format]) =>
    (["int16", "float32"] as const).map((sampleType): HostileSeed => {
      const [main, ...companions] = format.write(volume, {
        baseName: `${name.replace(".", "-")}-${sampleType}`,
        sampleType,
      });
      for (const companion of companions) COMPANIONS.set(companion.name, companion.bytes);
      const layout = FORMAT_LAYOUTS[name] ?? "binary";
      return {
        name: `format ${name} ${sampleType}`,
        layout,
        bytes: main.bytes,
        weight: name.endsWith("z") ? 0.08 : 0.25,
      };
    }),
  );
}

/** A dataset in the JSON model; damage to it is damage to a text of tokens. */
function createJsonSeed(): HostileSeed {
  const bytes = makeCtSlice({ extra: [[0x00081140, "SQ", item(explicit(0x00081150, "UI", "1.2"))]] });
  const text = JSON.stringify(writeDicomJson(readDicomFile(bytes).dataset));
  return { name: "json", layout: "text-header", bytes: ascii(text), weight: 0.25 };
}

/** Every seed. */
export async function createHostileSeeds(): Promise<HostileSeed[]> {
  return [
    ...createNativeSeeds(),
    ...(await createSyntaxSeeds(readGoldenFrames())),
    ...(await createEnhancedSeeds()),
    ...(await createOtherSeeds()),
    createJsonSeed(),
    ...createFormatSeeds(),
  ];
}
