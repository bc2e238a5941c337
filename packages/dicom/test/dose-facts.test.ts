/** Dose facts with units from headers, and the dose that a radiation dose structured report states. */
import { readDataset, readDoseReport, type SeriesFacts, scanSeries } from "@alara/dicom";
import { describe, expect, it } from "vitest";
import {
  type CtSliceOptions,
  concat,
  createMemorySource,
  explicit,
  item,
  makeCtSlice,
} from "./make-dicom.ts";

const float64 = (...values: readonly number[]): Uint8Array =>
  new Uint8Array(Float64Array.from(values).buffer);

type Extra = NonNullable<CtSliceOptions["extra"]>;

async function readFacts(extras: readonly Extra[], options: CtSliceOptions = {}): Promise<SeriesFacts> {
  const files = extras.map((extra, i) =>
    createMemorySource(
      makeCtSlice({
        sopUid: `1.2.3.${i + 1}`,
        position: [0, 0, 3 * i],
        instanceNumber: i + 1,
        ...options,
        extra,
      }),
      `f${i}`,
    ),
  );
  const { series } = await scanSeries(files);
  expect(series.length).toBe(1);
  return series[0].facts;
}

const phantom = (code: string): Uint8Array =>
  item(
    concat(
      explicit(0x00080100, "SH", code),
      explicit(0x00080102, "SH", "DCM"),
      explicit(0x00080104, "LO", "phantom"),
    ),
  );

describe("dose facts of a series", () => {
  it("come with units, ranges and what they were computed from", async () => {
    const facts = await readFacts(
      [10, 20, 12, 18].map((ctdi, i) => [
        [0x00181151, "IS", String(100 + 100 * i)],
        [0x00181190, "DS", "0.7\\1.2"],
        [0x00189305, "FD", float64(0.5)],
        [0x00189306, "FD", float64(0.625)],
        [0x00189307, "FD", float64(40)],
        [0x00189310, "FD", float64(55)],
        [0x00189323, "CS", "XYZ_EC"],
        [0x00189345, "FD", float64(ctdi)],
        [0x00189346, "SQ", phantom("113691")],
        [0x00181271, "FD", float64(280 + i)],
      ]),
    );
    expect(facts).toMatchObject({
      ctdiVolMgy: { minimum: 10, median: 12, mean: 15, maximum: 20 },
      ctdiPhantomDiameterCm: 32,
      imagedLengthMm: 12,
      imagedDoseLengthMgyCm: { value: 18, source: "mean CTDIvol × imaged length, without over-ranging" },
      spiralPitch: { value: 1.375, source: "Table Feed per Rotation / Total Collimation Width" },
      revolutionTimeS: 0.5,
      singleCollimationMm: 0.625,
      totalCollimationMm: 40,
      focalSpotsMm: [0.7, 1.2],
      exposureModulation: "XYZ_EC",
      waterEquivalentDiameterMm: { minimum: 280, maximum: 283 },
      iterativeHints: [],
    });
    expect(facts.effectiveMas?.maximum).toBeCloseTo((400 * 0.5) / 1.375, 9);
  });

  it("prefer the stated pitch, know the head phantom, and leave out what is not there or malformed", async () => {
    const head = await readFacts([
      [
        [0x00189311, "FD", float64(0.9)],
        [0x00189310, "FD", float64(55)],
        [0x00189307, "FD", float64(40)],
        [0x00189346, "SQ", phantom("113690")],
      ],
    ]);
    expect(head.spiralPitch).toEqual({ value: 0.9, source: "Spiral Pitch Factor" });
    expect(head.ctdiPhantomDiameterCm).toBe(16);
    const broken = await readFacts([
      [
        [0x00189346, "SQ", Uint8Array.of(1, 2, 3, 4)],
        [0x00181190, "DS", "big"],
        [0x00189345, "FD", Uint8Array.of(1, 2, 3)],
      ],
    ]);
    expect(broken).toMatchObject({
      ctdiPhantomDiameterCm: undefined,
      focalSpotsMm: [],
      ctdiVolMgy: undefined,
      imagedDoseLengthMgyCm: undefined,
      spiralPitch: undefined,
      effectiveMas: undefined,
    });
    const foreign = await readFacts([[[0x00189346, "SQ", phantom("113682")]]]);
    expect(foreign.ctdiPhantomDiameterCm).toBeUndefined();
  });

  it("tell iterative reconstruction by what headers say of it", async () => {
    const stated = await readFacts([[[0x00189315, "CS", "ITERATIVE"]]]);
    expect(stated.iterativeHints).toEqual(["Reconstruction Algorithm ITERATIVE"]);
    const siemens: Extra = [[0x00080070, "LO", "SIEMENS"]];
    expect((await readFacts([siemens], { kernel: "I30f\\3" })).iterativeHints).toEqual([
      "Siemens kernel I30f\\3",
    ]);
    expect((await readFacts([siemens], { kernel: "B30f" })).iterativeHints).toEqual([]);
    expect((await readFacts([[]], { kernel: "I30f\\3" })).iterativeHints).toEqual([]);
  });
});

const code = (tag: number, value: string): Uint8Array =>
  explicit(
    tag,
    "SQ",
    item(
      concat(
        explicit(0x00080100, "SH", value),
        explicit(0x00080102, "SH", "DCM"),
        explicit(0x00080104, "LO", "x"),
      ),
    ),
  );

const number = (concept: string, value: string): Uint8Array =>
  item(
    concat(
      explicit(0x0040a040, "CS", "NUM"),
      code(0x0040a043, concept),
      explicit(0x0040a300, "SQ", item(explicit(0x0040a30a, "DS", value))),
    ),
  );

const container = (concept: string, ...children: readonly Uint8Array[]): Uint8Array =>
  item(
    concat(
      explicit(0x0040a040, "CS", "CONTAINER"),
      code(0x0040a043, concept),
      explicit(0x0040a730, "SQ", concat(...children)),
    ),
  );

describe("readDoseReport", () => {
  it("reads total and events of TID 10011", () => {
    const event = (uid: string, dlp: string, ctdi: string, phantomCode: string): Uint8Array =>
      container(
        "113819",
        item(
          concat(
            explicit(0x0040a040, "CS", "UIDREF"),
            code(0x0040a043, "113769"),
            explicit(0x0040a124, "UI", uid),
          ),
        ),
        container(
          "113829",
          number("113830", ctdi),
          item(
            concat(
              explicit(0x0040a040, "CS", "CODE"),
              code(0x0040a043, "113835"),
              code(0x0040a168, phantomCode),
            ),
          ),
          number("113838", dlp),
        ),
      );
    const bytes = explicit(
      0x0040a730,
      "SQ",
      concat(
        container("113811", number("113812", "2"), number("113813", "512.5")),
        event("1.2.7.1", "12.5", "0.4", "113691"),
        event("1.2.7.2", "500", "55.1", "113690"),
      ),
    );
    expect(readDoseReport(readDataset(bytes, "explicit-le"))).toEqual({
      totalDlpMgyCm: 512.5,
      events: [
        { dlpMgyCm: 12.5, meanCtdiVolMgy: 0.4, ctdiPhantomDiameterCm: 32, irradiationEventUid: "1.2.7.1" },
        { dlpMgyCm: 500, meanCtdiVolMgy: 55.1, ctdiPhantomDiameterCm: 16, irradiationEventUid: "1.2.7.2" },
      ],
    });
  });

  it("finds nothing in an object without dose", () => {
    expect(readDoseReport(readDataset(explicit(0x00080060, "CS", "SR"), "explicit-le"))).toEqual({
      totalDlpMgyCm: null,
      events: [],
    });
  });
});
