/** Series assembly: order, grids, splits, and every finding. */
import {
  decodeSliceHu,
  decodeVolume,
  readSeriesFile,
  readUid,
  type Series,
  type SeriesCollection,
  scanSeries,
  TAG,
} from "@alara/dicom";
import { describe, expect, it } from "vitest";
import { type CtSliceOptions, createMemorySource, makeCtSlice, uint16 } from "./make-dicom.ts";

function scan(files: readonly Uint8Array[]): Promise<SeriesCollection> {
  return scanSeries(files.map((bytes, i) => createMemorySource(bytes, `file-${i}`)));
}

/** Slices at the given positions along z, each with its own UIDs and a constant value equal to its index. */
function makeSlices(positionsMm: readonly number[], options: CtSliceOptions = {}): Uint8Array[] {
  return positionsMm.map((z, i) =>
    makeCtSlice({
      sopUid: `1.2.3.4.${options.acquisitionNumber ?? 0}.${i + 1}`,
      position: [-10, -20, z],
      instanceNumber: i + 1,
      pixels: uint16(...new Array<number>(24).fill(1024 + i)),
      ...options,
    }),
  );
}

async function assembleOne(files: readonly Uint8Array[]): Promise<Series> {
  const { series, skipped } = await scan(files);
  expect(skipped).toEqual([]);
  expect(series.length).toBe(1);
  return series[0];
}

function listCodes(series: Series): string[] {
  return series.findings.map((finding) => finding.code).sort();
}

const STEP_3: CtSliceOptions = { sliceThickness: "3" };

describe("assembly", () => {
  it("sorts shuffled slices along the normal and gives the grid in patient space", async () => {
    const files = makeSlices([9, 0, 6, 3, 12], STEP_3);
    const series = await assembleOne(files);
    expect(series.slices.map((slice) => slice.alongNormalMm)).toEqual([0, 3, 6, 9, 12]);
    expect(series.isRegular).toBe(true);
    expect(listCodes(series)).toEqual([]);
    expect(series.geometry).toEqual({
      size: [5, 4, 6],
      spacingMm: [3, 0.7, 0.8],
      originMm: [-10, -20, 0],
      direction: { slice: [0, 0, 1], row: [0, 1, 0], column: [1, 0, 0] },
    });
    const volume = await decodeVolume(series);
    expect([0, 1, 2, 3, 4].map((i) => volume.data[i * 24])).toEqual([1, 3, 2, 0, 4]);
  });

  it("counts slices along column × row, so that sagittal and feet-up stacks are right-handed", async () => {
    const sagittal = [0, 2, 4].map((x, i) =>
      makeCtSlice({
        sopUid: `1.2.9.${i + 1}`,
        position: [x, 5, 6],
        orientation: [0, 1, 0, 0, 0, -1],
        sliceThickness: "2",
      }),
    );
    const series = await assembleOne(sagittal);
    expect(series.geometry.direction.slice.map((value) => value + 0)).toEqual([-1, 0, 0]);
    expect(series.geometry.originMm).toEqual([4, 5, 6]);
    expect(series.isRegular).toBe(true);
  });

  it("reads nothing but headers until pixels are asked for, and one file per slice then", async () => {
    const sources = makeSlices([0, 3, 6]).map((bytes, i) => createMemorySource(bytes, `f${i}`));
    const { series } = await scanSeries(sources);
    expect(sources.map((source) => source.readCount())).toEqual([1, 1, 1]);
    await decodeSliceHu(series[0], 1);
    expect(sources.map((source) => source.readCount())).toEqual([1, 2, 1]);
  });

  it("returns every series of a mixed folder, largest first, and says what it left out", async () => {
    const files = [
      ...makeSlices([0, 3], { seriesUid: "1.2.5.1" }).map((bytes) => bytes),
      ...[0, 1, 2].map((i) =>
        makeCtSlice({ seriesUid: "1.2.5.2", sopUid: `1.2.5.2.${i + 1}`, position: [0, 0, 3 * i] }),
      ),
      makeCtSlice({ seriesUid: "1.2.5.3", sopUid: "1.2.5.3.1", imageType: "ORIGINAL\\PRIMARY\\LOCALIZER" }),
      new Uint8Array(10),
    ];
    const { series, skipped } = await scan(files);
    expect(series.map((item) => [item.seriesInstanceUid, item.slices.length])).toEqual([
      ["1.2.5.2", 3],
      ["1.2.5.1", 2],
    ]);
    expect(skipped.map((item) => [item.name, item.code])).toEqual([
      ["file-5", "LOCALIZER"],
      ["file-6", "NOT_DICOM"],
    ]);
  });

  it("drops copies of a file, and refuses a second content under one UID", async () => {
    const [a, b] = makeSlices([0, 3]);
    const other = makeCtSlice({ sopUid: "1.2.3.4.0.1", position: [0, 0, 99] });
    const { series, skipped } = await scan([a, b, a, other]);
    expect(series[0].slices.length).toBe(2);
    expect(skipped.map((item) => item.code)).toEqual(["DUPLICATE_INSTANCE", "SOP_UID_CONFLICT"]);
  });

  it("fills in UIDs that files leave empty, the same ones each time, and says so", async () => {
    const strip = [0x00080016, 0x0020000d, 0x0020000e];
    const files = [0, 3, 6].map((z, i) =>
      makeCtSlice({ sopUid: `1.2.3.4.${i + 1}`, position: [0, 0, z], instanceNumber: i + 1, omit: strip }),
    );
    const [first, again] = [await assembleOne(files), await assembleOne([...files].reverse())];
    expect(first.slices.length).toBe(3);
    expect(listCodes(first)).toEqual(["UIDS_COMPLETED"]);
    expect(first.seriesInstanceUid).toMatch(/^2\.25\.\d+$/);
    expect(first.studyInstanceUid).not.toBe(first.seriesInstanceUid);
    expect([again.seriesInstanceUid, again.studyInstanceUid]).toEqual([
      first.seriesInstanceUid,
      first.studyInstanceUid,
    ]);
    const { dataset } = await readSeriesFile(first, 1);
    expect(readUid(dataset, TAG.StudyInstanceUID)).toBe(first.studyInstanceUid);
    expect(readUid(dataset, TAG.SOPClassUID)).toBe("1.2.840.10008.5.1.4.1.1.2");
    // Without a frame of reference nothing says which slices belong together.
    const lost = await scan([makeCtSlice({ omit: [...strip, 0x00200052] })]);
    expect(lost.skipped.map(({ code }) => code)).toEqual(["MISSING_ATTRIBUTE"]);
  });

  it("notices when a source changed between scan and use", async () => {
    const [a, b] = makeSlices([0, 3]);
    let content = a;
    const { series } = await scanSeries([{ name: "x", read: async () => content }]);
    content = b;
    await expect(readSeriesFile(series[0], 0)).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
    await expect(readSeriesFile(series[0], 1)).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
  });

  it("stops when aborted and reports progress", async () => {
    const sources = makeSlices([0, 3, 6]).map((bytes, i) => createMemorySource(bytes, `f${i}`));
    const seen: number[] = [];
    const { series } = await scanSeries(sources, { onProgress: ({ done }) => seen.push(done) });
    expect(seen).toEqual([1, 2, 3]);
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(scanSeries(sources, { signal: controller.signal })).rejects.toThrow("enough");
    await expect(decodeVolume(series[0], { signal: controller.signal })).rejects.toThrow("enough");
  });
});

describe("findings", () => {
  it("finds missing slices and counts them", async () => {
    const series = await assembleOne(makeSlices([0, 3, 6, 15, 18], STEP_3));
    expect(listCodes(series)).toEqual(["MISSING_SLICES"]);
    expect(series.findings[0].message).toContain("2 slices are missing");
    expect(series.isRegular).toBe(false);
    expect(series.geometry.spacingMm[0]).toBe(3);
  });

  it("finds duplicate positions", async () => {
    const series = await assembleOne(makeSlices([0, 3, 3, 6], STEP_3));
    expect(listCodes(series)).toEqual(["DUPLICATE_SLICES"]);
    expect(series.isRegular).toBe(false);
  });

  it("finds uneven spacing", async () => {
    const series = await assembleOne(makeSlices([0, 3, 6, 10.2, 13.2], STEP_3));
    expect(listCodes(series)).toEqual(["UNEVEN_SPACING"]);
    expect(series.isRegular).toBe(false);
  });

  it("tolerates the rounding of headers", async () => {
    const series = await assembleOne(
      makeSlices([0, 0.62, 1.25, 1.87, 2.5, 3.13], { sliceThickness: "0.625" }),
    );
    expect(listCodes(series)).toEqual([]);
    expect(series.isRegular).toBe(true);
  });

  it("measures gantry tilt and shears the grid", async () => {
    const tilt = (18.5 * Math.PI) / 180;
    const files = [0, 1, 2].map((i) =>
      makeCtSlice({
        sopUid: `1.2.8.${i + 1}`,
        position: [0, 0, 5 * i],
        orientation: [1, 0, 0, 0, Number(Math.cos(tilt).toFixed(6)), Number((-Math.sin(tilt)).toFixed(6))],
        sliceThickness: String(5 * Math.cos(tilt)),
      }),
    );
    const series = await assembleOne(files);
    expect(listCodes(series)).toEqual(["GANTRY_TILT"]);
    expect(series.findings[0].message).toContain("18.5°");
    expect(series.isRegular).toBe(true);
    expect(series.geometry.spacingMm[0]).toBeCloseTo(5, 4);
    expect(series.geometry.direction.slice).toEqual([0, 0, 1]);
  });

  it("notes overlapping and gapped slices, a single slice, acquisitions and rescales", async () => {
    expect(listCodes(await assembleOne(makeSlices([0, 2, 4], STEP_3)))).toEqual(["OVERLAPPING_SLICES"]);
    expect(listCodes(await assembleOne(makeSlices([0, 5, 10], STEP_3)))).toEqual(["SLICE_GAPS"]);
    const single = await assembleOne(makeSlices([0]));
    expect(listCodes(single)).toEqual(["SINGLE_SLICE"]);
    expect(single.isRegular).toBe(false);
    const [a] = makeSlices([0], STEP_3);
    const [, b] = makeSlices([0, 3], { ...STEP_3, acquisitionNumber: 2, intercept: "-1000" });
    expect(listCodes(await assembleOne([a, b]))).toEqual(["MIXED_RESCALE", "MULTIPLE_ACQUISITIONS"]);
  });

  it("warns of mixed voltages and lossy history", async () => {
    const [a] = makeSlices([0], STEP_3);
    const [, b] = makeSlices([0, 3], {
      ...STEP_3,
      extra: [
        [0x00180060, "DS", "80"],
        [0x00282110, "CS", "01"],
      ],
    });
    const series = await assembleOne([a, b]);
    expect(listCodes(series)).toEqual(["LOSSY_COMPRESSED", "MIXED_TUBE_VOLTAGE"]);
    expect(series.isRegular).toBe(true);
  });

  it("splits one series UID by matrix and orientation, and by acquisition where positions repeat", async () => {
    const large = makeCtSlice({ sopUid: "1.2.7.1", rows: 6, columns: 4 });
    const coronal = makeCtSlice({ sopUid: "1.2.7.2", orientation: [1, 0, 0, 0, 0, -1] });
    const bySize = await scan([...makeSlices([0, 3]), large, coronal]);
    expect(bySize.series.map((series) => series.slices.length)).toEqual([2, 1, 1]);
    expect(bySize.series.every((series) => listCodes(series).includes("SPLIT_SERIES"))).toBe(true);
    const phases = [
      ...makeSlices([0, 3, 6], { ...STEP_3, acquisitionNumber: 1 }),
      ...makeSlices([0, 3, 6], { ...STEP_3, acquisitionNumber: 2 }),
    ];
    const byPhase = await scan(phases);
    expect(byPhase.series.map((series) => series.slices.length)).toEqual([3, 3]);
    expect(byPhase.series.every((series) => series.isRegular)).toBe(true);
    const kernels = [
      ...makeSlices([0, 3], STEP_3),
      ...makeSlices([0, 3], STEP_3).map((_, i) =>
        makeCtSlice({ ...STEP_3, sopUid: `1.2.6.${i + 1}`, position: [-10, -20, 3 * i], kernel: "B70f" }),
      ),
    ];
    expect((await scan(kernels)).series.map((series) => series.facts.kernels)).toEqual([["B40f"], ["B70f"]]);
  });
});

describe("facts", () => {
  it("sums up headers with units and without identity", async () => {
    const files = [100, 300, 200].map((current, i) =>
      makeCtSlice({
        sopUid: `1.2.4.${i + 1}`,
        position: [0, 0, 3 * i],
        extra: [
          [0x00181151, "IS", String(current)],
          [0x00181152, "IS", i === 0 ? "x" : "150"],
          [0x00189345, "FD", new Uint8Array(Float64Array.of(6.5).buffer)],
          [0x00180015, "CS", "CHEST"],
          [0x00180010, "LO", "OMNIPAQUE"],
        ],
      }),
    );
    const { facts } = await assembleOne(files);
    expect(facts).toMatchObject({
      slices: 3,
      rows: 4,
      columns: 6,
      pixelSpacingMm: [0.7, 0.8],
      sliceSpacingMm: 3,
      sliceThicknessMm: 3,
      manufacturer: "ACME",
      bodyPart: "CHEST",
      kernels: ["B40f"],
      tubeVoltageKv: { minimum: 120, median: 120, maximum: 120 },
      tubeCurrentMa: { minimum: 100, median: 200, maximum: 300 },
      exposureMas: { minimum: 150, median: 150, maximum: 150 },
      ctdiVolMgy: { minimum: 6.5, median: 6.5, maximum: 6.5 },
      exposureTimeMs: undefined,
      hasContrastAgent: true,
      bitsStored: 16,
      rescale: { slope: 1, intercept: -1024 },
    });
    expect(JSON.stringify(facts)).not.toMatch(/NOBODY|TEST-1|2020/);
  });
});
