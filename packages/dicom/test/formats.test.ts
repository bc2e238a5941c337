/** What every registered volume format must do: give back what it was given, and meet bad files with coded errors. */
import {
  AlaraError,
  createRandom,
  createVolume,
  type GridGeometry,
  type Random,
  type Unit,
} from "@alara/core";
import { describe, expect, it } from "vitest";
import { DicomError } from "../src/errors.ts";
import { DEFAULT_VOLUME_LIMITS, type ReadVolumeOptions, type VolumeFile } from "../src/formats/format.ts";
import { detectFormat, findFormatByName, readVolumeFile, volumeFormats } from "../src/formats/formats.ts";
import type { SampleType } from "../src/formats/samples.ts";
import { createCaseVolume, FORMAT_CASES } from "./format-cases.ts";

/** Options that serve the files of one write as companions. */
function serve(files: readonly VolumeFile[]): ReadVolumeOptions {
  return {
    name: files[0].name,
    openCompanion: async (name) => {
      const found = files.find((file) => file.name === name);
      if (found === undefined) throw new DicomError("INPUT_NOT_FOUND", "there is no such companion");
      return found.bytes;
    },
  };
}

const formats = [...volumeFormats.entries()];

function expectSameGrid(actual: GridGeometry, wanted: GridGeometry): void {
  expect(actual.size).toEqual(wanted.size);
  for (const axis of ["slice", "row", "column"] as const) {
    const i = { slice: 0, row: 1, column: 2 }[axis];
    expect(Math.abs(actual.spacingMm[i] / wanted.spacingMm[i] - 1)).toBeLessThan(1e-6);
    for (const k of [0, 1, 2]) {
      expect(Math.abs(actual.direction[axis][k] - wanted.direction[axis][k])).toBeLessThan(1e-6);
    }
  }
  for (const k of [0, 1, 2]) expect(Math.abs(actual.originMm[k] - wanted.originMm[k])).toBeLessThan(1e-4);
}

describe.each(formats)("%s", (name, format) => {
  it("is found by its extensions and by its bytes", () => {
    const [main] = format.write(createCaseVolume("HU", FORMAT_CASES[0].geometry), {});
    expect(findFormatByName(main.name)).toBe(name);
    const detected = detectFormat(main.bytes);
    expect(detected).toBeDefined();
    // Headers with and without their samples begin alike and have one reader.
    expect(volumeFormats.get(detected as string).read).toBe(format.read);
  });

  it.each(FORMAT_CASES.map((item) => [item.name, item] as const))(
    "keeps the %s grid and its values",
    async (_, item) => {
      const volume = createCaseVolume("HU", item.geometry);
      const files = format.write(volume, { baseName: "scan-1" });
      const back = await readVolumeFile(files[0].bytes, serve(files));
      expect(back.volume.data).toEqual(volume.data);
      expect(back.sampleType).toBe("int16");
      expect(back.volume.geometry.size).toEqual(item.geometry.size);
      expect([back.volume.unit, back.unitSource]).toEqual(
        format.keepsUnit ? ["HU", "file"] : ["arbitrary", "nobody"],
      );
      if (format.keeps === "orientation") expectSameGrid(back.volume.geometry, item.geometry);
      if (format.keeps === "spacing") {
        for (const [i, spacing] of item.geometry.spacingMm.entries()) {
          expect(Math.abs(back.volume.geometry.spacingMm[i] / spacing - 1)).toBeLessThan(1e-6);
        }
      }
      expect(back.findings.map((finding) => finding.code)).toEqual(
        {
          orientation: [],
          spacing: ["ORIENTATION_UNKNOWN"],
          nothing: ["ORIENTATION_UNKNOWN", "SPACING_UNKNOWN"],
        }[format.keeps],
      );
    },
  );

  it("writes equal bytes for equal volumes", () => {
    const write = (): readonly VolumeFile[] =>
      format.write(createCaseVolume("HU", FORMAT_CASES[8].geometry), {});
    expect(write()).toEqual(write());
  });

  it.each(format.sampleTypes)("stores %s", async (sampleType: SampleType) => {
    const { geometry } = FORMAT_CASES[0];
    const extremes: Readonly<Record<string, readonly number[]>> = {
      uint8: [0, 255],
      int8: [-128, 127],
      uint16: [0, 65535],
      int16: [-32768, 32767],
      uint32: [0, 2 ** 32 - 256],
      int32: [-(2 ** 31), 2 ** 31 - 128],
      float32: [-1.5e-30, 3.4e38],
      float64: [-0.1, 1 / 3],
    };
    const [low, high] = extremes[sampleType];
    const data = Float32Array.from({ length: 24 }, (_, i) => (i === 5 ? high : i === 7 ? 3 : low));
    const files = format.write(createVolume("arbitrary", geometry, data), { sampleType });
    const back = await readVolumeFile(files[0].bytes, serve(files));
    expect(back.volume.data).toEqual(data);
    expect(back.sampleType).toBe(sampleType);
    expect(back.volume.unit).toBe("arbitrary");
  });

  it("rounds to integers on request, ties to even, and refuses what they cannot hold", async () => {
    const { geometry } = FORMAT_CASES[0];
    const data = new Float32Array(24).fill(0.5);
    data.set([1.5, 2.5, -1.5, -0.4]);
    const files = format.write(createVolume("HU", geometry, data), { sampleType: "int16" });
    const back = await readVolumeFile(files[0].bytes, serve(files));
    expect([...back.volume.data.subarray(0, 5)]).toEqual([2, 2, -2, 0, 0]);
    const refuse = (value: number): string => {
      try {
        format.write(createVolume("HU", geometry, data.slice().fill(value, 3, 4)), { sampleType: "int16" });
        return "written";
      } catch (error) {
        return error instanceof DicomError ? error.code : "untyped";
      }
    };
    expect([40000, Number.NaN, 7].map(refuse)).toEqual(["OUT_OF_RANGE", "NON_FINITE_VALUE", "written"]);
  });

  it("keeps NaN and infinities as floats and says so", async () => {
    const data = new Float32Array(24);
    data.set([Number.NaN, Number.POSITIVE_INFINITY, -0.25]);
    const files = format.write(createVolume("HU", FORMAT_CASES[0].geometry, data), {});
    const back = await readVolumeFile(files[0].bytes, serve(files));
    expect(back.volume.data).toEqual(data);
    expect(back.findings.some((finding) => finding.code === "NON_FINITE_SAMPLES")).toBe(true);
  });

  it.each(["HU", "1/mm", "line integral", "counts"] as const)("carries the unit %s", async (unit: Unit) => {
    const files = format.write(createCaseVolume(unit, FORMAT_CASES[0].geometry), {});
    const { volume } = await readVolumeFile(files[0].bytes, serve(files));
    expect(volume.unit).toBe(format.keepsUnit ? unit : "arbitrary");
    const told = await readVolumeFile(files[0].bytes, { ...serve(files), unit: "HU" });
    expect([told.volume.unit, told.unitSource]).toEqual(["HU", "caller"]);
  });

  it("keeps a description, in one line of ASCII, and shows none of another writer", async () => {
    const volume = createCaseVolume("HU", FORMAT_CASES[0].geometry);
    const description = `enhanced; MARKED: NOISE\n\u00fc; ${"x".repeat(300)}`;
    const files = format.write(volume, { description });
    const back = await readVolumeFile(files[0].bytes, serve(files));
    expect(back.volume.data).toEqual(volume.data);
    expect(back.volume.unit).toBe(format.keepsUnit ? "HU" : "arbitrary");
    if (name === "npy") expect(back.description).toBeUndefined();
    else {
      expect(back.description).toMatch(/^enhanced; MARKED: NOISE ; x{20,}$/);
      expect(back.description?.length).toBeLessThanOrEqual(200);
    }
    const plain = format.write(volume, {});
    expect((await readVolumeFile(plain[0].bytes, serve(plain))).description).toBeUndefined();
  });

  it("leaves an orientation unsaid that is only assumed", async () => {
    const volume = createCaseVolume("HU", FORMAT_CASES[0].geometry);
    const files = format.write(volume, { orientation: "unknown" });
    const back = await readVolumeFile(files[0].bytes, serve(files));
    const spacing = format.keeps === "nothing" ? [1, 1, 1] : volume.geometry.spacingMm;
    for (const axis of [0, 1, 2]) expect(back.volume.geometry.spacingMm[axis]).toBeCloseTo(spacing[axis], 6);
    expect(back.volume.geometry.direction).toEqual(volume.geometry.direction);
    expect(back.findings.map(({ code }) => code)).toContain("ORIENTATION_UNKNOWN");
    // Axes that are not those of an axial stack are no assumption.
    const turned = createCaseVolume("HU", FORMAT_CASES[5].geometry);
    const kept = format.write(turned, { orientation: "unknown" });
    if (format.keeps === "orientation") {
      expectSameGrid((await readVolumeFile(kept[0].bytes, serve(kept))).volume.geometry, turned.geometry);
    }
  });

  it("meets every shorter file with a coded error", async () => {
    const files = format.write(createCaseVolume("HU", FORMAT_CASES[8].geometry), {});
    const codes = new Set<string>();
    for (const [which, file] of files.entries()) {
      for (let length = 0; length < file.bytes.length; length++) {
        const cut = files.map((item, i) =>
          i === which ? { ...item, bytes: item.bytes.slice(0, length) } : item,
        );
        codes.add(await readCode(cut));
      }
    }
    // Bytes that only close a file (an empty line, a zip's comment length) may be missing unseen.
    codes.delete("read");
    expect([...codes].every((code) => /^[A-Z_]+$/.test(code))).toBe(true);
    expect(codes).toContain("UNSUPPORTED_FORMAT");
    expect(codes.size).toBeGreaterThan(1);
  });

  it("refuses more voxels than the limit before it allocates", async () => {
    const files = format.write(createCaseVolume("HU", FORMAT_CASES[0].geometry), {});
    const limits = { ...DEFAULT_VOLUME_LIMITS, maxVoxels: 23 };
    await expect(readVolumeFile(files[0].bytes, { ...serve(files), limits })).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
    });
  });
});

/** Reads, for its code: `read` when nothing was wrong. Untyped errors are thrown on. */
async function readCode(files: readonly VolumeFile[], options: ReadVolumeOptions = {}): Promise<string> {
  try {
    const { volume } = await readVolumeFile(files[0].bytes, {
      ...serve(files),
      limits: { ...DEFAULT_VOLUME_LIMITS, maxVoxels: 2 ** 16, maxFileBytes: 2 ** 20 },
      ...options,
    });
    expect(volume.data.length).toBe(volume.geometry.size.reduce((product, n) => product * n, 1));
    return "read";
  } catch (error) {
    if (!(error instanceof AlaraError)) throw error;
    return error.code;
  }
}

/** Changes single bytes, numbers, text digits, lengths; copies, cuts and repeats. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const out = bytes.slice();
  const headerBytes = Math.min(out.length, 600);
  for (let change = 1 + random.nextInteger(4); change > 0; change--) {
    const at = random.nextInteger(random.nextInteger(3) === 0 ? out.length : headerBytes);
    const kind = random.nextInteger(8);
    if (kind === 0) out[at] = random.nextInteger(256);
    else if (kind === 1) out[at] ^= 1 << random.nextInteger(8);
    else if (kind === 2) out.fill(random.nextInteger(2) * 255, at, at + 1 + random.nextInteger(8));
    else if (kind === 3) out.copyWithin(at, random.nextInteger(headerBytes), headerBytes);
    else if (kind === 4) out[at] = 48 + random.nextInteger(10);
    else if (kind === 5) out.set([255, 255, 255, 127].slice(0, out.length - at), at);
    else if (kind === 6)
      out.set([..."-1 nan %d ../ 9e99"].map((letter) => letter.charCodeAt(0)).slice(0, out.length - at), at);
    else return out.slice(0, at);
  }
  return out;
}

describe("mutation", () => {
  it("meets nothing but coded errors in 20 000 mutated files, each in bounded time", {
    timeout: 900_000,
  }, async () => {
    const random = createRandom(20260102);
    const seeds = formats.map(([, format]) =>
      format.write(createCaseVolume("HU", FORMAT_CASES[8].geometry), {}),
    );
    const runs = process.env.ALARA_FULL ? 400_000 : 20_000;
    const codes = new Map<string, number>();
    let slowestMs = 0;
    for (let run = 0; run < runs; run++) {
      const files = seeds[run % seeds.length];
      const which = random.nextInteger(4) === 0 ? files.length - 1 : 0;
      const mutant = files.map((file, i) =>
        i === which ? { ...file, bytes: mutate(file.bytes, random) } : file,
      );
      const start = process.cpuUsage();
      const code = await readCode(mutant, random.nextInteger(2) === 0 ? {} : { volumeIndex: 0 });
      const { user, system } = process.cpuUsage(start);
      slowestMs = Math.max(slowestMs, (user + system) / 1000);
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    expect(slowestMs).toBeLessThan(1000);
    expect(codes.size).toBeGreaterThan(10);
    expect(codes.get("read") ?? 0).toBeGreaterThan(runs / 100);
  });
});
