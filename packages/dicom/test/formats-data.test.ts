/** Real volume files and series of the data folder, against what others made of them. Skipped without the folder. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findDataFolder } from "@alara/testing";
import { describe, expect, it } from "vitest";
import { readVolumeFile, volumeFormats } from "../src/formats/formats.ts";
import { scanSeriesFiles } from "../src/node/input-files.ts";
import { openVolumeFile } from "../src/node/volume-files.ts";
import { readImageVolume } from "../src/series/series.ts";

const data = findDataFolder();
if (data === undefined) console.log("formats-data: skipped, ALARA_DATA names no data folder");

describe.skipIf(data === undefined)("data folder", () => {
  const find = (...parts: readonly string[]): string => join(data ?? "", ...parts);

  it("a CT series becomes the NIfTI that another converter made of it", async () => {
    const folder = find("ct-volumes", "sts_003-lowdose-ct");
    const { series } = await scanSeriesFiles([folder]);
    const volume = await readImageVolume(series[0]);
    const [{ bytes }] = volumeFormats.get("nii").write(volume, {});
    const ours = await readVolumeFile(bytes);
    const theirs = await openVolumeFile(join(folder, "nifti_image.nii.gz"));
    // Theirs counts rows from the back: the same grid with the second index turned round.
    const a = ours.volume.geometry;
    const b = theirs.volume.geometry;
    expect(b.size).toEqual(a.size);
    const [slices, rows, columns] = a.size;
    const step = (axis: "slice" | "row" | "column", i: number, geometry: typeof a): number[] =>
      geometry.direction[axis].map((x) => x * geometry.spacingMm[{ slice: 0, row: 1, column: 2 }[axis]] * i);
    const place = (geometry: typeof a, s: number, r: number, c: number): number[] => {
      const parts = [step("slice", s, geometry), step("row", r, geometry), step("column", c, geometry)];
      return geometry.originMm.map((x, k) => x + parts.reduce((sum, part) => sum + part[k], 0));
    };
    const turn = (sign: number, i: number, n: number): number => (sign < 0 ? n - 1 - i : i);
    const sign = (axis: "slice" | "row" | "column"): number =>
      Math.sign(a.direction[axis].reduce((sum, x, k) => sum + x * b.direction[axis][k], 0));
    const [ss, rs, cs] = [sign("slice"), sign("row"), sign("column")];
    let largestMm = 0;
    let different = 0;
    for (let s = 0; s < slices; s++) {
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          const [s2, r2, c2] = [turn(ss, s, slices), turn(rs, r, rows), turn(cs, c, columns)];
          const at = (s2 * rows + r2) * columns + c2;
          if (ours.volume.data[(s * rows + r) * columns + c] !== theirs.volume.data[at]) different++;
        }
      }
      const corner = place(a, s, 0, 0);
      const other = place(b, turn(ss, s, slices), turn(rs, 0, rows), turn(cs, 0, columns));
      for (const [k, x] of corner.entries()) largestMm = Math.max(largestMm, Math.abs(x - other[k]));
    }
    expect(different).toBe(0);
    expect(largestMm).toBeLessThan(1e-3);
  });

  it("volumes of other programs read with the figures of nibabel and NumPy", async () => {
    const cases: readonly (readonly [string, readonly number[], string])[] = [
      ["ct-volumes/totalsegmentator-example/example_ct.nii.gz", [112, 101, 122], "int32"],
      ["micro-ct/mouse-heads/A_J_.nii.gz", [133, 163, 163], "uint8"],
      ["micro-ct/tooth/tooth.nhdr", [161, 94, 103], "uint16"],
      ["other-modalities/pyradiomics-brain1/brain1_image.nrrd", [25, 256, 256], "int16"],
      ["ct-volumes/elastix-lung/3DCT_lung_baseline_small.mha", [64, 78, 57], "int16"],
      ["dicom-syntaxes/mr-mosaic-9-syntaxes/1.nii", [35, 64, 64], "int16"],
    ];
    const golden: Readonly<Record<string, { readonly sum: number; readonly probe: number }>> = JSON.parse(
      readFileSync(new URL("golden/formats-data.json", import.meta.url), "utf8"),
    ).files;
    for (const [name, size, sampleType] of cases) {
      const { volume, sampleType: read, unitSource } = await openVolumeFile(find(...name.split("/")));
      expect([name, ...volume.geometry.size, read, unitSource]).toEqual([
        name,
        ...size,
        sampleType,
        "nobody",
      ]);
      let sum = 0;
      for (const value of volume.data) sum += value;
      const [slices, rows, columns] = size;
      const at = (Math.floor(slices / 3) * rows + Math.floor(rows / 2)) * columns + Math.floor(columns / 4);
      expect([name, sum, volume.data[at]]).toEqual([name, golden[name].sum, golden[name].probe]);
    }
  });
});
