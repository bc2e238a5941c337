/** One Series Instance UID, several stacks: every key that parts them, copies of images, and what is left undecided. */
import { type Series, type SeriesCollection, scanSeries } from "@alara/dicom";
import { describe, expect, it } from "vitest";
import {
  ascii,
  type CtSliceOptions,
  createMemorySource,
  IMPLICIT_LE,
  makeCtSlice,
  uint16,
} from "./make-dicom.ts";

function scan(files: readonly Uint8Array[], modalities: "CT" | "any" = "CT"): Promise<SeriesCollection> {
  return scanSeries(
    files.map((bytes, i) => createMemorySource(bytes, `file-${i}`)),
    { modalities },
  );
}

let serial = 0;

/** Slices at z = 0, 3, 6 … with UIDs and pixels of their own. */
function makeStack(count: number, options: CtSliceOptions = {}, firstInstance = 1): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    serial++;
    return makeCtSlice({
      sopUid: `1.2.3.4.${serial}`,
      position: [-10, -20, 3 * i],
      instanceNumber: firstInstance + i,
      pixels: uint16(...new Array<number>(24).fill(1000 + serial)),
      ...options,
    });
  });
}

const float32 = (value: number): Uint8Array => new Uint8Array(Float32Array.of(value).buffer);
const float64 = (value: number): Uint8Array => new Uint8Array(Float64Array.of(value).buffer);

function listNames(series: readonly Series[]): (string | undefined)[] {
  return series.map((item) => item.stackName).sort();
}

describe("stacks that always part", () => {
  const cases: readonly (readonly [string, CtSliceOptions, readonly string[]])[] = [
    ["kernel", { kernel: "B70f" }, ["kernel B40f", "kernel B70f"]],
    ["slice thickness", { sliceThickness: "5" }, ["slice thickness 3 mm", "slice thickness 5 mm"]],
    ["matrix", { rows: 6, columns: 4 }, ["matrix 4 × 6", "matrix 6 × 4"]],
    [
      "pixel spacing",
      { pixelSpacing: "0.5\\0.5" },
      ["pixel spacing 0.5 × 0.5 mm", "pixel spacing 0.7 × 0.8 mm"],
    ],
    [
      "orientation",
      { orientation: [0, 1, 0, -1, 0, 0] },
      ["orientation axial, 1 of 2", "orientation axial, 2 of 2"],
    ],
    [
      "image type",
      { imageType: "DERIVED\\SECONDARY\\MPR" },
      ["image type DERIVED\\MPR", "image type ORIGINAL"],
    ],
    ["energy", { extra: [[0x0018937c, "FD", float64(70)]] }, ["energy 70 keV", "energy not stated"]],
  ];

  it.each(cases)("by %s", async (_, options, names) => {
    const { series, skipped } = await scan([...makeStack(3), ...makeStack(2, options, 4)]);
    expect(skipped).toEqual([]);
    expect(series.map((item) => item.slices.length)).toEqual([3, 2]);
    expect(listNames(series)).toEqual(names);
    for (const item of series) expect(item.findings.map(({ code }) => code)).toContain("SPLIT_SERIES");
  });

  it("but not by a thickness that differs by rounding", async () => {
    const { series } = await scan([
      ...makeStack(2, { sliceThickness: "3" }),
      ...[6, 9].map((z, i) => makeStack(1, { sliceThickness: "2.999", position: [-10, -20, z] }, 3 + i)[0]),
    ]);
    expect(series.length).toBe(1);
    expect(series[0].stackName).toBeUndefined();
  });

  it("but not by the maker's Image Type where it varies along one scan", async () => {
    const { series } = await scan(
      [0, 3, 6, 9].map(
        (z, i) =>
          makeStack(
            1,
            {
              position: [0, 0, z],
              imageType: `ORIGINAL\\PRIMARY${i === 1 ? "" : "\\AXIAL"}${i > 1 ? "\\HELIX" : ""}`,
            },
            i + 1,
          )[0],
      ),
    );
    expect(series.map((item) => [item.slices.length, item.isRegular])).toEqual([[4, true]]);
  });

  it("a scan that changes thickness and step half way is two regular stacks", async () => {
    const thin = [0, 4, 8, 12].map(
      (z, i) => makeStack(1, { sliceThickness: "4", position: [0, 0, z] }, i + 1)[0],
    );
    const thick = [17.5, 24.5, 31.5].map(
      (z, i) => makeStack(1, { sliceThickness: "7", position: [0, 0, z] }, i + 5)[0],
    );
    const { series } = await scan([...thick, ...thin]);
    expect(series.map((item) => [item.slices.length, item.isRegular, item.geometry.spacingMm[0]])).toEqual([
      [4, true, 4],
      [3, true, 7],
    ]);
  });
});

describe("stacks that part where positions repeat", () => {
  const cases: readonly (readonly [string, (k: number) => CtSliceOptions, string])[] = [
    ["cardiac phase", (k) => ({ extra: [[0x00209241, "FL", float32(40 + 10 * k)]] }), "phase 50 %"],
    ["temporal position", (k) => ({ extra: [[0x00200100, "IS", String(k + 1)]] }), "time 2"],
    ["acquisition", (k) => ({ acquisitionNumber: k + 1 }), "acquisition 2"],
    ["tube voltage", (k) => ({ extra: [[0x00180060, "DS", k === 0 ? "80" : "140"]] }), "tube voltage 140 kV"],
    [
      "acquisition numbers that differ by less than 1 %",
      (k) => ({ acquisitionNumber: 200 + k }),
      "acquisition 201",
    ],
    [
      "the maker's Image Type",
      (k) => ({ imageType: `ORIGINAL\\PRIMARY\\AXIAL\\${k === 0 ? "HELIX" : "MONO"}` }),
      "image type MONO",
    ],
    ["trigger time", (k) => ({ extra: [[0x00181060, "DS", String(500 * k)]] }), "trigger time 500 ms"],
    ["field of view", (k) => ({ position: [100 * k, 0, 0] }), "field of view at 100, 0 mm"],
  ];

  it.each(cases)("by %s", async (key, options, name) => {
    const files = [0, 1].flatMap((k) => {
      const { position, ...rest } = options(k);
      return [0, 3, 6].map(
        (z, i) => makeStack(1, { ...rest, position: [position?.[0] ?? 0, 0, z] }, 3 * k + i + 1)[0],
      );
    });
    const { series } = await scan(files);
    expect(
      series.map((item) => item.slices.length),
      key,
    ).toEqual([3, 3]);
    expect(series.map((item) => item.stackName)).toContain(name);
    expect(series.every((item) => item.isRegular)).toBe(true);
  });

  it("by b-value and echo in other modalities", async () => {
    const mr = (k: number, extra: CtSliceOptions["extra"]): Uint8Array[] =>
      makeStack(
        3,
        { modality: "MR", sopClass: "1.2.840.10008.5.1.4.1.1.4", ...(extra ? { extra } : {}) },
        3 * k + 1,
      );
    const diffusion = await scan(
      [0, 800].flatMap((b, k) => mr(k, [[0x00189087, "FD", float64(b)]])),
      "any",
    );
    expect(listNames(diffusion.series)).toEqual(["b-value 0 s/mm²", "b-value 800 s/mm²"]);
    const echoes = await scan(
      [10, 90].flatMap((te, k) => mr(k, [[0x00180081, "DS", String(te)]])),
      "any",
    );
    expect(listNames(echoes.series)).toEqual(["echo time 10 ms", "echo time 90 ms"]);
  });

  const pass = (k: number, from: number, options: CtSliceOptions): Uint8Array[] =>
    [0, 1, 2, 3, 4].map(
      (i) => makeStack(1, { position: [0, 0, from + 3 * i], ...options }, 10 * k + i + 1)[0],
    );

  it("by acquisition where the slices of two passes lie between each other", async () => {
    const files = [pass(0, 0, { acquisitionNumber: 1 }), pass(1, 1.5, { acquisitionNumber: 2 })].flat();
    const { series } = await scan(files);
    expect(listNames(series)).toEqual(["acquisition 1", "acquisition 2"]);
    expect(series.map((item) => [item.slices.length, item.isRegular])).toEqual([
      [5, true],
      [5, true],
    ]);
  });

  it("not where passes follow each other, and overlap by a slice or two", async () => {
    for (const from of [15, 10.5]) {
      const files = [pass(0, 0, { acquisitionNumber: 1 }), pass(1, from, { acquisitionNumber: 2 })].flat();
      const { series } = await scan(files);
      expect(series.map((item) => item.slices.length)).toEqual([10]);
    }
  });

  it("not by acquisition numbers that count steps of the table", async () => {
    const files = [0, 3, 6, 9].map(
      (z, i) => makeStack(1, { position: [0, 0, z], acquisitionNumber: i + 1 }, i + 1)[0],
    );
    const { series } = await scan(files);
    expect(series.length).toBe(1);
    expect(series[0].findings.map(({ code }) => code)).toEqual(["MULTIPLE_ACQUISITIONS"]);
  });

  it("at last by the order of Instance Numbers, two passes over the table with a number per step", async () => {
    const files = [0, 1].flatMap((pass) =>
      [0, 3, 6].map(
        (z, i) =>
          makeStack(1, { position: [0, 0, z], acquisitionNumber: 3 * pass + i + 1 }, 3 * pass + i + 1)[0],
      ),
    );
    const { series } = await scan([files[4], files[0], files[3], files[2], files[5], files[1]]);
    expect(listNames(series)).toEqual([
      "repetition 1 of 2 by Instance Number",
      "repetition 2 of 2 by Instance Number",
    ]);
    const first = series.find((item) => item.stackName?.includes("1 of 2"));
    expect(first?.slices.map((slice) => slice.summary.instanceNumber)).toEqual([1, 2, 3]);
    expect(series.every((item) => item.isRegular)).toBe(true);
  });

  it("and never silently: what nothing tells apart stays, with a finding", async () => {
    const files = [0, 3, 3, 6].map((z) => makeStack(1, { position: [0, 0, z] }, 7)[0]);
    const { series } = await scan(files);
    expect(series.length).toBe(1);
    expect(series[0].findings.map(({ code }) => code)).toEqual(["DUPLICATE_SLICES"]);
    expect(series[0].isRegular).toBe(false);
  });
});

describe("copies", () => {
  it("drops images with the same pixels at one position under two UIDs, and says which", async () => {
    const pixels = uint16(...Array.from({ length: 24 }, (_, i) => 900 + i));
    const at = (z: number, sopUid: string, more: CtSliceOptions = {}): Uint8Array =>
      makeCtSlice({ sopUid, position: [0, 0, z], instanceNumber: z + 1, pixels, ...more });
    const { series, skipped } = await scan([at(0, "1.2.1"), at(3, "1.2.2"), at(3, "1.2.3"), at(6, "1.2.4")]);
    expect(series[0].slices.length).toBe(3);
    expect(series[0].isRegular).toBe(true);
    expect(skipped.map(({ name, code }) => [name, code])).toEqual([["file-2", "DUPLICATE_PIXELS"]]);
    expect(skipped[0].reason).toContain("file-1");
  });

  it("decodes a crowd at one position once each", async () => {
    const files = Array.from({ length: 400 }, () => makeStack(1, { position: [0, 0, 5] }, 7)[0]);
    const sources = files.map((bytes, i) => createMemorySource(bytes, `file-${i}`));
    const { series, skipped } = await scanSeries(sources);
    expect(skipped).toEqual([]);
    expect(series[0].slices.length).toBe(400);
    // Once for the header and once for the pixels.
    expect(Math.max(...sources.map((source) => source.readCount()))).toBe(2);
  });

  it("keeps phases whose pixels happen to be equal", async () => {
    const pixels = uint16(...new Array<number>(24).fill(1000));
    const files = [1, 2].flatMap((acquisitionNumber) => makeStack(3, { acquisitionNumber, pixels }));
    const { series, skipped } = await scan(files);
    expect(skipped).toEqual([]);
    expect(series.map((item) => item.slices.length)).toEqual([3, 3]);
  });

  it("takes one instance in two encodings for one when the decoded pixels agree, else for a contradiction", async () => {
    const slice: CtSliceOptions = { sopUid: "1.2.77", position: [1, 2, 3] };
    const explicit = makeCtSlice(slice);
    const implicit = makeCtSlice({ ...slice, transferSyntax: IMPLICIT_LE });
    const same = await scan([explicit, implicit]);
    expect(same.series[0].slices.length).toBe(1);
    expect(same.skipped.map(({ code }) => code)).toEqual(["DUPLICATE_INSTANCE"]);
    for (const other of [
      makeCtSlice({
        ...slice,
        transferSyntax: IMPLICIT_LE,
        pixels: uint16(...new Array<number>(24).fill(3)),
      }),
      makeCtSlice({ ...slice, transferSyntax: IMPLICIT_LE, position: [1, 2, 4] }),
      makeCtSlice({ ...slice, transferSyntax: IMPLICIT_LE, intercept: "-1000" }),
    ]) {
      expect((await scan([explicit, other])).skipped.map(({ code }) => code)).toEqual(["SOP_UID_CONFLICT"]);
    }
  });
});

describe("what is no series", () => {
  it("is named by its kind", async () => {
    const storage = "1.2.840.10008.5.1.4.1.1";
    const kinds: readonly (readonly [string, string, string])[] = [
      [`${storage}.88.67`, "dose report", "NOT_AN_IMAGE"],
      [`${storage}.88.33`, "structured report", "NOT_AN_IMAGE"],
      [`${storage}.88.59`, "key object selection", "NOT_AN_IMAGE"],
      [`${storage}.11.1`, "presentation state", "NOT_AN_IMAGE"],
      [`${storage}.104.1`, "encapsulated document", "NOT_AN_IMAGE"],
      [`${storage}.481.3`, "radiotherapy object", "NOT_AN_IMAGE"],
      [`${storage}.66.1`, "registration", "NOT_AN_IMAGE"],
      [`${storage}.7.2`, "secondary capture", "SECONDARY_CAPTURE"],
      ["1.2.840.10008.1.3.10", "directory", "NOT_AN_IMAGE"],
      [`${storage}.4`, "image", "NOT_CT"],
    ];
    const files = kinds.map(([sopClass], i) =>
      makeCtSlice({
        sopClass,
        sopUid: `1.2.88.${i + 1}`,
        modality: "OT",
        omit: sopClass.endsWith("1.4") ? [] : [0x7fe00010],
      }),
    );
    const { series, skipped } = await scan(files);
    expect(series).toEqual([]);
    expect(skipped.map(({ object, code }) => [object?.sopClassUid, object?.kind, code])).toEqual(kinds);
  });

  it("text in Modality that is no modality is not repeated", async () => {
    const file = makeCtSlice({ modality: "SOMEBODY^NAME", sopClass: "1.2.840.10008.5.1.4.1.1.4" });
    const { skipped } = await scan([file]);
    expect(skipped[0].object?.modality).toBe("OT");
    const { series } = await scan([file], "any");
    expect(series[0].modality).toBe("OT");
  });

  it("a dose sheet as a CT image, a screen save and a localizer stay out too", async () => {
    const { skipped } = await scan([
      makeCtSlice({ sopUid: "1.2.89.1", imageType: "DERIVED\\SECONDARY\\DOSE_INFO" }),
      makeCtSlice({ sopUid: "1.2.89.2", imageType: "DERIVED\\SECONDARY\\SCREEN SAVE" }),
      makeCtSlice({ sopUid: "1.2.89.3", imageType: "ORIGINAL\\PRIMARY\\LOCALIZER" }),
      ascii("not DICOM at all"),
    ]);
    expect(skipped.map(({ code }) => code)).toEqual([
      "SECONDARY_CAPTURE",
      "SECONDARY_CAPTURE",
      "LOCALIZER",
      "NOT_DICOM",
    ]);
  });
});
