/**
 * The child of hostile-memory.test.ts: reads one hostile input after the other under small limits and prints, for each,
 * how far the peak of its resident memory rose above what it held before, as one line of JSON. What counts is all that
 * the process holds: heap, array buffers, WebAssembly, the allocator's slack; not the input itself, which exists before.
 * Linux only: the peak is VmHWM, reset through /proc/self/clear_refs.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { deflateRawSync, gzipSync } from "node:zlib";
import {
  DEFAULT_DICOM_LIMITS,
  decodeGrayscale,
  decodeTexts,
  readDicomFile,
  readFrameBytes,
  readFrameFormat,
  readItems,
  readNumbers,
  readTexts,
  readVolumeFile,
  scanSeries,
} from "@alara/dicom";
import { zipSync } from "fflate";
import { readGoldenFrames } from "./hostile-seeds.ts";
import {
  concat,
  createMemorySource,
  explicit,
  IMPLICIT_LE,
  implicit,
  item,
  makeCtSlice,
  part10,
  SEQUENCE_END,
  tagBytes,
  UNDEFINED,
  uint32,
} from "./make-dicom.ts";

const MIB = 2 ** 20;
/** The declared limit. */
const LIMIT = Number(process.argv[2]) * MIB;
const LIMITS = {
  ...DEFAULT_DICOM_LIMITS,
  maxElements: LIMIT / 512,
  maxFileBytes: LIMIT,
  maxFrameBytes: LIMIT,
  maxInflatedBytes: LIMIT,
};
const VOLUME_LIMITS = { maxFileBytes: LIMIT, maxVoxels: LIMIT / 4, maxHeaderBytes: MIB, maxParts: 1024 };

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function readStatus(field: string): number {
  const match = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync("/proc/self/status", "utf8"));
  return Number(match?.[1]) * 1024;
}

async function readAll(bytes: Uint8Array): Promise<void> {
  await scanSeries([createMemorySource(bytes, "input")], { limits: LIMITS, modalities: "any" });
  const file = readDicomFile(bytes, { limits: LIMITS });
  for (const { tag } of file.dataset.elements.values()) {
    for (const read of [readTexts, decodeTexts, readNumbers, readItems]) {
      try {
        read(file.dataset, tag);
      } catch (error) {
        if (!(error instanceof Error && "code" in error)) throw error;
      }
    }
  }
  const format = readFrameFormat(file.dataset);
  await readFrameBytes(file, format, 0);
}

function makeCompressed(uid: string, frame: Uint8Array, side: number): Uint8Array {
  const head = makeCtSlice({
    rows: side,
    columns: side,
    transferSyntax: uid,
    pixels: new Uint8Array(0),
    omit: [0x7fe00010],
  });
  const fragments = concat(tagBytes(0xfffee000), uint32(0), item(frame), SEQUENCE_END);
  return concat(head, explicit(0x7fe00010, "OB", fragments, UNDEFINED));
}

/** RLE of two planes of zeros that unpack to `side`². */
function makeRle(side: number): Uint8Array {
  const plane = new Uint8Array(2 * Math.ceil((side * side) / 128));
  for (let i = 0; i < plane.length; i += 2) plane[i] = 129;
  return concat(uint32(2, 64, 64 + plane.length), new Uint8Array(52), plane, plane);
}

function makeNifti(voxels: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(352);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, 348, true);
  for (const [i, n] of [3, ...voxels].entries()) view.setInt16(40 + 2 * i, n, true);
  view.setInt16(70, 4, true);
  view.setInt16(72, 16, true);
  for (let i = 0; i < 4; i++) view.setFloat32(76 + 4 * i, 1, true);
  view.setFloat32(108, 352, true);
  bytes.set([0x6e, 0x2b, 0x31, 0], 344);
  return bytes;
}

const deflated = (plain: Uint8Array): Uint8Array =>
  concat(
    part10(new Uint8Array(0), "1.2.840.10008.1.2.1.99"),
    new Uint8Array(deflateRawSync(plain, { level: 9 })),
  );
const volume = (bytes: Uint8Array): Promise<unknown> => readVolumeFile(bytes, { limits: VOLUME_LIMITS });
const zeros = new Uint8Array(100_000_000);
const halfSide = Math.floor(Math.sqrt(LIMIT / 2) / 2);

const cases: readonly (readonly [string, () => Uint8Array, (bytes: Uint8Array) => Promise<unknown>])[] = [
  ["97 KB deflated from 100 MB", () => deflated(zeros), readAll],
  [
    "deflated from just below the limit",
    () => deflated(implicit(0x00100010, zeros.subarray(0, LIMIT - 100))),
    readAll,
  ],
  [
    "one text as long as a file may be",
    () => part10(implicit(0x00100010, zeros.subarray(0, LIMIT - 400)), IMPLICIT_LE),
    readAll,
  ],
  [
    "one number list as long as a file may be",
    () => part10(implicit(0x00280010, zeros.subarray(0, LIMIT - 400)), IMPLICIT_LE),
    readAll,
  ],
  [
    "as many empty items as fit",
    () => part10(explicit(0x00081140, "SQ", makeItems(LIMIT / 8 - 100))),
    readAll,
  ],
  [
    "as many fragments as fit",
    () =>
      concat(
        makeCtSlice({ transferSyntax: "1.2.840.10008.1.2.5", omit: [0x7fe00010] }),
        explicit(0x7fe00010, "OB", concat(makeItems(LIMIT / 8 - 1000), SEQUENCE_END), UNDEFINED),
      ),
    readAll,
  ],
  [
    "65 535 × 65 535 pixels, two bytes present",
    () => makeCtSlice({ rows: 65_535, columns: 65_535, pixels: new Uint8Array(2) }),
    readAll,
  ],
  [
    "an RLE frame as large as may be",
    () => makeCompressed("1.2.840.10008.1.2.5", makeRle(2 * halfSide), 2 * halfSide),
    readAll,
  ],
  [
    "an RLE frame that claims more than its bytes",
    () => makeCompressed("1.2.840.10008.1.2.5", makeRle(16), 2 * halfSide),
    readAll,
  ],
  [
    "100 MB gzipped behind a NIfTI header of eight voxels",
    () => new Uint8Array(gzipSync(concat(makeNifti([2, 2, 2]), zeros))),
    volume,
  ],
  [
    "a gzipped NIfTI that declares all that may be",
    () => new Uint8Array(gzipSync(makeNifti([1024, 1024, LIMIT / 4 / MIB]))),
    volume,
  ],
  ["a zip entry of 100 MB", () => zipSync({ "data.npy": zeros }), volume],
  [
    "a zip entry whose size is forged",
    () => forgeZip(zipSync({ "data.npy": zeros.subarray(0, 50_000_000) })),
    volume,
  ],
];

function makeItems(count: number): Uint8Array {
  const out = new Uint8Array(8 * count);
  for (let at = 0; at < out.length; at += 8) out.set([0xfe, 0xff, 0x00, 0xe0], at);
  return out;
}

/** Says 1000 bytes wherever the size before packing stands. */
function forgeZip(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  const view = new DataView(out.buffer);
  for (let at = 0; at + 46 < out.length; at++) {
    const signature = view.getUint32(at, true);
    if (signature === 0x04034b50) view.setUint32(at + 22, 1000, true);
    if (signature === 0x02014b50) view.setUint32(at + 24, 1000, true);
  }
  return out;
}

// Codecs and compiled code are there before anything is measured.
for (const { uid, encoded, format } of readGoldenFrames()) {
  const head = makeCtSlice({
    ...format,
    transferSyntax: uid,
    pixels: new Uint8Array(0),
    omit: [0x7fe00010],
    photometric: format.photometricInterpretation,
  });
  const fragments = concat(tagBytes(0xfffee000), uint32(0), item(encoded), SEQUENCE_END);
  const file = readDicomFile(concat(head, explicit(0x7fe00010, "OB", fragments, UNDEFINED)));
  await readFrameBytes(file, readFrameFormat(file.dataset), 0);
}
await decodeGrayscale(readDicomFile(makeCtSlice()));

for (const [name, make, run] of cases) {
  const bytes = make();
  collect();
  writeFileSync("/proc/self/clear_refs", "5");
  const before = readStatus("VmRSS");
  let code = "none";
  const start = process.cpuUsage();
  try {
    await run(bytes);
  } catch (error) {
    code = (error as { code?: string }).code ?? String(error);
  }
  const { user, system } = process.cpuUsage(start);
  const peak = readStatus("VmHWM");
  console.log(
    JSON.stringify({
      name,
      code,
      riseBytes: peak - before,
      ms: (user + system) / 1000,
      inputBytes: bytes.length,
    }),
  );
}
