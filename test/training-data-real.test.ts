/**
 * Quality control and lungs on real CT (ALARA_DATA): public series pass without errors, and the lungs found hold lung.
 * Skipped, with a reason, where the development data are not at hand.
 */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { getSlab, type Volume } from "@alara/core";
import { decodeVolume } from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";
import { checkTrainingData, segmentLungs } from "@alara/enhance";
import { findDataFolder } from "@alara/testing";
import { describe, expect, it } from "vitest";

const folder = findDataFolder();
const volumes = folder === undefined ? "" : join(folder, "ct-volumes");
const isThere = folder !== undefined && existsSync(volumes);

async function readFirst(name: string, most: number): Promise<Volume<"HU"> | null> {
  const { series } = await scanSeriesFiles([join(volumes, name)]);
  for (const item of series) {
    try {
      const volume = await decodeVolume(item);
      const slices = volume.geometry.size[0];
      const start = Math.max(0, (slices - most) >> 1);
      return getSlab(volume, start, Math.min(slices, start + most));
    } catch {
      // Series that are no volume of HU are not this test's matter.
    }
  }
  return null;
}

const REASON = "ALARA_DATA names no folder with ct-volumes";

describe("real CT", () => {
  it("passes quality control without errors", async (context) => {
    if (!isThere) context.skip(REASON);
    const series = [];
    for (const name of readdirSync(volumes).sort()) {
      const volume = await readFirst(name, 6);
      if (volume) series.push({ id: name, patientId: name, volume });
    }
    expect(series.length).toBeGreaterThan(3);
    const { findings } = await checkTrainingData(series);
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  }, 120_000);

  it("finds the lungs of a chest", async (context) => {
    if (!isThere) context.skip(REASON);
    const volume = await readFirst("lidc-idri-0314", 8);
    if (volume === null) throw new Error("lidc-idri-0314 holds no volume");
    const mask = segmentLungs(volume);
    let [count, sum] = [0, 0];
    for (let i = 0; i < mask.length; i++) {
      if (mask[i] === 0) continue;
      count++;
      sum += volume.data[i];
    }
    const share = count / mask.length;
    expect(share).toBeGreaterThan(0.05);
    expect(share).toBeLessThan(0.45);
    expect(sum / count).toBeGreaterThan(-920);
    expect(sum / count).toBeLessThan(-600);
  }, 120_000);
});
