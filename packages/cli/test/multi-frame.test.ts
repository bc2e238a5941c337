/** An enhanced CT object goes through `alara enhance` as one object. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { decodeVolume, isSingleObject, writeEnhancedCt } from "@alara/dicom";
import { scanSeriesFiles } from "@alara/dicom/node";
import { createTemporaryFolder } from "@alara/testing";
import { expect, test } from "vitest";
import { makeVolume, runAlara } from "./alara.ts";

const DATE = ["--date", "2026-02-03T04:05:06+01:00"];

test("one enhanced object in, one derived enhanced object out, the same pixels at strength 0", async () => {
  using folder = createTemporaryFolder("multi-frame");
  const volume = makeVolume(5, 64);
  const { bytes } = await writeEnhancedCt(volume, {
    identity: { test: "multi-frame" },
    patientId: "TEST",
    dateTime: "2026-01-02T03:04:05+00:00",
    seriesDescription: "test",
    softwareVersion: "0",
    tubeVoltageKv: 120,
    bodyPart: "ABDOMEN",
  });
  const input = folder.resolve("input");
  mkdirSync(input);
  writeFileSync(`${input}/object.dcm`, bytes);
  const output = folder.resolve("output");
  const run = await runAlara(
    "enhance",
    input,
    "-o",
    output,
    "--method",
    "gaussian",
    "--strength",
    "0",
    ...DATE,
  );
  expect(run).toMatchObject({ code: 0 });
  expect(readdirSync(`${output}/series`)).toEqual(["multi-frame.dcm"]);
  const { series } = await scanSeriesFiles([`${output}/series`]);
  expect(isSingleObject(series[0])).toBe(true);
  expect(series[0].findings.map(({ code }) => code)).toContain("DERIVED_BY_ALARA");
  expect((await decodeVolume(series[0])).data).toEqual(volume.data.map((value) => value + 0));
});
