/** One image before it is part of a series: its directions, and the UIDs that it lacks. */
import { scanInstance } from "@alara/dicom";
import { describe, expect, it } from "vitest";
import { type CtSliceOptions, createMemorySource, makeCtSlice } from "./make-dicom.ts";

async function scan(options: CtSliceOptions): ReturnType<typeof scanInstance> {
  return scanInstance(createMemorySource(makeCtSlice(options), "x"), { modalities: "any" });
}

async function findSeriesUid(options: CtSliceOptions): Promise<string | undefined> {
  const found = await scan(options);
  return found.kind === "image" ? found.frames[0].seriesInstanceUid : found.skipped.code;
}

describe("Image Orientation", () => {
  it("is refused unless it is two perpendicular unit vectors", async () => {
    for (const orientation of [
      [1, 0, 0, 0.6, 0.8, 0],
      [1.02, 0, 0, 0, 1, 0],
      [1, 0, 0, 0, 0.97, 0],
      [0, 0, 0, 0, 0, 0],
    ]) {
      expect(await scan({ orientation })).toMatchObject({
        kind: "skipped",
        skipped: { code: "INVALID_VALUE" },
      });
    }
    const found = await scan({ orientation: [1.004, 0, 0, 0, 0.996, 0] });
    expect(found).toMatchObject({ frames: [{ columnDirection: [1, 0, 0], rowDirection: [0, 1, 0] }] });
  });
});

describe("a series without UID", () => {
  const omit = [0x0020000e];
  it("is that of its frame of reference and modality", async () => {
    const uid = await findSeriesUid({ omit });
    expect(uid).toMatch(/^2\.25\.\d+$/);
    expect(await findSeriesUid({ omit, sopUid: "1.2.3.5" })).toBe(uid);
    expect(await findSeriesUid({ omit, modality: "PT", sopClass: "1.2.840.10008.5.1.4.1.1.128" })).not.toBe(
      uid,
    );
    expect(await findSeriesUid({ omit, extra: [[0x00200052, "UI", "1.2.3.10"]] })).not.toBe(uid);
    expect(await findSeriesUid({ omit: [0x0020000e, 0x00200052] })).toBe("MISSING_ATTRIBUTE");
  });
});
