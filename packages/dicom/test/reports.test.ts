/** Quality reports: what is written, what foreign readers make of it, and the way back. Key objects, presentation states. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import {
  createCodeItem,
  createQualityReport,
  createSequenceElement,
  createTextElement,
  type DicomDataset,
  type DicomElement,
  editDataset,
  findContentItems,
  findDanglingReferences,
  isValidUid,
  listObjectReferences,
  readContentTree,
  readDicomFile,
  readDoseReport,
  readItems,
  readKeyObjectSelection,
  readPresentationState,
  readQualityReport,
  readText,
  rewriteReferences,
  TAG,
  TRANSFER_SYNTAX_UID,
  writeDicomFile,
} from "@alara/dicom";
import { createTemporaryFolder, requireTool } from "@alara/testing";
import { describe, expect, it } from "vitest";
import { createContentElements } from "../src/reports/content-tree.ts";
import { MEASURE_CONCEPT } from "../src/reports/quality-codes.ts";
import { makeCtSlice } from "./make-dicom.ts";
import { createReportCase, REPORT_CONTENT } from "./quality-case.ts";

const CT = "1.2.840.10008.5.1.4.1.1.2";
const SOURCE = readDicomFile(makeCtSlice({ sopUid: "1.2.3.4.1" })).dataset;
const dcm = (value: string, meaning: string) => ({ scheme: "DCM", value, meaning });

function sequence(tag: number, items: readonly (readonly DicomElement[])[]): DicomElement {
  return createSequenceElement(tag, items, "explicit-le");
}

function reference(uid: string): DicomElement[] {
  return [
    createTextElement(TAG.ReferencedSOPClassUID, CT),
    createTextElement(TAG.ReferencedSOPInstanceUID, uid),
  ];
}

/** A key object selection of two instances of one series. */
function makeKeyObjects(uids: readonly string[]): DicomDataset {
  const tree = createContentElements({
    concept: dcm("113000", "Of Interest"),
    value: { type: "CONTAINER" },
    children: [
      {
        relationship: "CONTAINS",
        concept: dcm("113012", "Key Object Description"),
        value: { type: "TEXT", text: "two slices" },
        children: [],
      },
      ...uids.map((sopInstanceUid) => ({
        relationship: "CONTAINS" as const,
        value: { type: "IMAGE" as const, sopClassUid: CT, sopInstanceUid },
        children: [],
      })),
    ],
  });
  const series = [
    sequence(TAG.ReferencedSOPSequence, uids.map(reference)),
    createTextElement(TAG.SeriesInstanceUID, "1.2.3.30"),
  ];
  const evidence = [
    sequence(TAG.ReferencedSeriesSequence, [series]),
    createTextElement(TAG.StudyInstanceUID, readText(SOURCE, TAG.StudyInstanceUID) ?? ""),
  ];
  const own = [
    createTextElement(TAG.SOPClassUID, "1.2.840.10008.5.1.4.1.1.88.59"),
    createTextElement(TAG.SOPInstanceUID, "1.2.3.9"),
    createTextElement(TAG.SeriesInstanceUID, "1.2.3.90"),
    createTextElement(TAG.Modality, "KO"),
    sequence(TAG.ReferencedPerformedProcedureStepSequence, []),
    sequence(TAG.CurrentRequestedProcedureEvidenceSequence, [evidence]),
    ...tree,
  ];
  const kept = [...SOURCE.elements.values()].filter(
    ({ tag }) => tag < 0x00180000 || tag === TAG.StudyInstanceUID || tag === TAG.InstanceNumber,
  );
  const base = { ...SOURCE, elements: new Map(kept.map((element) => [element.tag, element])) };
  return editDataset(base, new Map(own.map((element) => [element.tag, element])));
}

describe("quality reports", () => {
  it("come back as the numbers that went in", async () => {
    const { dataset } = readDicomFile((await createReportCase()).bytes);
    expect(readQualityReport(dataset)).toEqual(REPORT_CONTENT);
    expect(readQualityReport(makeKeyObjects(["1.2.3.4.1"]))).toBeUndefined();
  });

  it("stand in the patient's study and name every instance as evidence", async () => {
    const { bytes, sopInstanceUid, seriesInstanceUid } = await createReportCase();
    const { dataset } = readDicomFile(bytes);
    for (const tag of [TAG.PatientName, TAG.PatientID, TAG.StudyInstanceUID, TAG.StudyDate]) {
      expect(dataset.elements.get(tag)?.bytes).toEqual(SOURCE.elements.get(tag)?.bytes);
    }
    expect([sopInstanceUid, seriesInstanceUid].every(isValidUid)).toBe(true);
    expect(readText(dataset, TAG.SOPInstanceUID)).toBe(sopInstanceUid);
    expect(readText(dataset, TAG.CompletionFlag)).toBe("COMPLETE");
    expect(readText(dataset, TAG.VerificationFlag)).toBe("UNVERIFIED");
    const evidence = listObjectReferences(dataset).filter(
      ({ path }) => path[0] === TAG.CurrentRequestedProcedureEvidenceSequence,
    );
    const named = [REPORT_CONTENT.source, REPORT_CONTENT.derived].flatMap((series) =>
      series.instances.map((instance) => [series.seriesInstanceUid, instance.sopInstanceUid]),
    );
    expect(evidence.map((item) => [item.seriesInstanceUid, item.sopInstanceUid])).toEqual(named);
    expect(new Set(evidence.map((item) => item.studyInstanceUid))).toEqual(
      new Set([readText(SOURCE, TAG.StudyInstanceUID)]),
    );
  });

  it("carry the marks of de-identification of their source", async () => {
    const extra = [
      [0x00120062, "CS", "YES"],
      [0x00120063, "LO", "test"],
      [0x00101010, "AS", "042Y"],
    ] as const;
    const marked = readDicomFile(makeCtSlice({ extra: [...extra] })).dataset;
    const options = { dateTime: "2026-01-31T12:00:00+00:00" };
    const { dataset } = readDicomFile((await createQualityReport(marked, REPORT_CONTENT, options)).bytes);
    for (const [tag] of extra)
      expect(dataset.elements.get(tag)?.bytes).toEqual(marked.elements.get(tag)?.bytes);
    expect(dataset.elements.has(0x00120064)).toBe(false);
  });

  it("are the same bytes again, and another object when a number changes", async () => {
    const first = await createReportCase();
    expect((await createReportCase()).bytes).toEqual(first.bytes);
    const other = await createQualityReport(
      SOURCE,
      { ...REPORT_CONTENT, strength: 0.5 },
      { dateTime: "2026-01-31T12:00:00+00:00" },
    );
    expect(other.sopInstanceUid).not.toBe(first.sopInstanceUid);
    expect(other.seriesInstanceUid).toBe(first.seriesInstanceUid);
  });

  it("say why a number is absent", async () => {
    const root = readContentTree(readDicomFile((await createReportCase()).bytes).dataset);
    const [psnr] = findContentItems(root, MEASURE_CONCEPT.psnr);
    expect(psnr.value).toEqual({ type: "NUM", value: null, qualifier: dcm("114002", "Positive Infinity") });
    const [mae] = findContentItems(root, MEASURE_CONCEPT.mae);
    expect(mae.value).toMatchObject({ value: null, qualifier: { value: "114006" } });
  });

  it("refuse a source without study, text that is not ASCII, and numbers that are none", async () => {
    const bare = editDataset(SOURCE, new Map([[TAG.StudyInstanceUID, null]]));
    const options = { dateTime: "2026-01-31T12:00:00+00:00" };
    await expect(createQualityReport(bare, REPORT_CONTENT, options)).rejects.toMatchObject({
      code: "MISSING_ATTRIBUTE",
    });
    const accented = { ...REPORT_CONTENT, caveats: ["größer"] };
    await expect(createQualityReport(SOURCE, accented, options)).rejects.toMatchObject({
      code: "INVALID_VALUE",
    });
    const endless = { ...REPORT_CONTENT, strength: Number.NaN };
    await expect(createQualityReport(SOURCE, endless, options)).rejects.toMatchObject({
      code: "NON_FINITE_VALUE",
    });
  });

  it("have no error for dciodvfy", async (context) => {
    const dciodvfy = requireTool(context, "dciodvfy", "dicom3tools");
    using folder = createTemporaryFolder("reports");
    const file = `${folder.path}/report.dcm`;
    writeFileSync(file, (await createReportCase()).bytes);
    const { stderr } = spawnSync(dciodvfy, [file], { encoding: "utf8" });
    const messages = stderr.split("\n").filter((line) => line !== "" && !/<99ALARA>|Study ID$/.test(line));
    expect(messages).toEqual(["EnhancedSR"]);
  });

  it("are read by dcmtk as the golden says, and rendered", async (context) => {
    const dsrdump = requireTool(context, "dsrdump", "dcmtk");
    const dsr2html = requireTool(context, "dsr2html", "dcmtk");
    using folder = createTemporaryFolder("reports");
    const file = `${folder.path}/report.dcm`;
    writeFileSync(file, (await createReportCase()).bytes);
    const golden = readFileSync(new URL("golden/report.dump.txt", import.meta.url), "utf8");
    const dump = execFileSync(dsrdump, ["+Pn", "+Pl", "+Pc", "+Pu", file], { encoding: "utf8" });
    expect(dump).toBe(golden);
    const html = execFileSync(dsr2html, [file], { encoding: "utf8" });
    expect(html).toContain("Noise standard deviation in homogeneous tissue");
    expect(html).toContain("12.5");
  });
});

describe("foreign content", () => {
  it("gives CTDIvol and DLP of a dose report, by tree and by type", () => {
    const num = (concept: ReturnType<typeof dcm>, value: number, unit: string) => ({
      relationship: "CONTAINS" as const,
      concept,
      value: { type: "NUM" as const, value, units: { scheme: "UCUM", value: unit, meaning: unit } },
      children: [],
    });
    const box = (
      concept: ReturnType<typeof dcm>,
      children: Parameters<typeof createContentElements>[0][],
    ) => ({
      relationship: "CONTAINS" as const,
      concept,
      value: { type: "CONTAINER" as const },
      children,
    });
    const { relationship: _, ...root } = box(dcm("113701", "X-Ray Radiation Dose Report"), [
      box(dcm("113811", "CT Accumulated Dose Data"), [num(dcm("113813", "CT DLP Total"), 250.5, "mGy.cm")]),
      box(dcm("113819", "CT Acquisition"), [
        box(dcm("113829", "CT Dose"), [
          num(dcm("113830", "Mean CTDIvol"), 7.25, "mGy"),
          num(dcm("113838", "DLP"), 250.5, "mGy.cm"),
        ]),
      ]),
    ]);
    const dataset: DicomDataset = {
      ...SOURCE,
      elements: new Map(createContentElements(root).map((element) => [element.tag, element])),
    };
    expect(findContentItems(readContentTree(dataset), dcm("113830", ""))[0].value).toMatchObject({
      value: 7.25,
    });
    expect(readDoseReport(dataset)).toMatchObject({
      totalDlpMgyCm: 250.5,
      events: [{ meanCtdiVolMgy: 7.25, dlpMgyCm: 250.5 }],
    });
  });

  it("reads by-reference items and unknown value types without guessing", () => {
    const child = (extra: DicomElement[]): DicomElement[] => [
      ...extra,
      createTextElement(TAG.RelationshipType, "CONTAINS"),
    ];
    const scoord = child([createTextElement(TAG.ValueType, "SCOORD")]).reverse();
    const pointer = [
      createTextElement(TAG.RelationshipType, "INFERRED FROM"),
      {
        ...createTextElement(TAG.ValueType, ""),
        tag: TAG.ReferencedContentItemIdentifier,
        vr: "UL",
        bytes: Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0),
      },
    ];
    const elements = [
      createTextElement(TAG.ValueType, "CONTAINER"),
      sequence(TAG.ConceptNameCodeSequence, [createCodeItem(dcm("126000", "Imaging Measurement Report"))]),
      sequence(TAG.ContentSequence, [scoord, pointer]),
    ];
    const tree = readContentTree({
      ...SOURCE,
      elements: new Map(elements.map((element) => [element.tag, element])),
    });
    expect(tree.children.map(({ value }) => value)).toEqual([
      { type: "OTHER", valueType: "SCOORD" },
      { type: "REFERENCE", place: [1, 2] },
    ]);
    expect(() => createContentElements(tree)).toThrowError(/read, not written/);
  });
});

describe("key objects", () => {
  it("are read with title, description and instances", () => {
    const selection = readKeyObjectSelection(makeKeyObjects(["1.2.3.4.1", "1.2.3.4.2"]));
    expect(selection.title).toEqual(dcm("113000", "Of Interest"));
    expect(selection.description).toBe("two slices");
    expect(selection.instances.map((item) => item.sopInstanceUid)).toEqual(["1.2.3.4.1", "1.2.3.4.2"]);
    expect(selection.references.map((item) => item.seriesInstanceUid)).toEqual(["1.2.3.30", "1.2.3.30"]);
  });

  it("point at the new objects after rewriting, and dcmtk follows", async (context) => {
    const dsrdump = requireTool(context, "dsrdump", "dcmtk");
    const before = makeKeyObjects(["1.2.3.4.1", "1.2.3.4.2"]);
    const targets = new Map(
      [1, 2].map((i) => [`1.2.3.4.${i}`, { sopInstanceUid: `1.2.3.5.${i}`, seriesInstanceUid: "1.2.3.31" }]),
    );
    const { dataset, rewritten, dangling } = await rewriteReferences(before, targets);
    expect(rewritten).toBe(4);
    expect(dangling).toEqual([]);
    const references = listObjectReferences(dataset);
    expect(references.map((item) => item.sopInstanceUid)).toEqual([
      "1.2.3.5.1",
      "1.2.3.5.2",
      "1.2.3.5.1",
      "1.2.3.5.2",
    ]);
    expect(readKeyObjectSelection(dataset).references.map((item) => item.seriesInstanceUid)).toEqual([
      "1.2.3.31",
      "1.2.3.31",
    ]);
    expect(readText(dataset, TAG.SOPInstanceUID)).not.toBe("1.2.3.9");
    expect((await rewriteReferences(before, targets)).dataset).toEqual(dataset);
    using folder = createTemporaryFolder("reports");
    const file = `${folder.path}/ko.dcm`;
    writeFileSync(file, writeDicomFile(dataset, TRANSFER_SYNTAX_UID.explicitLittleEndian));
    const dump = execFileSync(dsrdump, ["+Pu", "-q", file], { encoding: "utf8" });
    expect(dump).toContain("1.2.3.5.2");
    expect(dump).not.toContain("1.2.3.4.2");
  });

  it("keep and name what the map does not hold, in a series item of its own", async () => {
    const before = makeKeyObjects(["1.2.3.4.1", "1.2.3.4.2"]);
    const targets = new Map([["1.2.3.4.2", { sopInstanceUid: "1.2.3.5.2", seriesInstanceUid: "1.2.3.31" }]]);
    const { dataset, rewritten, dangling } = await rewriteReferences(before, targets);
    expect(rewritten).toBe(2);
    expect(new Set(dangling.map((item) => item.sopInstanceUid))).toEqual(new Set(["1.2.3.4.1"]));
    const pairs = readKeyObjectSelection(dataset).references.map((item) => [
      item.seriesInstanceUid,
      item.sopInstanceUid,
    ]);
    expect(pairs).toEqual([
      ["1.2.3.30", "1.2.3.4.1"],
      ["1.2.3.31", "1.2.3.5.2"],
    ]);
    expect(await rewriteReferences(before, new Map())).toMatchObject({ rewritten: 0, dataset: before });
  });

  it("follow into another study, but not into two", async () => {
    const before = makeKeyObjects(["1.2.3.4.1", "1.2.3.4.2"]);
    const target = (
      i: number,
      study: string,
    ): [string, Parameters<typeof rewriteReferences>[1] extends ReadonlyMap<string, infer T> ? T : never] => [
      `1.2.3.4.${i}`,
      { sopInstanceUid: `1.2.3.5.${i}`, seriesInstanceUid: "1.2.3.31", studyInstanceUid: study },
    ];
    const moved = await rewriteReferences(before, new Map([target(1, "1.2.7"), target(2, "1.2.7")]));
    expect(readText(moved.dataset, TAG.StudyInstanceUID)).toBe("1.2.7");
    const evidence = (readItems(moved.dataset, TAG.CurrentRequestedProcedureEvidenceSequence) ?? [])[0];
    expect(readText(evidence, TAG.StudyInstanceUID)).toBe("1.2.7");
    await expect(
      rewriteReferences(before, new Map([target(1, "1.2.7"), target(2, "1.2.8")])),
    ).rejects.toMatchObject({ code: "INVALID_VALUE" });
  });

  it("dangle when an object is not in the set", () => {
    const keys = makeKeyObjects(["1.2.3.4.1", "1.2.3.4.2"]);
    const dangling = findDanglingReferences([keys, SOURCE]);
    expect(new Set(dangling.map((item) => item.reference.sopInstanceUid))).toEqual(new Set(["1.2.3.4.2"]));
    const second = readDicomFile(makeCtSlice({ sopUid: "1.2.3.4.2" })).dataset;
    expect(findDanglingReferences([keys, SOURCE, second])).toEqual([]);
  });
});

describe("presentation states", () => {
  it("made by dcmpsmk are read, rewritten and still read by dcmtk", async (context) => {
    const dcmpsmk = requireTool(context, "dcmpsmk", "dcmtk");
    const dcmdump = requireTool(context, "dcmdump", "dcmtk");
    using folder = createTemporaryFolder("reports");
    const image = `${folder.path}/image.dcm`;
    const state = `${folder.path}/state.dcm`;
    const rewritten = `${folder.path}/rewritten.dcm`;
    writeFileSync(image, makeCtSlice({ sopUid: "1.2.3.4.1", seriesUid: "1.2.3.30" }));
    execFileSync(dcmpsmk, [image, state], { stdio: "pipe" });
    const { dataset, transferSyntaxUid } = readDicomFile(readFileSync(state));
    const content = readPresentationState(dataset);
    expect(content.references).toMatchObject([
      { sopInstanceUid: "1.2.3.4.1", seriesInstanceUid: "1.2.3.30" },
    ]);
    expect(content.displayedAreas).toHaveLength(1);
    expect(content.displayedAreas[0].topLeft).toEqual([1, 1]);
    const result = await rewriteReferences(
      dataset,
      new Map([["1.2.3.4.1", { sopInstanceUid: "1.2.3.5.1", seriesInstanceUid: "1.2.3.31" }]]),
    );
    expect(result.dangling).toEqual([]);
    writeFileSync(rewritten, writeDicomFile(result.dataset, transferSyntaxUid));
    const dump = execFileSync(dcmdump, [rewritten], { encoding: "utf8" });
    expect(dump).not.toContain("[1.2.3.4.1]");
    expect(dump).not.toContain("[1.2.3.30]");
    expect(dump.match(/\[1\.2\.3\.5\.1\]/g)?.length).toBe(result.rewritten);
    expect(dump).toContain("[1.2.3.31]");
  });
});
