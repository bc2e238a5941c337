/** `--sr`: the structured report beside a derived series says what report.json says and refers to what is there. */
import { readdirSync, readFileSync } from "node:fs";
import { findDanglingReferences, readDicomFile, readQualityReport, readText, TAG } from "@alara/dicom";
import { createIdentityEnhancer } from "@alara/enhance";
import { createTemporaryFolder } from "@alara/testing";
import { expect, test } from "vitest";
import { enhanceSeries } from "../src/enhance-series.ts";
import { openSeries } from "../src/input.ts";
import { makeVolume, writeSeries } from "./alara.ts";

test("the structured report holds the report's numbers and every reference resolves", async () => {
  using folder = createTemporaryFolder("quality-sr");
  await writeSeries(folder.resolve("in"), makeVolume(4, 48));
  const series = await openSeries(folder.resolve("in"));
  const method = { enhancer: createIdentityEnhancer(), description: "identity" };
  const options = { dateTime: "2026-02-03T04:05:06+00:00", structuredReport: true };
  const output = folder.resolve("out");
  const { report, seriesInstanceUid } = await enhanceSeries(series, method, output, options);

  const sr = readDicomFile(readFileSync(`${output}/report.dcm`)).dataset;
  const content = readQualityReport(sr);
  expect(content?.derived.seriesInstanceUid).toBe(seriesInstanceUid);
  expect(content?.method).toBe("identity");
  expect(content?.images.map(({ image }) => image)).toEqual(report?.images.map(({ name }) => name));
  const noise = content?.images[0].measures.find(({ measure }) => measure === "noise")?.value;
  expect(noise).toBe(report?.noise[0].noise.sigmaHu);
  const biases = content?.tissues.map(({ tissue, biasHu }) => [tissue, biasHu]);
  expect(biases).toEqual(
    report?.huBias.flatMap(({ tissues }) => tissues.map((entry) => [entry.tissue, entry.meanDifferenceHu])),
  );
  const images = ["in", "out/series"].flatMap((name) =>
    readdirSync(folder.resolve(name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readDicomFile(readFileSync(`${entry.parentPath}/${entry.name}`)).dataset),
  );
  expect(images).toHaveLength(8);
  expect(readText(sr, TAG.StudyInstanceUID)).toBe(readText(images[0], TAG.StudyInstanceUID));
  expect(findDanglingReferences([sr, ...images])).toEqual([]);
});
